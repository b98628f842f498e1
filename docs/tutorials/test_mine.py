"""Tests of random functions of one's own; `pytest --bnstats test_mine.py` runs them."""

import numpy as np
import pytest
from scipy import stats

from bnstats.testing import (
    assert_mean,
    assert_probability,
    assert_quantile,
    assert_same_distribution,
)


def dice(rng):
    """The sum of two dice, of which the larger one is thrown again."""
    return min(rng.integers(1, 7, 2)) + rng.integers(1, 7)


def waiting_time(rng, size):
    return rng.exponential(2.0, size)


def bootstrap_covers(rng):
    """Return True if a percentile interval of 50 uniform values covers their mean."""
    x = rng.random(50)
    means = rng.choice(x, (200, 50)).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return low <= 0.5 <= high


@pytest.mark.random
def test_dice():
    assert_mean(dice, 91 / 36 + 3.5, within=0.2, bounds=(2, 12))


@pytest.mark.random(false_alarm=1e-6)
def test_waiting_times():
    """The law is exponential: the mean is 2, the variance 4, and the median 2 log 2."""
    assert_same_distribution(waiting_time, stats.expon(scale=2.0), within=0.05)
    assert_mean(waiting_time, 2.0, within=0.2, variance=4.0)
    assert_quantile(waiting_time, 0.5, 2 * np.log(2), within=0.1)


@pytest.mark.random
def test_bootstrap_intervals():
    assert_probability(bootstrap_covers, 0.93, within=0.05)


@pytest.mark.random
def test_heavy_tails_have_a_median():
    assert_quantile(lambda rng: rng.standard_cauchy(), 0.5, 0.0, within=0.3)


@pytest.mark.random
def test_a_wrong_claim_fails():
    with pytest.raises(AssertionError, match="not within"):
        assert_mean(dice, 7.0, within=0.2, bounds=(2, 12))


@pytest.mark.random
def test_a_shuffle_keeps_all_cards(rng):
    """The fixture has a seed that is printed where a test fails."""
    assert sorted(rng.permutation(52)) == list(range(52))
