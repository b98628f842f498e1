"""Simulates some blocks of a condition, here or in another process, to which a study and its data are sent once.

A task that is sent has a few numbers and the digest of the study. A process that does not know that digest asks Dask's
scheduler, if it has one, where the client left the study; else it says so, and the task is sent again with the study.
It keeps what it was sent.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._checks.safe_text import raised
from bnstats.simulation.blocks import replicates
from bnstats.simulation.checks import distinct, target_of
from bnstats.simulation.frozen_condition import FrozenCondition
from bnstats.simulation.replicates.accumulator import Accumulator, in_merged_blocks
from bnstats.simulation.replicates.sample import origin_of
from bnstats.simulation.replicates.tally import Tally
from bnstats.simulation.storage.packing import pack
from bnstats.simulation.study import Condition, Study
from bnstats.simulation.summaries import histogram
from bnstats.simulation.workers.single_thread import single_thread

# Studies that a worker process keeps, as several runs may use it in turn.
STUDIES_KEPT = 4

_known: dict[str, tuple[Study, Sequence[Condition]]] = {}


@dataclass(frozen=True)
class Work:
    """The outcome of a task.

    Attributes
    ----------
    tallies : list of Tally or Account
        Of its blocks, or of whole chapters of these; where a block failed, of those before it.
    payloads : list of bytes
        Of each finished block what a store keeps, if there is one.
    seconds : float
        Per block.
    error : Exception, optional
        Why the next block failed.
    """

    tallies: Sequence[Tally | Accumulator]
    payloads: Sequence[bytes] = ()
    seconds: float = 0.0
    error: Exception | None = None


@dataclass(frozen=True)
class PickledStudy:
    """A pickled study and its digest; its conditions are made from it again in the other process."""

    digest: str
    content: bytes = field(repr=False)

    @staticmethod
    def of(study: Study, by_value: bool) -> PickledStudy:
        """With `by_value`, classes and functions of a script are sent too, for workers that cannot import it."""
        try:
            if by_value:
                import cloudpickle

                content = cloudpickle.dumps(study)
            else:
                content = pickle.dumps(study)
        except Exception as error:  # pickling fails with errors of many kinds, and each means the same here
            raise ValueError(
                f"the study cannot be sent to another process ({raised(error)}): define its functions at the top of a "
                "module, or use threads."
            ) from error
        return PickledStudy(hashlib.sha256(content).hexdigest(), content)


def simulated(
    study: Study, condition: Condition, seed: int, blocks: Sequence[int], merged: bool = False, packed: bool = False
) -> Work:
    """The tallies of blocks, in whole chapters if `merged`, and if `packed` what a store keeps of each.

    An error in the study is returned, so that one that is raised comes from the workers.
    """
    tallies: list[Tally] = []
    payloads: list[bytes] = []
    start = time.perf_counter()
    try:
        for block in blocks:
            found = replicates(study, condition, block, seed)
            tallies.append(tally_of(study, condition, found))
            if packed:
                payloads.append(pack(tallies[-1]))
    except Exception as error:  # the user's own code may raise anything
        return Work(tallies, payloads, error=error)
    seconds = (time.perf_counter() - start) / len(blocks)
    return Work(in_merged_blocks(blocks, tallies) if merged else tallies, payloads, seconds)


def tally_of(study: Study, condition: Condition, found: Mapping[Any, NDArray[Any]]) -> Tally:
    """The tally of one block's replicates, each measure beside its control variates."""
    names = {key: study.key_of(key if isinstance(key, tuple) else (key,)) for key in found}
    controls = {key: study.controls(condition, name) for key, name in names.items()}
    beside_others = set().union(*controls.values())
    measures = {key: values for key, values in found.items() if names[key] not in beside_others}
    beside: dict[Any, tuple[FloatArray, ...]] = {}
    for key, values in measures.items():
        wanted = controls[key]
        if any(control not in found or found[control].size != values.size for control in wanted):
            raise ValueError(
                f"{type(study).__name__}.controls names {wanted} for {key!r}; return as many replicates of each of "
                "them as of that measure."
            )
        if wanted:
            beside[key] = tuple(np.ascontiguousarray(found[control], np.float64).ravel() for control in wanted)
    origins = [
        origin_of(target_of(study, condition, names[key]), np.asarray(values).dtype == np.bool_)
        for key, values in measures.items()
    ]
    return Tally.of(measures, origins, histogram(study.summaries), beside)


def attempted(study: Study, block: int, seed: int) -> Mapping[Any, NDArray[Any]] | Exception:
    """Return the replicates of a block of the first condition; an error in the study is returned, as above."""
    with single_thread():
        try:
            found = replicates(study, study.conditions()[0], block, seed)
            # Copies, as a study may fill the same arrays again while these wait.
            return {key: np.array(values) for key, values in found.items()}
        except Exception as error:  # the user's own code may raise anything
            return _portable(error)


def simulated_elsewhere(
    digest: str, content: bytes | None, place: int, seed: int, blocks: Sequence[int], merged: bool, packed: bool
) -> Work | None:
    """Do the same for the distinct condition at that place; None if this process does not know the study."""
    if digest not in _known:
        content = content or _left_with_scheduler(digest)
        if content is None:
            return None
        while len(_known) >= STUDIES_KEPT:
            del _known[next(iter(_known))]
        study = pickle.loads(content)
        _known[digest] = study, list(map(FrozenCondition, distinct(study.conditions())))
    study, conditions = _known[digest]
    with single_thread():
        work = simulated(study, conditions[place], seed, blocks, merged, packed)
    return replace(work, error=work.error and _portable(work.error))


def _left_with_scheduler(digest: str) -> bytes | None:
    """The study that a client of Dask left there under its digest; None elsewhere.

    A worker that joins a run would else give back in no time all tasks that wait, undone.
    """
    dask = sys.modules.get("distributed")
    try:
        if dask is None or dask.get_worker() is None:
            return None
        content: bytes | None = dask.get_client().get_metadata(place_of(digest), default=None)
    except (ValueError, OSError, RuntimeError):  # no worker of Dask, no connection, a closed client: it is sent again
        return None
    return content


def place_of(digest: str) -> list[str]:
    """Where a client of Dask leaves the study with this digest, among the scheduler's metadata."""
    return ["bnstats", digest]


def _portable(error: Exception) -> Exception:
    """The error, or one with the same message if it cannot be pickled and restored."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # the error's own methods may raise anything
        return RuntimeError(raised(error))
    return error
