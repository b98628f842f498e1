"""Causes of a gap that a recalibration closes: the first that fits is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bnstats.audit.case import Gap
from bnstats.audit.null import compare
from bnstats.audit.report import Finding
from bnstats.audit.span import residual
from bnstats.audit.structural import advice

# Root mean square z of a layer that is as expected.
LOW_Z = 2.0
# How often chance may name a layer that is not off.
FALSE_ALARM = 0.05
# What other implementations add to the variance.
USUAL_EPS = (1e-5, 1e-3, 1e-2, 1e-1, 1e-4, 1e-6, 1e-8)
# Relative spread of batch variances, and values in a batch, that make a batch small.
NOISY_SPREAD, FEW_VALUES = 0.7, 4
# Relative change of a variance by dropout that matters.
DROPOUT_CHANGE = 0.05
# Weight of start values that matters.
START_WEIGHT = 0.01

Named = tuple[str, list[str], str, dict[str, Any]]


def gap_findings(gap: Gap, deep: int = 0) -> list[Finding]:
    """The cause of a gap that a recalibration closes, and of what remains when the layers concerned are mended."""
    if not gap.material or deep > 2:
        return []
    for rule in RULES:
        named = rule(gap)
        if named is None:
            continue
        cause, names, text, evidence = named
        part = gap.only(names)
        if cause == "eps_mismatch":
            gain, mend = (
                gap.gain({}, dict.fromkeys(names, float(evidence["eps"]))),
                f"set eps to {evidence['eps']:g} again.",
            )
        else:
            gain, mend = gap.alone_or_last(part), advice(gap.best)
        if not gain.material(gap.case.effect):
            continue
        evidence |= {"gain": gain.value, "low": gain.low, "high": gain.high, "t": gain.t}
        text = f"{text} Its mend brings {gain}."
        finding = Finding(cause, tuple(names), text, evidence, gain.value, mend)
        rest = [] if cause == "eps_mismatch" else gap_findings(Gap(gap.case, gap.bench, gap.applied | part), deep + 1)
        return [finding, *rest]
    return []


def never_updated(gap: Gap) -> Named | None:
    """Running statistics that are still the start values."""
    names = [layer.name for layer in gap.case.layers if layer.at_start and layer.name not in gap.applied]
    if not names:
        return None
    text = f"running statistics of {len(names)} layers are their start values 0 and 1: never updated, or not loaded."
    return "never_updated", names, text, {"steps": [x.steps for x in gap.case.layers if x.name in names]}


def start_remains(gap: Gap) -> Named | None:
    """Few updates at a small momentum."""
    weights = {
        name: gap.case.compared[name].start for name in left(gap) if gap.case.compared[name].start > START_WEIGHT
    }
    if not weights or not gap.most({name: gap.case.kinds["debiased"][name] for name in weights}):
        return None
    most = max(weights.values())
    text = f"the start values 0 and 1 still weigh up to {most:.2g} in the running statistics: too few updates."
    return "start_remains", left(gap), text, {"start_weight": weights}


def short_batch(gap: Gap) -> Named | None:
    """A last, short batch that came right before the running statistics were saved."""
    case, off = gap.case, significant(gap)
    ended = [x for x in case.layers if x.name in off and x.steps and case.per_epoch and x.steps % case.per_epoch == 0]
    if not case.short or not ended or len(ended) < len(off):
        return None
    short = case.runner.watch(case.short_batches(), training=True, frozen=case.frozen)
    again = {x.name: compare(x, case.watched[x.name], case.seed, last=short[x.name]) for x in ended}
    if any(c is not None and c.p * len(ended) < FALSE_ALARM for c in again.values()):
        return None
    text = (
        f"the last batch of an epoch has {case.short} rows instead of {case.batch_size} and came just before the "
        "running statistics were saved, in which it weighs as much as any other: its noise explains what is off."
    )
    return "short_batch", left(gap), text, {"rows": case.short, "batch_size": case.batch_size, "z": rms(gap)}


def eps_mismatch(gap: Gap) -> Named | None:
    """The first layer is as expected, and all are with another eps."""
    case, names = gap.case, left(gap)
    z = rms(gap)
    if not names or z[names[0]] > LOW_Z or max(z.values()) <= LOW_Z:
        return None
    for eps in USUAL_EPS:
        if all(np.isclose(layer.eps, eps) for layer in case.layers):
            continue
        watched = case.runner.watch(case.full, training=True, frozen=case.frozen, eps=dict.fromkeys(z, eps))
        found = {x.name: compare(x, watched[x.name], case.seed) for x in case.layers if x.name in z}
        if all(c is not None and c.rms < LOW_Z for c in found.values()):
            text = f"running statistics fit an eps of {eps:g} in every layer, not the present one."
            after = {name: c.rms for name, c in found.items() if c is not None}
            return "eps_mismatch", names, text, {"eps": eps, "z": z, "z with it": after}
    return None


def stale(gap: Gap) -> Named | None:
    """More than chance between running statistics and batches at these weights."""
    off, case, z = significant(gap), gap.case, rms(gap)
    # Batches at these weights close the gap, not only what the inference path makes of them.
    if not off or not (gap.most(case.kinds["averaged"]) or gap.most(case.kinds["precise"])):
        return None
    inside = residual(case, off[0]) if off[0] == case.layers[0].name else None
    if inside is None:
        why = (
            "a snapshot cannot distinguish weights that moved on (a lag behind training, averaged weights) from other "
            "data; the loader that training used, or the weights before averaging, would show it"
        )
    elif inside > 1:
        why = "the weights have moved since (a lag behind training, or averaged weights): no data give these means here"
    else:
        why = "they fit these weights but other data than the loader's"
    text = (
        f"running statistics of {len(off)} layers are off by more than chance, from {off[0]} on "
        f"({z[off[0]]:.3g} standard errors); {why}."
    )
    evidence = {"z": z, "p": {n: case.compared[n].p for n in left(gap)}, "first": off[0], "residual": inside}
    return "stale", left(gap), text, evidence


def small_batch(gap: Gap) -> Named | None:
    """Batch statistics that are mostly noise."""
    case = gap.case
    spreads = {name: case.spread(name) for name in left(gap)}
    few = {name: float(case.watched[name].n.mean()) for name in left(gap)}
    if not spreads or (max(spreads.values()) <= NOISY_SPREAD and min(few.values()) > FEW_VALUES):
        return None
    text = (
        f"batches of {case.batch_size} rows: variances of batches spread by up to {max(spreads.values()):.2g} of their "
        "mean, so that what training normalizes with is mostly noise."
    )
    return "small_batch", left(gap), text, {"spread": spreads, "n": few}


def dropout_before(gap: Gap) -> Named | None:
    """Dropout in front of batch norm changes the variance that it sees."""
    case = gap.case
    if not case.runner.drops_out:
        return None
    off = case.runner.watch(case.full, training=False, frozen=case.frozen)
    ratios = {n: float(case.watched[n].var.mean() / max(off[n].var.mean(), 1e-30)) for n in left(gap)}
    changed = [name for name, ratio in ratios.items() if abs(ratio - 1) > DROPOUT_CHANGE]
    if not changed:
        return None
    text = (
        f"dropout in front of {len(changed)} layers multiplies their input's variance by up to "
        f"{max(ratios.values()):.3g} in training; in evaluation it is not there (Li et al. 2018, arXiv 1801.05134)."
    )
    return "dropout_before", left(gap), text, {"variance ratio": ratios}


def last_resort(gap: Gap) -> Named | None:
    """Noise of the average if it explains half of the gap, else what explains more: it or the variance's convention."""
    case, names = gap.case, left(gap)
    best = gap.gains[gap.best].value
    parts = {"noisy_average": gap.gain(case.kinds["averaged"]).value, "variance_convention": gap.gains["biased"].value}
    texts = {
        "noisy_average": "running statistics average too few batches: the noise that their momentum leaves costs this.",
        "variance_convention": "the stored variance is unbiased, training's is not: a factor n/(n - 1) in every layer.",
    }
    shares = {cause: value / best for cause, value in parts.items()}
    cause = "noisy_average" if shares["noisy_average"] > 0.5 else max(shares, key=lambda c: shares[c])
    return cause, names, texts[cause], {"share of the gap": shares, "z": rms(gap)}


RULES: tuple[Callable[[Gap], Named | None], ...] = (
    never_updated, start_remains, eps_mismatch, short_batch, stale, small_batch, dropout_before, last_resort,
)  # fmt: skip


def left(gap: Gap) -> list[str]:
    """Layers that training updates and that no earlier mend has dealt with."""
    return [name for name in gap.case.live if name not in gap.applied]


def rms(gap: Gap) -> dict[str, float]:
    """Root mean square z of these layers."""
    return {name: gap.case.compared[name].rms for name in left(gap)}


def significant(gap: Gap) -> list[str]:
    """Layers that are off by more than chance, all layers taken together."""
    names = left(gap)
    return [name for name in names if gap.case.compared[name].p * len(names) < FALSE_ALARM]
