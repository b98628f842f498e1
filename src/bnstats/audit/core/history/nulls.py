"""Origin of running statistics: p-values under four null hypotheses.

Under each hypothesis every batch that went into the running statistics had the distribution that batches have now. The
running statistics are then a weighted mean of independent values of batches: of means and variances as training stores
them ("running", an exponential average, and "averaged", with equal weights), of means and squared deviations from the
mean of all batches ("pooled"), or of the latter along the inference path ("population").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core.kinds import stored_var
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.statistics.moments import Moments
from bnstats.statistics.running_conventions import Convention

RESAMPLES = 499
FEWEST = 5
"""Fewer batches than that show nothing about their variation."""
# An exponential average counts its last batches until all earlier ones together weigh this much.
FORGOTTEN = 1e-4
# More weights than this are replaced by fewer, equal ones that leave the same variance.
MANY_WEIGHTS = 5000
# What float32 loses in each update.
ROUNDING = float(np.finfo(np.float32).eps)


def exponential_weights(rate: float, passes: float | None) -> tuple[float, FloatArray]:
    """Return the weight of the start values and the weights of batches, the last one last.

    Batches that together weigh less than 1e-4 are left out, and their weight is given to the others; very many are
    replaced by fewer of equal weight that leave the same variance.

    Parameters
    ----------
    rate : float
        Share of the running statistics that one training pass replaces, above 0.
    passes : float or None
        Training passes so far; None if unknown, which counts as very many.

    Examples
    --------
    >>> exponential_weights(0.5, 2)
    (0.25, array([0.25, 0.5 ]))
    """
    if rate >= 1:
        return 0.0, np.ones(1)
    kept = min(int(np.ceil(np.log(FORGOTTEN) / np.log1p(-rate))), 100 * MANY_WEIGHTS)
    count = kept if passes is None else min(kept, max(math.ceil(passes), 1))
    weights = Convention.of("torch", momentum=rate).weights(count)[1:]
    start = 0.0 if passes is None else float((1 - rate) ** passes)
    if len(weights) > MANY_WEIGHTS:
        alike = round(weights.sum() ** 2 / np.square(weights).sum())
        weights = np.full(alike, 1 / alike)
    return start, weights * (1 - start) / weights.sum()


def stored_values(seen: Sequence[Moments], ddof: int) -> FloatArray:
    """Return mean and stored variance of each batch, one row per batch."""
    return np.array([np.concatenate([m.mean, stored_var(m, ddof)]) for m in seen])


def pooled_values(seen: Sequence[Moments]) -> FloatArray:
    """Return values of each batch whose mean is the pooled mean and variance, one row per batch."""
    n = np.array([float(np.mean(m.n)) for m in seen])
    share = (n / n.mean())[:, None]
    means = np.array([m.mean for m in seen])
    center = (share * means).mean(axis=0)
    within = np.array([m.var() for m in seen])
    # Deviations are scaled, so that the mean of the weighted values stays the pooled one.
    return np.concatenate([center + share * (means - center), share * (within + np.square(means - center))], axis=1)


@dataclass(frozen=True, eq=False)
class NullTest:
    """Running statistics against those that a null hypothesis expects.

    Attributes
    ----------
    p : float
        p-value; nan with too few batches.
    rms_z : float
        Root mean square difference in standard errors.
    """

    p: float
    rms_z: float


def compare(
    values: FloatArray,
    running: ChannelStatistics,
    weights: FloatArray,
    start: FloatArray,
    *,
    eps: float,
    seed: int,
    inflation: float = 1.0,
) -> NullTest:
    """Return the test of the hypothesis that running statistics are a weighted mean of such batches.

    Parameters
    ----------
    values : array, shape (batches, 2 channels)
        Values of independent batches.
    running : ChannelStatistics
        Running mean and variance.
    weights : array
        Weight of each batch that went into the running statistics.
    start : array, shape (2 channels,)
        What the start values contribute.
    eps : float
        Constant added to the variance; differences that are small against it by rounding do not count.
    seed : int
        Seed of the resampling.
    inflation : float
        Factor of the variance of the running statistics, at least 1.

    Notes
    -----
    The mean of z² is (K - 1)/(K - 3) for K batches of normal values. Each resample draws the batches of the running
    average and the K batches that it is compared with, and studentizes anew; channels stay together.
    """
    given = np.concatenate([running.mean, running.var])
    k = len(values)
    if k < FEWEST or not np.isfinite(values).all():
        return NullTest(np.nan, np.nan)
    if not np.isfinite(given).all():
        return NullTest(0.0, np.inf)  # no batch leaves that
    mean, sd = values.mean(axis=0), values.std(axis=0, ddof=1)
    share, squares = float(weights.sum()), float(np.square(weights).sum())
    rounding = _rounding(values, eps, squares)
    difference = given - start - share * mean
    se = np.sqrt(np.square(sd) * (squares + share**2 / k) * inflation + np.square(rounding))
    varies = sd > rounding
    z = difference / se
    if np.any(np.abs(difference[~varies]) > 10 * rounding[~varies]):
        return NullTest(1 / (RESAMPLES + 1), float(np.sqrt(np.mean(np.square(z)))))
    if not varies.any():
        return NullTest(1.0, 0.0)
    observed = float(np.mean(np.square(z[varies])))
    resampled = _resample(values[:, varies], weights, share, seed)
    # An average of so few batches can lie beyond all observed ones by chance: batches have long tails.
    least = (k + 1.0) ** -(share**2 / squares)
    return NullTest(max(_p(observed, resampled), least), float(np.sqrt(observed)))


def _p(observed: float, resampled: FloatArray) -> float:
    """Return the p-value; beyond all resamples that of a scaled chi-squared law of their mean and variance."""
    p = float((1 + np.count_nonzero(resampled >= observed)) / (RESAMPLES + 1))
    mean, var = float(resampled.mean()), float(resampled.var())
    if p * (RESAMPLES + 1) > 1.5 or not var > 0:
        return p
    freedom = 2 * mean**2 / var
    return min(p, float(stats.chi2.sf(observed * freedom / mean, freedom)))


def _rounding(values: FloatArray, eps: float, squares: float) -> FloatArray:
    """Return what rounding in float32 may do: a last digit in each update that still counts."""
    mean, var = (np.abs(v).max(axis=0) for v in np.split(values, 2, axis=1))
    updates = 10 + 1 / max(squares, ROUNDING)
    return ROUNDING * updates * np.concatenate([mean + np.sqrt(np.abs(var) + eps), var + eps])


def _resample(values: FloatArray, weights: FloatArray, share: float, seed: int) -> FloatArray:
    """Return mean squares of z of running averages and of batches to compare with, both drawn from the batches."""
    rng, k = np.random.default_rng(seed), len(values)
    running = draw(weights, k, RESAMPLES, rng)
    counts = rng.multinomial(k, np.full(k, 1 / k), size=RESAMPLES) / k
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    means = counts @ scaled
    variances = (counts @ np.square(scaled) - np.square(means)) * k / (k - 1)
    expected = variances * (np.square(weights).sum() + share**2 / k)
    return np.asarray(np.mean(np.square(running @ scaled - share * means) / np.maximum(expected, 1e-30), axis=1))


def draw(weights: FloatArray, k: int, count: int, rng: np.random.Generator) -> FloatArray:
    """Return the weight of each of k batches in running averages of batches drawn with replacement.

    Parameters
    ----------
    weights : array
        Weights of the batches of an average.
    k : int
        Number of batches to draw from.
    count : int
        Number of averages.
    rng : Generator
        Source of random numbers.

    Returns
    -------
    array, shape (count, k)
        Weights; each row has the sum of the given ones.
    """
    if len(weights) and np.ptp(weights) == 0:
        return np.asarray(rng.multinomial(len(weights), np.full(k, 1 / k), size=count) * weights[0])
    drawn, rows = np.zeros((count, k)), np.arange(count)
    for weight in weights:
        drawn[rows, rng.integers(k, size=count)] += weight
    return drawn
