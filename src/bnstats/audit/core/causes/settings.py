"""Causes beside the statistics: another eps, other test data."""

from __future__ import annotations

import numpy as np

from bnstats.audit.core import kinds
from bnstats.audit.core.causes.cause import Evidence, cause
from bnstats.audit.core.history.origin import distance
from bnstats.audit.core.judging.case import Case, once
from bnstats.audit.core.kinds import Kind
from bnstats.audit.core.protocol import Statistics
from bnstats.audit.core.scoring.trial import Fold, Trial, gain, halves
from bnstats.statistics.norm_borders import DISPLACEMENT

USUAL_EPS = (1e-5, 1e-3, 1e-2, 1e-1, 1e-4, 1e-6, 1e-8)
"""Constants of other implementations."""


def later_layers_differ(case: Case) -> bool:
    """Return True if running statistics fit batches in the first layer, whose input no layer normalizes, alone."""
    found = [distance(case, name, case.averaged_all[name]) for name in case.running if name in case.averaged_all]
    return _first_alone_fits(found)


def _first_alone_fits(found: list[float]) -> bool:
    return len(found) > 1 and found[0] < DISPLACEMENT < max(found[1:]) and 2 * found[0] < max(found[1:])


def with_eps(case: Case, eps: float) -> Kind:
    """Return running statistics that normalize as the present ones with another eps would."""
    declared = {layer.name: layer.eps for layer in case.layers}
    return {n: Statistics(s.mean, np.maximum(s.var + eps - declared[n], 0)) for n, s in case.running.items()}


def _misfits(case: Case, given: Kind) -> list[float]:
    """Return how far inputs along the inference path are from the running statistics, layer by layer."""
    with kinds.kept(case.model, given):
        made = kinds.pooled(kinds.observe(case.model, [case.batches[k] for k in case.usable[:10]], "eval"))
    return [distance(case, layer.name, made[layer.name]) for layer in case.layers if layer.name in case.running]


@once
def best_eps(case: Case) -> tuple[float, float, float] | None:
    """Return the eps that later layers fit, with the misfit before and after; None if the first layer is off."""
    if len(case.running) < 2 or len(case.running) < len(case.layers) or not case.usable:
        return None
    present = _misfits(case, case.running)
    if not _first_alone_fits(present):
        return None
    declared = {layer.eps for layer in case.layers}
    tried = {
        eps: max(_misfits(case, with_eps(case, eps))[1:])
        for eps in USUAL_EPS
        if not all(np.isclose(eps, d) for d in declared)
    }
    eps = min(tried, key=lambda e: tried[e])
    fits = tried[eps] < min(max(present[1:]) / 2.5, 2 * DISPLACEMENT)
    return (eps, max(present[1:]), tried[eps]) if fits else None


def of_other_eps(case: Case) -> list[Kind]:
    """Return statistics that normalize as the other eps would."""
    found = best_eps(case)
    return [with_eps(case, found[0]) if found else case.running for _ in case.trial.folds]


@cause(
    "the model was trained with another eps",
    "averaged population batch",
    fix="Set the eps of the training framework in every batch-norm layer.",
    remedy=of_other_eps,
    tried=True,
    sign=later_layers_differ,
)
def eps(case: Case) -> Evidence | None:
    """Return evidence that running statistics fit in the first layer, and in later ones with another eps alone."""
    found = best_eps(case)
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
def shifted_test_data(case: Case) -> Evidence | None:
    """Return evidence that statistics of half of the test batches gain on the other half."""
    if case.test is None or len(case.test) < 2:
        return None
    folds: list[Fold] = halves(len(case.test))
    trial = Trial(case.model, case.test, folds, case.trial.scorers)
    made = [kinds.population(case.model, [case.test[k] for k in fold.fit]) for fold in folds]
    scores = trial.score(made)[case.metric]
    gained, over = (
        gain(scores, case.scores("running")[case.metric]),
        gain(scores, case.scores("population")[case.metric]),
    )
    if not (gained.low > 0 and over.low > 0 and over.value > 0.5 * gained.value):
        return None
    text = (
        f"Statistics of half of the test batches gain {gained.text(case.unit)} on the other half. Over statistics of "
        f"the loader they gain {over.text(case.unit)}, so test data are distributed differently."
    )
    return {"text": text, "gain": gained.value, "gain over the loader's": over.value}
