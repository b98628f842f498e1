"""Whether batches differ from each other by more than random batches do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from bnstats._checks.array_types import FloatArray, IntArray

PERMUTATIONS = 199


@dataclass(frozen=True)
class Between:
    """An observed difference over what random batches would show, and how often chance exceeds it."""

    ratio: float
    p: float


def class_mix(labels: list[IntArray]) -> Between:
    """Pearson's chi-square of classes over batches, per degree of freedom.

    Parameters
    ----------
    labels : list of (rows,) ints
        Of each batch.

    Examples
    --------
    >>> one_class = [np.full(8, k) for k in (0, 1, 0, 1)]
    >>> class_mix(one_class).ratio > 5
    True
    """
    classes, joint = np.unique(np.concatenate(labels), return_inverse=True)
    batch = np.repeat(np.arange(len(labels)), [len(part) for part in labels])
    freedom = (len(labels) - 1) * (len(classes) - 1)
    if freedom < 1:
        return Between(1.0, 1.0)
    table = np.zeros((len(labels), len(classes)))
    np.add.at(table, (batch, joint), 1)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / len(batch)
    # In random batches its mean is the degrees of freedom times N/(N - 1), however few rows a batch has.
    chi2 = float(np.sum(np.square(table - expected) / expected)) * (len(batch) - 1) / len(batch)
    return Between(chi2 / freedom, float(stats.chi2.sf(chi2, freedom)))


def row_mean_f(batches: list[FloatArray], seed: int) -> Between:
    """F of row means: variance between batches against that within, over all channels of a layer.

    Parameters
    ----------
    batches : list of (rows, channels)
        Means over positions of a layer's input, taken in evaluation mode, where they do not depend on the batch.
    seed : int
        Of the permutation of rows, which gives the p-value.
    """
    x = np.concatenate(batches)
    sizes = np.array([len(part) for part in batches])
    varies = x.std(axis=0) > 1e-6 * (np.abs(x).max(axis=0) + 1e-30)
    if len(batches) < 2 or len(x) <= len(batches) or not varies.any():
        return Between(1.0, 1.0)
    x = (x[:, varies] - x[:, varies].mean(axis=0)) / x[:, varies].std(axis=0)
    rng = np.random.default_rng(seed)
    observed = _f(x, sizes)
    chance = [_f(x[rng.permutation(len(x))], sizes) for _ in range(PERMUTATIONS)]
    return Between(observed, (1 + sum(f >= observed for f in chance)) / (PERMUTATIONS + 1))


def _f(x: FloatArray, sizes: IntArray) -> float:
    starts = np.append(0, np.cumsum(sizes)[:-1])
    means = np.add.reduceat(x, starts, axis=0) / sizes[:, None]
    between = float(np.sum(sizes[:, None] * np.square(means)))
    within = float(np.sum(np.square(x))) - between
    return between / (len(sizes) - 1) / max(within / (len(x) - len(sizes)), 1e-30)
