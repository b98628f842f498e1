"""Causes in the history of running statistics: updates that are missing, too few, too old, too noisy, or of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bnstats.audit.core import kinds
from bnstats.audit.core.causes.cause import Evidence, cause, recalibrated
from bnstats.audit.core.causes.few_batches import average_of_few
from bnstats.audit.core.history import origin
from bnstats.audit.core.judging.context import AuditContext
from bnstats.audit.core.kinds import LayerStatistics
from bnstats.statistics.norm_borders import OTHER_FRAMEWORK

# Error of a measured rate.
MEASURED = 0.005
# Distance of statistics at two weights that makes them different, in standard deviations of normalized values.
MOVED = 0.05


def _only(context: AuditContext, layers: Sequence[str], kind: str) -> list[LayerStatistics]:
    """Return statistics of some layers alone, as the others have statistics of their own."""
    return [{name: made[name] for name in layers if name in made} for made in context.made(kind)]


@cause(
    "running statistics were never updated",
    "averaged without_noise population batch",
    remedy=lambda context: _only(context, context.at_start, context.best),
    alternative="Trained statistics that were not loaded",
)
def never_updated(context: AuditContext) -> Evidence | None:
    """Return evidence that running statistics are still the start values."""
    if not context.at_start:
        return None
    mean, var = context.convention.start
    text = (
        f"In {len(context.at_start)} of {len(context.running)} layers, running statistics are start values, mean "
        f"{mean:g} and variance {var:g}."
    )
    return {"text": text, "layers": context.at_start}


@cause(
    "the start values still weigh in the running statistics",
    "averaged",
    remedy=recalibrated,
    alternative="Batches early in training that still count",
)
def start_remains(context: AuditContext) -> Evidence | None:
    """Return evidence that start values still weigh something, and that removing them closes half of the gap."""
    weights = context.start_left
    if not weights:
        return None
    gained = context.gain("debiased")
    if not context.explains(gained):
        return None
    most = max(weights.values())
    text = (
        f"The start values have a weight of up to {100 * most:.3g} % in the running statistics; removing them gains "
        f"{gained.text(context.unit)}."
    )
    return {"text": text, "start weight": weights, "gain without start values": gained.value}


@cause(
    "running statistics do not fit the present weights",
    "averaged",
    remedy=recalibrated,
    alternative="Statistics of other data",
)
def stale(context: AuditContext) -> Evidence | None:
    """Return evidence that no batches at these weights give the running statistics, and that averages of them gain."""
    if (
        not origin.rejected(context)
        or origin.of_a_short_batch(context)
        or not context.explains(context.gain("averaged"))
    ):
        return None
    tests = origin.origins(context)
    least = {null: min(t[null].p for t in tests.values() if not np.isnan(t[null].p)) for null in origin.ORIGINS}
    most = max(t["running"].rms_z for t in tests.values() if not np.isnan(t["running"].rms_z))
    text = (
        f"No average of batches at the present weights gives these running statistics: they are up to {most:.3g} "
        f"standard errors off (p at most {max(1e-6, *least.values()):.2g}, for each of four ways to average)."
    )
    return {"text": text, "p": least, "standard errors": most}


@cause("running statistics average too few batches", "averaged", remedy=recalibrated)
def noisy_average(context: AuditContext) -> Evidence | None:
    """Return evidence that random averages of batches resemble the running statistics, and lose as much."""
    return average_of_few(context)


@cause(
    "momentum has the meaning of another framework",
    "averaged",
    fix="Set momentum to 1 - momentum, then train on or recalibrate.",
    remedy=recalibrated,
    alternative="A momentum that was chosen on purpose",
)
def momentum_of_another_framework(context: AuditContext) -> Evidence | None:
    """Return evidence that a training pass replaces nearly all of the statistics, and of the noise that follows."""
    rates = {
        layer.name: 1 - (1 - context.rates.get(layer.name, 0)) ** (1 / max(layer.calls, 1)) for layer in context.layers
    }
    high = {name: rate for name, rate in rates.items() if rate >= OTHER_FRAMEWORK - MEASURED}
    found = average_of_few(context) if high and len(high) >= len(context.frozen) else None
    if found is None:
        return None
    text = (
        f"One training pass replaces {100 * max(high.values()):.3g} % of the running statistics: momentum may be the "
        f"weight of the old value where this framework takes that of the new batch, or the reverse. {found['text']}"
    )
    return found | {"text": text, "rate": max(high.values())}


@cause(
    "running statistics fit the live model's weights, not the averaged ones",
    "averaged",
    remedy=recalibrated,
    alternative="Stale statistics",
)
def averaged_weights(context: AuditContext) -> Evidence | None:
    """Return evidence that running statistics fit the live model's weights and not these."""
    if context.live is None or not context.usable or len(context.live.layers) != len(context.layers):
        return None
    # Layers are matched by their order: Keras numbers the layers of each model that a function builds anew.
    names = {its.name: mine.name for its, mine in zip(context.live.layers, context.layers, strict=True)}
    seen = kinds.observe(context.live, [context.batches[k] for k in context.usable], "train")
    made = {names[n]: s for n, s in kinds.averaged(seen, context.convention.ddof).items()}
    near, far = _far(context, made), _far(context, context.averaged_all)
    own = {names[n]: s for n, s in context.live.get().items() if n in names}
    copied = all(n in own and np.array_equal(own[n].mean, s.mean) for n, s in context.running.items())
    moved = max(origin.apart(context, n, made[n], context.averaged_all[n]) for n in context.averaged_all if n in made)
    if not (far > 2 * near or (copied and moved > MOVED)):
        return None
    how = "are copies of the live model's" if copied else "fit the live model's weights"
    text = (
        f"Running statistics {how}: they are {near:.2g} standard deviations off batches at its weights, and {far:.2g} "
        "off batches at the audited weights."
    )
    return {"text": text, "distance from live": near, "distance": far}


def _far(context: AuditContext, made: LayerStatistics) -> float:
    found = [origin.distance(context, name, made[name]) for name in context.running if name in made]
    return float(np.sqrt(np.mean(np.square(found)))) if found else float("nan")


@cause(
    "frozen layers keep statistics of other weights",
    "averaged population batch",
    fix="Train with the layers in training mode, or keep the weights in front of them fixed.",
    remedy=lambda context: _only(context, context.frozen, "population"),
    alternative="Layers that were frozen on purpose",
)
def frozen_though_trained(context: AuditContext) -> Evidence | None:
    """Return evidence that training passes normalize by running statistics, without updating them."""
    if not context.frozen or not context.use.training:
        return None
    text = (
        f"In {len(context.frozen)} of {len(context.running)} layers, training mode normalizes by the running "
        "statistics and does not update them, and they do not fit the present weights in front of the layers."
    )
    return {"text": text, "layers": context.frozen}


@cause(
    "each batch updates the running statistics twice",
    "averaged",
    fix="Run further passes in evaluation mode, or pause the update in them.",
    remedy=recalibrated,
)
def updated_twice(context: AuditContext) -> Evidence | None:
    """Return evidence that a training pass replaces as much as two updates do, and of the noise that follows."""
    twice: dict[str, Any] = {}
    for layer in context.layers:
        rate, once = context.rates.get(layer.name, np.nan), layer.weight
        if not once or once >= 1:
            continue
        updates = np.log1p(-rate) / np.log1p(-once) if 0 < rate < 1 else np.nan
        two = abs(updates - 2 * layer.calls) < 0.2
        if two or (layer.calls == 2 and _same_calls(context, layer.name)):
            twice[layer.name] = rate
    found = average_of_few(context) if len(twice) > len(context.running) / 2 else None
    if found is None:
        return None
    text = f"One training pass replaces as much of the running statistics as two updates do. {found['text']}"
    return found | {"text": text, "layers": list(twice)}


def _same_calls(context: AuditContext, name: str) -> bool:
    calls = context.train[context.usable[0]].get(name, ()) if context.usable else ()
    return len(calls) == 2 and bool(np.allclose(calls[0].mean, calls[1].mean, rtol=0.05, atol=0.05))
