"""The workers that simulate blocks: threads of this process, or any executor, with processes here or elsewhere."""

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

# Tasks per worker that are not finished: one that is simulated, and some that wait.
TASKS_PER_WORKER = 4
# Tasks that are sent at once, at most, where that costs much less than one by one: more would begin later.
TOGETHER = 32
# Tasks that are sent first, of one block each, to see how long that takes; if no answer comes within these seconds, as
# workers have to load the study and what it needs, each of them is sent one.
FIRST_TASKS, PATIENCE = 8, 0.25
# Seconds that a task should take at least, and besides for each worker, so that a client and a scheduler which spend
# milliseconds on a task (`python -m benchmarks cluster`) keep up with any number of workers; of the latter the part
# that is kept when the blocks that are left would make shorter tasks.
SHORTEST_TASK, LONGER_PER_WORKER, LAST_TASKS = 0.3, 0.005, 0.06
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
    conditions : list of ConditionRun
        All conditions of the run.
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
        conditions: Sequence[ConditionRun],
        merge: bool = False,
        pack: bool = False,
    ) -> None:
        self._given, self._study, self._seed, self._merge, self._pack = executor, study, seed, merge, pack
        self._places = {run.key: place for place, run in enumerate(conditions)}
        self._exit = ExitStack()
        self.client = client_of(executor)
        self._parcel: PickledStudy | None = None
        if not (executor is None or isinstance(executor, int | ThreadPoolExecutor)):
            self._parcel = PickledStudy.of(study, by_value=self.client is not None)
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
        if self._parcel is None:
            self._exit.enter_context(single_thread())
        elif self.client:
            self._leave(self._parcel.content)
            self._exit.callback(self._leave, None)
        return self

    def _leave(self, content: bytes | None) -> None:
        """Leave the study with Dask's scheduler, for workers that come later, or take it away."""
        assert self._parcel is not None
        with suppress(Exception):  # no scheduler at the moment: what is sent to it will say so
            if self.client.status == "running":
                self.client.set_metadata(place_of(self._parcel.digest), content)

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @property
    def count(self) -> int:
        """How many blocks are simulated at a time; more or fewer as workers come and go."""
        if time.monotonic() - self._asked > COUNT_EVERY:
            self._count = _workers_of(self.executor, self.client) or self._count
            self._asked = time.monotonic()
        return self._count

    @property
    def _learning(self) -> bool:
        """Whether nothing is known of how long other processes take for a block."""
        return self._parcel is not None and math.isinf(self._seconds)

    @property
    def window(self) -> int:
        """How many tasks may be under way, so that memory does not grow with their number."""
        if self._learning:
            return self.count if self._slow_start else min(FIRST_TASKS, self.count)
        return TASKS_PER_WORKER * self.count

    @property
    def together(self) -> int:
        """How many tasks are sent at once, as far as that costs less: to Dask's scheduler."""
        if self._learning:
            return self.window
        return min(TOGETHER, self.count) if self.client else 1

    def share(self, first: int, left: int) -> int:
        """How many blocks to give to the next task, which begins with `first`, where so many are left; one to threads.

        As many to each worker in a round, then fewer (factoring, Hummel, Schonberg & Flynn 1992).
        """
        if self._parcel is None or self._learning:
            return 1
        if self._tasks_of_round == 0 or left > self._left:
            self._tasks_of_round = self.count
            self._blocks_of_task = blocks_of_task(left, self.count, self._seconds)
        self._tasks_of_round, self._left = self._tasks_of_round - 1, left
        blocks, most = self._blocks_of_task
        return in_whole_groups(blocks, most, first) if self._merge else blocks

    def send(self, tasks: Sequence[Task], again: bool = False) -> None:
        """Have them simulated; the study travels with the first ones, and `again` to processes without it."""
        if not tasks:
            return
        for task, future in zip(tasks, tasks[0].guarded(lambda: self._futures(tasks, again)), strict=True):
            task.future = future
        if self._learning:
            first = [task.future for task in tasks if task.future]
            self._slow_start = not wait(first, PATIENCE, FIRST_COMPLETED).done

    def _futures(self, tasks: Sequence[Task], again: bool) -> list[Future[Work | None]]:
        if self._parcel is None:
            work = partial(simulated, self._study, seed=self._seed, packed=self._pack)
            return [self.executor.submit(work, task.run.condition, blocks=task.blocks) for task in tasks]
        given = []
        # One for each worker, besides the first ones where these are fewer than the workers.
        copies = self.count if self.count <= FIRST_TASKS else FIRST_TASKS + self.count
        for task in tasks:
            along = again or self._sent < copies
            self._sent += 1
            parcel = self._parcel.digest, self._parcel.content if along else None
            given.append((*parcel, self._places[task.run.key], self._seed, task.blocks, self._merge, self._pack))
        return submitted(self.executor, simulated_elsewhere, given)

    def took(self, seconds: float) -> None:
        """Note how long a block took; the first ones may have taken longer than all others, as code was loaded."""
        self._seconds = seconds if seconds < self._seconds else 0.8 * self._seconds + 0.2 * seconds


class Task:
    """Some blocks of a condition that workers simulate, once it is sent to them."""

    def __init__(self, workers: Workers, run: ConditionRun, blocks: range) -> None:
        self.run, self.blocks = run, blocks
        self.future: Future[Work | None] | None = None
        self._workers = workers

    def result(self) -> Work:
        """Wait for the work; WorkersLostError if no worker does it."""
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
        """Cancel it; the work if it is finished already, or cannot be stopped."""
        future = self.future
        if future is None or future.cancel() or (self._workers.lost and not future.done()):
            return None
        try:
            return self._wait()
        except WorkersLostError:  # the error that ended the run is raised instead
            return None

    def guarded(self, step: Callable[[], T]) -> T:
        """What the executor does or returns for it; WorkersLostError instead of its errors."""
        return guarded(step, f"blocks {self.blocks[0]} to {self.blocks[-1]} of a condition")


def blocks_of_task(left: int, workers: int, seconds: float) -> tuple[int, int]:
    """Blocks of each task of the next round, where so many are left and each takes so long; and of the longest task.

    Half of what is left, so that later rounds even out what earlier ones have left uneven; all of it in the last one.
    """
    per_worker, seconds = LONGER_PER_WORKER * workers, max(seconds, 1e-9)
    most, least = math.ceil((SHORTEST_TASK + per_worker) / seconds), LAST_TASKS * per_worker / seconds
    share = left / workers
    return max(1, min(most, math.ceil(share / 2 if share > 2 * least else share))), most


def in_whole_groups(blocks: int, most: int, first: int) -> int:
    """About so many blocks from `first` on, to the end of a chapter; fewer are as they are, of at most `most`.

    What is sent block by block costs the client time, a whole chapter at the end of a run keeps the others waiting: it
    may, where it takes little of the time of the longest task.
    """
    if blocks < (BLOCKS_MERGED / 8 if most >= 3 * BLOCKS_MERGED else BLOCKS_MERGED / 2):
        return blocks
    end = round((first + blocks) / BLOCKS_MERGED) * BLOCKS_MERGED
    return end - first if end > first else end - first + BLOCKS_MERGED


def client_of(executor: object) -> Any:
    """Dask's client, which knows the workers and the scheduler; None of other executors."""
    return getattr(executor, "_client", None)


def submitted(executor: Executor, function: Callable[..., T], given: Sequence[Sequence[Any]]) -> list[Future[T]]:
    """A task for each of these arguments; Dask's executor, which sends one at a time, is passed by."""
    client, wrapped = client_of(executor), getattr(executor, "_wrap_future", None)
    if client is None:
        return [executor.submit(function, *each) for each in given]
    # Dask would take two tasks of the same arguments for one. The first says whether the executor is open.
    first = executor.submit(function, *given[0], pure=False)
    if wrapped is None or len(given) == 1:
        return [first, *(executor.submit(function, *each, pure=False) for each in given[1:])]
    options = getattr(executor, "_kwargs", {}) | {"pure": False}
    return [first, *map(wrapped, client.map(function, *zip(*given[1:], strict=True), **options))]


def finished(work: Future[T], executor: Executor) -> T:
    """What a task returns; ConnectionError if its executor has lost it and does not say so.

    A Dask client that loses its scheduler closes, and may leave tasks that never end. So does a pool of processes of
    which one is killed while it sends a result: it waits for the rest.
    """
    if client_of(executor) is None and not _processes_of(executor):
        return work.result()
    lost = set[Any]()
    while not work.done():
        before = lost
        wait([work], timeout=COUNT_EVERY)
        lost = _lost_by(executor)
        if lost & before and not work.done():  # since the look before: it has had its time to say so itself
            raise ConnectionError("its worker or scheduler is gone")
    return work.result()


def _lost_by(executor: Executor) -> set[Any]:
    """The client, if it is closed; the processes of a pool that have ended."""
    client = client_of(executor)
    if client is not None:
        return {"client"} if client.status == "closed" else set()
    return set(connection.wait([process.sentinel for process in _processes_of(executor)], timeout=0))


def _processes_of(executor: Executor) -> list[Any]:
    """The workers of a pool of processes."""
    return list((getattr(executor, "_processes", None) or {}).values())


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
