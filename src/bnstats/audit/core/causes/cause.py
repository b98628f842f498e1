"""A cause: its evidence, its fix, and what cannot be told from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Evidence = dict[str, Any]


@dataclass(frozen=True)
class Cause:
    """A cause of a gap, which is named on its own evidence and only if its fix closes at least half of the gap.

    Attributes
    ----------
    name : str
        Name in `Audit.cause`.
    meaning : str
        A plain sentence.
    steps : tuple of str
        Steps of the gap that the cause explains; the largest step decides which causes are asked.
    evidence : callable (case) -> dict or None
        Numbers that only this cause shows; None where they are missing. The key "text" is a plain sentence.
    fix : str
        The line to run, the change of training, or "" where nothing helps.
    recalibrates : bool
        True if the fix is a recalibration, which is tried.
    not_told_from : str
        Other explanations of the same evidence; "" if there are none.
    """

    name: str
    meaning: str
    steps: tuple[str, ...]
    evidence: Callable[[Any], Evidence | None]
    fix: str
    recalibrates: bool
    not_told_from: str
