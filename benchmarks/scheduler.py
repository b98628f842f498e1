"""A run of 10^12 draws on many workers, event by event: what one scheduler, and one client that merges, make of it.

Three kinds of servers, each of which spends a fixed time on every task: a scheduler; workers, which simulate the blocks
of a task; and a client, which merges the blocks of finished tasks in the order in which it sent them, as a run does. A
task is as long, and as many are under way, as `bnstats.simulation.workers` makes them, and workers send whole chapters
of blocks merged. Networks and disks cost nothing in it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bnstats.simulation.account import CHAPTER
from bnstats.simulation.workers import TASKS_PER_WORKER, blocks_of_task


@dataclass(frozen=True)
class Costs:
    """Seconds.

    Attributes
    ----------
    scheduler, client, worker : float
        Of each, for a task without work.
    block : float
        Of a worker, for a block.
    merge, chapter : float
        Of the client, for a block, and for a chapter that a worker has merged.
    spread : float
        Standard deviation of the time of a task over its mean.
    """

    scheduler: float
    client: float
    worker: float
    block: float
    merge: float
    chapter: float
    spread: float


@dataclass(frozen=True)
class Run:
    """How long a simulated run takes.

    Attributes
    ----------
    seconds : float
    ideal : float
        If the blocks were divided among the workers without any cost.
    scheduler, client : float
        The share of the time that each is busy.
    """

    seconds: float
    ideal: float
    scheduler: float
    client: float


def simulated_run(workers: int, blocks: int, costs: Costs, seed: int = 0) -> Run:
    """A run of so many blocks, from the first task that is sent to the last block that is merged."""
    rng = np.random.default_rng(seed)
    window = TASKS_PER_WORKER * workers
    tasks = deque(_tasks(workers, blocks, costs.block))
    free = [0.0] * workers
    scheduler = client = busy_scheduler = busy_client = 0.0
    under_way: deque[tuple[float, range]] = deque()
    while tasks or under_way:
        while tasks and len(under_way) < window:
            task = tasks.popleft()
            client += costs.client
            scheduler = max(scheduler, client) + costs.scheduler
            busy_client += costs.client
            busy_scheduler += costs.scheduler
            start = max(scheduler, heapq.heappop(free)) + costs.worker
            end = start + len(task) * costs.block * max(0.1, 1 + costs.spread * rng.standard_normal())
            heapq.heappush(free, end)
            under_way.append((end, task))
        end, task = under_way.popleft()
        merging = _merging(task, costs)
        client = max(client, end) + merging
        busy_client += merging
    return Run(client, blocks * costs.block / workers, busy_scheduler / client, busy_client / client)


def _tasks(workers: int, blocks: int, block: float) -> Iterator[range]:
    """The blocks of each task."""
    first = 0
    while first < blocks:
        left = blocks - first
        size = min(left, blocks_of_task(left, workers, block, first))
        yield range(first, first + size)
        first += size


def _merging(task: range, costs: Costs) -> float:
    """What the client spends on a finished task."""
    chapters = max(0, task.stop // CHAPTER - -(-task.start // CHAPTER))
    return chapters * costs.chapter + (len(task) - chapters * CHAPTER) * costs.merge
