"""Workers that simulate blocks: threads of this process, or any executor with other processes."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing import connection
from typing import Any, TypeVar

from bnstats._checks.safe_text import raised
from bnstats.simulation.condition import PlacedCondition
from bnstats.simulation.study import Study
from bnstats.simulation.workers.dask import client_of, is_lost, leave_with_scheduler, submitted, workers_of
from bnstats.simulation.workers.remote import TALLIES, Output, PickledStudies, Work, simulated, simulated_elsewhere
from bnstats.simulation.workers.single_thread import single_thread
from bnstats.simulation.workers.task_sizes import TaskSizes

T = TypeVar("T")

# Unfinished tasks per worker: one that runs, and some that wait.
TASKS_PER_WORKER = 4
# Maximum tasks in one message, where a message of many costs much less than many messages; more would begin later.
TOGETHER = 32
# The first tasks have one block each, to measure how long a block takes. If no result comes within PATIENCE seconds,
# workers are loading the study and its imports: each worker is then sent one task.
FIRST_TASKS, PATIENCE = 8, 0.25
# Seconds between two counts of the workers, with a check of the connection to them.
COUNT_EVERY = 2.0


class WorkersLostError(RuntimeError):
    """Error of workers that ended or could not be reached, not of a block; a store keeps finished blocks."""


class Workers:
    """Threads of this process, or any executor, as a context.

    Parameters
    ----------
    executor : None, int or concurrent.futures.Executor
        None: one thread per core that this process may use; an int: number of threads.
    studies, seed : sequence of Study, int
        Studies to simulate, and the seed of the run.
    output : Output
        Form in which blocks are returned; threads merge none.

    Raises
    ------
    ValueError
        If the studies cannot be sent to another process.
    """

    def __init__(
        self, executor: Executor | int | None, studies: Sequence[Study], seed: int, output: Output = TALLIES
    ) -> None:
        self._given, self.seed, self.output = executor, seed, output
        self._exit = ExitStack()
        self.client = client_of(executor)
        self._pickled: PickledStudies | None = None
        if executor is None or isinstance(executor, int | ThreadPoolExecutor):
            self.output = replace(output, merged=False)
        else:
            self._pickled = PickledStudies.of(studies, by_value=self.client is not None)
        self._sent = 0
        self._slow_start = False
        self.task_sizes = TaskSizes(self.output.merged)
        self._count, self._asked = 1, -math.inf
        self.lost = False

    def __enter__(self) -> Workers:
        if self._given is None or isinstance(self._given, int):
            self.executor: Executor = ThreadPoolExecutor(self._given or usable_cores())
            self._exit.callback(self.executor.shutdown, cancel_futures=True)
        else:
            self.executor = self._given
        if self._pickled is None:
            self._exit.enter_context(single_thread())
        elif self.client:
            leave_with_scheduler(self.client, self._pickled.digest, self._pickled.content)
            self._exit.callback(leave_with_scheduler, self.client, self._pickled.digest, None)
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @property
    def count(self) -> int:
        """Number of blocks that are simulated at a time; it changes as workers come and go."""
        if time.monotonic() - self._asked > COUNT_EVERY:
            self._count = _workers_of(self.executor, self.client) or self._count
            self._asked = time.monotonic()
        return self._count

    @property
    def _learning(self) -> bool:
        """True if the time of any block in other processes is not yet known."""
        return self._pickled is not None and not self.task_sizes.seconds

    @property
    def window(self) -> int:
        """Maximum number of unfinished tasks, so that memory does not grow with the number of tasks."""
        if self._learning:
            return self.count if self._slow_start else min(FIRST_TASKS, self.count)
        return TASKS_PER_WORKER * self.count

    @property
    def together(self) -> int:
        """Number of tasks in one message, above 1 only for Dask's scheduler, where it costs less."""
        if self._learning:
            return self.window
        return min(TOGETHER, self.count) if self.client else 1

    def task_size(self, condition: PlacedCondition, first: int, left: int) -> int:
        """Return the number of blocks of the next task, given its condition, its first block and the blocks left.

        Threads get one block.
        """
        return 1 if self._pickled is None else self.task_sizes.next(condition.place[0], first, left, self.count)

    def send(self, tasks: Sequence[Task], again: bool = False) -> None:
        """Submit the tasks; the studies are sent with the first ones, and with `again` to processes that lack them."""
        if not tasks:
            return
        with tasks[0].guarded():
            futures = self._futures(tasks, again)
        for task, future in zip(tasks, futures, strict=True):
            task.future = future
        if self._learning:
            first = [task.future for task in tasks if task.future]
            self._slow_start = not wait(first, PATIENCE, FIRST_COMPLETED).done

    def _futures(self, tasks: Sequence[Task], again: bool) -> list[Future[Work | None]]:
        if self._pickled is None:
            own = [(task.run.study, task.run.condition, self.seed, task.blocks, self.output) for task in tasks]
            return submitted(self.executor, simulated, own)
        given = []
        # One copy for each worker, and further ones for the first tasks where these are fewer than the workers.
        copies = self.count if self.count <= FIRST_TASKS else FIRST_TASKS + self.count
        for task in tasks:
            along = again or self._sent < copies
            self._sent += 1
            pickled = self._pickled.digest, self._pickled.content if along else None
            given.append((*pickled, task.run.place, self.seed, task.blocks, self.output))
        return submitted(self.executor, simulated_elsewhere, given)


class Task:
    """Consecutive blocks of a condition for one worker."""

    def __init__(self, workers: Workers, run: PlacedCondition, blocks: range) -> None:
        self.run, self.blocks = run, blocks
        self.future: Future[Work | None] | None = None
        self._workers = workers

    def result(self) -> Work:
        """Wait for the work and return it; raise WorkersLostError if no worker does it."""
        work = self._wait()
        while work is None:
            self._workers.send([self], again=True)
            work = self._wait()
        if work.error is None:
            self._workers.task_sizes.took(self.run.place[0], work.seconds)
        return work

    def _wait(self) -> Work | None:
        future = self.future
        assert future is not None
        try:
            with self.guarded():
                return finished(future, self._workers.executor)
        except WorkersLostError:
            self._workers.lost = True
            raise

    def abandon(self) -> Work | None:
        """Cancel the task; return its work if it is already finished, or cannot be cancelled."""
        future = self.future
        if future is None or future.cancel() or (self._workers.lost and not future.done()):
            return None
        try:
            return self._wait()
        except WorkersLostError:  # the error that ended the run is raised
            return None

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn errors of the executor into a WorkersLostError; errors of a study are returned, not raised."""
        try:
            yield
        except (Exception, asyncio.CancelledError) as error:  # executors raise errors of many types
            raise WorkersLostError(
                f"blocks {self.blocks[0]} to {self.blocks[-1]} of a condition found no worker that finished them "
                f"({raised(error)}): workers were lost, or cannot load the study. Finished blocks are kept if the run "
                "has a store; start workers anew and run again."
            ) from error


def finished(work: Future[T], executor: Executor) -> T:
    """Return the result of a task; raise ConnectionError if its executor has lost it without an error.

    A Dask client that loses its scheduler may leave tasks that never end. A pool of processes waits without
    end if one process is killed while it sends a result.
    """
    if client_of(executor) is None and not _processes_of(executor):
        return work.result()
    lost = set[Any]()
    while not work.done():
        before = lost
        wait([work], timeout=COUNT_EVERY)
        lost = _lost_by(executor)
        # It was lost at the previous check already, so the executor had time to raise an error.
        if lost & before and not work.done():
            raise ConnectionError("its worker or scheduler is gone")
    return work.result()


def _lost_by(executor: Executor) -> set[Any]:
    """Return the client if it has no scheduler, or the processes of a pool that have ended."""
    client = client_of(executor)
    if client is not None:
        return {"client"} if is_lost(client) else set()
    return set(connection.wait([process.sentinel for process in _processes_of(executor)], timeout=0))


def _processes_of(executor: Executor) -> list[Any]:
    """Return the workers of a pool of processes."""
    return list((getattr(executor, "_processes", None) or {}).values())


def _workers_of(executor: Executor, client: Any) -> int:
    """Return the number of tasks that an executor runs at a time; 0 if it is unknown at the moment."""
    if client is not None:
        return workers_of(client)
    named = (getattr(executor, name, None) for name in ("_max_workers", "num_workers", "max_workers"))
    return next((int(number) for number in named if isinstance(number, int)), usable_cores())


def usable_cores() -> int:
    """Return the number of cores that this process may use, which a scheduler or a container can restrict."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
