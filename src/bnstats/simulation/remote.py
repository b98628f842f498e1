"""Simulates some blocks of a cell, here or in another process, to which a study and its data are sent once.

A task that is sent has a few numbers and the digest of the study. A process that does not know that digest says so;
the task is sent again with the study, and the process keeps it.
"""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bnstats.simulation.blocks import replicates, text_of
from bnstats.simulation.checks import distinct
from bnstats.simulation.frozen_cell import FrozenCell
from bnstats.simulation.single_thread import single_thread
from bnstats.simulation.study import Cell, Study
from bnstats.simulation.summaries import histogram
from bnstats.simulation.tally import Tally

# Studies that a worker process keeps, as several runs may use it in turn.
STUDIES_KEPT = 4

_known: dict[str, tuple[Study, Sequence[Cell]]] = {}


@dataclass(frozen=True)
class Work:
    """The outcome of a task.

    Attributes
    ----------
    tallies : list of Tally
        Of its blocks, up to the first that failed.
    seconds : float
        Per block.
    error : Exception, optional
        Why the next block failed.
    """

    tallies: list[Tally]
    seconds: float = 0.0
    error: Exception | None = None


@dataclass(frozen=True)
class Parcel:
    """A pickled study and its digest; its cells are made from it again in the other process."""

    digest: str
    content: bytes = field(repr=False)

    @staticmethod
    def of(study: Study, by_value: bool) -> Parcel:
        """With `by_value`, classes and functions of a script are sent too, for workers that cannot import it."""
        try:
            if by_value:
                import cloudpickle

                content = cloudpickle.dumps(study)
            else:
                content = pickle.dumps(study)
        except Exception as error:  # pickling fails with errors of many kinds, and each means the same here
            raise ValueError(
                f"the study cannot be sent to another process ({error}): define its functions at the top of a module, "
                "or use threads."
            ) from error
        return Parcel(hashlib.sha256(content).hexdigest(), content)


def simulated(study: Study, cell: Cell, seed: int, blocks: Sequence[int]) -> Work:
    """The tallies of blocks; an error in the study is returned, so that one that is raised comes from the workers."""
    tallies: list[Tally] = []
    start = time.perf_counter()
    try:
        for block in blocks:
            found = replicates(study, cell, block, seed)
            keys = [study.key_of(key if isinstance(key, tuple) else (key,)) for key in found]
            origins = [study.origin(cell, key) for key in keys]
            tallies.append(Tally.of(found, origins, histogram(study.summaries)))
    except Exception as error:  # the user's own code may raise anything
        return Work(tallies, error=error)
    return Work(tallies, (time.perf_counter() - start) / len(blocks))


def simulated_elsewhere(
    digest: str, content: bytes | None, place: int, seed: int, blocks: Sequence[int]
) -> Work | None:
    """The same for the cell at that place among the distinct ones; None if this process does not know the study."""
    if digest not in _known:
        if content is None:
            return None
        while len(_known) >= STUDIES_KEPT:
            del _known[next(iter(_known))]
        study = pickle.loads(content)
        _known[digest] = study, list(map(FrozenCell, distinct(study.cells())))
    study, cells = _known[digest]
    with single_thread():
        work = simulated(study, cells[place], seed, blocks)
    return Work(work.tallies, work.seconds, work.error and _portable(work.error))


def _portable(error: Exception) -> Exception:
    """The error, or one with the same message if it cannot be pickled and restored."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # the error's own methods may raise anything
        return RuntimeError(f"{type(error).__name__}: {text_of(error, str)}")
    return error
