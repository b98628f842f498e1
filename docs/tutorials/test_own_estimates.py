"""Tests of estimates, each with a known rate of false alarms; `pytest` runs them."""

import numpy as np
import pytest

import bnstats as bn
from bnstats.testing import assert_converges, assert_rate, assert_unbiased, assert_within_mcse


def test_batch_mean_is_near():
    """In batches of 100, nine means in ten are within 0.2 standard deviations."""
    assert_converges("mean", "normal", within=0.2, batch_size=100, confidence=0.9)


def test_error_falls_as_one_over_root_n():
    assert_rate("mean", "exponential", rate=-0.5, tolerance=0.05)


def test_variance_is_unbiased():
    assert_unbiased("var_unbiased", "exponential", tolerance=0.02, batch_size=10)


def test_estimator_of_our_own():
    """The midrange of uniform values: its error falls as 1/n."""

    def middle(x, axis):
        return (x.max(axis) + x.min(axis)) / 2

    midrange = bn.Estimator("midrange", middle, target=0.5)
    assert_rate(midrange, "uniform", rate=-1.0, tolerance=0.05)


def test_numbers_of_our_own():
    """Twenty medians; what comes back is the smallest error that would have been found."""
    medians = np.median(np.random.default_rng(0).normal(size=(20, 5)), axis=1)
    mcse = medians.std(ddof=1) / 20**0.5
    found = assert_within_mcse(medians.mean(), 0.0, mcse=mcse, replicates=20)
    assert found < 2


def test_a_wrong_claim_fails():
    with pytest.raises(AssertionError):
        assert_unbiased("var", "exponential", tolerance=0.02, batch_size=10)
