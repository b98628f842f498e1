"""A cause: when it is asked, its evidence, its fix, and what else would give the same evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from bnstats.audit.core.judging.context import AuditContext
from bnstats.audit.core.kinds import LayerStatistics

Evidence = dict[str, Any]

Remedy = Callable[[AuditContext], list[LayerStatistics]]

Stage = Literal["scores", "gap", ""]


@dataclass(frozen=True)
class Cause:
    """A cause of a gap, which is named on its own evidence and only if its fix closes at least half of the gap.

    Attributes
    ----------
    name : str
        Name in `Audit.cause`.
    title : str
        Clause in plain words, the first line of a report.
    steps : tuple of str
        Steps of the gap that the cause explains; the largest step decides which causes are asked.
    evidence : callable (context) -> dict or None
        Numbers that only this cause shows, and under "text" a plain sentence; None where they are missing.
    fix : str
        The change of training or model, or "" where the fix is a recalibration.
    remedy : callable (context) -> list of statistics, or None
        Statistics for each fold that have to close half of the gap; None where only training can, and the step of the
        gap has to be half of it.
    tried : bool
        True if `remedy` has the effect of `fix`, so that its gain is that of the fix.
    alternative : str
        What else would give the same evidence, a noun phrase; "" if nothing would.
    before : str
        "scores" or "gap" if evidence alone names the cause, before any score or gap is measured.
    sign : callable (context) -> bool, or None
        Sign on which the cause is asked where no statistics gain, as it spoils all of them; None if it does not.
    """

    name: str
    title: str
    steps: tuple[str, ...]
    evidence: Callable[[AuditContext], Evidence | None]
    fix: str = ""
    remedy: Remedy | None = None
    tried: bool = False
    alternative: str = ""
    before: Stage = ""
    sign: Callable[[AuditContext], bool] | None = None


def cause(title: str, steps: str = "", **declared: Any) -> Callable[[Callable[[AuditContext], Evidence | None]], Cause]:
    """Return what makes a cause of a function that finds its evidence, which has the cause's name; see `Cause`."""
    return lambda evidence: Cause(evidence.__name__, title, tuple(steps.split()), evidence, **declared)


def recalibrated(context: AuditContext) -> list[LayerStatistics]:
    """Return the best kind of statistics, for each fold."""
    return context.made(context.best)
