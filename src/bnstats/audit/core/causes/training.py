"""Causes in training: noise, small or grouped batches, several distributions in one layer, the stored variance."""

from __future__ import annotations

import numpy as np

from bnstats.audit.core import kinds
from bnstats.audit.core.causes.cause import Evidence, cause, recalibrated
from bnstats.audit.core.causes.grouping import grouping
from bnstats.audit.core.judging.case import Case
from bnstats.statistics.norm_borders import DROPOUT_CHANGE, GROUPED, NOISY_VARIANCE, SMALL_BATCH, STREAMS_APART


@cause(
    "without_noise",
    fix="Move dropout behind the last batch norm, or use less of it, and train anew.",
    not_told_from="dropout, drop path, or augmentation in the model",
)
def noise_in_training(case: Case) -> Evidence | None:
    """Variances of a layer's input that differ with and without noise of training."""
    train, still = (kinds.averaged([seen[k] for k in case.usable], 0) for seen in (case.train, case.still))
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
        f"Noise of training, such as dropout, changes the input's variance of {len(changed)} layers, by up to "
        f"{most:+.0%}; in evaluation mode it is not there."
    )
    return {"text": text, "change of variance": changed}


@cause(
    "population batch",
    fix="Train with larger batches, with statistics synchronized over devices, or with group normalization.",
)
def small_batch(case: Case) -> Evidence | None:
    """Few values in a batch, or variances of batches that are mostly noise; batches are not grouped."""
    few, spread = {}, {}
    for name in case.running:
        seen = kinds.of_layer([case.still[k] for k in case.usable], name)
        if len(seen) > 1:
            few[name] = float(np.mean([np.mean(m.n) for m in seen]))
            var = np.array([m.var() for m in seen])
            alive = var.mean(axis=0) > 0
            spread[name] = (
                float(np.median(var.std(axis=0, ddof=1)[alive] / var.mean(axis=0)[alive])) if alive.any() else 0
            )
    if not few or (min(few.values()) > SMALL_BATCH and max(spread.values()) <= NOISY_VARIANCE):
        return None
    found = grouping(case)
    if found is not None and found.ratio > GROUPED:
        return None
    text = (
        f"A batch holds {min(few.values()):.3g} values per channel, and variances of batches spread by up to "
        f"{max(spread.values()):.0%} of their mean: what training normalizes with is mostly noise."
    )
    return {"text": text, "values": few, "spread": spread}


@cause("averaged population", remedy=recalibrated)
def variance_convention(case: Case) -> Evidence | None:
    """Stored variances that are unbiased, which training's are not."""
    if case.convention.ddof != 1 or not case.usable:
        return None
    gained = case.gain("biased")
    if not (gained.low > 0 and case.explains(gained)):
        return None
    n = min(float(np.mean(m.n)) for m in case.train[case.usable[0]][next(iter(case.running))])
    text = f"Stored variances are larger than those that training divides by, by n/(n - 1) in each layer, {n:g} values."
    return {"text": text, "values": n, "gain of biased variances": gained.value}


@cause("averaged without_noise population batch", fix="Shuffle rows when training.")
def grouped_batches(case: Case) -> Evidence | None:
    """Batches that differ by more than regrouped ones."""
    found = grouping(case)
    if found is None or found.ratio <= GROUPED:
        return None
    text = (
        f"Rows of a batch are more alike than random rows: means of batches vary {found.ratio:.3g} times as much as in "
        f"the most of 9 random regroupings, in layer {found.layer}."
    )
    return {"text": text, "ratio": found.ratio, "layer": found.layer}


@cause("population batch", fix="Give each stream a batch-norm layer of its own, and train anew.")
def several_distributions(case: Case) -> Evidence | None:
    """A layer that is called several times, with inputs whose means are apart."""
    apart = {}
    for name in case.running:
        calls = [case.still[k].get(name, ()) for k in case.usable]
        if not calls or min(map(len, calls)) < 2:
            continue
        common = min(map(len, calls))
        means = np.mean([[m.mean for m in c[:common]] for c in calls], axis=0)
        sd = np.sqrt(np.mean([[m.var() for m in c[:common]] for c in calls], axis=(0, 1)) + 1e-30)
        apart[name] = float(np.median(np.ptp(means, axis=0) / sd))
    far = {name: d for name, d in apart.items() if d > STREAMS_APART}
    if not far or not case.gain("batch", "population").value > 0:
        return None
    text = (
        f"{len(far)} layers are called several times in a pass, with inputs whose means are up to "
        f"{max(far.values()):.2g} standard deviations apart: no single average fits."
    )
    return {"text": text, "apart": far}
