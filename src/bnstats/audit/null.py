"""Running statistics against those of batches at the same weights, in standard errors, with p-values.

Under the null hypothesis every batch that went into the running statistics had the distribution that batches have now.
The running statistic is then a weighted mean of independent batch statistics, with weights known from momentum and
steps, next to what the start value still weighs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.audit.layers import Layer, Statistics
from bnstats.audit.watch import Watched
from bnstats.statistics.conventions import Convention

RESAMPLES = 999
# An exponential average counts its last batches until all earlier ones together weigh this much.
FORGOTTEN = 1e-4
# More weights than this are replaced by fewer, equal ones that leave the same variance.
MANY_WEIGHTS = 5000
# What float32 loses in each update.
ROUNDING = float(np.finfo(np.float32).eps)


def update_weights(momentum: float | None, steps: int | None, calls: int = 1) -> tuple[float, FloatArray]:
    """What the start value and each batch, the last one last, weigh in the running statistics.

    Batches that together weigh less than 1e-4 are left out, and their weight is given to the others; very many are
    replaced by fewer of equal weight that leave the same variance. Unknown steps count as very many. With a momentum of
    0 nothing is averaged: statistics were put there from elsewhere.

    >>> update_weights(0.5, 2)
    (0.25, array([0.25, 0.5 ]))
    """
    if momentum == 0 or steps == 0:
        return float(momentum != 0), np.zeros(0)
    rate = None if momentum is None else 1 - (1 - momentum) ** calls
    batches = None if steps is None else -(-steps // calls)
    if rate is None:
        count = 100_000 if batches is None else batches
        return 0.0, np.full(count, 1 / count)
    kept = 1 if rate == 1 else min(int(np.ceil(np.log(FORGOTTEN) / np.log1p(-rate))), 100 * MANY_WEIGHTS)
    weights = Convention.of("torch", momentum=rate).weights(kept if batches is None else min(kept, batches))[1:]
    start = 0.0 if batches is None else float((1 - rate) ** batches)
    if len(weights) > MANY_WEIGHTS:
        alike = round(weights.sum() ** 2 / np.square(weights).sum())
        weights = np.full(alike, 1 / alike)
    return start, weights * (1 - start) / weights.sum()


def epoch_variance(weights: FloatArray, per_epoch: int) -> float:
    """Variance of a running statistic over shuffled epochs, in units of that of a batch statistic.

    The M batches of one epoch divide the rows among them, so that any two have a correlation of
    -1/(M - 1). The last epoch is taken as complete.

    >>> independent = float(np.square(np.full(10, 0.1)).sum())
    >>> round(independent, 3), round(epoch_variance(np.full(10, 0.1), 10), 3)
    (0.1, 0.0)
    """
    squares = float(np.square(weights).sum())
    if per_epoch < 2 or not len(weights):
        return squares
    epochs = np.add.reduceat(weights[::-1], np.arange(0, len(weights), per_epoch))
    return max(squares * per_epoch - float(np.square(epochs).sum()), 0.0) / (per_epoch - 1)


@dataclass(frozen=True, eq=False)
class Comparison:
    """A layer's running statistics against those of batches.

    Attributes
    ----------
    expected : (array, array)
        Running mean and variance that would be expected: those of batches, and what the start value still weighs.
    se : (array, array)
        Standard errors of the running statistics around them, with those of the expected ones themselves.
    z : (array, array)
        Differences in standard errors; nan where batches do not vary and nothing differs.
    start : float
        Weight of the start value.
    rms : float
        Root mean square z.
    p : float
        How often batches that have not changed give a larger one.
    resampled : array, shape (resamples,)
        Mean squares of z that resampling gives; what `p` compares with.
    """

    expected: Statistics
    se: Statistics
    z: Statistics
    start: float
    rms: float
    p: float
    resampled: FloatArray


def compare(
    layer: Layer, watched: Watched, seed: int, *, last: Watched | None = None, per_epoch: int | None = None
) -> Comparison | None:
    """How far running statistics are from those of batches, and how often chance takes them as far.

    Parameters
    ----------
    layer : Layer
        With running statistics.
    watched : Watched
        Its batches, independent of each other.
    seed : int
        Layers with the same momentum and steps are resampled with the same batches, so that what they share is kept.
    last : Watched, optional
        Batches like the last one before the statistics were saved, where it was of another size.
    per_epoch : int, optional
        Batches of a shuffled epoch, for z; by default batches are taken as independent, which makes |z| too small for
        shuffled epochs, the more so the smaller the momentum.

    Notes
    -----
    The mean of z² is (K - 1)/(K - 3) for K batches of normal statistics. Each resample draws the batches of the running
    average and the K batches that it is compared with, and studentizes anew.
    """
    if layer.running is None or len(watched.batch) < 3:
        return None
    start, weights = update_weights(layer.momentum, layer.steps, layer.calls)
    values, running = np.concatenate(watched.updates(layer.momentum), axis=1), np.concatenate(layer.running)
    mean, sd, k = values.mean(axis=0), values.std(axis=0, ddof=1), len(values)
    newest = np.zeros((1, len(mean)))
    if last is not None:
        newest = weights[-1] * np.concatenate(last.updates(layer.momentum), axis=1)
        weights = weights[:-1]
    # Without weights statistics were never updated, or (momentum 0) come from elsewhere and are compared as they are.
    share = float(weights.sum() if len(weights) else last is None and start == 0)
    spread = float(np.square(weights).sum() if per_epoch is None else epoch_variance(weights, per_epoch))
    expected = start * np.repeat([0.0, 1.0], len(layer.running[0])) + share * mean + newest.mean(axis=0)
    rounding = _rounding(layer, np.split(values, 2, axis=1))
    se = np.sqrt(np.square(sd) * (spread + share**2 / k) + newest.var(axis=0) + np.square(rounding))
    difference, varies = running - expected, sd > rounding
    z = difference / se
    resampled = _resample(values[:, varies], newest[:, varies], weights, share, seed)
    observed = float(np.mean(np.square(z[varies])) if varies.any() else 0)
    p = float((1 + np.count_nonzero(resampled >= observed)) / (RESAMPLES + 1))
    if np.any(np.abs(difference[~varies]) > 10 * rounding[~varies]) or not np.isfinite(running).all():
        p = 0.0  # batches that do not vary leave nothing to chance
    rms = float(np.sqrt(np.nanmean(np.square(z)))) if np.isfinite(z).any() else np.nan
    return Comparison(_halves(expected), _halves(se), _halves(z), start, rms, p, resampled)


def _halves(values: FloatArray) -> Statistics:
    mean, var = np.split(values, 2)
    return mean, var


def _rounding(layer: Layer, values: list[FloatArray]) -> FloatArray:
    """What rounding in float32 may do to running means and variances: a last digit in each update that still counts.

    Nothing smaller matters than what is that small against eps.
    """
    updates = 10.0 if not layer.momentum else 10 + 1 / layer.momentum
    mean, var = (np.abs(v).max(axis=0) for v in values)
    return ROUNDING * updates * np.concatenate([mean + np.sqrt(var + layer.eps), var + layer.eps])


def _resample(values: FloatArray, newest: FloatArray, weights: FloatArray, share: float, seed: int) -> FloatArray:
    """Mean squares of z of running averages and of batches to compare with, both drawn from the observed batches."""
    rng, (k, channels) = np.random.default_rng(seed), values.shape
    if not channels or share == 0:
        return np.zeros(RESAMPLES)
    running = _draw(weights, k, rng)
    counts = rng.multinomial(k, np.full(k, 1 / k), size=RESAMPLES) / k
    sd = values.std(axis=0)
    scaled, last = (values - values.mean(axis=0)) / sd, (newest - newest.mean(axis=0)) / sd
    means = counts @ scaled
    variances = (counts @ np.square(scaled) - np.square(means)) * k / (k - 1)
    difference = running @ scaled - share * means + last[rng.integers(len(last), size=RESAMPLES)]
    expected = variances * (np.square(weights).sum() + share**2 / k) + last.var(axis=0)
    return np.asarray(np.mean(np.square(difference) / np.maximum(expected, 1e-30), axis=1))


def _draw(weights: FloatArray, k: int, rng: np.random.Generator) -> FloatArray:
    """What each of k batches weighs in running averages of batches drawn with replacement, one row per resample."""
    if len(weights) and np.ptp(weights) == 0:
        return np.asarray(rng.multinomial(len(weights), np.full(k, 1 / k), size=RESAMPLES) * weights[0])
    drawn, rows = np.zeros((RESAMPLES, k)), np.arange(RESAMPLES)
    for weight in weights:
        drawn[rows, rng.integers(k, size=RESAMPLES)] += weight
    return drawn
