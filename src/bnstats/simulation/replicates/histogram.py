"""Histogram of bounded size, from which quantiles of replicates are read.

The top bits of a number are its bin. Bins are an eighth of an octave wide, from 2^-128 to 2^128 on both sides of 0.
Bins are divided where values lie close together, see `bnstats.simulation.replicates.nested_bins`. Repeated values are
also counted separately, as atoms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._checks.user_code import HoldsArrays
from bnstats._compiled import inlined
from bnstats.simulation.replicates import nested_bins
from bnstats.simulation.replicates.increasing_cubic import increasing_cubic

# The error of a quantile is estimated from quantiles at these distances, in standard errors of a proportion.
DISTANCES: FloatArray = np.arange(1.0, 5.5, 0.5)

# The extreme value of a bin beside an empty bin marks the end of the empty range. The bin must contain more than this
# proportion and more than this number of values.
SMALLEST_END, FEWEST_AT_END = 1 / 64, 16

# Values that agree in 36 of their 52 bits (1e-11) are an atom: the same estimate with different rounding.
_ROUNDING_BITS = 16
# Far from 0, 1e-11 of a value may exceed COARSE times the interquartile range. The values of an atom must then agree
# to ROUNDED times the value, which is the size of rounding errors.
COARSE, ROUNDED = 2.0**-12, 2.0**-42
# Atoms are searched for among the first values of a block. A repeated value with a smaller proportion of all values
# counts as part of the density.
VALUES_SEARCHED = 1024
TABLE = 4 * VALUES_SEARCHED
SMALLEST_ATOM_PROPORTION = 1 / 512
# An identity has 48 bits, so no identity equals NO_IDENTITY. A product with SCATTER, odd and without a pattern, spreads
# neighboring identities over the table.
NO_IDENTITY, SCATTER = 2**63 - 1, 0x9E3779B97F4A7C15 - 2**64


def identity_of(values: FloatArray) -> NDArray[np.int64]:
    """Return whole numbers that are equal for the values of an atom."""
    return values.view(np.int64) >> _ROUNDING_BITS


def atoms_of(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the repeated values, in increasing order, and their counts.

    >>> atoms_of(np.array([0.5, 0.5, -0.5, 0.7, 0.1, 0.1, -0.5]))
    (array([-0.5,  0.1,  0.5]), array([2., 2., 2.]))
    """
    _, first, count = np.unique(identity_of(values), return_index=True, return_counts=True)
    often = count >= max(2, SMALLEST_ATOM_PROPORTION * values.size)
    order = np.argsort(values[first[often]])
    atoms, counts = values[first[often]][order], count[often][order].astype(np.float64)
    apart = _apart(values, atoms)
    return atoms[apart], counts[apart]


@np.errstate(invalid="ignore")  # differences of infinite values
def _apart(values: FloatArray, atoms: FloatArray) -> NDArray[np.bool_]:
    """Return True for each atom whose values agree closely, compared with the spread of all values.

    Other values that seem to be repeated are neighbors in a density.
    """
    x = np.sort(values)
    names = identity_of(x)
    first = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]]))
    low, high = x[first], x[np.append(first[1:], x.size) - 1]
    i = np.searchsorted(low, atoms, side="right") - 1
    spread = high[i] - low[i]
    wide = spread > ROUNDED * np.abs(atoms)
    quarter = low.size // 4
    coarse = 2.0 ** (_ROUNDING_BITS - 52) * np.abs(atoms) > COARSE * (low[-1 - quarter] - low[quarter])
    return ~(wide & coarse) if quarter else np.full(atoms.size, True)


@inlined
def any_repeated(bits: NDArray[np.int64], table: NDArray[np.int64]) -> bool:
    """Return True if a value is repeated among the first `VALUES_SEARCHED` values.

    `table` has the size `TABLE`. The function writes the identities of the values into it.

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


@dataclass(frozen=True)
class Histogram(HoldsArrays):
    """Counts of values in bins, and of repeated values.

    Attributes
    ----------
    bins : int array, shape (B,)
        Names of the nonempty bins, in increasing order, see `bnstats.simulation.replicates.nested_bins`.
    counts : int array, shape (B,)
        Numbers of values in the bins.
    low, high : array, shape (B,)
        Smallest and largest value in each bin, so that a quantile of few different values is exact.
    atoms : array, shape (A,)
        Repeated values, in increasing order; the counts of the bins include them.
    atom_counts : int array, shape (A,)
        Numbers of values that equal the atoms.
    signed : bool
        True if there are bins for negative values.
    """

    bins: NDArray[np.int64]
    counts: NDArray[np.int64]
    low: FloatArray
    high: FloatArray
    atoms: FloatArray
    atom_counts: NDArray[np.int64]
    signed: bool = True
    _found: dict[float, tuple[float, FloatArray, FloatArray]] = field(default_factory=dict, repr=False)

    def moved(self, by: float) -> Histogram:
        """Return the histogram of the values plus a number; it is exact if each bin has a single value."""
        if by == 0:
            return self
        filled = self.counts > 0
        low, high = self.low[filled] + by, self.high[filled] + by
        names = nested_bins.named(nested_bins.codes_of(low) >> nested_bins.UNDIVIDED)
        bins = nested_bins.gathered(names, self.counts[filled], low, high)
        return Histogram(*bins, self.atoms + by, self.atom_counts)

    def magnitudes(self) -> Histogram:
        """Return the histogram of the absolute values."""
        mirror = nested_bins.MIRROR
        minus = self.bins < mirror // 2
        names = np.where(minus, mirror - self.bins, self.bins)
        low, high = np.where(minus, -self.high, self.low), np.where(minus, -self.low, self.high)
        size, atom_counts = np.abs(self.atoms), self.atom_counts
        if size.size:
            _, first, which = np.unique(identity_of(size), return_index=True, return_inverse=True)
            size, atom_counts = size[first], np.bincount(which, atom_counts, first.size).astype(np.int64)
        return Histogram(*nested_bins.gathered(names, self.counts, low, high), size, atom_counts, signed=False)

    @cached_property
    def _cells(self) -> tuple[NDArray[np.int64], FloatArray, NDArray[Any], FloatArray, FloatArray]:
        """Codes, edges, counts, and smallest and largest values of adjoining bins, including empty bins."""
        held = nested_bins.joined((self.bins, self.counts, self.low, self.high), self.n)
        names, counts, low, high = nested_bins.disjoint(held)
        codes = nested_bins.boundaries(names, 0 if self.signed else nested_bins.MAGNITUDE_BINS)
        cells = np.zeros(codes.size, counts.dtype), np.full(codes.size, np.inf), np.full(codes.size, -np.inf)
        place = np.searchsorted(codes, nested_bins.left_codes(names))
        for cell, part in zip(cells, (counts, low, high), strict=True):
            cell[place] = part
        end = nested_bins.BINS * nested_bins.WIDTH
        return codes, nested_bins.edges_of(np.append(codes, end)), *cells

    @property
    def n(self) -> float:
        """Number of values."""
        return float(self.counts.sum())

    def around(self, chance: float) -> tuple[float, FloatArray, FloatArray]:
        """Return a quantile, and the quantiles at `DISTANCES` below and above its probability."""
        if chance not in self._found:  # the value and the error of a summary use the same quantile
            self._found[chance] = self._around(chance)
        return self._found[chance]

    def _around(self, chance: float) -> tuple[float, FloatArray, FloatArray]:
        n = self.n
        step = DISTANCES * math.sqrt(chance * (1 - chance) / n)
        beside = np.minimum(np.maximum(np.concatenate([chance - step, chance + step]), 0.5 / n), 1 - 0.5 / n)
        found = self._quantiles(np.concatenate([[chance], beside]) * n)
        return float(found[0]), found[1 : 1 + step.size], found[1 + step.size :]

    def _quantiles(self, ranks: FloatArray) -> FloatArray:
        """Return the values with the given ranks, which are between 0 and the number of values."""
        codes, edges, counts, _, _ = self._cells
        if not self.atoms.size:
            return self._smooth_quantiles(ranks, np.cumsum(counts))
        place = np.searchsorted(codes, nested_bins.codes_of(self.atoms), side="right") - 1
        below = np.cumsum(np.maximum(counts - np.bincount(place, self.atom_counts, counts.size), 0))
        before = np.cumsum(self.atom_counts) - self.atom_counts
        rank = np.interp(self.atoms, edges, np.append(0, below)) + before
        j = np.searchsorted(rank, ranks) - 1  # the last atom that begins below the rank, -1 if no atom does
        values, ends = np.append(self.atoms, -np.inf), np.append(rank + self.atom_counts, 0.0)
        smooth = self._smooth_quantiles(ranks - np.append(before + self.atom_counts, 0.0)[j], below)
        smooth = np.clip(smooth, values[j], np.append(self.atoms, np.inf)[j + 1])
        return np.where((j >= 0) & (ranks <= ends[j]), values[j], smooth)

    def _smooth_quantiles(self, ranks: FloatArray, below: NDArray[Any]) -> FloatArray:
        """Return quantiles by monotone cubic interpolation between the edges of bins.

        A quantile in a bin with a single distinct value is that value. If a bin with many values lies beside an empty
        bin, the interpolation ends at the extreme value instead of the edge. The width of all empty ranges below a
        value is subtracted before the interpolation and added afterwards.
        """
        _, _, _, low, high = self._cells
        bins = np.minimum(np.searchsorted(below, ranks), below.size - 1)
        first, last = max(bins.min() - 3, 0), min(bins.max() + 3, below.size - 1)
        near = below[first : last + 1]
        rising = first + np.flatnonzero(np.concatenate([[True], near[1:] > near[:-1]]))
        value = high[bins]
        if rising.size > 1:
            ends, gaps = self._ends(below, rising)
            value = increasing_cubic(below[rising].astype(np.float64), ends - gaps, ranks)
            value = value + gaps[np.searchsorted(rising, bins)]
        return np.minimum(np.maximum(value, low[bins]), high[bins])

    def _ends(self, below: NDArray[Any], rising: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Return the ends of the given bins, and the total width of the empty ranges below each bin.

        Only bins with many values show where an empty range begins or ends.
        """
        _, edges, _, low, high = self._cells
        counts = np.diff(below, prepend=0)
        many = counts[rising] > max(SMALLEST_END * below[-1], FEWEST_AT_END)
        empty = np.concatenate([[True], counts == 0, [True]])
        ends = np.where(many & empty[rising + 2], high[rising], edges[rising + 1])
        begins = np.where(many & empty[rising], low[rising], np.append(-np.inf, ends[:-1]))
        begins[0] = ends[0]
        return ends, np.cumsum(np.append(0.0, begins[1:] - ends[:-1]))
