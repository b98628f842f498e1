"""p-values of the origins of running statistics: uniform or conservative, and small where the origin is another.

Over 200 seeds the share of p-values up to .05 has a standard error of .015, that of p-values up to .5 one of .035.
Bounds are four of them away, a false alarm in 30,000 for each.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy_damage as damage
import pytest
from numpy_model import NumpyModel, batches

from bnstats.audit.core import kinds
from bnstats.audit.core.audit import AuditOptions, context_of
from bnstats.audit.core.history.nulls import compare, draw, exponential_weights, pooled_values, stored_values
from bnstats.audit.core.history.origin import population_tests
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.statistics.moments import Moments

SEEDS, CHANNELS, ROWS, BATCHES = 200, 6, 16, 25
MIX = np.random.default_rng(0).normal(size=(CHANNELS, CHANNELS))


def drawn(rng: np.random.Generator, count: int) -> list[Moments]:
    """Return moments of batches of correlated, skewed channels."""
    return [Moments.of(rng.exponential(size=(ROWS, CHANNELS)) @ MIX + 3, axis=0) for _ in range(count)]


def smoothed(seen: list[Moments], weight: float) -> ChannelStatistics:
    """Return statistics that are updated batch by batch, as a training loop does."""
    mean, var = np.zeros(CHANNELS), np.ones(CHANNELS)
    for m in seen:
        mean, var = mean + weight * (m.mean - mean), var + weight * (m.var(ddof=1) - var)
    return ChannelStatistics(mean, var)


def running(rng: np.random.Generator, *, weight: float = 0.1, declared: float = 0.1, steps: int = 60) -> float:
    made = smoothed(drawn(rng, steps), weight)
    share, weights = exponential_weights(declared, steps)
    start = share * np.repeat([0.0, 1.0], CHANNELS)
    values = stored_values(drawn(rng, BATCHES), 1)
    return compare(values, made, weights, start, eps=1e-5, seed=0).p


def averaged(rng: np.random.Generator) -> float:
    seen = drawn(rng, BATCHES)
    made = ChannelStatistics(np.mean([m.mean for m in seen], axis=0), np.mean([m.var(ddof=1) for m in seen], axis=0))
    return against(stored_values(drawn(rng, BATCHES), 1), made)


def pooled(rng: np.random.Generator) -> float:
    rows = rng.exponential(size=(BATCHES * ROWS, CHANNELS)) @ MIX + 3
    return against(pooled_values(drawn(rng, BATCHES)), ChannelStatistics(rows.mean(axis=0), rows.var(axis=0)))


def against(values: np.ndarray, made: ChannelStatistics) -> float:
    equal = np.full(BATCHES, 1 / BATCHES)
    return compare(values, made, equal, np.zeros(2 * CHANNELS), eps=1e-5, seed=0).p


@pytest.mark.parametrize("origin", [running, averaged, pooled])
def test_p_values_are_uniform_or_conservative_under_their_origin(origin: Callable[..., float]) -> None:
    p = np.array([origin(np.random.default_rng(seed)) for seed in range(SEEDS)])
    assert np.mean(p <= 0.05) <= 0.05 + 4 * 0.0154
    assert np.mean(p <= 0.5) <= 0.5 + 4 * 0.0354
    assert np.mean(p > 0.5) > 0.2  # and they are no constant


def test_another_rate_than_the_measured_one_is_rejected() -> None:
    """With a weight of .5 an average varies 13 times as much as with .05."""
    p = np.array([running(np.random.default_rng(seed), weight=0.5, declared=0.05) for seed in range(40)])
    assert np.mean(p <= 0.05) > 0.6


def test_statistics_of_moved_inputs_are_rejected_by_each_origin() -> None:
    rng = np.random.default_rng(1)
    made = smoothed([Moments(m.n, m.mean + 1, m.m2) for m in drawn(rng, 100)], 0.1)
    seen = drawn(rng, BATCHES)
    _, weights = exponential_weights(0.1, 100)
    assert compare(stored_values(seen, 1), made, weights, np.zeros(2 * CHANNELS), eps=1e-5, seed=0).p < 1e-4
    assert against(stored_values(seen, 1), made) < 1e-4
    assert against(pooled_values(seen), made) < 1e-4


def test_an_average_of_one_batch_is_never_ruled_out_by_few_batches() -> None:
    rng = np.random.default_rng(2)
    seen = drawn(rng, BATCHES)
    far = ChannelStatistics(seen[0].mean + 50, seen[0].var())
    assert compare(stored_values(seen, 1), far, np.ones(1), np.zeros(12), eps=1e-5, seed=0).p >= 1 / (BATCHES + 1)


def test_pooled_values_average_to_the_pooled_statistics_of_batches_of_any_size() -> None:
    rng = np.random.default_rng(3)
    parts = [rng.normal(size=(n, 3)) for n in (4, 9, 30)]
    mean, var = np.split(pooled_values([Moments.of(part, axis=0) for part in parts]).mean(axis=0), 2)
    whole = np.concatenate(parts)
    np.testing.assert_allclose(mean, whole.mean(axis=0))
    np.testing.assert_allclose(var, whole.var(axis=0))


def test_weights_of_averages() -> None:
    start, weights = exponential_weights(0.3, 7)
    assert start == pytest.approx(0.7**7)
    assert start + weights.sum() == pytest.approx(1)
    assert exponential_weights(1.0, 5)[0] == 0
    rows = draw(weights, 5, 10, np.random.default_rng(0)).sum(axis=1)
    np.testing.assert_allclose(rows, weights.sum())


def test_too_few_batches_and_infinite_ones_give_no_p_value() -> None:
    seen = drawn(np.random.default_rng(4), 4)
    made = ChannelStatistics(seen[0].mean, seen[0].var())
    assert np.isnan(compare(stored_values(seen, 1), made, np.ones(1), np.zeros(12), eps=1e-5, seed=0).p)


def of_population(seed: int, factor: float = 1.0) -> float:
    """Return the p-value of a deep layer's statistics that other batches have made, along the inference path."""
    net = damage.sound("keras")
    loader, others = batches(12, 16, 1000 + seed), batches(12, 16, 2000 + seed)
    damage.FRAMEWORK.write(net, kinds.population(NumpyModel(net, others[0]), others))
    net.norms[1].var *= factor
    case, _ = context_of(NumpyModel(net, loader[0]), loader, None, None, AuditOptions())
    return population_tests(case)["norm1"].p


def test_p_values_of_population_statistics_are_conservative_in_deep_layers() -> None:
    """Errors of the layer in front are in them. Over 60 seeds .05 has a standard error of .028; four of them."""
    p = np.array([of_population(seed) for seed in range(60)])
    assert np.mean(p <= 0.05) <= 0.05 + 4 * 0.028
    assert len(np.unique(p)) > 20
    assert max(of_population(seed, factor=1.6) for seed in range(5)) < 0.01
