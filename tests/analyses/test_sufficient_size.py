"""Sufficient sizes: intervals that hold the truth as often as they say, and inputs that are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analyses.sufficient_size import SufficientSize, sufficient_size

SIZES = np.array([2, 4, 8, 16, 32, 64])
VALUE = np.array([0.90, 0.94, 0.962, 0.975, 0.98, 0.98])
ERROR = np.array([0.002, 0.001, 0.001, 0.0005, 0.0005, 0.001])
TRUTH = 2 ** (3 + (0.97 - 0.962) / (0.975 - 0.962))


def covered(confidence: float, times: int) -> int:
    """How often the interval for a loss of 0.01 holds the true size."""
    drawn = np.random.default_rng(0).normal(VALUE, ERROR, (times, SIZES.size))
    found = [sufficient_size(SIZES, value, ERROR, reference=32, margin=0.01, confidence=confidence) for value in drawn]
    return sum(one.low <= TRUTH <= one.high for one in found)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Exact binomial bounds, a false alarm of 1e-8 in all; rejected is an interval of 90 % for one of 95 %."""
    times = 3000
    low, high = stats.binom.ppf([5e-9, 1 - 5e-9], times, 0.95)
    assert low <= covered(0.95, times) <= high
    assert covered(0.90, times) < low


def test_without_noise_it_is_where_the_line_crosses() -> None:
    exact = sufficient_size(SIZES, VALUE, np.full(6, 1e-5), reference=32, margin=0.01)
    assert exact.size == pytest.approx(TRUTH, rel=2e-3)
    assert exact.low < TRUTH < exact.high < 1.01 * exact.low


def test_what_comes_after_the_reference_does_not_count() -> None:
    worse = np.where(SIZES > 32, 0.5, VALUE)
    assert sufficient_size(SIZES, worse, ERROR, reference=32, margin=0.01) == sufficient_size(
        SIZES, VALUE, ERROR, reference=32, margin=0.01
    )


def test_no_size_is_too_small() -> None:
    assert math.isnan(sufficient_size(SIZES, np.full(6, 0.9), ERROR / 100, reference=32, margin=0.01).size)
    assert str(SufficientSize(6.54, 5.93, 7.28)) == "6.5 (5.9 to 7.3)"


def test_a_reference_that_is_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="reference is one of the sizes"):
        sufficient_size(SIZES, VALUE, ERROR, reference=48, margin=0.01)
