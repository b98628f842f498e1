"""Causes beside the statistics: another eps, other test data."""

from __future__ import annotations

import numpy as np

from bnstats.audit.core import kinds
from bnstats.audit.core.causes.cause import Evidence, cause
from bnstats.audit.core.history.origin import distance
from bnstats.audit.core.judging.context import AuditContext, once
from bnstats.audit.core.kinds import LayerStatistics
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.audit.core.scoring.trial import Fold, Trial, gain, halves
from bnstats.statistics.norm_borders import DISPLACEMENT

USUAL_EPS = (1e-5, 1e-3, 1e-2, 1e-1, 1e-4, 1e-6, 1e-8)
"""Constants of other implementations."""


def later_layers_differ(context: AuditContext) -> bool:
    """Return True if running statistics fit batches in the first layer, whose input no layer normalizes, alone."""
    found = [
        distance(context, name, context.averaged_all[name]) for name in context.running if name in context.averaged_all
    ]
    return _first_alone_fits(found)


def _first_alone_fits(found: list[float]) -> bool:
    return len(found) > 1 and found[0] < DISPLACEMENT < max(found[1:]) and 2 * found[0] < max(found[1:])


def with_eps(context: AuditContext, eps: float) -> LayerStatistics:
    """Return running statistics that normalize as the present ones with another eps would."""
    declared = {layer.name: layer.eps for layer in context.layers}
    return {n: ChannelStatistics(s.mean, np.maximum(s.var + eps - declared[n], 0)) for n, s in context.running.items()}


def _misfits(context: AuditContext, given: LayerStatistics) -> list[float]:
    """Return how far inputs along the inference path are from the running statistics, layer by layer."""
    with kinds.kept(context.model, given):
        made = kinds.pooled(kinds.observe(context.model, [context.batches[k] for k in context.usable[:10]], "eval"))
    return [
        distance(context, layer.name, made[layer.name]) for layer in context.layers if layer.name in context.running
    ]


@once
def best_eps(context: AuditContext) -> tuple[float, float, float] | None:
    """Return the eps that later layers fit, with the misfit before and after; None if the first layer is off."""
    if len(context.running) < 2 or len(context.running) < len(context.layers) or not context.usable:
        return None
    present = _misfits(context, context.running)
    if not _first_alone_fits(present):
        return None
    declared = {layer.eps for layer in context.layers}
    tried = {
        eps: max(_misfits(context, with_eps(context, eps))[1:])
        for eps in USUAL_EPS
        if not all(np.isclose(eps, d) for d in declared)
    }
    eps = min(tried, key=lambda e: tried[e])
    fits = tried[eps] < min(max(present[1:]) / 2.5, 2 * DISPLACEMENT)
    return (eps, max(present[1:]), tried[eps]) if fits else None


def of_other_eps(context: AuditContext) -> list[LayerStatistics]:
    """Return statistics that normalize as the other eps would."""
    found = best_eps(context)
    return [with_eps(context, found[0]) if found else context.running for _ in context.trial.folds]


@cause(
    "the model was trained with another eps",
    "averaged population batch",
    fix="Set the eps of the training framework in every batch-norm layer.",
    remedy=of_other_eps,
    tried=True,
    sign=later_layers_differ,
)
def eps(context: AuditContext) -> Evidence | None:
    """Return evidence that running statistics fit in the first layer, and in later ones with another eps alone."""
    found = best_eps(context)
    if found is None:
        return None
    other, before, after = found
    text = (
        f"Running statistics of the first layer fit. Those of later layers are up to {before:.2g} standard deviations "
        f"off with the present eps, and up to {after:.2g} with eps={other:g}. Set eps={other:g} in each layer."
    )
    return {"text": text, "eps": other, "misfit": before, "misfit with it": after}


@cause(
    "test data are distributed differently from the loader's",
    "averaged population batch",
    fix="bn.recalibrate(model, test_loader), if test data will stay as they are; else adapt to test batches.",
    alternative="Other proportions of the classes, or too few batches of the loader,",
)
def shifted_test_data(context: AuditContext) -> Evidence | None:
    """Return evidence that statistics of half of the test batches gain on the other half."""
    if context.test is None or len(context.test) < 2:
        return None
    folds: list[Fold] = halves(len(context.test))
    trial = Trial(context.model, context.test, folds, context.trial.scorers)
    made = [kinds.population(context.model, [context.test[k] for k in fold.fit]) for fold in folds]
    scores = trial.score(made)[context.metric]
    gained, over = (
        gain(scores, context.scores("running")[context.metric]),
        gain(scores, context.scores("population")[context.metric]),
    )
    if not (gained.low > 0 and over.low > 0 and over.value > 0.5 * gained.value):
        return None
    text = (
        f"Statistics of half of the test batches gain {gained.text(context.unit)} on the other half. Over statistics "
        f"of the loader they gain {over.text(context.unit)}, so test data are distributed differently."
    )
    return {"text": text, "gain": gained.value, "gain over the loader's": over.value}
