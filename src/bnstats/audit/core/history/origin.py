"""p-values of each layer under four origins of its running statistics, for a model under audit."""

from __future__ import annotations

from functools import partial, reduce

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core import kinds
from bnstats.audit.core.history.nulls import NullTest, compare, exponential_weights, pooled_values, stored_values
from bnstats.audit.core.judging.case import Case
from bnstats.audit.core.kinds import of_layer
from bnstats.audit.core.protocol import Statistics
from bnstats.statistics.displacement import displacement
from bnstats.statistics.moments import Moments

ORIGINS = ("running", "averaged", "pooled", "population")
# How often chance may reject a healthy model, all layers taken together.
FALSE_ALARM = 0.01
UNKNOWN = NullTest(np.nan, np.nan)


def origins(case: Case) -> dict[str, dict[str, NullTest]]:
    """Return the tests of each layer; that of population statistics only where the others reject a layer."""
    found: dict[str, dict[str, NullTest]] = case.once("origins", _origins)
    return found


def _origins(case: Case) -> dict[str, dict[str, NullTest]]:
    tests = {name: _of_batches(case, name) for name in case.running}
    if any(max(t[null].p for null in ORIGINS[:3]) * len(tests) < FALSE_ALARM for t in tests.values()):
        for name, test in population_tests(case).items():
            tests[name]["population"] = test
    return tests


def _of_batches(case: Case, name: str) -> dict[str, NullTest]:
    found = dict.fromkeys(ORIGINS, UNKNOWN)
    rate, layer = case.rates.get(name, np.nan), next(x for x in case.layers if x.name == name)
    seen = [
        reduce(Moments.merge, of_layer([case.train[k]], name)) for k in case.usable if case.train[k].get(name)
    ]  # several calls in one pass count as one batch
    if not seen:
        return found
    running = case.running[name]
    stored = stored_values(seen, case.convention.ddof)
    start = np.repeat(np.array(case.convention.start), layer.channels)
    test = partial(compare, running=running, eps=layer.eps, seed=case.seed)
    none = np.zeros_like(start)
    if rate > 1e-6 and name not in case.cumulative:
        weight, weights = exponential_weights(rate, case.passes.get(name))
        if case.passes.get(name) is None and not np.isnan(case.start_weight.get(name, np.nan)):
            weight = case.start_weight[name]
            weights = weights * (1 - weight)
        if weight < 1:
            found["running"] = test(stored, weights=weights, start=weight * start)
    equal = equal_weights(case, name)
    found["averaged"] = test(stored, weights=equal, start=none)
    found["pooled"] = test(pooled_values(seen), weights=equal, start=none)
    if name in case.cumulative or (np.isnan(found["running"].p) and not rate > 1e-6):
        found["running"] = found["averaged"]  # a cumulative average, or statistics that were put there from elsewhere
    return found


def equal_weights(case: Case, name: str) -> FloatArray:
    """Return the weights of an average: of as many batches as the counter has, at most as many as there are here."""
    passes, most = case.passes.get(name), max(len(case.usable), 1)
    count = most if not passes else min(max(round(passes), 1), most)
    return np.full(count, 1 / count)


def population_tests(case: Case) -> dict[str, NullTest]:
    """Return tests of running statistics as population statistics of other batches."""
    use = [case.batches[k] for k in case.usable]
    if not use:
        return {}
    half = [kinds.population(case.model, use[k::2]) for k in (0, 1)] if len(use) > 1 else []
    whole = kinds.population(case.model, use)
    before = case.model.get()
    try:
        case.model.set(whole)
        seen = kinds.observe(case.model, use, "eval")
    finally:
        case.model.set(before)
    found = {}
    for layer in case.layers:
        calls = [reduce(Moments.merge, of_layer([batch], layer.name)) for batch in seen if batch.get(layer.name)]
        if layer.name not in whole or not calls:
            continue
        values = pooled_values(calls)
        inflation = _propagated(values, [h[layer.name] for h in half]) if half else 1.0
        found[layer.name] = compare(
            values,
            case.running[layer.name],
            equal_weights(case, layer.name),
            np.zeros(values.shape[1]),
            eps=layer.eps,
            seed=case.seed,
            inflation=inflation,
        )
    return found


def _propagated(values: FloatArray, halves: list[Statistics]) -> float:
    """Return by how much errors of earlier layers raise the variance: statistics of two halves differ by that."""
    one, other = (np.concatenate([s.mean, s.var]) for s in halves)
    expected = values.var(axis=0, ddof=1) * 4 / len(values)
    here = expected > 0
    return max(1.0, float(np.mean(np.square(one - other)[here] / expected[here]))) if here.any() else 1.0


def rejected(case: Case) -> bool:
    """Return True if one layer is rejected under all four origins, all layers taken together."""
    tests = origins(case)
    return any(
        all(not np.isnan(t[null].p) and t[null].p * len(tests) < FALSE_ALARM for null in ORIGINS)
        for t in tests.values()
    )


def accepted(case: Case, null: str) -> bool:
    """Return True if no layer is rejected under one origin, all layers taken together."""
    found = [t[null].p for t in origins(case).values() if not np.isnan(t[null].p)]
    return bool(found) and min(found) * len(found) >= FALSE_ALARM


def distance(case: Case, name: str, other: Statistics) -> float:
    """Return how far running statistics are from other ones, in standard deviations of normalized values."""
    return apart(case, name, case.running[name], other)


def apart(case: Case, name: str, one: Statistics, other: Statistics) -> float:
    """Return how far statistics of a layer are from other ones, in standard deviations of normalized values."""
    eps = next(x.eps for x in case.layers if x.name == name)
    with np.errstate(invalid="ignore"):
        return displacement(one.mean, one.var, other.mean, other.var, eps)


def consistent(case: Case) -> list[str]:
    """Return the origins under which no layer is rejected."""
    return [null for null in ORIGINS if accepted(case, null)]
