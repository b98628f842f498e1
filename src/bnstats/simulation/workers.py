"""Blocks, done by whatever workers there are, and handed back in the order in which they were asked for."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from bnstats.simulation.store import Store
from bnstats.simulation.streams import digest, stream
from bnstats.simulation.summaries import histogram
from bnstats.simulation.tally import Tally

if TYPE_CHECKING:
    from bnstats.simulation.study import Cell, Study


class BlockError(RuntimeError):
    """A block failed; the message names it and has the line that runs it alone.

    Attributes
    ----------
    study : Study
        Of which that line runs a block.
    """

    def __init__(self, message: str, study: Study) -> None:
        super().__init__(message)
        self.study = study


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
    replicates = study.simulate(cell, stream(seed, cell, block), study.size(cell))
    return Tally.of(replicates, [study.origin(cell, key) for key in replicates], histogram(study.summaries))


def _simulate_elsewhere(study: Study, cell: Cell, seed: int, block: int) -> Tally:
    with threadpool_limits(limits=1):
        return _simulate(study, cell, seed, block)


def tallies(
    study: Study, seed: int, tasks: Iterable[tuple[Any, Cell, int]], workers: Workers, store: Store | None
) -> Generator[tuple[Any, int, Tally]]:
    """The tallies of (tag, cell, block) tasks, in that order, as (tag, block, tally).

    Few tasks are under way at a time, so memory does not grow with their number. What is finished when a block fails,
    or when the run is interrupted, is stored.
    """
    pending: deque[tuple[Any, Cell, int, Tally | Future[Tally]]] = deque()
    try:
        for tag, cell, block in tasks:
            held = store.get(digest(cell), block) if store else None
            pending.append((tag, cell, block, held or workers.submit(study, cell, seed, block)))
            if len(pending) >= workers.window:
                yield _finish(study, seed, *pending.popleft(), store)
        while pending:
            yield _finish(study, seed, *pending.popleft(), store)
    finally:
        for _, cell, block, future in pending:
            if isinstance(future, Future) and not future.cancel() and store and not future.exception():
                store.put(digest(cell), block, future.result())


def _finish(
    study: Study, seed: int, tag: Any, cell: Cell, block: int, work: Tally | Future[Tally], store: Store | None
) -> tuple[Any, int, Tally]:
    if isinstance(work, Tally):
        return tag, block, work
    try:
        tally = work.result()
    except Exception as error:
        raise BlockError(_complaint(study, cell, block, seed, error), study) from error
    if store:
        store.put(digest(cell), block, tally)
    return tag, block, tally


def _complaint(study: Study, cell: Cell, block: int, seed: int, error: Exception) -> str:
    named = ", ".join(f"{key}={value!r}" for key, value in cell.items())
    place = [digest(c) for c in study.cells()].index(digest(cell))
    return (
        f"block {block} of cell {place} ({named}) failed: {type(error).__name__}: {error}\n"
        "Run it alone with this line, where error is this BlockError (sys.last_value at a prompt):\n"
        f"bn.run_block(error.study, cell={place}, block={block}, seed={seed})"
    )
