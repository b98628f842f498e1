"""Bins an eighth of an octave wide, which are divided where values lie close together.

A crowded bin is divided into sixteenths. A crowded sixteenth is divided again, down to a width of 2^-35 of the values.
A code is a whole number that increases with the value. A bin's name is the sum of the codes of the bin's two edges.
So the lowest set bit of a name is the bin's width, and the names of disjoint bins increase with the values. `MIRROR`
less a bin's name is the name of the bin with the opposite sign.

A small spread far from the origin and clusters far apart are resolved as well as a spread around the origin. The edges
of bins do not depend on the values, so the bins of different blocks merge.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._compiled import compiled, inlined

# Number of undivided bins of magnitudes. Values with a sign have twice as many bins.
MAGNITUDE_BINS = 2048
BINS = 2 * MAGNITUDE_BINS
# A magnitude's undivided bin ignores this many low bits. FIRST_BIN is what remains of the bits of 2^-128.
BIN_SHIFT = 52 - 3
FIRST_BIN = (1023 - 128) << 3
# All bits of a number except the sign bit.
WITHOUT_SIGN = (1 << 63) - 1

# A bin may be divided LEVELS times, each time into 2^BITS parts. An undivided bin is WIDTH = 2^UNDIVIDED codes wide.
LEVELS, BITS = 8, 4
UNDIVIDED = LEVELS * BITS
WIDTH = 1 << UNDIVIDED
WIDTHS = WIDTH >> BITS * np.arange(LEVELS + 1)
# MIDDLE is the code of 0. The names of a bin and of the bin with the opposite sign add up to MIRROR. All names of a
# measure are smaller than NAMES.
MIDDLE, MIRROR = MAGNITUDE_BINS * WIDTH, 2 * BINS * WIDTH
NAMES = MIRROR
CODE_SHIFT = BIN_SHIFT - UNDIVIDED
# A bin with more than this proportion of all values is divided: an undivided bin first, then its parts by level.
FRACTION_OF_WHOLE, FRACTION_OF_PART = 1 / 8, 1 / 64
CROWDED = np.array([FRACTION_OF_WHOLE] + [FRACTION_OF_PART] * (LEVELS - 1))

# Names of bins, counts, and the smallest and largest value in each bin.
Bins = tuple[NDArray[np.int64], NDArray[Any], FloatArray, FloatArray]


def codes_of(values: FloatArray) -> NDArray[np.int64]:
    """Return whole numbers that increase with the values.

    An undivided bin is `WIDTH` codes wide, and an octave has eight undivided bins.

    >>> (codes_of(np.array([-1.0, 0.0, 1.0, 1.125, 2.0])) // WIDTH).tolist()
    [1023, 2048, 3072, 3073, 3080]
    """
    bits = (values.view(np.int64) & WITHOUT_SIGN) - (FIRST_BIN << BIN_SHIFT)
    magnitude = np.clip(bits, 0, (MAGNITUDE_BINS << BIN_SHIFT) - 1) >> CODE_SHIFT
    return np.asarray(np.where(values >= 0, MIDDLE + magnitude, MIDDLE - 1 - magnitude))


def edges_of(codes: NDArray[np.int64]) -> FloatArray:
    """Return the values at which codes begin.

    >>> edges_of(np.array([MIDDLE - 1024 * WIDTH, MIDDLE, MIDDLE + 1024 * WIDTH])).tolist()
    [-1.0, 0.0, 1.0]
    """
    magnitude = ((np.abs(codes - MIDDLE) << CODE_SHIFT) + (FIRST_BIN << BIN_SHIFT)).view(np.float64)
    return np.asarray(np.sign(codes - MIDDLE) * magnitude)


def named(coarse: NDArray[Any]) -> NDArray[np.int64]:
    """Return the names of undivided bins with the given numbers, counted from 0 in increasing order."""
    return (2 * coarse.astype(np.int64) + 1) * WIDTH


def left_codes(names: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the codes at which bins begin."""
    return (names - widths(names)) >> 1


def widths(names: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the widths of bins in codes."""
    return names & -names


def are_names(names: NDArray[np.int64], measures: int) -> bool:
    """Return True for names of bins of so many measures, in increasing order; those of measure k are NAMES k higher."""
    inside = (names > 0) & (names < measures * NAMES) & np.isin(widths(names), WIDTHS)
    return bool(inside.all() and (np.diff(names) > 0).all())


def levels(names: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the levels of bins: 0 for an undivided bin, 1 for its sixteenths, and so on."""
    return np.asarray(np.searchsorted(-WIDTHS, -widths(names)))


def above(names: NDArray[np.int64], level: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the names of the bins at the given levels, at most their own, that contain the given bins."""
    width = WIDTHS[level]
    return np.asarray(2 * (left_codes(names) & -width) + width)


def gathered(names: NDArray[np.int64], counts: NDArray[Any], low: FloatArray, high: FloatArray) -> Bins:
    """Return the bins in increasing order, with entries of the same name merged."""
    order = np.argsort(names, kind="stable")
    names = names[order]
    first = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]])[: names.size])
    if not first.size:
        return names, counts, low, high
    total = np.add.reduceat(counts[order], first, axis=0, dtype=counts.dtype)
    return names[first], total, np.minimum.reduceat(low[order], first), np.maximum.reduceat(high[order], first)


def joined(bins: Bins, n: float, crowded: FloatArray = CROWDED) -> Bins:
    """Return the bins with parts joined where the divided bin has too small a proportion of n values."""
    names, counts, low, high = bins
    own, level = levels(names), np.zeros(names.size, np.int64)
    total = counts if counts.ndim == 1 else counts.sum(axis=1)
    for depth in range(int(own.max(initial=0))):
        nodes = above(names, np.minimum(own, depth))
        first = np.flatnonzero(nodes[1:] != nodes[:-1]) + 1
        inside = np.add.reduceat(total, np.append(0, first))
        many = np.repeat(inside > crowded[depth] * n, np.diff(first, prepend=0, append=names.size))
        many &= own > depth
        if not many.any():
            break
        level += many
    if np.array_equal(own, level):
        return bins
    return gathered(above(names, level), counts, low, high)


def divided(values: FloatArray, bins: Bins) -> Bins:
    """Return the bins of a block's values with crowded bins divided; `bins` are the undivided bins, in order."""
    if bins[1].max(initial=0) <= FRACTION_OF_WHOLE * values.size:
        return bins
    x = _of_crowded(values, bins)
    x.sort()
    return _divided(x, x.view(np.int64), bins[2].view(np.int64), float(values.size), bins)


@inlined
def code_of(bits: int) -> int:
    """Return the code of the value with these bits, other than -0, as `codes_of` does."""
    low = (bits & WITHOUT_SIGN) - (FIRST_BIN << BIN_SHIFT)
    magnitude = min(max(low, 0), (MAGNITUDE_BINS << BIN_SHIFT) - 1) >> CODE_SHIFT
    return MIDDLE - 1 - magnitude if bits < 0 else MIDDLE + magnitude


@compiled
def _of_crowded(values: FloatArray, bins: Bins) -> FloatArray:
    """Return the values in crowded bins that hold different values, in any order."""
    names, counts, low, high = bins
    crowded, size = [0] * 0, 0
    for b in range(names.size):
        if counts[b] > FRACTION_OF_WHOLE * values.size and low[b] < high[b]:
            crowded.append(b)
            size += counts[b]
    out = np.empty(size)
    i = 0
    for b in crowded:
        for j in range(values.size):
            if low[b] <= values[j] <= high[b]:
                out[i] = values[j]
                i += 1
    return out


@compiled
def _divided(x: FloatArray, bits: NDArray[np.int64], low_bits: NDArray[np.int64], n: float, bins: Bins) -> Bins:
    """Return the bins with crowded bins divided; x are the sorted values in those that hold different values."""
    names, counts, low, high = bins
    most = names.size + x.size
    found, held = np.empty(most, np.int64), np.empty(most, counts.dtype)
    lowest, highest = np.empty(most), np.empty(most)
    ends = np.empty(LEVELS + 1, np.int64)
    k = i = 0
    for b in range(names.size):
        if counts[b] <= FRACTION_OF_WHOLE * n or low[b] == high[b]:
            single = counts[b] > FRACTION_OF_WHOLE * n
            found[k] = 2 * code_of(low_bits[b]) + 1 if single else names[b]
            held[k], lowest[k], highest[k] = counts[b], low[b], high[b]
            k += 1
            continue
        # The bin at each level that holds x[i], and is divided, ends before ends[level].
        level, ends[0] = 0, i + counts[b]
        while i < ends[0]:
            while i >= ends[level]:
                level -= 1
            shift = BITS * (LEVELS - level - 1)
            part = code_of(bits[i]) >> shift
            first, last = i, ends[level]  # the part's end lies between the two
            while last - first > 1:
                middle = (first + last) // 2
                if code_of(bits[middle]) >> shift == part:
                    first = middle
                else:
                    last = middle
            if level + 1 < LEVELS and last - i > FRACTION_OF_PART * n:
                level += 1
                ends[level] = last
                continue
            found[k], held[k], lowest[k], highest[k] = ((2 * part + 1) << shift), last - i, x[i], x[last - 1]
            i = last
            k += 1
    return found[:k].copy(), held[:k].copy(), lowest[:k].copy(), highest[:k].copy()


def disjoint(bins: Bins) -> Bins:
    """Return bins that do not overlap, where some blocks have divided a bin and other blocks have not.

    The values of the undivided bin are distributed over the parts in proportion to the counts of the parts. Given the
    number of a block's values in the bin, the distribution within the bin is the same for all blocks. If the parts
    contain less than a fifth of the values, the parts are joined, because so few values tell little of the shape.
    """
    names, counts, low, high = bins
    for depth in range(LEVELS):
        level = levels(names)
        up = np.where(level > depth, above(names, np.minimum(level, depth)), -1)
        both = names[(level == depth) & np.isin(names, up)]
        for name in both:
            i, parts = int(np.searchsorted(names, name)), up == name
            inside = counts[parts].sum()
            if 4 * inside < counts[i]:
                names = np.where(parts, name, names)
            else:
                counts = counts * np.where(parts, 1 + counts[i] / inside, 1.0)
                kept = np.arange(names.size) != i
                names, counts, low, high, up = names[kept], counts[kept], low[kept], high[kept], up[kept]
        names, counts, low, high = gathered(names, counts, low, high)
    return names, counts, low, high


def boundaries(names: NDArray[np.int64], first: int) -> NDArray[np.int64]:
    """Return the codes at which undivided bins from number `first`, and parts of divided bins, begin."""
    codes = np.arange(first, BINS) * WIDTH
    for depth in range(int(levels(names).max(initial=0))):
        deeper = names[levels(names) > depth]
        parts = left_codes(np.unique(above(deeper, depth)))[:, None] + WIDTHS[depth + 1] * np.arange(1 << BITS)
        codes = np.union1d(codes, parts.ravel())
    return codes
