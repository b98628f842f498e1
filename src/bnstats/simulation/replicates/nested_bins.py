"""Bins of numbers: an eighth of an octave wide, and divided again and again where values lie close together.

A bin of `histogram` is divided into sixteenths, as is a sixteenth, down to 2^-35 of the values. A code is a whole
number that increases with a value; a bin's name is the sum of the codes of its two edges. So the lowest bit of a name
that is set is the bin's width, the names increase with the values, and a name less `MIRROR` is that of the bin with the
opposite sign. Values far from the origin with a small spread, and clusters far apart, are resolved as well as values
that spread around the origin, and the bins of two blocks merge without knowing each other's center.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray

# For magnitudes; a histogram of values with a sign has twice as many.
MAGNITUDE_BINS = 2048
BINS = 2 * MAGNITUDE_BINS
# A magnitude's bits without these, less the first, are its bin.
BIN_SHIFT = 52 - 3
FIRST_BIN = (1023 - 128) << 3
# All bits of a number but that of its sign.
WITHOUT_SIGN = (1 << 63) - 1

# How often a bin may be divided, into how many parts, and the width of an undivided one in codes.
LEVELS, BITS = 8, 4
WIDTH = 1 << LEVELS * BITS
WIDTHS = WIDTH >> BITS * np.arange(LEVELS + 1)
# The code of 0; the sum of the names of a bin and of the one with the opposite sign; names of one measure.
MIDDLE, MIRROR = MAGNITUDE_BINS * WIDTH, 2 * BINS * WIDTH
NAMES = MIRROR
CODE_SHIFT = BIN_SHIFT - LEVELS * BITS
# A bin with more than this share of all values is divided: an eighth of an octave, and each smaller one.
CROWDED = np.array([1 / 8] + [1 / 64] * (LEVELS - 1))

# Names, counts, and the smallest and largest value in each.
Bins = tuple[NDArray[np.int64], NDArray[Any], FloatArray, FloatArray]


def codes_of(values: FloatArray) -> NDArray[np.int64]:
    """Whole numbers that increase with the values.

    >>> bool(np.all(np.diff(codes_of(np.array([-2.0, -1.0, 0.0, 1.0, 1.0001]))) > 0))
    True
    """
    bits = (values.view(np.int64) & WITHOUT_SIGN) - (FIRST_BIN << BIN_SHIFT)
    magnitude = np.clip(bits, 0, (MAGNITUDE_BINS << BIN_SHIFT) - 1) >> CODE_SHIFT
    return np.asarray(np.where(values >= 0, MIDDLE + magnitude, MIDDLE - 1 - magnitude))


def edges_of(codes: NDArray[np.int64]) -> FloatArray:
    """The numbers at which these codes begin.

    >>> edges_of(np.array([MIDDLE - 1024 * WIDTH, MIDDLE, MIDDLE + 1024 * WIDTH])).tolist()
    [-1.0, 0.0, 1.0]
    """
    magnitude = ((np.abs(codes - MIDDLE) << CODE_SHIFT) + (FIRST_BIN << BIN_SHIFT)).view(np.float64)
    return np.asarray(np.sign(codes - MIDDLE) * magnitude)


def named(coarse: NDArray[Any]) -> NDArray[np.int64]:
    """The names of undivided bins by their numbers."""
    return (2 * coarse.astype(np.int64) + 1) * WIDTH


def left_codes(names: NDArray[np.int64]) -> NDArray[np.int64]:
    """The codes at which bins begin."""
    return (names - widths(names)) >> 1


def widths(names: NDArray[np.int64]) -> NDArray[np.int64]:
    """The widths of bins in codes."""
    return names & -names


def levels(names: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often the bins of an eighth of an octave were divided to get these."""
    return np.asarray(np.searchsorted(-WIDTHS, -widths(names)))


def above(names: NDArray[np.int64], level: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """The bins of these levels, none of them deeper, that contain the given ones."""
    width = WIDTHS[level]
    return np.asarray(2 * (left_codes(names) & -width) + width)


def gathered(names: NDArray[np.int64], counts: NDArray[Any], low: FloatArray, high: FloatArray) -> Bins:
    """Bins in increasing order, each once."""
    order = np.argsort(names, kind="stable")
    names = names[order]
    first = np.flatnonzero(np.concatenate([[True], names[1:] != names[:-1]])[: names.size])
    if not first.size:
        return names, counts, low, high
    total = np.add.reduceat(counts[order], first, axis=0, dtype=counts.dtype)
    return names[first], total, np.minimum.reduceat(low[order], first), np.maximum.reduceat(high[order], first)


def joined(bins: Bins, n: float, crowded: FloatArray = CROWDED) -> Bins:
    """The same with bins joined where the bin that they are parts of has too small a share of n values."""
    names, counts, low, high = bins
    own, level = levels(names), np.zeros(names.size, np.int64)
    total = counts if counts.ndim == 1 else counts.sum(axis=1)
    for depth in range(int(own.max(initial=0))):
        nodes = above(names, np.minimum(own, depth))
        first = np.flatnonzero(nodes[1:] != nodes[:-1]) + 1
        held = np.add.reduceat(total, np.append(0, first))
        many = np.repeat(held > crowded[depth] * n, np.diff(first, prepend=0, append=names.size))
        many &= own > depth
        if not many.any():
            break
        level += many
    if np.array_equal(own, level):
        return bins
    return gathered(above(names, level), counts, low, high)


def divided(values: FloatArray, bins: Bins) -> Bins:
    """The bins of a block's values, given the undivided ones, with crowded ones divided."""
    names, counts, low, high = bins
    crowded = counts > CROWDED[0] * values.size
    if not crowded.any():
        return bins
    single = crowded & (low == high)
    if single.any():
        names[single] = 2 * codes_of(low[single]) + 1
    crowded &= ~single
    if not crowded.any():
        return names, counts, low, high
    looked_up = np.zeros(BINS, np.bool_)
    looked_up[names[crowded] // (2 * WIDTH)] = True
    x = np.sort(values[looked_up[codes_of(values) // WIDTH]])
    finest = gathered(2 * codes_of(x) + 1, np.ones(x.size, counts.dtype), x, x)
    parts = joined(finest, values.size)
    kept = (part[~crowded] for part in (names, counts, low, high))
    names, counts, low, high = (np.concatenate(both) for both in zip(kept, parts, strict=True))
    return gathered(names, counts, low, high)


def disjoint(bins: Bins) -> Bins:
    """The same where some blocks have divided a bin and others have not: whose values are as those of the former.

    Given how many values of a block a bin has, these are independent of the block. Where less than a fifth of the
    values are in parts, these say little, and are joined.
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
    """The codes at which bins begin: all undivided ones from the given one on, and all parts of those divided."""
    codes = np.arange(first, BINS) * WIDTH
    for depth in range(int(levels(names).max(initial=0))):
        deeper = names[levels(names) > depth]
        parts = left_codes(np.unique(above(deeper, depth)))[:, None] + WIDTHS[depth + 1] * np.arange(1 << BITS)
        codes = np.union1d(codes, parts.ravel())
    return codes
