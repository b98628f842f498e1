"""Workers that simulate blocks: threads of this process, or any executor with other processes."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from functools import partial
from multiprocessing import connection
from typing import Any, TypeVar

from bnstats._checks.safe_text import raised
from bnstats.simulation.condition_run import ConditionRun
from bnstats.simulation.replicates.accumulator import BLOCKS_MERGED
from bnstats.simulation.study import Study
from bnstats.simulation.workers.remote import PickledStudy, Work, place_of, simulated, simulated_elsewhere
from bnstats.simulation.workers.single_thread import single_thread

T = TypeVar("T")

# Unfinished tasks per worker: one that runs, and some that wait.
TASKS_PER_WORKER = 4
# Maximum tasks in one message, where a message of many costs much less than many messages; more would begin later.
TOGETHER = 32
# The first tasks have one block each, to measure how long a block takes. If no result comes within PATIENCE seconds,
# workers are loading the study and its imports: each worker is then sent one task.
FIRST_TASKS, PATIENCE = 8, 0.25
# Minimum seconds of a task, and further seconds for each worker. A client and a scheduler, which spend milliseconds on
# a task (`python -m benchmarks cluster`), then keep up with any number of workers. LAST_TASKS is the part of the latter
# that remains when the remaining blocks would make shorter tasks.
SHORTEST_TASK, LONGER_PER_WORKER, LAST_TASKS = 0.3, 0.005, 0.06
# Seconds between two counts of the workers, with a check of the connection to them.
COUNT_EVERY = 2.0


class WorkersLostError(RuntimeError):
    """Error of workers that ended or could not be reached, not of a block; a store keeps finished blocks."""


class Workers:
    """Threads of this process, or any executor, as a context.

    Parameters
    ----------
    executor : None, int or concurrent.futures.Executor
        None: one thread per core; an int: number of threads.
    study, seed : Study, int
        Study to simulate, and the seed of the run.
    conditions : list of ConditionRun
        All conditions of the run.
    merge : bool
        True if other processes merge BLOCKS_MERGED consecutive blocks before sending them.
    pack : bool
        True if workers also pack each block for a store.

    Raises
    ------
    ValueError
        If the study cannot be sent to another process.
    """

    def __init__(
        self,
        executor: Executor | int | None,
        study: Study,
        seed: int,
        conditions: Sequence[ConditionRun],
        merge: bool = False,
        pack: bool = False,
    ) -> None:
        self._given, self._study, self._seed, self._merge, self._pack = executor, study, seed, merge, pack
        self._places = {run.key: place for place, run in enumerate(conditions)}
        self._exit = ExitStack()
        self.client = client_of(executor)
        self._pickled: PickledStudy | None = None
        if not (executor is None or isinstance(executor, int | ThreadPoolExecutor)):
            self._pickled = PickledStudy.of(study, by_value=self.client is not None)
        self._sent = 0
        self._seconds = math.inf  # per block
        self._slow_start = False
        self._blocks_of_task, self._tasks_of_round, self._left = (1, 1), 0, 0
        self._count, self._asked = 1, -math.inf
        self.lost = False

    def __enter__(self) -> Workers:
        if self._given is None or isinstance(self._given, int):
            self.executor: Executor = ThreadPoolExecutor(self._given or os.cpu_count())
            self._exit.callback(self.executor.shutdown, cancel_futures=True)
        else:
            self.executor = self._given
        if self._pickled is None:
            self._exit.enter_context(single_thread())
        elif self.client:
            self._leave(self._pickled.content)
            self._exit.callback(self._leave, None)
        return self

    def _leave(self, content: bytes | None) -> None:
        """Put the study into the metadata of Dask's scheduler, for workers that come later, or remove it."""
        assert self._pickled is not None
        with suppress(Exception):  # without a scheduler, sending a task raises the error
            if self.client.status == "running":
                self.client.set_metadata(place_of(self._pickled.digest), content)

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
        """True if the time of a block in other processes is not yet known."""
        return self._pickled is not None and math.isinf(self._seconds)

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

    def task_size(self, first: int, left: int) -> int:
        """Return the number of blocks of the next task, given its first block and the blocks left.

        Threads get one block. All workers get the same number of blocks in a round, and fewer in later rounds
        (factoring, Hummel, Schonberg & Flynn 1992).
        """
        if self._pickled is None or self._learning:
            return 1
        if self._tasks_of_round == 0 or left > self._left:
            self._tasks_of_round = self.count
            self._blocks_of_task = blocks_of_task(left, self.count, self._seconds)
        self._tasks_of_round, self._left = self._tasks_of_round - 1, left
        blocks, most = self._blocks_of_task
        return in_whole_groups(blocks, most, first) if self._merge else blocks

    def send(self, tasks: Sequence[Task], again: bool = False) -> None:
        """Submit the tasks; the study is sent with the first ones, and with `again` to processes that lack it."""
        if not tasks:
            return
        for task, future in zip(tasks, tasks[0].guarded(lambda: self._futures(tasks, again)), strict=True):
            task.future = future
        if self._learning:
            first = [task.future for task in tasks if task.future]
            self._slow_start = not wait(first, PATIENCE, FIRST_COMPLETED).done

    def _futures(self, tasks: Sequence[Task], again: bool) -> list[Future[Work | None]]:
        if self._pickled is None:
            work = partial(simulated, self._study, seed=self._seed, packed=self._pack)
            return [self.executor.submit(work, task.run.condition, blocks=task.blocks) for task in tasks]
        given = []
        # One copy for each worker, and further ones for the first tasks where these are fewer than the workers.
        copies = self.count if self.count <= FIRST_TASKS else FIRST_TASKS + self.count
        for task in tasks:
            along = again or self._sent < copies
            self._sent += 1
            pickled = self._pickled.digest, self._pickled.content if along else None
            given.append((*pickled, self._places[task.run.key], self._seed, task.blocks, self._merge, self._pack))
        return submitted(self.executor, simulated_elsewhere, given)

    def took(self, seconds: float) -> None:
        """Update the time of a block; the first blocks may take longer, because code is loaded."""
        self._seconds = seconds if seconds < self._seconds else 0.8 * self._seconds + 0.2 * seconds


class Task:
    """Consecutive blocks of a condition for one worker."""

    def __init__(self, workers: Workers, run: ConditionRun, blocks: range) -> None:
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
            self._workers.took(work.seconds)
        return work

    def _wait(self) -> Work | None:
        future = self.future
        assert future is not None
        try:
            return self.guarded(lambda: finished(future, self._workers.executor))
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

    def guarded(self, step: Callable[[], T]) -> T:
        """Return the result of a step of the executor; raise WorkersLostError for the executor's errors."""
        return guarded(step, f"blocks {self.blocks[0]} to {self.blocks[-1]} of a condition")


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


def client_of(executor: object) -> Any:
    """Return Dask's client, which knows the workers and the scheduler; None for other executors."""
    return getattr(executor, "_client", None)


def submitted(executor: Executor, function: Callable[..., T], given: Sequence[Sequence[Any]]) -> list[Future[T]]:
    """Submit one task for each tuple of arguments and return the futures.

    Dask's executor sends tasks one by one; its client is used instead.
    """
    client, wrapped = client_of(executor), getattr(executor, "_wrap_future", None)
    if client is None:
        return [executor.submit(function, *each) for each in given]
    # pure=False: Dask would merge two tasks with the same arguments. The first task raises if the executor is closed.
    first = executor.submit(function, *given[0], pure=False)
    if wrapped is None or len(given) == 1:
        return [first, *(executor.submit(function, *each, pure=False) for each in given[1:])]
    options = getattr(executor, "_kwargs", {}) | {"pure": False}
    return [first, *map(wrapped, client.map(function, *zip(*given[1:], strict=True), **options))]


def finished(work: Future[T], executor: Executor) -> T:
    """Return the result of a task; raise ConnectionError if its executor has lost it without an error.

    A Dask client that loses its scheduler closes, and may leave tasks that never end. A pool of processes waits without
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
    """Return the client if it is closed, or the processes of a pool that have ended."""
    client = client_of(executor)
    if client is not None:
        return {"client"} if client.status == "closed" else set()
    return set(connection.wait([process.sentinel for process in _processes_of(executor)], timeout=0))


def _processes_of(executor: Executor) -> list[Any]:
    """Return the workers of a pool of processes."""
    return list((getattr(executor, "_processes", None) or {}).values())


def guarded(step: Callable[[], T], work: str) -> T:
    """Return the result of a step of an executor; raise WorkersLostError for its errors.

    Errors of a study do not reach this function: they are returned, not raised.
    """
    try:
        return step()
    except (Exception, asyncio.CancelledError) as error:  # executors raise errors of many types
        raise WorkersLostError(
            f"{work} found no worker that finished them ({raised(error)}): workers were lost, or cannot load the "
            "study. Finished blocks are kept if the run has a store; start workers anew and run again."
        ) from error


def _workers_of(executor: Executor, client: Any) -> int:
    """Return the number of tasks that an executor runs at a time; 0 if it is unknown at the moment."""
    if client is not None:
        try:
            return sum(client.nthreads().values())
        except Exception:  # without a scheduler it raises errors of many types
            return 0
    named = (getattr(executor, name, None) for name in ("_max_workers", "num_workers", "max_workers"))
    return next((int(number) for number in named if isinstance(number, int)), os.cpu_count() or 1)
