"""Exact values, for comparison with simulations and in place of them."""

from bnstats.statistics.estimator_theory import Theory, variance_of_variance
from bnstats.statistics.running_error import running_error
from bnstats.statistics.theory import (
    Sampling,
    covariance_of_mean_and_variance,
    normalized_member_bound,
    rate,
    raw_given_normalized,
    required_batch_size,
    sampling,
)

__all__ = [
    "Sampling",
    "Theory",
    "covariance_of_mean_and_variance",
    "normalized_member_bound",
    "rate",
    "raw_given_normalized",
    "required_batch_size",
    "running_error",
    "sampling",
    "variance_of_variance",
]
