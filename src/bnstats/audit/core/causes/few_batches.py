"""Averages of few batches: what running statistics would be, and what they lose by the noise of so few."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core import kinds
from bnstats.audit.core.causes.cause import Evidence
from bnstats.audit.core.history import origin
from bnstats.audit.core.history.nulls import draw, exponential_weights, stored_values
from bnstats.audit.core.judging.context import AuditContext, once
from bnstats.audit.core.judging.findings import amount
from bnstats.audit.core.kinds import LayerStatistics
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.audit.core.scoring.trial import mean

# Draws of random averages.
REDRAWS = 6
# Batches below which the losses of draws differ much.
FEW = 4


@once
def average_of_few(context: AuditContext) -> Evidence | None:
    """Return evidence that random averages of as few batches lose as much as the running statistics."""
    null = next((null for null in ("running", "averaged") if origin.accepted(context, null)), None)
    if null is None:
        return None
    weights = averaging_weights(context, null)
    losses, gained = redrawn_losses(context, weights), context.gain("averaged").value
    lost, number = float(np.mean(losses)), 1 / float(np.square(weights).sum())
    # The model's own average is one draw like these, and draws of few batches differ much.
    if not (max(losses) >= 0.5 * gained or (number < FEW and lost >= 0.25 * gained)):
        return None
    text = (
        f"Running statistics average about {number:.3g} {'batch' if number < 1.005 else 'batches'} at the present "
        f"weights. Averages of as many random batches lose {amount(lost, context.unit)} on average ({min(losses):.3g} "
        f"to {max(losses):.3g} in {REDRAWS} draws)."
    )
    return {"text": text, "batches in the average": number, "loss of redrawn averages": lost}


def averaging_weights(context: AuditContext, null: str) -> FloatArray:
    """Return the weights of batches in the running statistics of the layer that averages the fewest batches."""
    found = [np.ones(1)]
    for name in context.running:
        rate = context.rates.get(name, 0.0)
        if null == "averaged":
            found.append(origin.equal_weights(context, name))
        elif rate > 1e-6:
            weights = exponential_weights(rate, context.passes.get(name))[1]
            found.append(weights / weights.sum())
    return max(found[1:] or found, key=lambda w: float(np.square(w).sum()))


def redrawn_losses(context: AuditContext, weights: FloatArray) -> list[float]:
    """Return what averages of random batches with these weights lose against averages of all batches of a fold."""
    rng, losses = np.random.default_rng(context.seed), []
    best = mean(context.scores("averaged")[context.metric]).value
    for _ in range(REDRAWS):
        scores = context.trial.score(
            [_redrawn(context, context.fit_of(fold), weights, rng) for fold in context.trial.folds]
        )
        losses.append(best - mean(scores[context.metric]).value)
    return losses


def _redrawn(
    context: AuditContext, fit: Sequence[int], weights: FloatArray, rng: np.random.Generator
) -> LayerStatistics:
    """Return averages of batches drawn with replacement, the same batches in every layer."""
    drawn = draw(weights, len(fit), 1, rng)[0]
    made: dict[str, ChannelStatistics] = {}
    for name in context.running:
        found = [kinds.of_layer([context.train[k]], name) for k in fit]
        if all(found):
            values = np.array([stored_values(of_batch, context.convention.ddof).mean(axis=0) for of_batch in found])
            made[name] = ChannelStatistics(*np.split(drawn @ values, 2))
    return made
