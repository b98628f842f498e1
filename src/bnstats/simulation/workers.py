"""The workers that simulate blocks: threads of this process, or any executor, with processes here or elsewhere."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import Any, TypeVar

from bnstats._raised import raised
from bnstats.simulation.account import CHAPTER
from bnstats.simulation.cell_run import CellRun
from bnstats.simulation.remote import Parcel, Work, simulated, simulated_elsewhere
from bnstats.simulation.single_thread import single_thread
from bnstats.simulation.study import Study

T = TypeVar("T")

# Tasks per worker that are not finished: one that is simulated, and some that wait.
TASKS_PER_WORKER = 4
# Seconds that a task should take at least, and besides for each worker, so that a client and a scheduler which spend
# milliseconds on a task (`python -m benchmarks cluster`) keep up with any number of workers; of the latter the part
# that is kept when the blocks that are left would make shorter tasks.
SHORTEST_TASK, LONGER_PER_WORKER, LAST_TASKS = 0.3, 0.005, 0.25
# Seconds after which the workers are counted again, and the connection to them is looked at.
COUNT_EVERY = 2.0


class WorkersLostError(RuntimeError):
    """Workers ended, or could not be reached: no error of a block; what is in the store is kept."""


class Workers:
    """Threads of this process, or any executor, as a context.

    Parameters
    ----------
    executor : None, int or concurrent.futures.Executor
        None: one thread per core; an int: so many threads.
    study, seed : Study, int
    cells : list of CellRun
        All cells of the run.
    merge : bool
        Whether other processes send whole chapters of blocks merged.
    pack : bool
        Whether workers also pack each block for a store.

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
        cells: Sequence[CellRun],
        merge: bool = False,
        pack: bool = False,
    ) -> None:
        self._given, self._study, self._seed, self._merge, self._pack = executor, study, seed, merge, pack
        self._places = {run.key: place for place, run in enumerate(cells)}
        self._exit = ExitStack()
        self.client = client_of(executor)
        self._parcel: Parcel | None = None
        if not (executor is None or isinstance(executor, int | ThreadPoolExecutor)):
            self._parcel = Parcel.of(study, by_value=self.client is not None)
        self._sent = 0
        self._seconds = math.inf  # per block
        self._count, self._asked = 1, -math.inf

    def __enter__(self) -> Workers:
        if self._given is None or isinstance(self._given, int):
            self._executor: Executor = ThreadPoolExecutor(self._given or os.cpu_count())
            self._exit.callback(self._executor.shutdown, cancel_futures=True)
        else:
            self._executor = self._given
        if self._parcel is None:
            self._exit.enter_context(single_thread())
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @property
    def count(self) -> int:
        """How many blocks are simulated at a time; more or fewer as workers come and go."""
        if time.monotonic() - self._asked > COUNT_EVERY:
            self._count = _workers_of(self._executor, self.client) or self._count
            self._asked = time.monotonic()
        return self._count

    @property
    def window(self) -> int:
        """How many tasks are sent at a time, so that memory does not grow with their number."""
        return TASKS_PER_WORKER * self.count

    def share(self, first: int, left: int) -> int:
        """How many blocks to give to the next task, which begins with `first`, where so many are left; one to threads.

        If it may be a chapter or more, it ends with one.
        """
        if self._parcel is None or math.isinf(self._seconds):
            return 1
        return blocks_of_task(left, self.count, self._seconds, first if self._merge else None)

    def submit(self, run: CellRun, blocks: Sequence[int]) -> Task:
        """Have blocks of a cell simulated."""
        return Task(self, run, blocks)

    def start(self, run: CellRun, blocks: Sequence[int], again: bool = False) -> Future[Work | None]:
        """Send a task; the study travels with the first ones, one per worker, and `again` to a process without it."""
        if self._parcel is None:
            return self._executor.submit(simulated, self._study, run.cell, self._seed, blocks, packed=self._pack)
        along = again or self._sent < self.count
        self._sent += 1
        study = self._parcel.digest, self._parcel.content if along else None
        given = *study, self._places[run.key], self._seed, blocks, self._merge, self._pack
        # Dask would take two tasks of the same arguments for one.
        options: dict[str, Any] = {} if self.client is None else {"pure": False}
        return self._executor.submit(simulated_elsewhere, *given, **options)

    def took(self, seconds: float) -> None:
        """Note how long a block took."""
        self._seconds = seconds if math.isinf(self._seconds) else 0.8 * self._seconds + 0.2 * seconds


class Task:
    """Some blocks of a cell that workers simulate."""

    def __init__(self, workers: Workers, run: CellRun, blocks: Sequence[int]) -> None:
        self.run, self.blocks = run, blocks
        self._workers = workers
        self._future = self._guarded(lambda: workers.start(run, blocks))

    def result(self) -> Work:
        """Wait for the work; WorkersLostError if no worker does it."""
        work = self._guarded(lambda: finished(self._future, self._workers.client))
        while work is None:
            self._future = self._guarded(lambda: self._workers.start(self.run, self.blocks, again=True))
            work = self._guarded(lambda: finished(self._future, self._workers.client))
        if work.error is None:
            self._workers.took(work.seconds)
        return work

    def abandon(self) -> Work | None:
        """Cancel it; the work if it is finished already, or cannot be stopped."""
        try:
            return None if self._future.cancel() else self._future.result()
        except (Exception, asyncio.CancelledError):  # the error that ended the run is raised instead
            return None

    def _guarded(self, step: Callable[[], T]) -> T:
        return guarded(step, f"blocks {self.blocks[0]} to {self.blocks[-1]} of a cell")


def blocks_of_task(left: int, workers: int, seconds: float, chapters_from: int | None = None) -> int:
    """Blocks of the next task, where so many are left and each takes so long: towards the end, one worker's share.

    Where workers merge whole chapters, a task from block `chapters_from` on ends with a chapter if it may be as long.
    """
    per_worker, seconds = LONGER_PER_WORKER * workers, max(seconds, 1e-9)
    enough, least = math.ceil((SHORTEST_TASK + per_worker) / seconds), math.ceil(LAST_TASKS * per_worker / seconds)
    if chapters_from is None:
        return max(least, min(enough, left // workers))
    enough, least = (CHAPTER if CHAPTER / 2 <= blocks < CHAPTER else blocks for blocks in (enough, least))
    blocks = max(least, min(enough, left // workers))
    return blocks if blocks < CHAPTER else blocks - (chapters_from + blocks) % CHAPTER


def client_of(executor: object) -> Any:
    """Dask's client, which knows the workers and the scheduler; None of other executors."""
    return getattr(executor, "_client", None)


def finished(work: Future[T], client: Any) -> T:
    """What a task returns. A Dask client that loses its scheduler closes, and may leave tasks that never end."""
    while client is not None and not work.done():
        wait([work], timeout=COUNT_EVERY)
        if client.status == "closed" and not work.done():
            raise ConnectionError("the client was closed")
    return work.result()


def guarded(step: Callable[[], T], work: str) -> T:
    """What an executor does or returns. Errors are the executor's: those of a study are returned, not raised."""
    try:
        return step()
    except (Exception, asyncio.CancelledError) as error:  # executors raise errors of many kinds
        raise WorkersLostError(
            f"{work} found no worker that finished them ({raised(error)}): workers were lost, or cannot load the "
            "study. Finished blocks are kept if the run has a store; start workers anew and run again."
        ) from error


def _workers_of(executor: Executor, client: Any) -> int:
    """How many tasks an executor works on at a time; 0 if that is not known at the moment."""
    if client is not None:
        try:
            return sum(client.nthreads().values())
        except Exception:  # no scheduler at the moment, for which it raises errors of many kinds
            return 0
    named = (getattr(executor, name, None) for name in ("_max_workers", "num_workers", "max_workers"))
    return next((int(number) for number in named if isinstance(number, int)), os.cpu_count() or 1)
