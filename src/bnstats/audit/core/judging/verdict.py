"""The verdict on a model: fine, off or not judged, with a cause only on its own evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bnstats.audit.core.causes import ASKED
from bnstats.audit.core.causes.cause import Cause, Evidence, Stage
from bnstats.audit.core.history.origin import consistent
from bnstats.audit.core.judging.case import Case
from bnstats.audit.core.judging.findings import Estimate, Fix, Verdict, amount
from bnstats.audit.core.judging.limit import QUADRATIC, displacement, limit_gains
from bnstats.audit.core.scoring.intervals import most, sure
from bnstats.audit.core.scoring.trial import count

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
    if (found := _before(case, "scores")) is not None:
        return found
    if not case.scores("running") or not count(case.scores("running")[case.metric]):
        return Judgment(
            "not_judged", None, "No row can be scored: outputs are NaN or infinite, or alike in all rows.", None
        )
    if (found := _before(case, "gap")) is not None:
        return found
    gains = {kind: case.gain(kind) for kind in case.steps[1:]}
    if any(sure(gained, case.effect) for gained in gains.values()):
        return _cause(case) or _off(case)
    if any(gained.value >= case.effect and gained.low > 0 for gained in gains.values()):
        # Alone that may be chance, as several gains are looked at; a cause's own evidence decides.
        return _cause(case) or _without_gain(case, gains)
    return _hidden(case) or _without_gain(case, gains)


def _before(case: Case, stage: Stage) -> Judgment | None:
    """Return the first cause that evidence alone names before a stage."""
    for cause in ASKED:
        if cause.before == stage and (evidence := cause.evidence(case)) is not None:
            return _named(case, cause, evidence)
    return None


def _hidden(case: Case) -> Judgment | None:
    """Return the first cause that spoils all statistics, so that none gains, and whose own fix gains `effect`."""
    for cause in ASKED:
        if cause.sign is None or cause.remedy is None or not cause.sign(case):
            continue
        evidence = cause.evidence(case)
        if evidence is not None and sure(case.gain_of(cause.remedy(case)), case.effect):
            return _named(case, cause, evidence)
    return None


def _without_gain(case: Case, gains: dict[str, Estimate]) -> Judgment:
    """Return fine if a gain of `effect` is excluded of all kinds, else not judged."""
    lost = case.bad("running")
    evidence = {f"gain of {kind}": gained.value for kind, gained in gains.items()}
    kind, largest = _largest(gains)
    gained = largest.text(case.unit)
    if any(math.isnan(most(gain)) for gain in gains.values()):
        number = len(case.trial.batches)
        reason = f"{number} {'batch is' if number == 1 else 'batches are'} too few for an interval of a gain."
    elif lost:
        reason = (
            f"{lost} of {count(case.scores('running')[case.metric])} scores are NaN or infinite with any statistics; "
            f"over the other scores, the largest gain is {gained}."
        )
        evidence["bad scores"] = lost
    elif most(largest) >= case.effect:
        reason = _undecided(case, f"{_of_kind(kind)} gain {gained}")
        if largest.value < case.effect:
            batches = ((most(largest) - largest.value) / (case.effect - largest.value)) ** 2 * len(case.trial.batches)
            reason += f" About {math.ceil(batches)} batches would decide." if batches < 1e5 else ""
    elif case.unpredicted and case.trial.scorers[0].by_distance:
        reason = (
            f"Outputs predict the labels no better than chance, with running and with batch statistics. Other "
            f"statistics change the outputs by {gained}, and no score says if that is better."
        )
    else:
        return _fine_in_the_limit(case, evidence)
    return Judgment("not_judged", None, reason, None, evidence)


def _largest(gains: dict[str, Estimate]) -> tuple[str, Estimate]:
    """Return the gain with the largest upper bound."""
    return max(gains.items(), key=lambda found: np.nan_to_num(most(found[1]), nan=-math.inf))


def _of_kind(kind: str) -> str:
    return f"{kind.replace('_', ' ').capitalize()} statistics"


def _undecided(case: Case, found: str) -> str:
    return f"{found}: a gain of {amount(case.effect, case.unit)} is neither shown nor excluded."


def _fine_in_the_limit(case: Case, evidence: dict[str, Any]) -> Judgment:
    """Return fine if statistics from unlimited rows would not gain `effect` either, else not judged."""
    noise = displacement(case)
    evidence = evidence | {"displacement by noise": noise}
    limits = limit_gains(case) if noise <= QUADRATIC else None
    if limits is None:
        reason = "Too few rows were read: noise in the statistics that are made from them may hide a gain."
        if QUADRATIC < noise < math.inf:
            reason += f" About {math.ceil((noise / QUADRATIC) ** 2 * len(case.batches))} batches would decide."
        return Judgment("not_judged", None, reason, None, evidence)
    kind, largest = _largest(limits)
    evidence |= {f"gain of {kind} without noise": gained.value for kind, gained in limits.items()}
    if not all(most(gained) < case.effect for gained in limits.values()):
        reason = _undecided(case, f"{_of_kind(kind)} of unlimited rows would gain {largest.text(case.unit)}")
        return Judgment("not_judged", None, reason, None, evidence)
    reason = (
        f"{_of_kind(kind)} of unlimited rows would gain {amount(largest.value, case.unit)}, with a one-sided 95 % "
        f"bound of {most(largest):.3g}, and other statistics less: a gain of {case.effect:g} is excluded."
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
    for cause in ASKED:
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
    before = case.steps[case.steps.index(step) - 1]
    brought = " No recalibration that was tried gains." if fix is None else ""
    reason = (
        f"Other statistics gain {case.gap.text(case.unit)}, most of it in the step from {before} to {step} statistics. "
        f"No cause has both its own evidence and a fix that closes half of this gap.{brought}"
    )
    return Judgment("off", None, reason, fix, {"step": step, "gap": case.gap.value})


def _named(case: Case, cause: Cause, evidence: Evidence) -> Judgment:
    """Return a verdict with its cause and its fix."""
    evidence = dict(evidence)  # others may have asked for it, too
    text = evidence.pop("text")
    if cause.alternative:
        text += f" {cause.alternative} would give the same evidence."
    recalibration = None if cause.before == "scores" else _recalibration(case)
    if not cause.fix:
        return Judgment("off", cause.name, text, recalibration, evidence)
    notes: tuple[str, ...] = ()
    if cause.tried and cause.remedy is not None:
        fix = Fix(cause.fix, True, case.gain_of(cause.remedy(case)), None)
    else:
        fix = Fix(cause.fix, False)
        if recalibration is not None and recalibration.gain is not None:
            notes = (f"Without this change, {recalibration.text} gains {recalibration.gain.text(case.unit)}.",)
    return Judgment("off", cause.name, text, fix, evidence, notes)


def _recalibration(case: Case) -> Fix | None:
    """Return the recalibration that was tried, if it gained by more than chance or left fewer bad scores."""
    best = case.best
    gained = case.gain(best)
    if not (gained.low > 0 or case.bad(best) < case.bad("running")):
        return None
    kind = "" if best == "population" else f', kind="{best}"'
    return Fix(f"bn.recalibrate(model, loader{kind})", True, gained, best)
