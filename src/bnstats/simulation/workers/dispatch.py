"""Dispatch of blocks, read from a store or simulated by workers, in the order of the request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bnstats.simulation.blocks import failure
from bnstats.simulation.condition import PlacedCondition
from bnstats.simulation.progress import Bar
from bnstats.simulation.storage.store import Store
from bnstats.simulation.study import Study
from bnstats.simulation.workers.executors import Task, Workers
from bnstats.simulation.workers.remote import Output, Work

Requested = Sequence[tuple[PlacedCondition, range]]
Source = Callable[[Requested], closing[Generator[tuple[Any, int, Any]]]]
"""Function that returns a context of the requested blocks, see `blocks_of`."""


@contextmanager
def block_source(
    studies: Sequence[Study],
    definition: Callable[[], dict[str, Any]],
    bar: Bar,
    output: Output,
    *,
    seed: int,
    executor: Executor | int | None,
    store: str | Path | None,
) -> Iterator[Source]:
    """Yield the source of the blocks of studies: a store, or else workers, with a progress bar.

    Parameters
    ----------
    studies : list of Study
        Studies of the run.
    definition : callable () -> JSON object
        Facts that all blocks depend on, for a store.
    bar : Bar
        Progress bar of the run.
    output : Output
        Form of the blocks.
    seed, executor, store
        Options of the run, see `bnstats.simulation.options`.
    """
    workers = Workers(executor, studies, seed, replace(output, packed=store is not None))
    with ExitStack() as stack:
        opened = None if store is None else stack.enter_context(closing(Store(store, definition())))
        stack.enter_context(workers)
        stack.enter_context(bar)
        yield lambda requested: closing(blocks_of(requested, workers, opened))


def blocks_of(requested: Requested, workers: Workers, store: Store | None) -> Generator[tuple[Any, int, Any]]:
    """Yield the requested blocks in the order requested, as (condition, block, part).

    An accumulator may stand for blocks that were merged; `block` is the first of them.

    Few tasks run or wait at a time, so that memory does not grow with their number. If a block fails, or if the run is
    interrupted, finished blocks are stored.
    """
    pending: deque[Any] = deque()
    new: list[Task] = []
    try:
        for piece in _pieces(requested, workers, store):
            pending.append(piece)
            if isinstance(piece, Task):
                new.append(piece)
            if len(new) >= workers.together or len(pending) >= workers.window:
                workers.send(new)
                new.clear()
            if (
                not new and len(pending) >= workers.window
            ):  # some tasks are not sent if the number of workers has fallen
                while len(pending) > workers.window - workers.together:
                    yield from _finished(pending.popleft(), store, workers.seed)
        workers.send(new)
        while pending:
            yield from _finished(pending.popleft(), store, workers.seed)
    finally:
        for piece in pending:
            work = piece.abandon() if isinstance(piece, Task) else None
            if work and store:
                _keep(store, piece, work)


def _pieces(requested: Requested, workers: Workers, store: Store | None) -> Iterator[Any]:
    """Yield stored blocks, and tasks of consecutive blocks of a condition that are not stored."""
    left = sum(len(blocks) for _, blocks in requested)
    for run, blocks in requested:
        start = 0
        while start < len(blocks):
            part = blocks[start : start + workers.task_size(run, blocks[start], left)]
            start, left = start + len(part), left - len(part)
            missing = 0
            for i, block in enumerate(part):
                stored = store.get(run.key, block, workers.output.kind) if store else None
                if stored:
                    if missing < i:
                        yield Task(workers, run, part[missing:i])
                    yield run, block, stored
                    missing = i + 1
            if missing < len(part):
                yield Task(workers, run, part[missing:])


def _finished(piece: Any, store: Store | None, seed: int) -> Iterator[Any]:
    if not isinstance(piece, Task):
        yield piece
        return
    work, run = piece.result(), piece.run
    if store:
        _keep(store, piece, work)
    if work.error:
        raise failure(run.study, run.condition, piece.blocks[len(work.parts)], seed, work.error) from work.error
    place = 0
    for part in work.parts:
        yield run, piece.blocks[place], part
        place += part.blocks


def _keep(store: Store, task: Task, work: Work) -> None:
    store.put(task.run.key, dict(zip(task.blocks, work.payloads, strict=False)))
