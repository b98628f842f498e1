"""Causes in training: noise, small or grouped batches, several distributions in one layer, the stored variance."""

from __future__ import annotations

import numpy as np

from bnstats.audit.core import kinds
from bnstats.audit.core.causes.cause import Evidence, cause, recalibrated
from bnstats.audit.core.causes.grouping import grouping
from bnstats.audit.core.judging.context import AuditContext
from bnstats.statistics.norm_borders import (
    DROPOUT_CHANGE,
    GROUPED,
    NOISY_VARIANCE,
    REGROUPINGS,
    SMALL_BATCH,
    STREAMS_APART,
)


@cause(
    "noise in training, such as dropout, changes what layers normalize",
    "without_noise",
    fix="Move dropout behind the last batch norm, or use less of it, and train anew.",
    alternative="Dropout, drop path and augmentation in the model",
)
def noise_in_training(context: AuditContext) -> Evidence | None:
    """Return evidence that noise of training changes the variance of a layer's input."""
    train, still = (kinds.averaged([seen[k] for k in context.usable], 0) for seen in (context.train, context.still))
    changes = {}
    for name in train:
        if name in still:
            alive = still[name].var > 0
            ratio = np.median(train[name].var[alive] / still[name].var[alive]) if alive.any() else 1.0
            changes[name] = float(ratio - 1)
    changed = {name: c for name, c in changes.items() if abs(c) > DROPOUT_CHANGE}
    if not changed:
        return None
    most = max(changed.values(), key=abs)
    text = (
        f"In {len(changed)} of {len(changes)} layers, noise of training such as dropout changes the variance of the "
        f"input, by up to {100 * most:+.0f} %. Evaluation mode has no such noise."
    )
    return {"text": text, "change of variance": changed}


@cause(
    "batches are too small for precise statistics",
    "population batch",
    fix="Train with larger batches, with statistics synchronized over devices, or with group normalization.",
)
def small_batch(context: AuditContext) -> Evidence | None:
    """Return evidence that batches have few values, or variances that are mostly noise, and no groups of rows."""
    few, spread = {}, {}
    for name in context.running:
        seen = kinds.of_layer([context.still[k] for k in context.usable], name)
        if len(seen) > 1:
            few[name] = float(np.mean([np.mean(m.n) for m in seen]))
            var = np.array([m.var() for m in seen])
            alive = var.mean(axis=0) > 0
            spread[name] = (
                float(np.median(var.std(axis=0, ddof=1)[alive] / var.mean(axis=0)[alive])) if alive.any() else 0
            )
    if not few or (min(few.values()) > SMALL_BATCH and max(spread.values()) <= NOISY_VARIANCE):
        return None
    found = grouping(context)
    if found is not None and found.ratio > GROUPED:
        return None
    text = (
        f"A batch holds {min(few.values()):.3g} values per channel, and its variance has a relative standard deviation "
        f"of up to {100 * max(spread.values()):.0f} %: training normalizes by noisy statistics."
    )
    return {"text": text, "values": few, "spread": spread}


@cause("stored variances are unbiased, and training divides by biased ones", "averaged population", remedy=recalibrated)
def variance_convention(context: AuditContext) -> Evidence | None:
    """Return evidence that stored variances are unbiased, while training's are biased, and that this matters."""
    if context.convention.ddof != 1 or not context.usable:
        return None
    gained = context.gain("biased")
    if not (gained.low > 0 and context.explains(gained)):
        return None
    n = min(float(np.mean(m.n)) for m in context.train[context.usable[0]][next(iter(context.running))])
    text = (
        f"Stored variances are n/(n - 1) times those that training divides by, with n = {n:g} values in the first "
        f"layer. Without this factor, they gain {gained.text(context.unit)}."
    )
    return {"text": text, "values": n, "gain of biased variances": gained.value}


@cause(
    "rows of a batch are more alike than random rows",
    "averaged without_noise population batch",
    fix="Shuffle rows when training.",
)
def grouped_batches(context: AuditContext) -> Evidence | None:
    """Return evidence that batches differ by more than regrouped ones."""
    found = grouping(context)
    if found is None or found.ratio <= GROUPED:
        return None
    text = (
        f"Rows of a batch are more alike than random rows: in layer {found.layer}, the variance of batch means is "
        f"{found.ratio:.3g} times the largest of {REGROUPINGS} random regroupings."
    )
    return {"text": text, "ratio": found.ratio, "layer": found.layer}


@cause(
    "one layer normalizes inputs of several distributions",
    "population batch",
    fix="Give each stream of inputs a batch-norm layer of its own, and train anew.",
)
def several_distributions(context: AuditContext) -> Evidence | None:
    """Return evidence that a layer is called several times, with inputs whose means are apart."""
    apart = {}
    for name in context.running:
        calls = [context.still[k].get(name, ()) for k in context.usable]
        if not calls or min(map(len, calls)) < 2:
            continue
        common = min(map(len, calls))
        means = np.mean([[m.mean for m in c[:common]] for c in calls], axis=0)
        sd = np.sqrt(np.mean([[m.var() for m in c[:common]] for c in calls], axis=(0, 1)) + 1e-30)
        apart[name] = float(np.median(np.ptp(means, axis=0) / sd))
    far = {name: d for name, d in apart.items() if d > STREAMS_APART}
    if not far or not context.gain("batch", "population").value > 0:
        return None
    text = (
        f"In {len(far)} of {len(context.running)} layers, several calls in one pass have inputs whose means are up to "
        f"{max(far.values()):.2g} standard deviations apart, so that no single average fits."
    )
    return {"text": text, "apart": far}
