"""Simulation of blocks of a condition, here or in another process, which gets the studies of a run once.

A task consists of a few numbers and the digest of the studies. A process that does not know this digest asks Dask's
scheduler, if there is one, where the client left the studies. Otherwise it returns None, and the task is sent again
with the studies. The process keeps the studies.
"""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bnstats._checks.safe_text import raised
from bnstats.simulation.blocks import replicates, tally_of
from bnstats.simulation.checks import distinct
from bnstats.simulation.condition import FrozenCondition, Place
from bnstats.simulation.failures import sorted_out
from bnstats.simulation.replicates.accumulator import Accumulator, in_merged_blocks
from bnstats.simulation.replicates.kept import KeptReplicates
from bnstats.simulation.replicates.tally import Tally
from bnstats.simulation.storage.packing import pack
from bnstats.simulation.study import Condition, Study
from bnstats.simulation.workers.dask import left_with_scheduler
from bnstats.simulation.workers.single_thread import single_thread

# Runs whose studies a worker process keeps, because several runs may use it in turn.
STUDIES_KEPT = 4

Part = Tally | Accumulator | KeptReplicates
"""Block, or several merged blocks, as a worker returns them."""


@dataclass(frozen=True)
class Output:
    """Form in which workers return blocks.

    Attributes
    ----------
    kept : bool
        True for all replicates of a block in their order; False for their tally.
    merged : bool
        True if other processes merge BLOCKS_MERGED consecutive tallies before sending them.
    packed : bool
        True if workers also pack each block for a store.
    """

    kept: bool = False
    merged: bool = False
    packed: bool = False

    @property
    def kind(self) -> type[Any]:
        """Type of a block in a store."""
        return KeptReplicates if self.kept else Tally


TALLIES = Output()


@dataclass(frozen=True)
class Work:
    """Result of a task.

    Attributes
    ----------
    parts : list of Tally, Accumulator or KeptReplicates
        Its blocks, some of them merged. If a block failed, the earlier blocks.
    payloads : list of bytes
        Each finished block as bytes, if there is a store.
    seconds : float
        Seconds per block.
    error : Exception, optional
        Exception of the next block.
    """

    parts: Sequence[Part]
    payloads: Sequence[bytes] = ()
    seconds: float = 0.0
    error: Exception | None = None


@dataclass(frozen=True)
class PickledStudies:
    """Pickled studies of a run with their digest; the other process makes the conditions again."""

    digest: str
    content: bytes = field(repr=False)

    @staticmethod
    def of(studies: Sequence[Study], by_value: bool) -> PickledStudies:
        """Return the pickled studies; `by_value` includes a script's classes, for workers that cannot import it."""
        try:
            if by_value:
                import cloudpickle

                content = cloudpickle.dumps(studies)
            else:
                content = pickle.dumps(studies)
        except Exception as error:  # pickling raises errors of many types
            raise ValueError(
                f"the study cannot be sent to another process ({raised(error)}): define its functions at the top of a "
                "module, or use threads."
            ) from error
        return PickledStudies(hashlib.sha256(content).hexdigest(), content)


class KnownStudies:
    """Studies of a run in a worker process, and their conditions."""

    def __init__(self, content: bytes) -> None:
        self._studies: Sequence[Study] = pickle.loads(content)
        self._conditions: dict[int, Sequence[Condition]] = {}

    def at(self, place: Place) -> tuple[Study, Condition]:
        """Return study and condition at a place."""
        study, condition = place
        if study not in self._conditions:
            distinct_ones = distinct(self._studies[study].conditions())
            self._conditions[study] = list(map(FrozenCondition, distinct_ones))
        return self._studies[study], self._conditions[study][condition]


_known: dict[str, KnownStudies] = {}


def simulated(study: Study, condition: Condition, seed: int, blocks: Sequence[int], output: Output = TALLIES) -> Work:
    """Simulate blocks and return them in the form of `output`.

    An error in the study is returned, not raised, so that every raised error comes from the workers.
    """
    parts: list[Any] = []
    payloads: list[bytes] = []
    start = time.perf_counter()
    try:
        for block in blocks:
            size = study.size(condition)
            found, failures = sorted_out(study, replicates(study, condition, block, seed), size)
            kept = KeptReplicates.of(found) if output.kept else tally_of(study, condition, found, failures)
            parts.append(kept)
            if output.packed:
                payloads.append(pack(parts[-1]))
    except Exception as error:  # the user's own code may raise anything
        return Work(parts, payloads, error=error)
    seconds = (time.perf_counter() - start) / len(blocks)
    return Work(in_merged_blocks(blocks, parts) if output.merged else parts, payloads, seconds)


def simulated_elsewhere(
    digest: str, content: bytes | None, place: Place, seed: int, blocks: Sequence[int], output: Output
) -> Work | None:
    """Simulate blocks of the condition at this place; None if this process lacks the studies."""
    if digest not in _known:
        content = content or left_with_scheduler(digest)
        if content is None:
            return None
        while len(_known) >= STUDIES_KEPT:
            del _known[next(iter(_known))]
        _known[digest] = KnownStudies(content)
    with single_thread():
        work = simulated(*_known[digest].at(place), seed, blocks, output)
    return replace(work, error=work.error and _portable(work.error))


def _portable(error: Exception) -> Exception:
    """Return the error, or an error with the same message if it cannot be pickled and restored."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # the error's own methods may raise anything
        return RuntimeError(raised(error))
    return error
