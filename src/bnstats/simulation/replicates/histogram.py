"""A histogram of fixed size, from which quantiles of any replicates are read; repeated values are counted separately.

Bins are an eighth of an octave wide, by the top bits of a number, from 2^-128 to 2^128 on either side of 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._checks.user_code import HoldsArrays
from bnstats._compiled import inlined
from bnstats.simulation.replicates.increasing_cubic import increasing_cubic

# For magnitudes; a histogram of values with a sign has twice as many.
MAGNITUDE_BINS = 2048
BINS = 2 * MAGNITUDE_BINS
# A magnitude's bits without these, less the first, are its bin.
BIN_SHIFT = 52 - 3
FIRST_BIN = (1023 - 128) << 3
# All bits of a number but that of its sign.
WITHOUT_SIGN = (1 << 63) - 1
MAGNITUDE_EDGES: FloatArray = ((np.arange(MAGNITUDE_BINS + 1) + FIRST_BIN) << BIN_SHIFT).view(np.float64)
EDGES: FloatArray = np.concatenate([-MAGNITUDE_EDGES[:0:-1], [0.0], MAGNITUDE_EDGES[1:]])

# Distances from a quantile, in standard errors of a proportion, of the quantiles from which its error is judged.
DISTANCES: FloatArray = np.arange(1.0, 5.5, 0.5)

# Values that agree in 36 of their 52 bits (1e-11) are one atom: the same estimate with different rounding.
_ROUNDING_BITS = 16
# Atoms are looked for among the first values of a block; one with a smaller share of all counts as part of the density.
VALUES_SEARCHED = 1024
TABLE = 4 * VALUES_SEARCHED
SMALLEST_ATOM_SHARE = 1 / 512
# An identity has 48 bits. A product with an odd number without a pattern scatters what are neighbors over a table.
NO_IDENTITY, SCATTER = 2**63 - 1, 0x9E3779B97F4A7C15 - 2**64


def identity_of(values: FloatArray) -> NDArray[np.int64]:
    """Return whole numbers that are equal for values of one atom."""
    return values.view(np.int64) >> _ROUNDING_BITS


def atoms_of(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the repeated values, in increasing order, and their counts.

    >>> atoms_of(np.array([0.5, 0.5, -0.5, 0.7, 0.1, 0.1, -0.5]))
    (array([-0.5,  0.1,  0.5]), array([2., 2., 2.]))
    """
    _, first, count = np.unique(identity_of(values), return_index=True, return_counts=True)
    often = count >= max(2, SMALLEST_ATOM_SHARE * values.size)
    order = np.argsort(values[first[often]])
    return values[first[often]][order], count[often][order].astype(np.float64)


@inlined
def any_repeated(bits: NDArray[np.int64], table: NDArray[np.int64]) -> bool:
    """Return True if one of the first `VALUES_SEARCHED` values is an atom.

    `table` has the size `TABLE` and gets the identities of the values.

    >>> table = np.empty(TABLE, np.int64)
    >>> any_repeated(np.array([0.5, 0.7, 0.5 + 1e-14]).view(np.int64), table)
    True
    >>> any_repeated(np.array([0.5, 0.7, -0.5]).view(np.int64), table)
    False
    """
    for place in range(TABLE):
        table[place] = NO_IDENTITY
    for i in range(min(VALUES_SEARCHED, bits.size)):
        identity = bits[i] >> _ROUNDING_BITS
        place = (identity * SCATTER >> 40) & (TABLE - 1)
        while table[place] != NO_IDENTITY:
            if table[place] == identity:
                return True
            place = (place + 1) & (TABLE - 1)
        table[place] = identity
    return False


def bins_of(values: FloatArray) -> NDArray[np.int64]:
    """The bin of each value."""
    magnitude = np.clip((np.abs(values).view(np.int64) >> BIN_SHIFT) - FIRST_BIN, 0, MAGNITUDE_BINS - 1)
    return np.asarray(np.where(values >= 0, MAGNITUDE_BINS + magnitude, MAGNITUDE_BINS - 1 - magnitude))


@dataclass(frozen=True)
class Histogram(HoldsArrays):
    """Counts of values.

    Attributes
    ----------
    edges : array, shape (B + 1,)
    counts : int array, shape (B,)
    low, high : array, shape (B,)
        Smallest and largest value in each bin, so that a quantile of few different values is exact.
    atoms : array, shape (A,)
        Repeated values, in increasing order; they are included in the counts.
    atom_counts : int array, shape (A,)
    """

    edges: FloatArray
    counts: NDArray[np.int64]
    low: FloatArray
    high: FloatArray
    atoms: FloatArray
    atom_counts: NDArray[np.int64]
    _found: dict[float, tuple[float, FloatArray, FloatArray]] = field(default_factory=dict, repr=False)

    def moved(self, by: float) -> Histogram:
        """Return the histogram of the values plus a number; it is exact if each bin has a single value."""
        if by == 0:
            return self
        filled = np.flatnonzero(self.counts)
        low, high = self.low[filled] + by, self.high[filled] + by
        counts, lowest, highest = np.zeros(BINS, np.int64), np.full(BINS, np.inf), np.full(BINS, -np.inf)
        place = bins_of(low)
        np.add.at(counts, place, self.counts[filled])
        np.minimum.at(lowest, place, low)
        np.maximum.at(highest, place, high)
        return Histogram(self.edges, counts, lowest, highest, self.atoms + by, self.atom_counts)

    def magnitudes(self) -> Histogram:
        """The histogram of the values without their signs."""
        plus, minus = slice(MAGNITUDE_BINS, None), slice(MAGNITUDE_BINS - 1, None, -1)
        counts = self.counts[plus] + self.counts[minus]
        low, high = np.minimum(self.low[plus], -self.high[minus]), np.maximum(self.high[plus], -self.low[minus])
        size, held = np.abs(self.atoms), self.atom_counts
        if size.size:
            _, first, which = np.unique(identity_of(size), return_index=True, return_inverse=True)
            size, held = size[first], np.bincount(which, held, first.size).astype(np.int64)
        return Histogram(MAGNITUDE_EDGES, counts, low, high, size, held)

    def around(self, chance: float) -> tuple[float, FloatArray, FloatArray]:
        """Return a quantile, and the quantiles `DISTANCES` standard errors of a proportion below and above."""
        if chance not in self._found:  # value, error and case of a number all ask
            self._found[chance] = self._around(chance)
        return self._found[chance]

    def _around(self, chance: float) -> tuple[float, FloatArray, FloatArray]:
        n = self.counts.sum()
        step = DISTANCES * math.sqrt(chance * (1 - chance) / n)
        beside = np.minimum(np.maximum(np.concatenate([chance - step, chance + step]), 0.5 / n), 1 - 0.5 / n)
        found = self._quantiles(np.concatenate([[chance], beside]) * n)
        return float(found[0]), found[1 : 1 + step.size], found[1 + step.size :]

    def _quantiles(self, ranks: FloatArray) -> FloatArray:
        """The values with these ranks, between 0 and the number of all values."""
        if not self.atoms.size:
            return self._smooth_quantiles(ranks, np.cumsum(self.counts))
        place = bins_of(self.atoms) - (BINS - len(self.counts))
        below = np.cumsum(self.counts - np.bincount(place, self.atom_counts, len(self.counts)))
        before = np.cumsum(self.atom_counts) - self.atom_counts
        rank = np.interp(self.atoms, self.edges, np.append(0, below)) + before
        j = np.searchsorted(rank, ranks) - 1  # the last atom that begins below, -1 if there is none
        values, ends = np.append(self.atoms, -np.inf), np.append(rank + self.atom_counts, 0.0)
        smooth = self._smooth_quantiles(ranks - np.append(before + self.atom_counts, 0.0)[j], below)
        smooth = np.clip(smooth, values[j], np.append(self.atoms, np.inf)[j + 1])
        return np.where((j >= 0) & (ranks <= ends[j]), values[j], smooth)

    def _smooth_quantiles(self, ranks: FloatArray, below: NDArray[Any]) -> FloatArray:
        """Monotone cubic interpolation between the edges of the bins; within a bin of one value, that value."""
        bins = np.minimum(np.searchsorted(below, ranks), below.size - 1)
        first, last = max(bins.min() - 3, 0), min(bins.max() + 3, below.size - 1)
        near = below[first : last + 1]
        rising = first + np.flatnonzero(np.concatenate([[True], near[1:] > near[:-1]]))
        value = self.high[bins]
        if rising.size > 1:
            value = increasing_cubic(below[rising].astype(np.float64), self.edges[rising + 1], ranks)
        return np.minimum(np.maximum(value, self.low[bins]), self.high[bins])
