"""Estimators, their class and their registry; a file that lists estimators under `ESTIMATORS` is found by itself."""

from bnstats.statistics.estimators.estimator import ROUNDING, Estimator
from bnstats.statistics.estimators.from_moments import fresh_normalized, inv_std
from bnstats.statistics.estimators.order_statistics import trimmed_mean
from bnstats.statistics.estimators.registry import ESTIMATORS, estimator_named, estimator_of

__all__ = [
    "ESTIMATORS",
    "ROUNDING",
    "Estimator",
    "estimator_named",
    "estimator_of",
    "fresh_normalized",
    "inv_std",
    "trimmed_mean",
]
