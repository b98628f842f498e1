"""Findings of an audit, as data: a verdict, a cause with its evidence, a fix that was tried, and tables."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

Verdict = Literal["fine", "off", "not_judged"]
VERDICTS: tuple[Verdict, ...] = ("fine", "off", "not_judged")
"""Fine: no statistics gain `effect`. Off: others gain it. Not judged: the data cannot tell."""


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

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


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
    """A model's batch-norm statistics, judged on batches that no statistics were made from.

    Attributes
    ----------
    verdict : str
        "fine", "off" or "not_judged".
    cause : str or None
        One of `CAUSES`; None if no cause has both its own evidence and a fix that closes half of the gap.
    reason : str
        Plain sentences with the evidence.
    fix : Fix or None
        What to do; None if nothing helped, or nothing is needed.
    scores : DataFrame
        One row per metric and kind of statistics (running, averaged, without_noise, population, batch, ...):
        statistics, metric, value, low, high, gain, gain_low, gain_high. A gain is over the running statistics, above 0
        if better. The metric that decides comes first, or the user's own metric if there is one.
    gap : DataFrame
        One row per step from running to batch statistics: step, gain, low, high, in the unit of the deciding metric.
    layers : DataFrame
        One row per layer, in the order of the forward pass: layer, channels, calls, eps, tracks, declared_weight,
        measured_weight, updates, start_weight, at_start, frozen, dead (channels), p_running, p_averaged, p_pooled,
        p_population, distance (displacement from population statistics, in standard deviations of normalized values).
    channels : DataFrame
        One row per layer and channel: layer, channel, running_mean, running_var, averaged_mean, averaged_var,
        population_mean, population_var, dead.
    evidence : dict
        Numbers behind the reason.
    notes : tuple of str
        Sentences: dead channels, layers never called, what was shared with the original, what was put back.
    rows : int
        Rows that were scored.
    batches : int
        Batches that were scored.
    unit : str
        Unit of gains: "nats", "outputs' variance", or the name of the metric or score.
    effect : float
        Largest gain that "fine" excludes, in this unit.
    framework : str
        Name of the framework.
    """

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
