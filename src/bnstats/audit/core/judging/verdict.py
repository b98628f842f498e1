"""The verdict on a model: fine, off or not judged, with a cause only on its own evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bnstats.audit.core.causes import CAUSES
from bnstats.audit.core.causes.cause import Cause, Evidence
from bnstats.audit.core.causes.settings import later_layers_differ
from bnstats.audit.core.history.origin import consistent
from bnstats.audit.core.judging.case import Case
from bnstats.audit.core.judging.limit import QUADRATIC, displacement, limit_gains
from bnstats.audit.core.result import Estimate, Fix, Verdict
from bnstats.audit.core.scoring.intervals import most, sure
from bnstats.audit.core.scoring.trial import count

FIRST = ("batch_statistics_in_evaluation", "not_finite")
"""Causes that are asked before a gap is measured."""

ORIGIN_WORDS = {
    "running": "a running average of batches",
    "averaged": "averages of all batches",
    "pooled": "pooled batches",
    "population": "recalibrated statistics",
}


@dataclass(frozen=True)
class Judgment:
    """Verdict of an audit, with its reason and fix.

    Attributes
    ----------
    verdict, cause, reason, fix, evidence
        See `bnstats.audit.core.judging.findings.Findings`.
    notes : tuple of str
        Sentences beside the reason.
    """

    verdict: Verdict
    cause: str | None
    reason: str
    fix: Fix | None
    evidence: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def judge(case: Case) -> Judgment:
    """Return the verdict, and the cause if there is one with both its evidence and a fix."""
    found = CAUSES["batch_statistics_in_evaluation"].evidence(case)
    if found is not None:
        return _named(case, CAUSES["batch_statistics_in_evaluation"], found)
    if not case.scores("running") or not count(case.scores("running")[case.metric]):
        return Judgment("not_judged", None, "No row can be scored, as outputs are not finite or alike.", None)
    found = CAUSES["not_finite"].evidence(case)
    if found is not None:
        return _named(case, CAUSES["not_finite"], found)
    gains = {kind: case.gain(kind) for kind in case.steps[1:]}
    if any(sure(gained, case.effect) for gained in gains.values()):
        return _cause(case) or _off(case)
    if any(gained.value >= case.effect and gained.low > 0 for gained in gains.values()):
        # Alone that may be chance, as several gains are looked at; a cause's own evidence decides.
        return _cause(case) or _without_gain(case, gains)
    return _eps(case) or _without_gain(case, gains)


def _eps(case: Case) -> Judgment | None:
    """Return the cause that no statistics of the present model repair, if later layers alone do not fit."""
    if not case.usable or not later_layers_differ(case):
        return None
    cause = CAUSES["eps"]
    evidence = cause.evidence(case)
    if evidence is None or cause.remedy is None or not sure(case.gain_of(cause.remedy(case)), case.effect):
        return None
    return _named(case, cause, evidence)


def _without_gain(case: Case, gains: dict[str, Estimate]) -> Judgment:
    """Return fine if a gain of `effect` is excluded of all kinds, else not judged."""
    unit, lost = case.trial.scorers[0].unit, case.bad("running")
    evidence = {f"gain of {kind}": gained.value for kind, gained in gains.items()}
    kind, largest = _largest(gains)
    what = f"{kind.replace('_', ' ').capitalize()} statistics gain {largest} {unit}"
    if any(math.isnan(most(gained)) for gained in gains.values()):
        number = len(case.trial.batches)
        reason = f"{number} {'batch leaves' if number == 1 else 'batches leave'} no interval for a gain."
    elif lost:
        reason = (
            f"{lost} of {count(case.scores('running')[case.metric])} scores are not finite, whichever "
            f"statistics are used; over the others a gain of {largest} {unit} was found."
        )
        evidence["bad scores"] = lost
    elif most(largest) >= case.effect:
        reason = f"{what}, which neither shows nor excludes {case.effect:g}."
        if largest.value < case.effect:
            batches = ((most(largest) - largest.value) / (case.effect - largest.value)) ** 2 * len(case.trial.batches)
            reason += f" About {math.ceil(batches)} batches would tell." if batches < 1e5 else ""
    elif case.unpredicted and case.trial.scorers[0].by_distance:
        reason = (
            f"The model is at chance with running statistics and with those of each batch; other statistics change its "
            f"outputs by {largest} {unit}, which says nothing about what it could be."
        )
    else:
        return _fine_in_the_limit(case, evidence)
    return Judgment("not_judged", None, reason, None, evidence)


def _largest(gains: dict[str, Estimate]) -> tuple[str, Estimate]:
    """Return the gain of which the most is not excluded."""
    return max(gains.items(), key=lambda found: np.nan_to_num(most(found[1]), nan=-math.inf))


def _fine_in_the_limit(case: Case, evidence: dict[str, Any]) -> Judgment:
    """Return fine if statistics from unlimited rows would not gain `effect` either, else not judged."""
    noise, unit = displacement(case), case.trial.scorers[0].unit
    evidence = evidence | {"displacement by noise": noise}
    limits = limit_gains(case) if noise <= QUADRATIC else None
    if limits is None:
        reason = "Too few rows make statistics to try: noise of their own may hide what more rows would gain."
        if QUADRATIC < noise < math.inf:
            reason += f" About {math.ceil((noise / QUADRATIC) ** 2 * len(case.batches))} batches would tell."
        return Judgment("not_judged", None, reason, None, evidence)
    kind, largest = _largest(limits)
    what = f"{kind.replace('_', ' ').capitalize()} statistics of unlimited rows would gain"
    evidence |= {f"gain of {kind} without noise": gained.value for kind, gained in limits.items()}
    if not all(most(gained) < case.effect for gained in limits.values()):
        reason = f"{what} {largest} {unit}, which neither shows nor excludes {case.effect:g}."
        return Judgment("not_judged", None, reason, None, evidence)
    reason = (
        f"{what} {largest.value:.3g} {unit} and with 95 % probability at most {most(largest):.3g}, others less; a gain "
        f"of {case.effect:g} is excluded."
    )
    if origins := consistent(case):
        reason += f" Running statistics are consistent with {' and '.join(ORIGIN_WORDS[o] for o in origins)}."
    return Judgment("fine", None, reason, None, evidence | {"consistent with": origins})


def _largest_step(case: Case) -> tuple[str, Estimate]:
    previous = dict(zip(case.steps[1:], case.steps, strict=False))
    steps = {kind: case.gain(kind, before) for kind, before in previous.items()}
    step = max(steps, key=lambda kind: np.nan_to_num(steps[kind].value, nan=-math.inf))
    return step, steps[step]


def _cause(case: Case) -> Judgment | None:
    """Return the first cause of the largest step that has its own evidence and whose fix closes half of the gap."""
    step, of_step = _largest_step(case)
    for cause in CAUSES.values():
        if step not in cause.steps:
            continue
        evidence = cause.evidence(case)
        if evidence is None:
            continue
        gained = of_step if cause.remedy is None else case.gain_of(cause.remedy(case))
        if case.explains(gained):
            return _named(case, cause, evidence | {"step": step, "gap": case.gap.value})
    return None


def _off(case: Case) -> Judgment:
    """Return a verdict without a cause, with what recalibration brings."""
    step, fix = _largest_step(case)[0], _recalibration(case)
    brought = "no fix that was tried gains" if fix is None else f"{fix.text} was tried and gains {fix.gain}"
    reason = (
        f"Other statistics gain {case.gap} {case.trial.scorers[0].unit}, most of it in the step to {step} statistics. "
        f"No cause has both its evidence and a fix that closes half of that; {brought}."
    )
    return Judgment("off", None, reason, fix, {"step": step, "gap": case.gap.value})


def _named(case: Case, cause: Cause, evidence: Evidence) -> Judgment:
    """Return a verdict with its cause and its fix."""
    evidence = dict(evidence)  # others may have asked for it, too
    text = evidence.pop("text")
    if cause.not_told_from:
        text += f" That cannot be told from {cause.not_told_from}."
    recalibration = None if cause.name == FIRST[0] else _recalibration(case)
    if not cause.fix:
        return Judgment("off", cause.name, text, recalibration, evidence)
    notes: tuple[str, ...] = ()
    if cause.remedy is not None and cause.name == "eps":
        fix = Fix(cause.fix, True, case.gain_of(cause.remedy(case)), None)
    else:
        fix = Fix(cause.fix, False)
        notes = () if recalibration is None else (f"Without it, {recalibration.text} gains {recalibration.gain}.",)
    return Judgment("off", cause.name, text, fix, evidence, notes)


def _recalibration(case: Case) -> Fix | None:
    """Return the recalibration that was tried, if it gained by more than chance or left fewer bad scores."""
    best = case.best
    gained = case.gain(best)
    if not (gained.low > 0 or case.bad(best) < case.bad("running")):
        return None
    kind = "" if best == "population" else f', kind="{best}"'
    return Fix(f"bn.recalibrate(model, loader{kind})", True, gained, best)
