"""Quantiles of replicates that have atoms and a density: the atoms are counted one by one, the rest in a histogram."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Array = NDArray[np.float64]

# Values that agree in 36 of their 52 bits (1e-11) are one atom: the same estimate, rounded another way.
_ROUNDING_BITS = 16
# Atoms are looked for among so many values; one with less than this share of a block counts as a part of the density.
SAMPLED = 1024
LEAST = 1 / 512


def identity_of(values: Array) -> NDArray[np.int64]:
    """Whole numbers that values of one atom share."""
    return values.view(np.int64) >> _ROUNDING_BITS


def atoms_of(values: Array) -> tuple[Array, Array]:
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
    ranks: Array,
    edges: Array,
    density: NDArray[Any],
    atoms: tuple[Array, NDArray[np.int64]],
    low: Array,
    high: Array,
) -> list[float]:
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
    found = []
    for wanted in ranks:
        j = int(np.searchsorted(rank, wanted)) - 1  # the last atom that begins below
        if j >= 0 and wanted <= rank[j] + count[j]:
            found.append(float(value[j]))
            continue
        smooth = _smooth_quantile(wanted - (before[j] + count[j] if j >= 0 else 0.0), edges, below, low, high)
        found.append(
            float(np.clip(smooth, value[j] if j >= 0 else 0.0, value[j + 1] if j + 1 < len(value) else np.inf))
        )
    return found


def _smooth_quantile(rank: float, edges: Array, below: NDArray[Any], low: Array, high: Array) -> float:
    """Monotone cubic interpolation between the edges of the bins; within a bin of one value, that value."""
    b = min(int(np.searchsorted(below, rank)), len(below) - 1)
    near = np.arange(max(b - 3, 0), min(b + 4, len(below)))
    rising = near[np.diff(below[near], prepend=-1) > 0]
    value = PchipInterpolator(below[rising], edges[rising + 1])(rank) if len(rising) > 1 else high[b]
    return float(np.clip(value, low[b], high[b]))
