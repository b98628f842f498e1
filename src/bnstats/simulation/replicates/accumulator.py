"""What is known of a condition: the tallies of its blocks, merged in the order of the blocks."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._compiled import compiled
from bnstats.simulation.replicates.central_moments import merge_moments
from bnstats.simulation.replicates.control_variates import merge_joint
from bnstats.simulation.replicates.histogram import BINS, identity_of
from bnstats.simulation.replicates.sample import GROUPS, Sample
from bnstats.simulation.replicates.tally import Tally

# Blocks that are merged with each other before they are merged with all others; a multiple of GROUPS.
BLOCKS_MERGED = 2 * GROUPS


class Accumulator:
    """Blocks of a condition, added in order; block i goes to group i mod GROUPS, for errors by leaving groups out.

    Parameters
    ----------
    keys : tuple
        The measures' names, as in `Tally`.
    joint : tuple of int
        The shape of the joint moments of a measure.
    """

    def __init__(self, keys: tuple[Any, ...], joint: tuple[int, ...] = (1, 0)) -> None:
        self.keys, self.blocks, measures = keys, 0, len(keys)
        self.moments = np.zeros((GROUPS, 5, measures))
        self.joint = np.zeros((GROUPS, measures, *joint))
        self.missing = np.zeros((2, measures), np.int64)
        self.events = np.ones(measures, np.int8)
        # Of the bins that any block has filled, as in `Tally`: most bins stay empty, and a run may have many
        # conditions.
        self.bins = np.empty(0, np.int64)
        self.counts = np.empty((0, GROUPS), np.int64)
        self.low, self.high = np.empty(0), np.empty(0)
        self.atoms: list[dict[int, tuple[float, NDArray[np.int64]]]] = [{} for _ in range(measures)]

    def add(self, block: int, tally: Tally) -> None:
        """Merge the tally of one block."""
        group = block % GROUPS
        self.blocks += 1
        self.joint[group] = merge_joint(self.moments[group, 0], self.joint[group], tally.moments[0], tally.joint)
        self.moments[group] = merge_moments(self.moments[group], tally.moments)
        self.missing += tally.missing
        self.events &= tally.events
        self._add_bins(tally.bins, group, tally.counts[:, None], tally.low, tally.high)
        for k, value, count, name in zip(*tally.atoms.tolist(), identity_of(tally.atoms[1]).tolist(), strict=True):
            _, held = self.atoms[int(k)].setdefault(name, (value, np.zeros(GROUPS, np.int64)))
            held[group] += int(count)

    def merge(self, later: Accumulator) -> None:
        """Merge blocks that come after all of these, a whole chapter or what there is of one."""
        n, count = (accumulator.moments[:, 0].ravel() for accumulator in (self, later))
        mine, theirs = (
            accumulator.joint.reshape(n.size, *accumulator.joint.shape[2:]) for accumulator in (self, later)
        )
        self.joint = merge_joint(n, mine, count, theirs).reshape(self.joint.shape)
        moments = merge_moments(self.moments.swapaxes(0, 1), later.moments.swapaxes(0, 1))
        self.moments = np.ascontiguousarray(moments.swapaxes(0, 1))
        self.blocks += later.blocks
        self.missing += later.missing
        self.events &= later.events
        self._add_bins(later.bins, 0, later.counts, later.low, later.high)
        for own, others in zip(self.atoms, later.atoms, strict=True):
            for name, (value, counts) in others.items():
                _, held = own.setdefault(name, (value, np.zeros(GROUPS, np.int64)))
                held += counts

    def _add_bins(self, bins: NDArray[np.int64], group: int, *more: NDArray[Any]) -> None:
        """Add counts of this group, or of all from it on, and the smallest and largest values."""
        if not _added(self.bins, self.counts, self.low, self.high, bins, group, *more):
            place, both = np.empty(self.bins.size, np.int64), np.empty(self.bins.size + bins.size, np.int64)
            size = _unite(self.bins, bins, both, place)
            self.bins, self.counts = both[:size].copy(), _widened(self.counts, place, size, 0)
            self.low, self.high = _widened(self.low, place, size, np.inf), _widened(self.high, place, size, -np.inf)
            _added(self.bins, self.counts, self.low, self.high, bins, group, *more)

    def sample(self, k: int, controls: Sequence[int] = ()) -> Sample:
        """The replicates of measure k so far, beside those of its control variates that have these places."""
        atoms = sorted(self.atoms[k].values(), key=itemgetter(0))
        values = np.array([value for value, _ in atoms])
        each = np.array([count for _, count in atoms], np.int64).reshape(-1, GROUPS).T
        own = slice(*np.searchsorted(self.bins, [k * BINS, (k + 1) * BINS]))
        counts = self.counts[own].T
        small = np.min_scalar_type(-1 - int(counts.max(initial=0)))  # results keep them
        histogram = self.bins[own] - k * BINS, counts.astype(small), self.low[own].copy(), self.high[own].copy()
        moments, missing = self.moments[:, :, k].copy(), self.missing[:, k].copy()
        d = [0, 1, *(2 + place for place in controls)] if controls else []
        joint = self.joint[:, k][:, [0, *(1 + i for i in d)]][:, :, d]
        return Sample(moments, missing, bool(self.events[k]), *histogram, values, each, joint)


class MergedBlocks:
    """The blocks of a condition so far: whole chapters of BLOCKS_MERGED blocks that are merged, and the one under way.

    A worker may simulate a whole chapter and send it merged, so that one process can merge what a thousand send. The
    order of additions is the same, so the bits are.
    """

    def __init__(self) -> None:
        self._merged: Accumulator | None = None
        self._under_way: Accumulator | None = None

    def add(self, block: int, part: Tally | Accumulator) -> None:
        """Add the next block, or the next chapter, which begins with that block."""
        if isinstance(part, Tally):
            self._under_way = self._under_way or Accumulator(part.keys, part.joint.shape[1:])
            self._under_way.add(block, part)
            if (block + 1) % BLOCKS_MERGED == 0:
                self._close(self._under_way)
        else:
            self._close(part)

    def _close(self, chapter: Accumulator) -> None:
        if self._merged is None:
            self._merged = chapter
        else:
            self._merged.merge(chapter)
        self._under_way = None

    def so_far(self) -> Accumulator:
        """All blocks."""
        if self._merged is None or self._under_way is None:
            accumulator = self._merged or self._under_way
            assert accumulator is not None
            return accumulator
        accumulator = deepcopy(self._merged)
        accumulator.merge(self._under_way)
        return accumulator


def in_merged_blocks(blocks: Sequence[int], tallies: Sequence[Tally]) -> list[Tally | Accumulator]:
    """Tallies of consecutive blocks, whole chapters of them merged."""
    parts: list[Tally | Accumulator] = []
    first = 0
    while first < len(tallies):
        chapter = tallies[first : first + BLOCKS_MERGED]
        alike = all(_alike(t, chapter[0]) for t in chapter)
        if blocks[first] % BLOCKS_MERGED == 0 and len(chapter) == BLOCKS_MERGED and alike:
            merged = Accumulator(chapter[0].keys, chapter[0].joint.shape[1:])
            for block, tally in zip(blocks[first:], chapter, strict=False):
                merged.add(block, tally)
            parts.append(merged)
        else:
            parts.append(tallies[first])
        first += parts[-1].blocks
    return parts


def _alike(a: Tally, b: Tally) -> bool:
    """Return whether two tallies are of the same measures, so that they can be merged."""
    return a.keys == b.keys and a.joint.shape == b.joint.shape and np.array_equal(a.events, b.events)


@compiled
def _added(
    held: NDArray[np.int64],
    counts: NDArray[np.int64],
    low: FloatArray,
    high: FloatArray,
    bins: NDArray[np.int64],
    group: int,
    more: NDArray[Any],
    more_low: FloatArray,
    more_high: FloatArray,
) -> bool:
    """Add to the bins that are held, unless some of these are not; both increase."""
    for adds in (False, True):
        p = 0
        for i in range(bins.size):
            while p < held.size and held[p] < bins[i]:
                p += 1
            if p == held.size or held[p] != bins[i]:
                return False
            if adds:
                for g in range(more.shape[1]):
                    counts[p, group + g] += more[i, g]
                low[p] = min(low[p], more_low[i])
                high[p] = max(high[p], more_high[i])
    return True


@compiled
def _unite(
    first: NDArray[np.int64], second: NDArray[np.int64], both: NDArray[np.int64], place: NDArray[np.int64]
) -> int:
    """Write the numbers of two increasing lists as one, and the places of the first one's in it; how many there are."""
    size = j = 0
    for i in range(first.size + 1):
        while j < second.size and (i == first.size or second[j] <= first[i]):
            if i == first.size or second[j] < first[i]:
                both[size] = second[j]
                size += 1
            j += 1
        if i < first.size:
            both[size], place[i] = first[i], size
            size += 1
    return size


def _widened(array: NDArray[Any], place: NDArray[np.int64], size: int, new: float) -> NDArray[Any]:
    """An array of this size with the old numbers in these places, and `new` in the others."""
    wide = np.full((size, *array.shape[1:]), new, array.dtype)
    wide[place] = array
    return wide
