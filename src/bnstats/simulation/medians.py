"""Quantiles of replicates that have atoms and a density: the atoms are counted one by one, the rest in a histogram."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from bnstats._arrays import FloatArray

# Values that agree in 36 of their 52 bits (1e-11) are one atom: the same estimate, rounded another way.
_ROUNDING_BITS = 16
# Atoms are looked for among so many values; one with less than this share of a block counts as a part of the density.
SAMPLED = 1024
LEAST = 1 / 512


def identity_of(values: FloatArray) -> NDArray[np.int64]:
    """Whole numbers that values of one atom share."""
    return values.view(np.int64) >> _ROUNDING_BITS


def atoms_of(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Values that come again and again, and how often.

    >>> atoms_of(np.array([0.5, 0.5, 0.5, 0.7, 0.1, 0.1]))
    (array([0.1, 0.5]), array([2., 3.]))
    """
    some = np.sort(identity_of(values[:SAMPLED]))
    if not (some[1:] == some[:-1]).any():
        return np.empty(0), np.empty(0)
    _, first, count = np.unique(identity_of(values), return_index=True, return_counts=True)
    often = count >= max(2, LEAST * values.size)
    return values[first[often]], count[often].astype(np.float64)


def quantiles(
    ranks: FloatArray,
    edges: FloatArray,
    density: NDArray[Any],
    atoms: tuple[FloatArray, NDArray[np.int64]],
    low: FloatArray,
    high: FloatArray,
) -> FloatArray:
    """The values with these ranks.

    Parameters
    ----------
    ranks : array
        Between 0 and the number of all values.
    edges : array, shape (bins + 1,)
    density, low, high : array, shape (bins,)
        How many values are in each bin, its atoms not counted; smallest and largest of all in it.
    atoms : two arrays
        Values in increasing order, and how often each of them is there.
    """
    below = np.cumsum(density)
    value, count = atoms
    before = np.cumsum(count) - count
    rank = np.interp(value, edges, np.append(0, below)) + before
    j = np.searchsorted(rank, ranks) - 1  # the last atom that begins below, -1 if there is none
    values, ends = np.append(value, 0.0), np.append(rank + count, 0.0)
    smooth = _smooth_quantiles(ranks - np.append(before + count, 0.0)[j], edges, below, low, high)
    smooth = np.clip(smooth, values[j], np.append(value, np.inf)[j + 1])
    return np.where((j >= 0) & (ranks <= ends[j]), values[j], smooth)


def _smooth_quantiles(
    ranks: FloatArray, edges: FloatArray, below: NDArray[Any], low: FloatArray, high: FloatArray
) -> FloatArray:
    """Monotone cubic interpolation between the edges of the bins; within a bin of one value, that value."""
    bins = np.minimum(np.searchsorted(below, ranks), len(below) - 1)
    near = np.arange(max(bins.min() - 3, 0), min(bins.max() + 4, len(below)))
    rising = near[np.diff(below[near], prepend=-1) > 0]
    value = PchipInterpolator(below[rising], edges[rising + 1])(ranks) if len(rising) > 1 else high[bins]
    return np.clip(value, low[bins], high[bins])
