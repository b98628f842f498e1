"""p-values of each layer under four origins of its running statistics, for a model under audit."""

from __future__ import annotations

from functools import partial, reduce

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core import kinds
from bnstats.audit.core.history import nulls
from bnstats.audit.core.history.nulls import NullTest
from bnstats.audit.core.judging.case import Case, once
from bnstats.audit.core.kinds import of_layer
from bnstats.audit.core.protocol import Statistics
from bnstats.audit.core.trees import rows_of
from bnstats.statistics.displacement import displacement
from bnstats.statistics.moments import Moments
from bnstats.statistics.norm_borders import DISPLACEMENT

ORIGINS = ("running", "averaged", "pooled", "population")
# How often chance may reject a healthy model, all layers taken together.
FALSE_ALARM = 0.01
UNKNOWN = NullTest(np.nan, np.nan)
# Squared distances of layers from averaged batches, in units of a batch's variance, that noise makes alike: all layers
# have seen the same batches. The largest over the least.
ALIKE = 10.0
# Squared distance, in the same units, up to which running statistics may be those of a single batch.
SINGLE = 1.3
# Squared distances of means and variances that chance makes of expected ones; variances of two rows have long tails.
SHORT = (4.0, 16.0)


@once
def origins(case: Case) -> dict[str, dict[str, NullTest]]:
    """Return the tests of each layer; that of population statistics only where the others reject a layer."""
    tests = {name: _of_batches(case, name) for name in case.running}
    if any(max(t[null].p for null in ORIGINS[:3]) * len(tests) < FALSE_ALARM for t in tests.values()):
        for name, test in population_tests(case).items():
            tests[name]["population"] = test
    return tests


def _of_batches(case: Case, name: str) -> dict[str, NullTest]:
    found = dict.fromkeys(ORIGINS, UNKNOWN)
    rate, layer = case.rates.get(name, np.nan), case.layer[name]
    seen = _batches(case, name)
    if not seen:
        return found
    running = case.running[name]
    stored = nulls.stored_values(seen, case.convention.ddof)
    start = np.repeat(np.array(case.convention.start), layer.channels)
    test = partial(nulls.compare, running=running, eps=layer.eps, seed=case.seed)
    none = np.zeros_like(start)
    if rate > 1e-6 and name not in case.cumulative:
        weight, weights = nulls.exponential_weights(rate, case.passes.get(name))
        if case.passes.get(name) is None and not np.isnan(case.start_weight.get(name, np.nan)):
            weight = case.start_weight[name]
            weights = weights * (1 - weight)
        if weight < 1:
            found["running"] = test(stored, weights=weights, start=weight * start)
    equal = equal_weights(case, name)
    found["averaged"] = test(stored, weights=equal, start=none)
    found["pooled"] = test(nulls.pooled_values(seen), weights=equal, start=none)
    if name in case.cumulative or (np.isnan(found["running"].p) and not rate > 1e-6):
        found["running"] = found["averaged"]  # a cumulative average, or statistics that were put there from elsewhere
    return found


def _batches(case: Case, name: str) -> list[Moments]:
    """Return the moments of each batch in a layer; several calls in one pass count as one batch."""
    return [reduce(Moments.merge, of_layer([case.train[k]], name)) for k in case.usable if case.train[k].get(name)]


def equal_weights(case: Case, name: str) -> FloatArray:
    """Return the weights of an average: of as many batches as the counter has, at most as many as there are here.

    Where no layer has a counter, it is of as few batches as running statistics look like.
    """
    passes, most = case.passes.get(name), max(len(case.usable), 1)
    count = min(max(round(passes), 1), most) if passes else most
    if passes is None and not any(case.passes.values()):
        far = distance_in_batches(case)
        if far is not None and far < SINGLE:
            count = min(max(round(1 / max(far - 1 / most, 1 / most)), 1), most)
    return np.full(count, 1 / count)


def distance_in_batches(case: Case) -> float | None:
    """Return the squared distance of running statistics from averaged batches, over the variance of single batches.

    An average of n batches is 1/n off, in every layer. None where layers differ more than such noise does.
    """
    far = [float(np.mean(parts)) for parts in _in_batches(case)]
    return float(np.mean(far)) if far and max(far) <= ALIKE * min(far) else None


def of_a_short_batch(case: Case) -> bool:
    """Return True if a last update from a batch of two rows may have put running statistics where they are.

    A loader's last batch may be that short. Where updates weigh little, that would not matter.
    """
    rate = max(case.rates.values(), default=0.0)
    if not rate / np.sqrt(2) > DISPLACEMENT:
        return False
    rows = np.mean([rows_of(case.batches[k]) for k in case.usable])
    noise = rate**2 * np.array([rows / 2, rows - 1])
    return all(bool(np.all(parts <= SHORT * noise)) for parts in _in_batches(case))


@once
def _in_batches(case: Case) -> list[FloatArray]:
    """Return mean squared distances of means and of variances in each layer, over the variance of single batches."""
    far = []
    for name, (mean, var) in case.running.items():
        values = nulls.stored_values(_batches(case, name), case.convention.ddof)
        if len(values) < nulls.FEWEST:
            return []
        between = values.var(axis=0, ddof=1)
        off = np.square(np.concatenate([mean, var]) - values.mean(axis=0))
        squares = np.divide(off, between, out=np.zeros_like(off), where=between > 0)
        far.append(squares.reshape(2, -1).mean(axis=1))
    return far


def population_tests(case: Case) -> dict[str, NullTest]:
    """Return tests of running statistics as population statistics of other batches."""
    use = [case.batches[k] for k in case.usable]
    if not use:
        return {}
    half = [kinds.population(case.model, use[k::2]) for k in (0, 1)] if len(use) > 1 else []
    whole = kinds.population(case.model, use)
    with kinds.kept(case.model, whole):
        seen = kinds.observe(case.model, use, "eval")
    found = {}
    for layer in case.layers:
        calls = [reduce(Moments.merge, of_layer([batch], layer.name)) for batch in seen if batch.get(layer.name)]
        if layer.name not in whole or not calls:
            continue
        values = nulls.pooled_values(calls)
        inflation = _propagated(values, [h[layer.name] for h in half]) if half else 1.0
        found[layer.name] = nulls.compare(
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
    with np.errstate(invalid="ignore"):
        return displacement(*one, *other, case.layer[name].eps)


def consistent(case: Case) -> list[str]:
    """Return the origins under which no layer is rejected."""
    return [null for null in ORIGINS if accepted(case, null)]
