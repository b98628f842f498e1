"""p-values of each layer under four origins of its running statistics, for a model under audit."""

from __future__ import annotations

from functools import partial, reduce

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core import kinds
from bnstats.audit.core.history import nulls
from bnstats.audit.core.history.nulls import NullTest
from bnstats.audit.core.judging.context import AuditContext, once
from bnstats.audit.core.kinds import of_layer
from bnstats.audit.core.protocol import ChannelStatistics
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
def origins(context: AuditContext) -> dict[str, dict[str, NullTest]]:
    """Return the tests of each layer; that of population statistics only where the others reject a layer."""
    tests = {name: _of_batches(context, name) for name in context.running}
    if any(max(t[null].p for null in ORIGINS[:3]) * len(tests) < FALSE_ALARM for t in tests.values()):
        for name, test in population_tests(context).items():
            tests[name]["population"] = test
    return tests


def _of_batches(context: AuditContext, name: str) -> dict[str, NullTest]:
    found = dict.fromkeys(ORIGINS, UNKNOWN)
    rate, layer = context.rates.get(name, np.nan), context.layer[name]
    seen = _batches(context, name)
    if not seen:
        return found
    running = context.running[name]
    stored = nulls.stored_values(seen, context.convention.ddof)
    start = np.repeat(np.array(context.convention.start), layer.channels)
    test = partial(nulls.compare, running=running, eps=layer.eps, seed=context.seed)
    none = np.zeros_like(start)
    if rate > 1e-6 and name not in context.cumulative:
        weight, weights = nulls.exponential_weights(rate, context.passes.get(name))
        if context.passes.get(name) is None and not np.isnan(context.start_weight.get(name, np.nan)):
            weight = context.start_weight[name]
            weights = weights * (1 - weight)
        if weight < 1:
            found["running"] = test(stored, weights=weights, start=weight * start)
    equal = equal_weights(context, name)
    found["averaged"] = test(stored, weights=equal, start=none)
    found["pooled"] = test(nulls.pooled_values(seen), weights=equal, start=none)
    if name in context.cumulative or (np.isnan(found["running"].p) and not rate > 1e-6):
        found["running"] = found["averaged"]  # a cumulative average, or statistics that were put there from elsewhere
    return found


def _batches(context: AuditContext, name: str) -> list[Moments]:
    """Return the moments of each batch in a layer; several calls in one pass count as one batch."""
    return [
        reduce(Moments.merge, of_layer([context.train[k]], name)) for k in context.usable if context.train[k].get(name)
    ]


def equal_weights(context: AuditContext, name: str) -> FloatArray:
    """Return the weights of an average: of as many batches as the counter has, at most as many as there are here.

    Where no layer has a counter, it is of as few batches as running statistics look like.
    """
    passes, most = context.passes.get(name), max(len(context.usable), 1)
    count = min(max(round(passes), 1), most) if passes else most
    if passes is None and not any(context.passes.values()):
        far = distance_in_batches(context)
        if far is not None and far < SINGLE:
            count = min(max(round(1 / max(far - 1 / most, 1 / most)), 1), most)
    return np.full(count, 1 / count)


def distance_in_batches(context: AuditContext) -> float | None:
    """Return the squared distance of running statistics from averaged batches, over the variance of single batches.

    An average of n batches is 1/n off, in every layer. None where layers differ more than such noise does.
    """
    far = [float(np.mean(parts)) for parts in _in_batches(context)]
    return float(np.mean(far)) if far and max(far) <= ALIKE * min(far) else None


def of_a_short_batch(context: AuditContext) -> bool:
    """Return True if a last update from a batch of two rows may have put running statistics where they are.

    A loader's last batch may be that short. Where updates weigh little, that would not matter.
    """
    rate = max(context.rates.values(), default=0.0)
    if not rate / np.sqrt(2) > DISPLACEMENT:
        return False
    rows = np.mean([rows_of(context.batches[k]) for k in context.usable])
    noise = rate**2 * np.array([rows / 2, rows - 1])
    return all(bool(np.all(parts <= SHORT * noise)) for parts in _in_batches(context))


@once
def _in_batches(context: AuditContext) -> list[FloatArray]:
    """Return mean squared distances of means and of variances in each layer, over the variance of single batches."""
    far = []
    for name, (mean, var) in context.running.items():
        values = nulls.stored_values(_batches(context, name), context.convention.ddof)
        if len(values) < nulls.FEWEST:
            return []
        between = values.var(axis=0, ddof=1)
        off = np.square(np.concatenate([mean, var]) - values.mean(axis=0))
        squares = np.divide(off, between, out=np.zeros_like(off), where=between > 0)
        far.append(squares.reshape(2, -1).mean(axis=1))
    return far


def population_tests(context: AuditContext) -> dict[str, NullTest]:
    """Return tests of running statistics as population statistics of other batches."""
    use = [context.batches[k] for k in context.usable]
    if not use:
        return {}
    half = [kinds.population(context.model, use[k::2]) for k in (0, 1)] if len(use) > 1 else []
    whole = kinds.population(context.model, use)
    with kinds.kept(context.model, whole):
        seen = kinds.observe(context.model, use, "eval")
    found = {}
    for layer in context.layers:
        calls = [reduce(Moments.merge, of_layer([batch], layer.name)) for batch in seen if batch.get(layer.name)]
        if layer.name not in whole or not calls:
            continue
        values = nulls.pooled_values(calls)
        inflation = _propagated(values, [h[layer.name] for h in half]) if half else 1.0
        found[layer.name] = nulls.compare(
            values,
            context.running[layer.name],
            equal_weights(context, layer.name),
            np.zeros(values.shape[1]),
            eps=layer.eps,
            seed=context.seed,
            inflation=inflation,
        )
    return found


def _propagated(values: FloatArray, halves: list[ChannelStatistics]) -> float:
    """Return by how much errors of earlier layers raise the variance: statistics of two halves differ by that."""
    one, other = (np.concatenate([s.mean, s.var]) for s in halves)
    expected = values.var(axis=0, ddof=1) * 4 / len(values)
    here = expected > 0
    return max(1.0, float(np.mean(np.square(one - other)[here] / expected[here]))) if here.any() else 1.0


def rejected(context: AuditContext) -> bool:
    """Return True if one layer is rejected under all four origins, all layers taken together."""
    tests = origins(context)
    return any(
        all(not np.isnan(t[null].p) and t[null].p * len(tests) < FALSE_ALARM for null in ORIGINS)
        for t in tests.values()
    )


def accepted(context: AuditContext, null: str) -> bool:
    """Return True if no layer is rejected under one origin, all layers taken together."""
    found = [t[null].p for t in origins(context).values() if not np.isnan(t[null].p)]
    return bool(found) and min(found) * len(found) >= FALSE_ALARM


def distance(context: AuditContext, name: str, other: ChannelStatistics) -> float:
    """Return how far running statistics are from other ones, in standard deviations of normalized values."""
    return apart(context, name, context.running[name], other)


def apart(context: AuditContext, name: str, one: ChannelStatistics, other: ChannelStatistics) -> float:
    """Return how far statistics of a layer are from other ones, in standard deviations of normalized values."""
    with np.errstate(invalid="ignore"):
        return displacement(*one, *other, context.layer[name].eps)


def consistent(context: AuditContext) -> list[str]:
    """Return the origins under which no layer is rejected."""
    return [null for null in ORIGINS if accepted(context, null)]
