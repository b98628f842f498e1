"""One block of replicates: how it is simulated, and the error if it fails, with the line that runs it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from bnstats._checks.arrays import plain_array
from bnstats._checks.numbers import seed as checked_seed
from bnstats._checks.numbers import whole
from bnstats._checks.safe_text import raised, text_of
from bnstats._checks.user_code import guarded
from bnstats._checks.values import instance
from bnstats._written import Written
from bnstats.simulation.frozen_condition import FrozenCondition
from bnstats.simulation.streams import digest, stream
from bnstats.simulation.study import Condition, Study


class BlockError(RuntimeError):
    """A block failed; the message names it and has the line that runs it alone.

    Attributes
    ----------
    study : Study
        The study of which that line runs a block.
    """

    def __init__(self, message: str, study: Study) -> None:
        super().__init__(message)
        self.study = study


def run_block(study: Study, *, condition: int, block: int, seed: int = 0) -> Mapping[Any, NDArray[Any]]:
    """Simulate one block of a condition, given by its place in `study.conditions()`, and return its replicates."""
    conditions = instance("study", study, Study, "one of a class derived from bn.Study").conditions()
    place = whole("condition", condition, minimum=0, maximum=len(conditions) - 1)
    return replicates(study, conditions[place], whole("block", block, minimum=0), checked_seed("seed", seed))


def replicates(study: Study, condition: Condition, block: int, seed: int) -> Mapping[Any, NDArray[Any]]:
    """What `study.simulate` returns for this block; ValueError if that is not what a study returns."""
    size, frozen = study.size(condition), FrozenCondition(condition)
    name = f"{type(study).__name__}.simulate"
    returned = guarded(name, study.simulate, frozen, stream(seed, study.stream_of(frozen), block), size)
    if not isinstance(returned, Mapping) or not returned:
        what = "nothing" if returned is None else repr(returned)[:60]
        raise ValueError(f'{name} returned {what}; return a mapping such as {{"error": array of {size} replicates}}.')
    for key, values in returned.items():
        parts = len(key) if isinstance(key, tuple) else 1
        if parts != len(study.key_columns):
            raise ValueError(f"{name} calls a measure {key!r}; a name has a value for each of {study.key_columns}.")
        if not all(_is_plain(part) for part in (key if isinstance(key, tuple) else (key,))):
            raise ValueError(
                f"{name} calls a measure {key!r}; a name is made of str, int, float, bool and None, which a store can "
                "keep: write int(n) for a NumPy integer, and a text for anything else."
            )
        array = plain_array(f"{key!r} of {name}", values)
        if array.ndim == 0 or array.size == 0 or len(array) % size or array.dtype.kind not in "biuf":
            raise ValueError(
                f"{name} returned an array of shape {array.shape} and type {array.dtype} as {key!r}; return one real "
                f"number for each of {size} replicates, shape ({size},)."
            )
    return returned


def _is_plain(part: Any) -> bool:
    """Whether it is the same once it was written as JSON and read again; nan is not even equal to itself."""
    return part is None or (type(part) in (str, int, float, bool) and part == part)


def failure(study: Study, condition: Condition, block: int, seed: int, error: BaseException) -> BlockError:
    """The error to raise for a block that failed with this one."""
    place = [digest(c) for c in study.conditions()].index(digest(condition))
    named = ", ".join(f"{key}={text_of(value, repr)}" for key, value in condition.items())
    written = Written()
    call = f"{written(run_block)}({written(study, 'study')}, condition={place}, block={block}, seed={seed})"
    return BlockError(
        f"block {block} of condition {place} ({named}) failed: {raised(error)}\n"
        f"Run it alone with this line{written.where()}:\n"
        f"{written.line(call)}",
        study,
    )
