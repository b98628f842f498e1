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
from bnstats.audit.core.kinds import Kind
from bnstats.audit.core.protocol import Statistics
from bnstats.audit.core.scoring.trial import mean

# Measured rates from here on keep a tenth of the past: what another framework calls a momentum of .9.
OTHER_FRAMEWORK = 0.895
REDRAWS = 6
FEW = 4
# Distance of statistics at two weights that makes them different, in standard deviations of normalized values.
MOVED = 0.05


def of_layers_at_start(case: Case) -> list[Kind]:
    """Return the best statistics of these layers alone, if others have statistics of their own."""
    return [{name: kind[name] for name in case.at_start if name in kind} for kind in case.made(case.best)]


@cause(
    "averaged without_noise population batch",
    remedy=of_layers_at_start,
    not_told_from="statistics that were not loaded",
)
def never_updated(case: Case) -> Evidence | None:
    """Running statistics that are the start values."""
    if not case.at_start:
        return None
    text = f"Running statistics of {len(case.at_start)} of {len(case.running)} layers are the start values."
    return {"text": text, "layers": case.at_start}


@cause("averaged", remedy=recalibrated, not_told_from="weights of early training")
def start_remains(case: Case) -> Evidence | None:
    """Start values that still weigh something, and whose removal gives over half of the gap."""
    weights = case.start_left
    if not weights:
        return None
    gained = case.gain("debiased")
    if not case.explains(gained):
        return None
    most = max(weights.values())
    text = f"The start values still weigh {most:.0%} in the running statistics; without them the gain is {gained}."
    return {"text": text, "start weight": weights, "gain without start values": gained.value}


@cause("averaged", remedy=recalibrated, not_told_from="weights that moved on, or other data")
def stale(case: Case) -> Evidence | None:
    """Running statistics that no batches at these weights can give, and averages of batches that gain."""
    if not origin.rejected(case) or origin.of_a_short_batch(case) or not case.explains(case.gain("averaged")):
        return None
    tests = origin.origins(case)
    least = {null: min(t[null].p for t in tests.values() if not np.isnan(t[null].p)) for null in origin.ORIGINS}
    most = max(t["running"].rms_z for t in tests.values() if not np.isnan(t["running"].rms_z))
    text = (
        f"Running statistics are no average of batches at these weights (p under {max(1e-6, *least.values()):.2g} for "
        f"each of four origins; up to {most:.3g} standard errors)."
    )
    return {"text": text, "p": least, "standard errors": most}


@cause("averaged", remedy=recalibrated)
def noisy_average(case: Case) -> Evidence | None:
    """Running statistics that random averages of batches resemble, in what they are and in what they lose."""
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
        f"Running statistics are an average of batches at these weights, but of as few as {number:.2g}: averages that "
        f"are drawn anew lose {lost:.3g}, too."
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
    "averaged",
    fix="Set the momentum to 1 minus it, and train on or recalibrate.",
    remedy=recalibrated,
    not_told_from="a choice",
)
def momentum_of_another_framework(case: Case) -> Evidence | None:
    """Training passes that replace nearly all of the statistics, and the noise that follows."""
    rates = {layer.name: 1 - (1 - case.rates.get(layer.name, 0)) ** (1 / max(layer.calls, 1)) for layer in case.layers}
    high = {name: rate for name, rate in rates.items() if rate >= OTHER_FRAMEWORK}
    found = _average_of_few(case) if high and len(high) >= len(case.frozen) else None
    if found is None:
        return None
    text = (
        f"A training pass replaces {max(high.values()):.0%} of the running statistics: a momentum that counts the old "
        f"value where this framework counts the new one, or the reverse. {found['text']}"
    )
    return found | {"text": text, "rate": max(high.values())}


@cause("averaged", remedy=recalibrated, not_told_from="stale statistics")
def averaged_weights(case: Case) -> Evidence | None:
    """Running statistics that fit the live model's weights and not these."""
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
    how = "are the live model's own: they are" if copied else "fit the live model's weights: they are"
    text = f"Running statistics {how} {near:.2g} sd off batches at its weights and {far:.2g} sd off batches at these."
    return {"text": text, "distance from live": near, "distance": far}


def _far(case: Case, made: Kind) -> float:
    found = [origin.distance(case, name, made[name]) for name in case.running if name in made]
    return float(np.sqrt(np.mean(np.square(found)))) if found else float("nan")


def of_frozen_layers(case: Case) -> list[Kind]:
    """Return population statistics of frozen layers alone."""
    return [{name: kind[name] for name in case.frozen if name in kind} for kind in case.made("population")]


@cause(
    "averaged population batch",
    fix="Train with the layers in training mode, or keep the weights in front of them fixed.",
    remedy=of_frozen_layers,
    not_told_from="frozen on purpose",
)
def frozen_though_trained(case: Case) -> Evidence | None:
    """Layers that training passes normalize by running statistics, without updating them."""
    if not case.frozen or not case.use.training:
        return None
    text = (
        f"{len(case.frozen)} of {len(case.running)} layers are frozen: in training mode they normalize by running "
        "statistics and do not update them, while the weights in front of them have moved."
    )
    return {"text": text, "layers": case.frozen}


@cause("averaged", fix="Run further passes in evaluation mode, or pause the update in them.", remedy=recalibrated)
def updated_twice(case: Case) -> Evidence | None:
    """A training pass that replaces as much as two updates do, and the noise that follows."""
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
