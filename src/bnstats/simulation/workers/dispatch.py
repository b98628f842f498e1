"""Dispatch of blocks, read from a store or simulated by workers, in the order of the request."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence

from bnstats.simulation.blocks import failure
from bnstats.simulation.condition_run import ConditionRun
from bnstats.simulation.replicates.accumulator import Accumulator
from bnstats.simulation.replicates.tally import Tally
from bnstats.simulation.storage.store import Store
from bnstats.simulation.study import Study
from bnstats.simulation.workers.executors import Task, Workers
from bnstats.simulation.workers.remote import Work

Block = tuple[ConditionRun, int, Tally | Accumulator]


def tallies(
    study: Study, seed: int, requested: Sequence[tuple[ConditionRun, range]], workers: Workers, store: Store | None
) -> Generator[Block]:
    """Yield the tallies of the requested blocks in the order requested, as (condition, block, tally).

    An accumulator may stand for blocks that were merged; `block` is the first of them.

    Few tasks run or wait at a time, so that memory does not grow with their number. If a block fails, or if the run is
    interrupted, finished blocks are stored.
    """
    pending: deque[Task | Block] = deque()
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
                    yield from _finished(study, seed, pending.popleft(), store)
        workers.send(new)
        while pending:
            yield from _finished(study, seed, pending.popleft(), store)
    finally:
        for piece in pending:
            work = piece.abandon() if isinstance(piece, Task) else None
            if work and store:
                _keep(store, piece, work)


def _pieces(
    requested: Sequence[tuple[ConditionRun, range]], workers: Workers, store: Store | None
) -> Iterator[Task | Block]:
    """Yield stored blocks, and tasks of consecutive blocks of a condition that are not stored."""
    left = sum(len(blocks) for _, blocks in requested)
    for run, blocks in requested:
        start = 0
        while start < len(blocks):
            part = blocks[start : start + workers.task_size(blocks[start], left)]
            start, left = start + len(part), left - len(part)
            missing = 0
            for i, block in enumerate(part):
                stored = store.get(run.key, block) if store else None
                if stored:
                    if missing < i:
                        yield Task(workers, run, part[missing:i])
                    yield run, block, stored
                    missing = i + 1
            if missing < len(part):
                yield Task(workers, run, part[missing:])


def _finished(study: Study, seed: int, piece: Task | Block, store: Store | None) -> Iterator[Block]:
    if not isinstance(piece, Task):
        yield piece
        return
    work = piece.result()
    if store:
        _keep(store, piece, work)
    if work.error:
        raise failure(study, piece.run.condition, piece.blocks[len(work.tallies)], seed, work.error) from work.error
    place = 0
    for part in work.tallies:
        yield piece.run, piece.blocks[place], part
        place += part.blocks


def _keep(store: Store, task: Task | Block, work: Work) -> None:
    assert isinstance(task, Task)
    store.put(task.run.key, dict(zip(task.blocks, work.payloads, strict=False)))
