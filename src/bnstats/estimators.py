"""Functions that return estimators with a parameter; `bn.ESTIMATORS` has all others by name."""

from bnstats.statistics.estimators import fresh_normalized, inv_std, trimmed_mean

__all__ = ["fresh_normalized", "inv_std", "trimmed_mean"]
