"""A cause: its evidence, its fix, and what cannot be told from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bnstats.audit.core.judging.case import Case
from bnstats.audit.core.kinds import Kind

Evidence = dict[str, Any]

Remedy = Callable[[Case], list[Kind]]


@dataclass(frozen=True)
class Cause:
    """A cause of a gap, which is named on its own evidence and only if its fix closes at least half of the gap.

    Attributes
    ----------
    name : str
        Name in `Audit.cause`.
    steps : tuple of str
        Steps of the gap that the cause explains; the largest step decides which causes are asked.
    evidence : callable (case) -> dict or None
        Numbers that only this cause shows, and under "text" a plain sentence; None where they are missing.
    fix : str
        The change of training, or "" where the fix is a recalibration.
    remedy : callable (case) -> list of statistics, or None
        Statistics for each fold that have to close half of the gap; None where only training can, and the step of the
        gap has to be half of it.
    not_told_from : str
        Other explanations of the same evidence; "" if there are none.
    """

    name: str
    steps: tuple[str, ...]
    evidence: Callable[[Case], Evidence | None]
    fix: str = ""
    remedy: Remedy | None = None
    not_told_from: str = ""


def cause(
    steps: str, *, fix: str = "", remedy: Remedy | None = None, not_told_from: str = ""
) -> Callable[[Callable[[Case], Evidence | None]], Cause]:
    """Return what makes a cause of a function that finds its evidence, which has the cause's name; see `Cause`."""
    return lambda evidence: Cause(evidence.__name__, tuple(steps.split()), evidence, fix, remedy, not_told_from)


def recalibrated(case: Case) -> list[Kind]:
    """Return the best kind of statistics, for each fold."""
    return case.made(case.best)
