"""Simulation of blocks of a condition, here or in another process, which gets the study once.

A task consists of a few numbers and the digest of the study. A process that does not know this digest asks Dask's
scheduler, if there is one, where the client left the study. Otherwise it returns None, and the task is sent again with
the study. The process keeps the study.
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

# Studies that a worker process keeps, because several runs may use it in turn.
STUDIES_KEPT = 4

_known: dict[str, tuple[Study, Sequence[Condition]]] = {}


@dataclass(frozen=True)
class Work:
    """Result of a task.

    Attributes
    ----------
    tallies : list of Tally or Accumulator
        Tallies of its blocks, or accumulators of BLOCKS_MERGED of them. If a block failed, those of the earlier blocks.
    payloads : list of bytes
        Packed tally of each finished block, if there is a store.
    seconds : float
        Seconds per block.
    error : Exception, optional
        Exception of the next block.
    """

    tallies: Sequence[Tally | Accumulator]
    payloads: Sequence[bytes] = ()
    seconds: float = 0.0
    error: Exception | None = None


@dataclass(frozen=True)
class PickledStudy:
    """Pickled study with its digest; the other process makes the conditions from the study again."""

    digest: str
    content: bytes = field(repr=False)

    @staticmethod
    def of(study: Study, by_value: bool) -> PickledStudy:
        """Return the pickled study; `by_value` includes a script's classes, for workers that cannot import it."""
        try:
            if by_value:
                import cloudpickle

                content = cloudpickle.dumps(study)
            else:
                content = pickle.dumps(study)
        except Exception as error:  # pickling raises errors of many types
            raise ValueError(
                f"the study cannot be sent to another process ({raised(error)}): define its functions at the top of a "
                "module, or use threads."
            ) from error
        return PickledStudy(hashlib.sha256(content).hexdigest(), content)


def simulated(
    study: Study, condition: Condition, seed: int, blocks: Sequence[int], merged: bool = False, packed: bool = False
) -> Work:
    """Simulate blocks and return their tallies, merged in groups if `merged`, and packed if `packed`.

    An error in the study is returned, not raised, so that every raised error comes from the workers.
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
    """Return the tally of one block's replicates, each measure with its control variates."""
    names = {key: study.key_of(key if isinstance(key, tuple) else (key,)) for key in found}
    controls = {key: study.controls(condition, name) for key, name in names.items()}
    beside_others = set().union(*controls.values())
    measures = {key: values for key, values in found.items() if names[key] not in beside_others}
    beside: dict[Any, tuple[FloatArray, ...]] = {}
    for key, values in measures.items():
        names_of_controls = controls[key]
        if any(control not in found or found[control].size != values.size for control in names_of_controls):
            raise ValueError(
                f"{type(study).__name__}.controls names {names_of_controls} for {key!r}; return as many replicates of "
                "each control variate as of that measure."
            )
        if names_of_controls:
            beside[key] = tuple(np.ascontiguousarray(found[name], np.float64).ravel() for name in names_of_controls)
    origins = [
        origin_of(target_of(study, condition, names[key]), np.asarray(values).dtype == np.bool_)
        for key, values in measures.items()
    ]
    return Tally.of(measures, origins, histogram(study.summaries), beside)


def attempted(study: Study, block: int, seed: int) -> Mapping[Any, NDArray[Any]] | Exception:
    """Return the replicates of a block of the first condition, or the exception of the study."""
    with single_thread():
        try:
            found = replicates(study, study.conditions()[0], block, seed)
            # Copies, because a study may fill the same arrays again while these wait.
            return {key: np.array(values) for key, values in found.items()}
        except Exception as error:  # the user's own code may raise anything
            return _portable(error)


def simulated_elsewhere(
    digest: str, content: bytes | None, place: int, seed: int, blocks: Sequence[int], merged: bool, packed: bool
) -> Work | None:
    """Simulate blocks of the distinct condition at this place; None if this process lacks the study."""
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
    """Return the study that a client of Dask left with the scheduler under its digest; None without Dask.

    Without it, a worker that joins a run would return all waiting tasks at once, undone.
    """
    dask = sys.modules.get("distributed")
    try:
        if dask is None or dask.get_worker() is None:
            return None
        content: bytes | None = dask.get_client().get_metadata(place_of(digest), default=None)
    except (
        ValueError,
        OSError,
        RuntimeError,
    ):  # without a worker, connection or client, the study is sent again
        return None
    return content


def place_of(digest: str) -> list[str]:
    """Return the key, in the scheduler's metadata, of the study with this digest."""
    return ["bnstats", digest]


def _portable(error: Exception) -> Exception:
    """Return the error, or an error with the same message if it cannot be pickled and restored."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # the error's own methods may raise anything
        return RuntimeError(raised(error))
    return error
