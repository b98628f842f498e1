"""Sizes of tasks: how many blocks another process simulates before it sends them.

All workers get the same number of blocks in a round, and fewer in later rounds (factoring, Hummel, Schonberg & Flynn
1992).
"""

from __future__ import annotations

import math

from bnstats.simulation.replicates.accumulator import BLOCKS_MERGED

# Minimum seconds of a task, and further seconds for each worker. A client and a scheduler, which spend milliseconds on
# a task (`python -m benchmarks cluster`), then keep up with any number of workers. LAST_TASKS is the part of the latter
# that remains when the remaining blocks would make shorter tasks.
SHORTEST_TASK, LONGER_PER_WORKER, LAST_TASKS = 0.3, 0.005, 0.06


class TaskSizes:
    """Sizes of the next tasks of a run, from the times of blocks so far.

    Parameters
    ----------
    merged : bool
        True if workers merge BLOCKS_MERGED consecutive blocks.
    """

    def __init__(self, merged: bool) -> None:
        self._merged = merged
        self.seconds: dict[int, float] = {}
        """Seconds of a block, by the number of its study."""
        self._study, self._tasks, self._left = -1, 0, 0  # of the round
        self._sizes = 1, 1

    def took(self, study: int, seconds: float) -> None:
        """Update the time of a study's block; the first blocks may take longer, because code is loaded."""
        before = self.seconds.get(study, math.inf)
        self.seconds[study] = seconds if seconds < before else 0.8 * before + 0.2 * seconds

    def next(self, study: int, first: int, left: int, workers: int) -> int:
        """Return the number of blocks of a study's next task, from block `first` on, of `left` blocks; 1 at first."""
        if study not in self.seconds:
            return 1
        if self._tasks == 0 or self._study != study or left > self._left:
            self._study, self._tasks = study, workers
            self._sizes = blocks_of_task(left, workers, self.seconds[study])
        self._tasks, self._left = self._tasks - 1, left
        return in_whole_groups(*self._sizes, first) if self._merged else self._sizes[0]


def blocks_of_task(left: int, workers: int, seconds: float) -> tuple[int, int]:
    """Return the blocks of each task in the next round, and of the longest task.

    They depend on the blocks left, the number of workers and the seconds per block. A round takes half of the remaining
    blocks, so that later rounds even out differences between workers; the last round takes all of them.
    """
    per_worker, seconds = LONGER_PER_WORKER * workers, max(seconds, 1e-9)
    largest, smallest = math.ceil((SHORTEST_TASK + per_worker) / seconds), LAST_TASKS * per_worker / seconds
    equal = left / workers
    return max(1, min(largest, math.ceil(equal / 2 if equal > 2 * smallest else equal))), largest


def in_whole_groups(blocks: int, most: int, first: int) -> int:
    """Return about `blocks`, so that the task ends at a multiple of BLOCKS_MERGED; small numbers stay.

    `most` is the number of blocks in the longest task. Blocks that are sent one by one cost the client time. A task of
    BLOCKS_MERGED blocks at the end of a run keeps other workers waiting. It is allowed if it takes little of the time
    of the longest task.
    """
    if blocks < (BLOCKS_MERGED / 8 if most >= 3 * BLOCKS_MERGED else BLOCKS_MERGED / 2):
        return blocks
    end = round((first + blocks) / BLOCKS_MERGED) * BLOCKS_MERGED
    return end - first if end > first else end - first + BLOCKS_MERGED
