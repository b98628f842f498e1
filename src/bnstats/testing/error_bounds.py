"""Error bounds of estimates by Student's t, and of proportions by the binomial distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from bnstats._checks.array_types import FloatArray

# Relative difference up to which a standard error counts as that of a proportion.
ROUNDING = 1e-9


def quantile(error: float, df: FloatArray) -> FloatArray:
    """Return the upper quantile of Student's t with `df` degrees of freedom, normal for infinite df.

    >>> quantile(0.025, np.array([4.0, np.inf])).round(3).tolist()
    [2.776, 1.96]
    """
    return np.asarray(stats.t.isf(error, df))


def bounds(
    value: FloatArray, mcse: FloatArray, df: FloatArray, replicates: FloatArray, error: float
) -> tuple[FloatArray, FloatArray]:
    """Return the error bounds below and above an estimate, each exceeded with probability `error`.

    Examples
    --------
    An event that did not occur in 100 replicates, by the binomial distribution (Clopper & Pearson 1934):

    >>> below, above = bounds(np.array([0.0]), np.array([0.03]), np.array([99.0]), np.array([100.0]), 0.025)
    >>> below.tolist(), above.round(4).tolist()
    ([0.0], [0.0362])
    """
    margin = quantile(error, df) * mcse
    proportion = _is_proportion(value, mcse, replicates)
    n = np.where(proportion, replicates, 1.0)
    seen = np.where(proportion, np.round(value * n), 0.0)
    low, high = proportion_confint(seen, n, alpha=2 * error, method="beta")
    return np.where(proportion, value - low, margin), np.where(proportion, high - value, margin)


def _is_proportion(value: FloatArray, mcse: FloatArray, replicates: FloatArray) -> NDArray[np.bool_]:
    """Return True where the MCSE is that of a proportion: sqrt(p (1 - p) / n), or 3 / n for p of 0 or 1."""
    n = np.where(np.isfinite(replicates), replicates, 2.0)
    within = (value >= 0) & (value <= 1) & np.isfinite(replicates)
    whole = np.abs(value * n - np.round(value * n)) <= ROUNDING * n
    variance = np.clip(value * (1 - value), 0.0, None)
    formulas = [
        np.sqrt(variance / n),
        np.sqrt(variance / (n - 1)),
        np.where(variance == 0, np.minimum(1.0, 3 / n), 0.0),
    ]
    near = [(formula > 0) & (np.abs(mcse - formula) <= ROUNDING * formula) for formula in formulas]
    return np.asarray(within & whole & np.any(near, axis=0))
