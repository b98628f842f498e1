"""Findings of an audit, as data: a verdict, a cause with its evidence, a fix that was tried, and tables."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

Verdict = Literal["fine", "off", "not_judged"]
VERDICTS: tuple[Verdict, ...] = ("fine", "off", "not_judged")
"""Fine: no statistics gain `effect`. Off: others gain it. Not judged: the data cannot tell."""


def amount(value: float, unit: str) -> str:
    """Return a number with its unit, in words."""
    return f"{value:.3g} of the {unit}" if unit == "outputs' variance" else f"{value:.3g} {unit}"


@dataclass(frozen=True)
class Estimate:
    """A number with a 95 % confidence interval.

    Attributes
    ----------
    value : float
        Estimate.
    low, high : float
        Ends of the interval; nan where too few batches leave none.
    se : float
        Standard error; nan where there is none.
    df : float
        Degrees of freedom of the standard error.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    se: float = math.nan
    df: float = math.nan

    def text(self, unit: str) -> str:
        """Return the number with its unit and interval.

        >>> Estimate(0.746, 0.7, 0.79).text("nats"), Estimate(0.5).text("outputs' variance")
        ('0.746 nats (95 % interval 0.7 to 0.79)', "0.5 of the outputs' variance")
        """
        known = not (math.isnan(self.low) or math.isnan(self.high))
        interval = f" (95 % interval {self.low:.3g} to {self.high:.3g})" if known else ""
        return amount(self.value, unit) + interval


@dataclass(frozen=True)
class Fix:
    """Line to run, or change of training, for a verdict of "off".

    Attributes
    ----------
    text : str
        The line to run, or the change of training.
    tried : bool
        True if it was set on the copy, as a user would, and scored on batches that it was not made from.
    gain : Estimate or None
        Gain of the trial in the report's unit; None if it was not tried.
    kind : str or None
        Kind of statistics that was tried, as the column `statistics` of the scores names it.
    """

    text: str
    tried: bool
    gain: Estimate | None = None
    kind: str | None = None


@dataclass(frozen=True, eq=False)
class Findings:
    """The content of a report, as data; `bnstats.results.Audit` describes each attribute."""

    verdict: Verdict
    cause: str | None
    reason: str
    fix: Fix | None
    scores: pd.DataFrame
    gap: pd.DataFrame
    layers: pd.DataFrame
    channels: pd.DataFrame
    evidence: dict[str, Any] = field(repr=False)
    notes: tuple[str, ...]
    rows: int
    batches: int
    unit: str
    effect: float
    framework: str
