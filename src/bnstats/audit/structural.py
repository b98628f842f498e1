"""Causes that stand on their own evidence, whether or not a recalibration closes the gap."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnstats.audit.case import Case, Gap
from bnstats.audit.kinds import Kind
from bnstats.audit.report import Finding

# How many times as much as random batches batches differ in classes, or in rows, if they are grouped.
GROUPED_CLASSES, GROUPED_ROWS = 1.5, 2.0


def advice(kind: str) -> str:
    """The line that recalibrates."""
    return f'bn.recalibrate(model, loader, kind="{kind}")'


def not_finite(case: Case) -> list[Finding]:
    """NaN, infinite or negative statistics, or activations that are not finite."""
    stored, passing = [], []
    for layer in case.layers:
        if layer.running is not None:
            mean, var = layer.running
            fine = np.isfinite(mean).all() and np.isfinite(var).all() and (var >= 0).all()
            stored += [] if fine else [layer.name]
        watched = case.watched.get(layer.name)
        if watched is not None and not (np.isfinite(watched.mean).all() and np.isfinite(watched.var).all()):
            passing.append(layer.name)
    if passing:
        text = f"activations that enter {len(passing)} layers are NaN or infinite, from layer {passing[0]} on."
        mend = "look for NaN in the inputs and for weights that diverged; no statistics mend that."
        return [Finding("not_finite", tuple(passing), text, {"activations": passing, "stored": stored}, np.inf, mend)]
    if stored:
        text = f"running statistics of {len(stored)} layers hold NaN, infinite or negative variances."
        return [Finding("not_finite", tuple(stored), text, {"stored": stored}, np.inf, advice("population"))]
    return []


def mixed_modes(case: Case, gap: Gap) -> tuple[Finding | None, Kind]:
    """Some layers normalize by running statistics while others normalize by the batch."""
    if not case.mixed:
        return None, {}
    names = [layer.name for layer in case.layers if layer.name in case.frozen]
    statistics = gap.only(names)
    gain = gap.gain(statistics)
    text = (
        f"{len(names)} of {len(case.layers)} layers are in evaluation mode while the others train: their running "
        f"statistics are not updated. Recalibrating them alone brings {gain}."
    )
    evidence = {"frozen": names, "gain": gain.value, "low": gain.low, "high": gain.high}
    helps = gain.material(case.effect)
    mend = advice(gap.best) if helps else "nothing, if they are frozen on purpose; else model.train() before training."
    cost = gain.value if helps else np.nan
    return Finding("mixed_modes", tuple(names), text, evidence, cost, mend), statistics if helps else {}


def grouped_batches(case: Case, gap: Gap) -> tuple[Finding | None, Kind]:
    """Rows of a batch resemble each other more than random rows do."""
    mixes = case.mixes()
    limits = {"classes": GROUPED_CLASSES, "first layer": GROUPED_ROWS, "deepest layer": GROUPED_ROWS}
    found = {place: mix for place, mix in mixes.items() if mix.ratio > limits[place] and mix.p <= 0.005}
    if not found:
        return None, {}
    gain = gap.gains[gap.best]
    what = "; ".join(f"{place} {mix.ratio:.3g} times (p {mix.p:.2g})" for place, mix in found.items())
    text = (
        f"rows of a batch are more alike than random rows, against which batches differ by: {what}. Statistics of "
        f"shuffled rows bring {gain}; the rest needs training anew."
    )
    evidence: dict[str, Any] = {f"{place} ratio": mix.ratio for place, mix in mixes.items()}
    evidence |= {f"{place} p": mix.p for place, mix in mixes.items()}
    evidence |= {"gain": gain.value, "low": gain.low, "high": gain.high}
    mend = f"shuffle rows when training; until then {advice(gap.best)} with a shuffled loader."
    material = gain.material(case.effect)
    finding = Finding("grouped_batches", tuple(case.live), text, evidence, gain.value if material else np.nan, mend)
    return finding, dict(case.kinds[gap.best]) if material else {}


def dead_channels(case: Case) -> list[Finding]:
    """Channels whose input is the same in every batch."""
    dead = {
        layer.name: int(np.sum(case.watched[layer.name].var.max(axis=(0, 1)) < 1e-3 * layer.eps))
        for layer in case.layers
        if layer.name in case.watched and len(case.watched[layer.name].batch)
    }
    dead = {name: count for name, count in dead.items() if count}
    if not dead:
        return []
    text = f"{sum(dead.values())} channels in {len(dead)} layers have no variance: all rows give the same value there."
    mend = "nothing for this gap; such channels can be pruned, and any other input there is amplified by 1/sqrt(eps)."
    return [Finding("dead_channels", tuple(dead), text, {"channels": dead}, 0.0, mend)]


def updated_twice(case: Case) -> list[Finding]:
    """More updates than optimization steps, whose number has to be given."""
    counted = {layer.name: layer.steps / layer.calls for layer in case.layers if layer.steps}
    if not case.options.steps or not counted:
        return []
    ratios = {name: count / case.options.steps for name, count in counted.items() if count / case.options.steps > 1.5}
    if not ratios:
        return []
    text = (
        f"statistics were updated {np.median(list(ratios.values())):.3g} times for each of {case.options.steps} steps, "
        "by a second forward pass in training mode or by gradient checkpointing: the momentum that acts is larger than "
        "the one that is set."
    )
    mend = "run further passes in evaluation mode, or pause the update in them."
    return [Finding("updated_twice", tuple(ratios), text, {"updates per step": ratios}, 0.0, mend)]
