"""How far an estimate may be from the truth: by the normal law, the t law, or the binomial law of a share of events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bnstats._checks.array_types import FloatArray

# Relative difference up to which a standard error is that of a share.
ROUNDING = 1e-9


def quantile(error: float, df: FloatArray) -> FloatArray:
    """What an estimate over its standard error exceeds with a probability of `error`: t law, normal for df of inf.

    >>> quantile(0.025, np.array([4.0, np.inf])).round(3).tolist()
    [2.776, 1.96]
    """
    return np.asarray(stats.t.isf(error, df))


def bounds(
    value: FloatArray, mcse: FloatArray, df: FloatArray, replicates: FloatArray, error: float
) -> tuple[FloatArray, FloatArray]:
    """How far below and above the estimate the truth may lie, beyond with a probability of `error` on either side.

    Examples
    --------
    An event that was not seen in 100 replicates, by the binomial law (Clopper & Pearson 1934):

    >>> below, above = bounds(np.array([0.0]), np.array([0.03]), np.array([99.0]), np.array([100.0]), 0.025)
    >>> below.tolist(), above.round(4).tolist()
    ([0.0], [0.0362])
    """
    margin = quantile(error, df) * mcse
    share = _is_share(value, mcse, replicates)
    n = np.where(share, replicates, 1.0)
    seen = np.where(share, np.round(value * n), 0.0)
    low = np.where(seen > 0, stats.beta.ppf(error, np.maximum(seen, 1), n - seen + 1), 0.0)
    high = np.where(seen < n, stats.beta.isf(error, seen + 1, np.maximum(n - seen, 1)), 1.0)
    return np.where(share, value - low, margin), np.where(share, high - value, margin)


def _is_share(value: FloatArray, mcse: FloatArray, replicates: FloatArray) -> NDArray[np.bool_]:
    """Whether an estimate is a share of events by its error: sqrt(p (1 - p) / n), or 3 / n where all are the same."""
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
