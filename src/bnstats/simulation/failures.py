"""Replicates that failed: they are counted by reason, and all other numbers are of the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.terminal import escaped
from bnstats.simulation.one_by_one import REASON
from bnstats.simulation.replicates.failure_reasons import FailureReasons, counted
from bnstats.simulation.study import Condition, Study

FAILURE_RATE = "failure_rate"
"""Measure that is the proportion of replicates that failed."""
LONGEST_REASON = 200
"""Characters of a reason, at most."""


class TooManyFailures(RuntimeError):  # noqa: N818, named after what it reports
    """End of a run because more replicates failed than `max_failures` allows."""


@dataclass(frozen=True)
class FailureRate(Study):
    """The measure of failures, which a user's methods are not asked about."""

    summaries: ClassVar = (FAILURE_RATE,)

    def conditions(self) -> Sequence[Condition]:
        return []

    def precision_required(self, condition: Condition, key: Any, summary: str) -> bool:
        return False


OF_FAILURES = FailureRate()


def failure_key(study: Study) -> tuple[Any, ...]:
    """Return the name of the measure of failures, in all parts."""
    return (FAILURE_RATE, *[None] * (len(study.key_columns) - 1))


def is_reason(key: Any, values: Any) -> bool:
    """Return True for the reasons of failures among the arrays that `simulate` returns."""
    return key == REASON and np.asarray(values).dtype.kind in "OU"


def sorted_out(
    study: Study, found: Mapping[Any, NDArray[Any]], size: int
) -> tuple[Mapping[Any, NDArray[Any]], FailureReasons | None]:
    """Return the replicates that did not fail, with the measure of failures, and how often each reason occurs.

    The reasons are None, and the mapping is unchanged, if the study returns no reasons.
    """
    if not any(is_reason(key, values) for key, values in found.items()):
        return found, None
    name = f"{type(study).__name__}.simulate"
    reasons = [text if isinstance(text, str) else "" if _is_absent(text) else str(text) for text in found[REASON]]
    measures = {key: np.asarray(values) for key, values in found.items() if key != REASON}
    lengths = {len(reasons), *map(len, measures.values())}
    if lengths != {size}:
        raise ValueError(
            f"{name} returned {REASON} beside arrays of {sorted(lengths)} replicates; where replicates may fail, "
            f"return one value of each for each of {size} replicates."
        )
    if failure_key(study) in measures or FAILURE_RATE in measures:
        raise ValueError(f"{name} returned a measure {FAILURE_RATE!r}, which {REASON} makes; give it another name.")
    for values in measures.values():
        missing = np.isnan(values.reshape(size, -1)).any(axis=1) if values.dtype.kind == "f" else np.zeros(size, bool)
        for place in np.flatnonzero(missing):
            reasons[place] = reasons[place] or "NaN"
    failed = np.array([bool(reason) for reason in reasons])
    key = failure_key(study)
    kept = {name: values[~failed] for name, values in measures.items()}
    return {**kept, key if len(key) > 1 else FAILURE_RATE: failed}, counted(Counter(map(_short, filter(None, reasons))))


def _is_absent(reason: Any) -> bool:
    return reason is None or reason != reason


def _short(reason: str) -> str:
    return escaped(" ".join(reason.split()))[:LONGEST_REASON]
