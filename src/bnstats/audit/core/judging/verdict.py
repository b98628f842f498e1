"""The verdict on a model: fine, off or not judged, with a cause only on its own evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bnstats.audit.core.causes import ASKED
from bnstats.audit.core.causes.cause import Cause, Evidence, Stage
from bnstats.audit.core.history.origin import consistent
from bnstats.audit.core.judging.context import AuditContext
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


def judge(context: AuditContext) -> Judgment:
    """Return the verdict, and the cause if there is one with both its evidence and a fix."""
    if (found := _before(context, "scores")) is not None:
        return found
    if not context.scores("running") or not count(context.scores("running")[context.metric]):
        return Judgment(
            "not_judged", None, "No row can be scored: outputs are NaN or infinite, or alike in all rows.", None
        )
    if (found := _before(context, "gap")) is not None:
        return found
    gains = {kind: context.gain(kind) for kind in context.steps[1:]}
    if any(sure(gained, context.effect) for gained in gains.values()):
        return _cause(context) or _off(context)
    if any(gained.value >= context.effect and gained.low > 0 for gained in gains.values()):
        # Alone that may be chance, as several gains are looked at; a cause's own evidence decides.
        return _cause(context) or _without_gain(context, gains)
    return _hidden(context) or _without_gain(context, gains)


def _before(context: AuditContext, stage: Stage) -> Judgment | None:
    """Return the first cause that evidence alone names before a stage."""
    for cause in ASKED:
        if cause.before == stage and (evidence := cause.evidence(context)) is not None:
            return _named(context, cause, evidence)
    return None


def _hidden(context: AuditContext) -> Judgment | None:
    """Return the first cause that spoils all statistics, so that none gains, and whose own fix gains `effect`."""
    for cause in ASKED:
        if cause.sign is None or cause.remedy is None or not cause.sign(context):
            continue
        evidence = cause.evidence(context)
        if evidence is not None and sure(context.gain_of(cause.remedy(context)), context.effect):
            return _named(context, cause, evidence)
    return None


def _without_gain(context: AuditContext, gains: dict[str, Estimate]) -> Judgment:
    """Return fine if a gain of `effect` is excluded of all kinds, else not judged."""
    lost = context.bad("running")
    evidence = {f"gain of {kind}": gained.value for kind, gained in gains.items()}
    kind, largest = _largest(gains)
    gained = largest.text(context.unit)
    if any(math.isnan(most(gain)) for gain in gains.values()):
        number = len(context.trial.batches)
        reason = f"{number} {'batch is' if number == 1 else 'batches are'} too few for an interval of a gain."
    elif lost:
        reason = (
            f"{lost} of {count(context.scores('running')[context.metric])} scores are NaN or infinite with any "
            f"statistics; over the other scores, the largest gain is {gained}."
        )
        evidence["bad scores"] = lost
    elif most(largest) >= context.effect:
        reason = _undecided(context, f"{_of_kind(kind)} gain {gained}")
        if largest.value < context.effect:
            batches = ((most(largest) - largest.value) / (context.effect - largest.value)) ** 2 * len(
                context.trial.batches
            )
            reason += f" About {math.ceil(batches)} batches would decide." if batches < 1e5 else ""
    elif context.unpredicted and context.trial.scorers[0].by_distance:
        reason = (
            f"Outputs predict the labels no better than chance, with running and with batch statistics. Other "
            f"statistics change the outputs by {gained}, and no score says if that is better."
        )
    else:
        return _fine_in_the_limit(context, evidence)
    return Judgment("not_judged", None, reason, None, evidence)


def _largest(gains: dict[str, Estimate]) -> tuple[str, Estimate]:
    """Return the gain with the largest upper bound."""
    return max(gains.items(), key=lambda found: np.nan_to_num(most(found[1]), nan=-math.inf))


def _of_kind(kind: str) -> str:
    return f"{kind.replace('_', ' ').capitalize()} statistics"


def _undecided(context: AuditContext, found: str) -> str:
    return f"{found}: a gain of {amount(context.effect, context.unit)} is neither shown nor excluded."


def _fine_in_the_limit(context: AuditContext, evidence: dict[str, Any]) -> Judgment:
    """Return fine if statistics from unlimited rows would not gain `effect` either, else not judged."""
    noise = displacement(context)
    evidence = evidence | {"displacement by noise": noise}
    limits = limit_gains(context) if noise <= QUADRATIC else None
    if limits is None:
        reason = "Too few rows were read: noise in the statistics that are made from them may hide a gain."
        if QUADRATIC < noise < math.inf:
            reason += f" About {math.ceil((noise / QUADRATIC) ** 2 * len(context.batches))} batches would decide."
        return Judgment("not_judged", None, reason, None, evidence)
    kind, largest = _largest(limits)
    evidence |= {f"gain of {kind} without noise": gained.value for kind, gained in limits.items()}
    if not all(most(gained) < context.effect for gained in limits.values()):
        reason = _undecided(context, f"{_of_kind(kind)} of unlimited rows would gain {largest.text(context.unit)}")
        return Judgment("not_judged", None, reason, None, evidence)
    reason = (
        f"{_of_kind(kind)} of unlimited rows would gain {amount(largest.value, context.unit)}, with a one-sided 95 % "
        f"bound of {most(largest):.3g}, and other statistics less: a gain of {context.effect:g} is excluded."
    )
    if origins := consistent(context):
        *others, last = (ORIGIN_WORDS[origin] for origin in origins)
        reason += f" Running statistics are consistent with {' and '.join(filter(None, [', '.join(others), last]))}."
    return Judgment("fine", None, reason, None, evidence | {"consistent with": origins})


def _largest_step(context: AuditContext) -> tuple[str, Estimate]:
    previous = dict(zip(context.steps[1:], context.steps, strict=False))
    steps = {kind: context.gain(kind, before) for kind, before in previous.items()}
    step = max(steps, key=lambda kind: np.nan_to_num(steps[kind].value, nan=-math.inf))
    return step, steps[step]


def _cause(context: AuditContext) -> Judgment | None:
    """Return the first cause of the largest step that has its own evidence and whose fix closes half of the gap."""
    step, of_step = _largest_step(context)
    for cause in ASKED:
        if step not in cause.steps:
            continue
        evidence = cause.evidence(context)
        if evidence is None:
            continue
        gained = of_step if cause.remedy is None else context.gain_of(cause.remedy(context))
        if context.explains(gained):
            return _named(context, cause, evidence | {"step": step, "gap": context.gap.value})
    return None


def _off(context: AuditContext) -> Judgment:
    """Return a verdict without a cause, with what recalibration brings."""
    step, fix = _largest_step(context)[0], _recalibration(context)
    before = context.steps[context.steps.index(step) - 1]
    brought = " No recalibration that was tried gains." if fix is None else ""
    reason = (
        f"Other statistics gain {context.gap.text(context.unit)}, most of it in the step from {before} to {step} "
        f"statistics. No cause has both its own evidence and a fix that closes half of this gap.{brought}"
    )
    return Judgment("off", None, reason, fix, {"step": step, "gap": context.gap.value})


def _named(context: AuditContext, cause: Cause, evidence: Evidence) -> Judgment:
    """Return a verdict with its cause and its fix."""
    evidence = dict(evidence)  # others may have asked for it, too
    text = evidence.pop("text")
    if cause.alternative:
        text += f" {cause.alternative} would give the same evidence."
    recalibration = None if cause.before == "scores" else _recalibration(context)
    if not cause.fix:
        return Judgment("off", cause.name, text, recalibration, evidence)
    notes: tuple[str, ...] = ()
    if cause.tried and cause.remedy is not None:
        fix = Fix(cause.fix, True, context.gain_of(cause.remedy(context)), None)
    else:
        fix = Fix(cause.fix, False)
        if recalibration is not None and recalibration.gain is not None:
            notes = (f"Without this change, {recalibration.text} gains {recalibration.gain.text(context.unit)}.",)
    return Judgment("off", cause.name, text, fix, evidence, notes)


def _recalibration(context: AuditContext) -> Fix | None:
    """Return the recalibration that was tried, if it gained by more than chance or left fewer bad scores."""
    best = context.best
    gained = context.gain(best)
    if not (gained.low > 0 or context.bad(best) < context.bad("running")):
        return None
    kind = "" if best == "population" else f', kind="{best}"'
    return Fix(f"bn.recalibrate(model, loader{kind})", True, gained, best)
