"""Statistics that need no retraining: exact identities, up to float32. Nothing here is random but the inputs.

Each identity has a negative control: a formula that is wrong in a way that happens, and that the same test rejects.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bnstats.datasets.dataset import Gaussians
from bnstats.networks.adaptation import Mixed, Weighed
from bnstats.networks.network import Network, Statistics
from bnstats.networks.recalibration import population, precise
from bnstats.networks.recipe import Recipe
from bnstats.normalizers import Batch, Ghost, Group, Layer, NoNorm, Normalizer
from bnstats.statistics.conventions import Convention

DATA = Gaussians(classes=4, inputs=8, rows=240, test_rows=60)
SPLIT = DATA.split(np.random.default_rng(0))
HIDDEN = (12, 10, 6)
CLOSE = {"rtol": 2e-4, "atol": 2e-5}


def trained(hidden: tuple[int, ...] = HIDDEN, **recipe: Any) -> Network:
    rng = np.random.default_rng(1)
    start = Network.initial(Recipe(hidden, **recipe), DATA.inputs, DATA.classes, rng)
    return start.train(SPLIT.x, SPLIT.y, rng.integers(len(SPLIT.x), size=(150, 8)))[0]


def epoch(size: int) -> np.ndarray:
    return np.random.default_rng(2).permutation(len(SPLIT.x)).reshape(-1, size)


def agree(one: Statistics, other: Statistics, **tolerance: float) -> bool:
    pairs = zip((*one.mean, *one.var), (*other.mean, *other.var), strict=True)
    return all(np.allclose(a, b, **(tolerance or CLOSE)) for a, b in pairs)


def moments(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z = z.astype(float)
    return z.mean(axis=0), z.var(axis=0)


def test_population_statistics_are_those_of_what_each_layer_gets_when_they_are_used() -> None:
    """Wrong: moments along the path of the running statistics."""
    network = trained()
    found = population(network, SPLIT.x)
    first = moments(SPLIT.x @ network.weights[0])
    np.testing.assert_allclose(found.mean[0], first[0], **CLOSE)
    np.testing.assert_allclose(found.var[0], first[1], **CLOSE)

    def along(used: Statistics) -> Statistics:
        layers = [moments(network.hidden(SPLIT.x, used, layer)) for layer in range(len(HIDDEN))]
        return Statistics(tuple(m for m, _ in layers), tuple(v for _, v in layers))

    assert agree(found, along(found))
    assert not agree(found, along(network.running))


def test_precise_statistics_of_one_batch_of_all_rows_are_population_statistics() -> None:
    network = trained()
    assert agree(precise(network, SPLIT.x, epoch(len(SPLIT.x))), population(network, SPLIT.x))


@pytest.mark.parametrize("normalizer", [Batch(), Ghost(size=2)])
def test_batches_that_make_up_all_rows_give_population_statistics_to_the_first_layer(normalizer: Normalizer) -> None:
    """The law of total variance. Wrong: mean variance within batches; further layers, which get batch noise."""
    network = trained(normalizer=normalizer)
    batches = epoch(4)
    pooled, whole = precise(network, SPLIT.x, batches), population(network, SPLIT.x)
    np.testing.assert_allclose(pooled.mean[0], whole.mean[0], **CLOSE)
    np.testing.assert_allclose(pooled.var[0], whole.var[0], **CLOSE)
    within = network.batch_statistics(SPLIT.x, batches).var[0].mean(axis=0)
    assert (within < 0.9 * whole.var[0]).all()
    assert not np.allclose(pooled.var[1], whole.var[1], rtol=0.05)


def test_pooled_variance_is_stable() -> None:
    """Inputs far from zero: E[mu² + var] - mu² loses all digits in float32."""
    network = trained(hidden=(12,))
    far = SPLIT.x + np.float32(3000)
    batches = epoch(8)
    each = network.batch_statistics(far, batches)
    true = moments(far.astype(float) @ network.weights[0].astype(float))[1]
    np.testing.assert_allclose(precise(network, far, batches).var[0], true, rtol=5e-3)
    naive = (each.mean[0] ** 2 + each.var[0]).mean(axis=0) - each.mean[0].mean(axis=0) ** 2
    assert not np.allclose(naive, true, rtol=0.1)


def test_with_momentum_1_running_statistics_are_those_of_the_last_batch() -> None:
    """At the weights before its update, with the unbiased variance that PyTorch keeps. Wrong: the biased one."""
    network = trained(convention=Convention.of("torch", momentum=1.0))
    batch = np.arange(8)[np.newaxis]
    after, _ = network.train(SPLIT.x, SPLIT.y, batch)
    last = network.batch_statistics(SPLIT.x, batch)
    means, biased = (tuple(layer[0] for layer in part) for part in (last.mean, last.var))
    assert agree(after.running, Statistics(means, tuple(var * 8 / 7 for var in biased)))
    assert not agree(after.running, Statistics(means, biased))


@pytest.mark.parametrize("normalizer", [NoNorm(), Layer(), Group(2)])
def test_without_batch_statistics_all_kinds_are_the_same_to_the_bit(normalizer: Normalizer) -> None:
    network = trained(normalizer=normalizer)
    x, batches = SPLIT.x_test, np.arange(60).reshape(-1, 4)
    expected = network.logits(x)
    for statistics in (precise(network, SPLIT.x, epoch(4)), population(network, SPLIT.x)):
        np.testing.assert_array_equal(network.logits(x, statistics), expected)
    for mixing in (Mixed(), Weighed()):
        np.testing.assert_array_equal(mixing.logits(network, network.running, x, batches), expected[batches])
    np.testing.assert_array_equal(network.logits_in_batches(x, batches), expected[batches])
    unlike = replace(network, recipe=replace(network.recipe, normalizer=Batch()))
    assert not np.allclose(unlike.logits_in_batches(x, batches), expected[batches], rtol=0.1)


def test_mixing_runs_from_the_test_batch_to_the_source() -> None:
    """No pseudo-rows are prediction-time batch statistics, many of them are running statistics, 16 neither."""
    network = trained()
    x, batches = SPLIT.x_test, np.arange(60).reshape(-1, 12)
    alone, source = network.logits_in_batches(x, batches), network.logits(x)[batches]

    def mixed(mixing: Mixed | Weighed) -> np.ndarray:
        return mixing.logits(network, network.running, x, batches)

    np.testing.assert_allclose(mixed(Mixed(0)), alone, rtol=1e-3, atol=1e-4)
    for nothing_new in (mixed(Mixed(1e9)), mixed(Weighed(0.0))):
        np.testing.assert_allclose(nothing_new, source, rtol=1e-3, atol=1e-4)
    for other in (alone, source):
        assert not np.allclose(mixed(Mixed(16)), other, rtol=0.05)
    own = mixed(Weighed(1.0))  # each row normalised by itself is zero, up to rounding errors over the root of eps
    np.testing.assert_allclose(own, np.broadcast_to(own[0, 0], own.shape), atol=1e-3)


def by_hand(network: Network, x: np.ndarray, mean_and_var: Any) -> np.ndarray:
    """Logits of one batch in float64."""
    values = x.astype(float)
    for layer in range(len(HIDDEN)):
        z = values @ network.weights[layer].astype(float)
        mean, var = mean_and_var(network.running.mean[layer], network.running.var[layer], z)
        normalised = (z - mean) / np.sqrt(var + network.recipe.convention.eps)
        values = np.maximum(network.scale[layer] * normalised + network.shift[layer], 0)
    return values @ network.weights[-1].astype(float) + network.bias


def test_mixed_statistics_count_the_source_as_further_rows() -> None:
    """Wrong: the shares swapped."""
    network = trained()
    x, batches = SPLIT.x_test, np.arange(60).reshape(-1, 5)
    found = Mixed(pseudo=3).logits(network, network.running, x, batches)
    for shares, right in (((3 / 8, 5 / 8), True), ((5 / 8, 3 / 8), False)):
        expected = [
            by_hand(network, x[b], lambda m, v, z, s=shares: (s[0] * m + s[1] * z.mean(0), s[0] * v + s[1] * z.var(0)))
            for b in batches
        ]
        assert np.allclose(found, expected, rtol=1e-3, atol=1e-4) == right


def test_example_weighing_mixes_moments() -> None:
    """E[z] and E[z²] by Summers & Dinneen. Wrong: variances, of which a single row has none."""
    network = trained()
    x, w = SPLIT.x_test, 0.3

    def mixed_moments(m: np.ndarray, v: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = w * z + (1 - w) * m
        return mean, w * z**2 + (1 - w) * (v + m.astype(float) ** 2) - mean**2

    found = Weighed(w).logits(network, network.running, x, np.arange(60).reshape(-1, 4)).reshape(60, -1)
    np.testing.assert_allclose(found, by_hand(network, x, mixed_moments), rtol=1e-3, atol=1e-4)
    wrong = by_hand(network, x, lambda m, v, z: (w * z + (1 - w) * m, (1 - w) * v))
    assert not np.allclose(found, wrong, rtol=0.05)


@pytest.mark.parametrize("make", [lambda: Mixed(-1), lambda: Mixed(np.inf), lambda: Mixed(np.nan)])
def test_bad_pseudo_rows(make: Any) -> None:
    with pytest.raises(ValueError, match=r"^pseudo is a number of rows in \[0, inf\); got .*\.$"):
        make()


@pytest.mark.parametrize("make", [lambda: Mixed("3"), lambda: Weighed(None)])
def test_what_is_no_number_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"^(pseudo|weight) is a .*; got ('3'|None)\.$"):
        make()


@pytest.mark.parametrize("weight", [-0.1, 1.1, np.nan])
def test_bad_weight(weight: float) -> None:
    with pytest.raises(ValueError, match=r"^weight is a share of a row's own values in \[0, 1\]; got .*\.$"):
        Weighed(weight)
