"""A run of 10^12 draws on many workers, event by event: what one scheduler, and one client that merges, make of it.

Three kinds of servers, each of which spends a fixed time on every task: a scheduler; workers, which simulate the blocks
of a task; and a client, which merges the blocks of finished tasks in the order in which it sent them, as a run does. A
task is as long, and as many are under way, as `bnstats.simulation.workers` makes them. Networks and disks cost nothing
in it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

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
    merge : float
        Of the client, for a block.
    spread : float
        Standard deviation of the time of a task over its mean.
    """

    scheduler: float
    client: float
    worker: float
    block: float
    merge: float
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
    sizes = deque(_sizes(workers, blocks, costs.block))
    free = [0.0] * workers
    scheduler = client = busy_scheduler = busy_client = 0.0
    under_way: deque[tuple[float, int]] = deque()
    while sizes or under_way:
        while sizes and len(under_way) < window:
            size = sizes.popleft()
            client += costs.client
            scheduler = max(scheduler, client) + costs.scheduler
            busy_client += costs.client
            busy_scheduler += costs.scheduler
            start = max(scheduler, heapq.heappop(free)) + costs.worker
            end = start + size * costs.block * max(0.1, 1 + costs.spread * rng.standard_normal())
            heapq.heappush(free, end)
            under_way.append((end, size))
        end, size = under_way.popleft()
        client = max(client, end) + size * costs.merge
        busy_client += size * costs.merge
    return Run(client, blocks * costs.block / workers, busy_scheduler / client, busy_client / client)


def _sizes(workers: int, blocks: int, block: float) -> Iterator[int]:
    """Blocks of each task."""
    while blocks:
        size = blocks_of_task(blocks, workers, block)
        yield size
        blocks -= size
