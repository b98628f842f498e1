"""A run of 10^12 draws on many workers, event by event: what one scheduler, and one client that merges, make of it.

Three kinds of servers, each of which spends a fixed time on every task: a scheduler; workers, which simulate the blocks
of a task; and a client, which merges the blocks of finished tasks in the order in which it sent them. The client is the
one of every run, `bnstats.simulation.workers.executors`, with tasks as long and as many under way as it makes them;
only its executor is one of simulated time. Workers send whole chapters of blocks merged. Networks and disks cost
nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from bnstats.simulation.replicates.accumulator import BLOCKS_MERGED
from bnstats.simulation.workers.dispatch import blocks_of
from bnstats.simulation.workers.executors import Workers
from bnstats.simulation.workers.remote import Output, Work


@dataclass(frozen=True)
class Costs:
    """Seconds.

    Attributes
    ----------
    scheduler_begins, scheduler_ends : float
        Of the scheduler, until a task is with its worker, and once it is finished.
    client_begins, client_ends : float
        Of the client, to send a task, and to receive what became of it.
    worker, block : float
        Of a worker, for a task without work, and for a block.
    merge, chapter : float
        Of the client, for a block, and for a chapter that a worker has merged.
    spread : float
        Standard deviation of the time of a task over its mean.
    """

    scheduler_begins: float
    scheduler_ends: float
    client_begins: float
    client_ends: float
    worker: float
    block: float
    merge: float
    chapter: float
    spread: float


@dataclass(frozen=True)
class Run:
    """Return the time of a simulated run.

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


class Server:
    """Does one thing after the other."""

    def __init__(self) -> None:
        self.free = self.busy = 0.0

    def spend(self, seconds: float, after: float = 0.0) -> float:
        """Spend these seconds, from that time on at the earliest; when it is done."""
        self.free = max(self.free, after) + seconds
        self.busy += seconds
        return self.free


class Finished(Future[Work]):
    """The work of a task of these blocks; to wait for it takes simulated time.

    Attributes
    ----------
    blocks : range
    took : float
        Seconds of a block.
    known_at : float
        When the scheduler has heard that it is finished; below 0 before.
    """

    def __init__(self, blocks: range, received: Callable[[Finished], None]) -> None:
        super().__init__()
        self.blocks, self.took, self.known_at, self._received = blocks, 0.0, -1.0, received
        self.set_result(Work(()))

    def result(self, timeout: float | None = None) -> Work:
        self._received(self)
        merged_blocks = max(0, self.blocks.stop // BLOCKS_MERGED - -(-self.blocks.start // BLOCKS_MERGED))
        sizes = [BLOCKS_MERGED] * merged_blocks + [1] * (len(self.blocks) - BLOCKS_MERGED * merged_blocks)
        parts: list[Any] = [SimpleNamespace(blocks=size) for size in sizes]
        return Work(parts, seconds=self.took)


class Dask(Executor):
    """Its executor, in simulated time."""

    def __init__(self, cluster: Cluster) -> None:
        self._client = cluster

    def submit(self, function: Any, /, *given: Any, **_: Any) -> Future[Any]:
        return self._client.map(function, *([each] for each in given))[0]

    def _wrap_future(self, future: Future[Any]) -> Future[Any]:
        return future


class Cluster:
    """Workers, a scheduler and a client, in simulated time."""

    status = "running"

    def __init__(self, workers: int, costs: Costs, seed: int = 0) -> None:
        self.scheduler, self.client = Server(), Server()
        self._workers, self._costs = workers, costs
        self._free = [0.0] * workers
        self._running: list[tuple[float, int, Finished]] = []
        self._rng = np.random.default_rng(seed)
        self._sent = 0

    def nthreads(self) -> dict[str, int]:
        """As a client says how many workers there are."""
        return {"all": self._workers}

    def map(self, _: Any, *given: Any, **__: Any) -> list[Finished]:
        """The tasks begin once the scheduler knows all of them."""
        tasks = [Finished(each[4], self._receive) for each in zip(*given, strict=True)]
        sent = self.client.spend(self._costs.client_begins * len(tasks))
        while self._running and self._running[0][0] <= sent:
            self._end()
        begun = self.scheduler.spend(self._costs.scheduler_begins * len(tasks), sent)
        for task in tasks:
            task.took = self._costs.block * max(0.1, 1 + self._costs.spread * self._rng.standard_normal())
            start = max(begun, heapq.heappop(self._free)) + self._costs.worker
            end = start + len(task.blocks) * task.took
            heapq.heappush(self._free, end)
            heapq.heappush(self._running, (end, self._sent, task))
            self._sent += 1
        return tasks

    def _end(self) -> None:
        """The scheduler hears of the task that is finished next."""
        end, _, task = heapq.heappop(self._running)
        task.known_at = self.scheduler.spend(self._costs.scheduler_ends, end)

    def _receive(self, task: Finished) -> None:
        while task.known_at < 0:
            self._end()
        self.client.spend(self._costs.client_ends, task.known_at)


def simulated_run(workers: int, blocks: int, costs: Costs, seed: int = 0) -> Run:
    """A run of so many blocks, from the first task that is sent to the last block that is merged."""
    cluster = Cluster(workers, costs, seed)
    study: Any = SimpleNamespace()
    condition: Any = SimpleNamespace(place=(0, 0))
    with Workers(Dask(cluster), [study], 0, Output(merged=True)) as own:
        for _, _, part in blocks_of([(condition, range(blocks))], own, None):
            cluster.client.spend(costs.chapter if part.blocks == BLOCKS_MERGED else costs.merge)
    seconds = cluster.client.free
    return Run(seconds, blocks * costs.block / workers, cluster.scheduler.busy / seconds, cluster.client.busy / seconds)
