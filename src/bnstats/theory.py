"""Exact values, for comparison with simulations and in place of them."""

from bnstats.networks.loss_offset import loss_offset
from bnstats.statistics.convergence_rates import rate
from bnstats.statistics.estimator_theory import Theory, variance_of_variance
from bnstats.statistics.normalized import normalized_member, normalized_member_bound, raw_given_normalized
from bnstats.statistics.running_error import running_error
from bnstats.statistics.theory import (
    Sampling,
    covariance_of_mean_and_variance,
    required_batch_size,
    sampling,
)
from bnstats.studies.information.class_given_normalized import (
    class_given_normalized,
    entropy_given_normalized,
    same_class_probability,
)

__all__ = [
    "Sampling",
    "Theory",
    "class_given_normalized",
    "covariance_of_mean_and_variance",
    "entropy_given_normalized",
    "loss_offset",
    "normalized_member",
    "normalized_member_bound",
    "rate",
    "raw_given_normalized",
    "required_batch_size",
    "running_error",
    "same_class_probability",
    "sampling",
    "variance_of_variance",
]
