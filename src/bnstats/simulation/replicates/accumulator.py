"""Accumulator of a condition: the tallies of its blocks, merged in the order of the blocks."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._compiled import compiled
from bnstats.simulation.replicates.central_moments import merge_moments
from bnstats.simulation.replicates.control_variates import merge_joint
from bnstats.simulation.replicates.failure_reasons import FailureReasons, counted
from bnstats.simulation.replicates.histogram import identity_of
from bnstats.simulation.replicates.nested_bins import CROWDED, NAMES, Bins, joined
from bnstats.simulation.replicates.sample import GROUPS, Sample
from bnstats.simulation.replicates.tally import Tally

# Consecutive blocks that are merged with each other before they are merged with earlier ones; a multiple of GROUPS.
BLOCKS_MERGED = 2 * GROUPS
# Bins of a measure from which on they are joined where they hold little.
MOST_BINS = 2048


class Accumulator:
    """Merged blocks of a condition, added in order.

    Block i goes to group i mod GROUPS, for errors by leaving groups out.

    Parameters
    ----------
    keys : tuple
        Names of the measures, as in `Tally`.
    joint : tuple of int
        Shape of the joint moments of a measure.
    """

    def __init__(self, keys: tuple[Any, ...], joint: tuple[int, ...] = (1, 0)) -> None:
        self.keys, self.blocks, measures = keys, 0, len(keys)
        self.moments = np.zeros((GROUPS, 5, measures))
        self.joint = np.zeros((GROUPS, measures, *joint))
        self.missing = np.zeros((2, measures), np.int64)
        self.events = np.ones(measures, np.int8)
        # Only bins that a block has filled, as in `Tally`: most bins stay empty, and a run may have many conditions.
        self.bins = np.empty(0, np.int64)
        self.counts = np.empty((0, GROUPS), np.int64)
        self.low, self.high = np.empty(0), np.empty(0)
        self.failures: FailureReasons | None = None
        self.atoms: list[dict[int, tuple[float, NDArray[np.int64]]]] = [{} for _ in range(measures)]

    def add(self, block: int, tally: Tally) -> None:
        """Merge the tally of one block."""
        group = block % GROUPS
        self.joint[group] = merge_joint(self.moments[group, 0], self.joint[group], tally.moments[0], tally.joint)
        self.moments[group] = merge_moments(self.moments[group], tally.moments)
        self._count(tally)
        self._add_bins(group, (tally.bins, tally.counts[:, None], tally.low, tally.high))
        for k, value, count, name in zip(*tally.atoms.tolist(), identity_of(tally.atoms[1]).tolist(), strict=True):
            _, counts = self.atoms[int(k)].setdefault(name, (value, np.zeros(GROUPS, np.int64)))
            counts[group] += int(count)

    def merge(self, later: Accumulator) -> None:
        """Merge later blocks: BLOCKS_MERGED of them, or fewer at the end of a run."""
        n, count = (accumulator.moments[:, 0].ravel() for accumulator in (self, later))
        mine, theirs = (
            accumulator.joint.reshape(n.size, *accumulator.joint.shape[2:]) for accumulator in (self, later)
        )
        self.joint = merge_joint(n, mine, count, theirs).reshape(self.joint.shape)
        moments = merge_moments(self.moments.swapaxes(0, 1), later.moments.swapaxes(0, 1))
        self.moments = np.ascontiguousarray(moments.swapaxes(0, 1))
        self._count(later)
        self._add_bins(0, (later.bins, later.counts, later.low, later.high))
        self._join_bins()
        for own, others in zip(self.atoms, later.atoms, strict=True):
            for name, (value, counts) in others.items():
                _, sums = own.setdefault(name, (value, np.zeros(GROUPS, np.int64)))
                sums += counts

    def _count(self, part: Tally | Accumulator) -> None:
        self.blocks += part.blocks
        self.missing += part.missing
        self.events &= part.events
        self.failures = counted(self.failures, part.failures)

    def _add_bins(self, group: int, more: Bins) -> None:
        """Add bins with the counts of this group, or of all groups from it on."""
        self.bins, self.counts, self.low, self.high = _united(
            (self.bins, self.counts, self.low, self.high), group, more
        )

    def _join_bins(self) -> None:
        """Join bins of measures that have many, where they are parts of a bin with few values.

        Blocks of few replicates divide all bins.
        """
        ends = np.searchsorted(self.bins, NAMES * np.arange(len(self.keys) + 1))
        if np.diff(ends).max() <= MOST_BINS:
            return
        parts = []
        for k, (start, end) in enumerate(pairwise(ends.tolist())):
            own = slice(start, end)
            held: Bins = self.bins[own] - k * NAMES, self.counts[own], self.low[own], self.high[own]
            if end - start > MOST_BINS:
                held = joined(held, self.moments[:, 0, k].sum(), CROWDED / 2)
            parts.append((held[0] + k * NAMES, *held[1:]))
        self.bins, self.counts, self.low, self.high = (np.concatenate(part) for part in zip(*parts, strict=True))

    def sample(self, k: int, controls: Sequence[int] = ()) -> Sample:
        """Return the replicates of measure k so far, with those of its control variates at these places."""
        atoms = sorted(self.atoms[k].values(), key=itemgetter(0))
        values = np.array([value for value, _ in atoms])
        each = np.array([count for _, count in atoms], np.int64).reshape(-1, GROUPS).T
        own = slice(*np.searchsorted(self.bins, [k * NAMES, (k + 1) * NAMES]))
        counts = self.counts[own].T
        small = np.min_scalar_type(-1 - int(counts.max(initial=0)))  # the smallest type, since results keep the counts
        histogram = self.bins[own] - k * NAMES, counts.astype(small), self.low[own].copy(), self.high[own].copy()
        moments, missing = self.moments[:, :, k].copy(), self.missing[:, k].copy()
        d = [0, 1, *(2 + place for place in controls)] if controls else []
        joint = self.joint[:, k][:, [0, *(1 + i for i in d)]][:, :, d]
        return Sample(moments, missing, bool(self.events[k]), *histogram, values, each, joint)


class MergedBlocks:
    """Blocks of a condition so far: merged groups of BLOCKS_MERGED blocks, and an unfinished group.

    A worker may simulate BLOCKS_MERGED blocks and send them merged, so that one process can merge the results of a
    thousand workers. The order of additions is the same, and so are the bits.
    """

    def __init__(self) -> None:
        self._merged: Accumulator | None = None
        self._unfinished: Accumulator | None = None

    def add(self, block: int, part: Tally | Accumulator) -> None:
        """Add the next block, or the next group of BLOCKS_MERGED blocks, which begins with `block`."""
        if isinstance(part, Tally):
            self._unfinished = self._unfinished or Accumulator(part.keys, part.joint.shape[1:])
            self._unfinished.add(block, part)
            if (block + 1) % BLOCKS_MERGED == 0:
                self._close(self._unfinished)
        else:
            self._close(part)

    def _close(self, complete: Accumulator) -> None:
        if self._merged is None:
            self._merged = complete
        else:
            self._merged.merge(complete)
        self._unfinished = None

    def so_far(self) -> Accumulator:
        """Return all blocks so far, merged."""
        if self._merged is None or self._unfinished is None:
            accumulator = self._merged or self._unfinished
            assert accumulator is not None
            return accumulator
        accumulator = deepcopy(self._merged)
        accumulator.merge(self._unfinished)
        return accumulator


def in_merged_blocks(blocks: Sequence[int], tallies: Sequence[Tally]) -> list[Tally | Accumulator]:
    """Return tallies of consecutive blocks, with each complete group of BLOCKS_MERGED blocks merged."""
    parts: list[Tally | Accumulator] = []
    first = 0
    while first < len(tallies):
        group = tallies[first : first + BLOCKS_MERGED]
        alike = all(_alike(t, group[0]) for t in group)
        if blocks[first] % BLOCKS_MERGED == 0 and len(group) == BLOCKS_MERGED and alike:
            merged = Accumulator(group[0].keys, group[0].joint.shape[1:])
            for block, tally in zip(blocks[first:], group, strict=False):
                merged.add(block, tally)
            parts.append(merged)
        else:
            parts.append(tallies[first])
        first += parts[-1].blocks
    return parts


def _alike(a: Tally, b: Tally) -> bool:
    """Return True if two tallies are of the same measures, so that they can be merged."""
    same = a.keys == b.keys and (a.failures is None) == (b.failures is None)
    return same and a.joint.shape == b.joint.shape and np.array_equal(a.events, b.events)


@compiled
def _united(own: Bins, group: int, more: Bins) -> Bins:
    """Return both lists of bins, which increase, as one; the counts of `more` are those of groups from `group` on."""
    names, counts, low, high = own
    new, added, new_low, new_high = more
    most = names.size + new.size
    both, sums = np.empty(most, np.int64), np.zeros((most, counts.shape[1]), np.int64)
    lowest, highest = np.full(most, np.inf), np.full(most, -np.inf)
    i = j = k = 0
    while i < names.size or j < new.size:
        mine = j == new.size or (i < names.size and names[i] <= new[j])
        theirs = i == names.size or (j < new.size and new[j] <= names[i])
        if mine:
            both[k], lowest[k], highest[k] = names[i], low[i], high[i]
            for g in range(counts.shape[1]):
                sums[k, g] = counts[i, g]
            i += 1
        if theirs:
            both[k], lowest[k], highest[k] = new[j], min(lowest[k], new_low[j]), max(highest[k], new_high[j])
            for g in range(added.shape[1]):
                sums[k, group + g] += added[j, g]
            j += 1
        k += 1
    return both[:k], sums[:k], lowest[:k], highest[:k]
