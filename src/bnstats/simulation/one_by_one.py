"""Replicates that are simulated one at a time, each with a random stream of its own, and that may fail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bnstats._checks.values import shown

REASON = "failure_reason"
"""Name under which `simulate` returns why replicates failed: a text for each replicate, empty if it did not fail."""


class ReplicateFailed(Exception):  # noqa: N818, a replicate that failed is no error of the study
    """Failure of one replicate, raised by `Study.simulate_one`; its message is the reason.

    Examples
    --------
    >>> raise ReplicateFailed("did not converge")
    Traceback (most recent call last):
    bnstats.simulation.one_by_one.ReplicateFailed: did not converge
    """


def one_by_one(
    simulate_one: Callable[[Any, Generator], Mapping[Any, Any]], condition: Any, rng: Generator, size: int
) -> Mapping[Any, NDArray[Any]]:
    """Return the replicates of a block, from a function of one replicate, with the reasons of those that failed."""
    rows: list[Mapping[Any, Any] | None] = []
    reasons = []
    for own in rng.spawn(size):
        try:
            rows.append(simulate_one(condition, own))
            reasons.append("")
        except ReplicateFailed as error:
            rows.append(None)
            reasons.append(str(error) or "no reason given")
    first = next((row for row in rows if row is not None), None)
    if first is None:
        raise ValueError(
            f"all {size} replicates of a block failed, the first because: {reasons[0]}. Return the failing measure as "
            "NaN from simulate, or let size return more replicates."
        )
    for row in rows:
        if row is not None and (not isinstance(row, Mapping) or row.keys() != first.keys()):
            raise ValueError(
                f"simulate_one returned {shown(row)} and {shown(first)}; return a mapping with the same measures for "
                "each replicate."
            )
    absent = {key: _missing(value) for key, value in first.items()}
    found = {key: np.array([absent[key] if row is None else row[key] for row in rows]) for key in first}
    return {**found, REASON: np.array(reasons, dtype=object)}


def _missing(value: Any) -> Any:
    """Return what stands for the value of a replicate that failed: NaN, or False for an event."""
    return False if isinstance(value, bool | np.bool_) else np.full(np.shape(value), np.nan)[()]
