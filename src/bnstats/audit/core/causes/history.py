"""Causes in the history of running statistics: updates that are missing, too few, too old, too noisy, or of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core import kinds
from bnstats.audit.core.causes.cause import Evidence, cause, recalibrated
from bnstats.audit.core.history import origin
from bnstats.audit.core.history.nulls import draw, exponential_weights, stored_values
from bnstats.audit.core.judging.case import Case, once
from bnstats.audit.core.judging.findings import amount
from bnstats.audit.core.kinds import Kind
from bnstats.audit.core.protocol import Statistics
from bnstats.audit.core.scoring.trial import mean
from bnstats.statistics.norm_borders import OTHER_FRAMEWORK

REDRAWS = 6
FEW = 4
# Error of a measured rate.
MEASURED = 0.005
# Distance of statistics at two weights that makes them different, in standard deviations of normalized values.
MOVED = 0.05


def _only(case: Case, layers: Sequence[str], kind: str) -> list[Kind]:
    """Return statistics of some layers alone, as the others have statistics of their own."""
    return [{name: made[name] for name in layers if name in made} for made in case.made(kind)]


@cause(
    "running statistics were never updated",
    "averaged without_noise population batch",
    remedy=lambda case: _only(case, case.at_start, case.best),
    alternative="Trained statistics that were not loaded",
)
def never_updated(case: Case) -> Evidence | None:
    """Return evidence that running statistics are still the start values."""
    if not case.at_start:
        return None
    mean, var = case.convention.start
    text = (
        f"In {len(case.at_start)} of {len(case.running)} layers, running statistics are start values, mean {mean:g} "
        f"and variance {var:g}."
    )
    return {"text": text, "layers": case.at_start}


@cause(
    "the start values still weigh in the running statistics",
    "averaged",
    remedy=recalibrated,
    alternative="Batches early in training that still count",
)
def start_remains(case: Case) -> Evidence | None:
    """Return evidence that start values still weigh something, and that removing them closes half of the gap."""
    weights = case.start_left
    if not weights:
        return None
    gained = case.gain("debiased")
    if not case.explains(gained):
        return None
    most = max(weights.values())
    text = (
        f"The start values have a weight of up to {100 * most:.3g} % in the running statistics; removing them gains "
        f"{gained.text(case.unit)}."
    )
    return {"text": text, "start weight": weights, "gain without start values": gained.value}


@cause(
    "running statistics do not fit the present weights",
    "averaged",
    remedy=recalibrated,
    alternative="Statistics of other data",
)
def stale(case: Case) -> Evidence | None:
    """Return evidence that no batches at these weights give the running statistics, and that averages of them gain."""
    if not origin.rejected(case) or origin.of_a_short_batch(case) or not case.explains(case.gain("averaged")):
        return None
    tests = origin.origins(case)
    least = {null: min(t[null].p for t in tests.values() if not np.isnan(t[null].p)) for null in origin.ORIGINS}
    most = max(t["running"].rms_z for t in tests.values() if not np.isnan(t["running"].rms_z))
    text = (
        f"No average of batches at the present weights gives these running statistics: they are up to {most:.3g} "
        f"standard errors off (p at most {max(1e-6, *least.values()):.2g}, for each of four ways to average)."
    )
    return {"text": text, "p": least, "standard errors": most}


@cause("running statistics average too few batches", "averaged", remedy=recalibrated)
def noisy_average(case: Case) -> Evidence | None:
    """Return evidence that random averages of batches resemble the running statistics, and lose as much."""
    return _average_of_few(case)


@once
def _average_of_few(case: Case) -> Evidence | None:
    null = next((null for null in ("running", "averaged") if origin.accepted(case, null)), None)
    if null is None:
        return None
    weights = averaging_weights(case, null)
    losses, gained = redrawn_losses(case, weights), case.gain("averaged").value
    lost, number = float(np.mean(losses)), 1 / float(np.square(weights).sum())
    # The model's own average is one draw like these, and draws of few batches differ much.
    if not (max(losses) >= 0.5 * gained or (number < FEW and lost >= 0.25 * gained)):
        return None
    text = (
        f"Running statistics average about {number:.3g} {'batch' if number < 1.005 else 'batches'} at the present "
        f"weights. Averages of as many random batches lose {amount(lost, case.unit)} on average ({min(losses):.3g} to "
        f"{max(losses):.3g} in {REDRAWS} draws)."
    )
    return {"text": text, "batches in the average": number, "loss of redrawn averages": lost}


def averaging_weights(case: Case, null: str) -> FloatArray:
    """Return the weights of batches in the running statistics of the layer that averages the fewest batches."""
    found = [np.ones(1)]
    for name in case.running:
        rate = case.rates.get(name, 0.0)
        if null == "averaged":
            found.append(origin.equal_weights(case, name))
        elif rate > 1e-6:
            weights = exponential_weights(rate, case.passes.get(name))[1]
            found.append(weights / weights.sum())
    return max(found[1:] or found, key=lambda w: float(np.square(w).sum()))


def redrawn_losses(case: Case, weights: FloatArray) -> list[float]:
    """Return what averages of random batches with these weights lose against averages of all batches of a fold."""
    rng, losses = np.random.default_rng(case.seed), []
    best = mean(case.scores("averaged")[case.metric]).value
    for _ in range(REDRAWS):
        scores = case.trial.score([_redrawn(case, case.fit_of(fold), weights, rng) for fold in case.trial.folds])
        losses.append(best - mean(scores[case.metric]).value)
    return losses


def _redrawn(case: Case, fit: Sequence[int], weights: FloatArray, rng: np.random.Generator) -> Kind:
    """Return averages of batches drawn with replacement, the same batches in every layer."""
    drawn = draw(weights, len(fit), 1, rng)[0]
    made: dict[str, Statistics] = {}
    for name in case.running:
        found = [kinds.of_layer([case.train[k]], name) for k in fit]
        if all(found):
            values = np.array([stored_values(of_batch, case.convention.ddof).mean(axis=0) for of_batch in found])
            made[name] = Statistics(*np.split(drawn @ values, 2))
    return made


@cause(
    "momentum has the meaning of another framework",
    "averaged",
    fix="Set momentum to 1 - momentum, then train on or recalibrate.",
    remedy=recalibrated,
    alternative="A momentum that was chosen on purpose",
)
def momentum_of_another_framework(case: Case) -> Evidence | None:
    """Return evidence that a training pass replaces nearly all of the statistics, and of the noise that follows."""
    rates = {layer.name: 1 - (1 - case.rates.get(layer.name, 0)) ** (1 / max(layer.calls, 1)) for layer in case.layers}
    high = {name: rate for name, rate in rates.items() if rate >= OTHER_FRAMEWORK - MEASURED}
    found = _average_of_few(case) if high and len(high) >= len(case.frozen) else None
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
def averaged_weights(case: Case) -> Evidence | None:
    """Return evidence that running statistics fit the live model's weights and not these."""
    if case.live is None or not case.usable or len(case.live.layers) != len(case.layers):
        return None
    # Layers are matched by their order: Keras numbers the layers of each model that a function builds anew.
    names = {its.name: mine.name for its, mine in zip(case.live.layers, case.layers, strict=True)}
    seen = kinds.observe(case.live, [case.batches[k] for k in case.usable], "train")
    made = {names[n]: s for n, s in kinds.averaged(seen, case.convention.ddof).items()}
    near, far = _far(case, made), _far(case, case.averaged_all)
    own = {names[n]: s for n, s in case.live.get().items() if n in names}
    copied = all(n in own and np.array_equal(own[n].mean, s.mean) for n, s in case.running.items())
    moved = max(origin.apart(case, n, made[n], case.averaged_all[n]) for n in case.averaged_all if n in made)
    if not (far > 2 * near or (copied and moved > MOVED)):
        return None
    how = "are copies of the live model's" if copied else "fit the live model's weights"
    text = (
        f"Running statistics {how}: they are {near:.2g} standard deviations off batches at its weights, and {far:.2g} "
        "off batches at the audited weights."
    )
    return {"text": text, "distance from live": near, "distance": far}


def _far(case: Case, made: Kind) -> float:
    found = [origin.distance(case, name, made[name]) for name in case.running if name in made]
    return float(np.sqrt(np.mean(np.square(found)))) if found else float("nan")


@cause(
    "frozen layers keep statistics of other weights",
    "averaged population batch",
    fix="Train with the layers in training mode, or keep the weights in front of them fixed.",
    remedy=lambda case: _only(case, case.frozen, "population"),
    alternative="Layers that were frozen on purpose",
)
def frozen_though_trained(case: Case) -> Evidence | None:
    """Return evidence that training passes normalize by running statistics, without updating them."""
    if not case.frozen or not case.use.training:
        return None
    text = (
        f"In {len(case.frozen)} of {len(case.running)} layers, training mode normalizes by the running statistics and "
        "does not update them, and they do not fit the present weights in front of the layers."
    )
    return {"text": text, "layers": case.frozen}


@cause(
    "each batch updates the running statistics twice",
    "averaged",
    fix="Run further passes in evaluation mode, or pause the update in them.",
    remedy=recalibrated,
)
def updated_twice(case: Case) -> Evidence | None:
    """Return evidence that a training pass replaces as much as two updates do, and of the noise that follows."""
    twice: dict[str, Any] = {}
    for layer in case.layers:
        rate, once = case.rates.get(layer.name, np.nan), layer.weight
        if not once or once >= 1:
            continue
        updates = np.log1p(-rate) / np.log1p(-once) if 0 < rate < 1 else np.nan
        two = abs(updates - 2 * layer.calls) < 0.2
        if two or (layer.calls == 2 and _same_calls(case, layer.name)):
            twice[layer.name] = rate
    found = _average_of_few(case) if len(twice) > len(case.running) / 2 else None
    if found is None:
        return None
    text = f"One training pass replaces as much of the running statistics as two updates do. {found['text']}"
    return found | {"text": text, "layers": list(twice)}


def _same_calls(case: Case, name: str) -> bool:
    calls = case.train[case.usable[0]].get(name, ()) if case.usable else ()
    return len(calls) == 2 and bool(np.allclose(calls[0].mean, calls[1].mean, rtol=0.05, atol=0.05))
