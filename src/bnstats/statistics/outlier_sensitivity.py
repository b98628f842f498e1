"""Growth of a user's estimator, measured on batches with outliers and batches of nearly equal values."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.statistics.estimators import Estimator

# Maximum number of outliers in a test batch: more outliers are too rare to affect a moment.
MAX_OUTLIERS = 16
# Sizes of outliers and distances of nearly equal values, in standard deviations.
OUTLIER_SIZES = (1e5, 1e7)
SPACINGS = (1e-3, 1e-5)


def _batch(n: int) -> FloatArray:
    return np.random.default_rng(0).standard_normal(n)


@lru_cache(maxsize=1024)
def outlier_powers(estimator: Estimator, n: int) -> tuple[float, ...]:
    """Return the power of the outliers' size with which the estimate grows, for 1, 2, ... outliers.

    A power is inf where an estimate is not finite.

    >>> outlier_powers(Estimator("median", np.median, 0.0), 5)
    (0.0, 0.0, 1.0, 1.0, 1.0)
    """
    powers = []
    for count in range(1, min(n, MAX_OUTLIERS) + 1):
        batch = np.tile(_batch(n), (4, 1))
        batch[0::2, :count], batch[1::2, :count] = np.sqrt(np.arange(1, count + 1)), -np.sqrt(np.arange(1, count + 1))
        batch[:2, :count] *= OUTLIER_SIZES[0]
        batch[2:, :count] *= OUTLIER_SIZES[1]
        powers.append(_power(estimator, batch, OUTLIER_SIZES[1] / OUTLIER_SIZES[0]))
    return tuple(powers)


@lru_cache(maxsize=1024)
def crowding_power(estimator: Estimator, n: int) -> float:
    """Return the power of 1 / distance with which the estimate grows as values approach each other.

    The power is inf if an estimate is not finite.

    >>> crowding_power(Estimator("precision", lambda x, axis: 1 / x.var(axis=axis), 1.0), 5)
    2.0
    """
    around = np.array([0.0, 1.0])[:, None]
    return _power(estimator, np.concatenate([around + h * _batch(n) for h in SPACINGS]), SPACINGS[0] / SPACINGS[1])


def _power(estimator: Estimator, batches: FloatArray, ratio: float) -> float:
    """Return the largest power of `ratio` from the first to the second half of batches, rounded to 0.01."""
    with np.errstate(all="ignore"):
        before, after = np.abs(estimator(batches)).reshape(2, -1)
        powers = np.log(after / before) / np.log(ratio)
    if not np.isfinite(after).all():
        return np.inf
    return max(0.0, float(np.round(np.nanmax(powers, initial=0.0), 2)))
