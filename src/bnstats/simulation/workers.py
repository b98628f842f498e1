"""Blocks, done by whatever workers there are, and handed back in the order in which they were asked for."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack

from threadpoolctl import threadpool_limits

from bnstats.simulation.blocks import failure, replicates
from bnstats.simulation.stopping import CellRun
from bnstats.simulation.storage.store import Store
from bnstats.simulation.study import Cell, Study
from bnstats.simulation.summaries import histogram
from bnstats.simulation.tally import Tally


class Workers:
    """Threads of this process, or any executor, as a context.

    Parameters
    ----------
    executor : None, int or concurrent.futures.Executor
        None: a thread a core; an int: so many threads.
    """

    def __init__(self, executor: Executor | int | None) -> None:
        self._given = executor
        self._exit = ExitStack()

    def __enter__(self) -> Workers:
        if self._given is None or isinstance(self._given, int):
            self._exit.enter_context(threadpool_limits(limits=1))
            self._executor: Executor = ThreadPoolExecutor(self._given or os.cpu_count())
            self._exit.callback(self._executor.shutdown, cancel_futures=True)
            self._work = _simulate
        else:
            self._executor, self._work = self._given, _simulate_elsewhere
        self.window = 4 * int(getattr(self._executor, "_max_workers", None) or os.cpu_count() or 1)
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def submit(self, study: Study, cell: Cell, seed: int, block: int) -> Future[Tally]:
        """Have a block simulated."""
        return self._executor.submit(self._work, study, cell, seed, block)


def _simulate(study: Study, cell: Cell, seed: int, block: int) -> Tally:
    found = replicates(study, cell, block, seed)
    return Tally.of(found, [study.origin(cell, key) for key in found], histogram(study.summaries))


def _simulate_elsewhere(study: Study, cell: Cell, seed: int, block: int) -> Tally:
    with threadpool_limits(limits=1):
        return _simulate(study, cell, seed, block)


def tallies(
    study: Study, seed: int, tasks: Iterable[tuple[CellRun, int]], workers: Workers, store: Store | None
) -> Generator[tuple[CellRun, int, Tally]]:
    """The tallies of (cell, block) tasks, in that order, as (cell, block, tally).

    Few tasks are under way at a time, so memory does not grow with their number. What is finished when a block fails,
    or when the run is interrupted, is stored.
    """
    pending: deque[tuple[CellRun, int, Tally | Future[Tally]]] = deque()
    try:
        for run, block in tasks:
            held = store.get(run.key, block) if store else None
            pending.append((run, block, held or workers.submit(study, run.cell, seed, block)))
            if len(pending) >= workers.window:
                yield _finish(study, seed, *pending.popleft(), store)
        while pending:
            yield _finish(study, seed, *pending.popleft(), store)
    finally:
        for run, block, future in pending:
            if isinstance(future, Future) and not future.cancel() and store and not future.exception():
                store.put(run.key, block, future.result())


def _finish(
    study: Study, seed: int, run: CellRun, block: int, work: Tally | Future[Tally], store: Store | None
) -> tuple[CellRun, int, Tally]:
    if isinstance(work, Tally):
        return run, block, work
    try:
        tally = work.result()
    except Exception as error:
        raise failure(study, run.cell, block, seed, error) from error
    if store:
        store.put(run.key, block, tally)
    return run, block, tally
