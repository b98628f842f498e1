"""Simulation of one block, its tally, and the error of a failed block with the line to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import plain_array
from bnstats._checks.numbers import seed as checked_seed
from bnstats._checks.numbers import whole
from bnstats._checks.safe_text import raised, text_of
from bnstats._checks.user_code import guarded, is_own
from bnstats._checks.values import instance
from bnstats.simulation.checks import check_names, target_of
from bnstats.simulation.condition import FrozenCondition
from bnstats.simulation.failures import OF_FAILURES, failure_key, is_reason
from bnstats.simulation.identity import digest, stream
from bnstats.simulation.replicates.failure_reasons import FailureReasons
from bnstats.simulation.replicates.sample import origin_of
from bnstats.simulation.replicates.tally import Tally
from bnstats.simulation.study import Condition, Study
from bnstats.simulation.summaries.registry import histogram


class BlockError(RuntimeError):
    """Error of a failed block; its message names the block and has the line that runs it alone.

    Parameters
    ----------
    message : str
        Sentence that names the block.
    study : Study
        Study of the failed block.

    Attributes
    ----------
    study : Study
        Study of the failed block; the line calls it `error.study`.
    """

    def __init__(self, message: str, study: Study) -> None:
        super().__init__(message)
        self.study = study

    def __reduce__(self) -> tuple[type[BlockError], tuple[str, Study]]:
        return type(self), (str(self), self.study)


def run_block(study: Study, *, condition: int, block: int, seed: int | SeedSequence = 0) -> Mapping[Any, NDArray[Any]]:
    """Simulate one block of a condition and return its replicates.

    Parameters
    ----------
    study : Study
        Study with the condition.
    condition : int
        Place of the condition in `study.conditions()`, from 0.
    block : int
        Number of the block, from 0.
    seed : int or SeedSequence
        Seed of the run.

    Returns
    -------
    mapping of arrays
        Replicates of each measure, as `study.simulate` returns them.

    Raises
    ------
    ValueError
        If an argument is invalid, or if `study.simulate` returns no mapping of replicates.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Coin(Study):
    ...     def conditions(self):
    ...         return [{"chance": 0.5}]
    ...
    ...     def simulate(self, condition, rng, size):
    ...         return {"heads": rng.random(size) < condition["chance"]}
    >>> run_block(Coin(), condition=0, block=7)["heads"][:5]
    array([ True,  True,  True, False,  True])
    """
    instance("study", study, Study, "one of a class derived from bn.Study")
    check_names(type(study))
    conditions = study.conditions()
    place = whole("condition", condition, minimum=0, maximum=len(conditions) - 1)
    return replicates(study, conditions[place], whole("block", block, minimum=0), checked_seed("seed", seed))


def replicates(study: Study, condition: Condition, block: int, seed: int) -> Mapping[Any, NDArray[Any]]:
    """Return the mapping that `study.simulate` returns for this block; raise ValueError if it is invalid."""
    size, frozen = study.size(condition), FrozenCondition(condition)
    name = f"{type(study).__name__}.simulate"
    returned = guarded(name, study.simulate, frozen, stream(seed, study.stream_of(frozen), block), size)
    if not isinstance(returned, Mapping) or not returned:
        what = "nothing" if returned is None else repr(returned)[:60]
        raise ValueError(f'{name} returned {what}; return a mapping such as {{"error": array of {size} replicates}}.')
    if is_own(study):
        _check_names(name, returned, study.key_columns)
    for key, values in returned.items():
        if is_reason(key, values):
            continue
        array = plain_array(f"{key!r} of {name}", values)
        if array.ndim == 0 or array.size == 0 or len(array) % size or array.dtype.kind not in "biuf":
            raise ValueError(
                f"{name} returned an array of shape {array.shape} and type {array.dtype} as {key!r}; return one real "
                f"number for each of {size} replicates, shape ({size},)."
            )
    return returned


def _check_names(name: str, returned: Mapping[Any, Any], key_columns: tuple[str, ...]) -> None:
    """Raise ValueError for a measure whose name a user's study made of something that a store cannot keep."""
    for key in (key for key, values in returned.items() if not is_reason(key, values)):
        parts = key if isinstance(key, tuple) else (key,)
        if len(parts) != len(key_columns):
            raise ValueError(f"{name} calls a measure {key!r}; a name has a value for each of {key_columns}.")
        if not all(_is_plain(part) for part in parts):
            raise ValueError(
                f"{name} calls a measure {key!r}; a name is made of str, int, float, bool and None, which a store can "
                "keep: write int(n) for a NumPy integer, and a str for any other object."
            )


def _is_plain(part: Any) -> bool:
    """Return True if a value survives JSON unchanged; NaN is not even equal to itself."""
    return part is None or (type(part) in (str, int, float, bool) and part == part)


def tally_of(
    study: Study, condition: Condition, found: Mapping[Any, NDArray[Any]], failures: FailureReasons | None = None
) -> Tally:
    """Return the tally of one block's replicates, each measure with its control variates."""
    parts = {key: key if isinstance(key, tuple) else (key,) for key in found}
    names = {key: study.key_of(part) for key, part in parts.items()}
    failed = None if failures is None else failure_key(study)
    owner = {key: OF_FAILURES if part == failed else study for key, part in parts.items()}
    controls = {key: owner[key].controls(condition, name) for key, name in names.items()}
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
        origin_of(target_of(owner[key], condition, names[key]), np.asarray(values).dtype == np.bool_)
        for key, values in measures.items()
    ]
    return replace(Tally.of(measures, origins, histogram(study.summaries), beside), failures=failures)


def failure(study: Study, condition: Condition, block: int, seed: int, error: BaseException) -> BlockError:
    """Return the error to raise for a block that failed with this exception."""
    place = [digest(c) for c in study.conditions()].index(digest(condition))
    named = ", ".join(f"{key}={text_of(value, repr)}" for key, value in condition.items())
    return BlockError(
        f"block {block} of condition {place} ({named}) failed: {raised(error)}\n"
        "Run it alone with this line, where error is this exception (sys.last_value in an interactive session):\n"
        f"bn.run_block(error.study, condition={place}, block={block}, seed={seed})",
        study,
    )
