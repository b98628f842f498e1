"""Makers of estimators that take a parameter; those without one are in `bn.ESTIMATORS` by name."""

from bnstats.statistics.estimators import fresh_normalized, inv_std, trimmed_mean

__all__ = ["fresh_normalized", "inv_std", "trimmed_mean"]
