"""Adaptation at test time: the laws that every entry obeys, and each against float64 by hand.

Nothing here is random but the inputs. Each formula has a wrong one beside it that the same test rejects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnstats.adaptation import (
    ADAPTATIONS,
    Adaptation,
    Continued,
    MeanOnly,
    Mixed,
    PredictionTime,
    VarianceOnly,
    Weighed,
)
from bnstats.datasets.dataset import Gaussians
from bnstats.networks.network import Network
from bnstats.networks.recipe import Recipe

DATA = Gaussians(classes=4, inputs=8, rows=240, test_rows=60)
SPLIT = DATA.split(np.random.default_rng(0))
HIDDEN = (12, 10, 6)


def trained() -> Network:
    rng = np.random.default_rng(1)
    start = Network.initial(Recipe(HIDDEN), DATA.inputs, DATA.classes, rng)
    return start.train(SPLIT.x, SPLIT.y, rng.integers(len(SPLIT.x), size=(150, 8)))[0]


def layer() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Statistics of training, and values of 5 batches of 4 rows, for 3 units."""
    rng = np.random.default_rng(2)
    return rng.normal(size=3), rng.uniform(0.5, 2, 3), rng.normal(1, 2, size=(5, 4, 3))


# ---- laws of every entry


@pytest.mark.parametrize("name", ADAPTATIONS)
def test_statistics_broadcast_and_variances_are_not_negative(name: str) -> None:
    mean, var, z = layer()
    for found in ADAPTATIONS[name].adapt(mean, var, z):
        np.broadcast_to(found, z.shape)
        assert np.isfinite(found).all()
    assert (ADAPTATIONS[name].adapt(mean, var, z)[1] >= 0).all()
    assert ADAPTATIONS[name].name.startswith(name)


@pytest.mark.parametrize("name", ADAPTATIONS)
def test_in_other_units_statistics_change_as_the_values_do(name: str) -> None:
    """z becomes 3 z + 5: a mean follows, a variance is 9 times as large. Wrong: 3 times."""
    mean, var, z = layer()
    one, other = (ADAPTATIONS[name].adapt(*given) for given in ((mean, var, z), (3 * mean + 5, 9 * var, 3 * z + 5)))
    np.testing.assert_allclose(other[0], 3 * one[0] + 5, rtol=1e-12)
    np.testing.assert_allclose(other[1], 9 * one[1], rtol=1e-12)
    assert not np.allclose(other[1], 3 * one[1])


@pytest.mark.parametrize("name", ADAPTATIONS)
def test_the_order_of_rows_in_a_batch_does_not_matter_and_that_of_batches_only_to_what_remembers(name: str) -> None:
    mean, var, z = layer()

    def normalized(values: np.ndarray) -> np.ndarray:
        found = ADAPTATIONS[name].adapt(mean, var, values)
        return (values - found[0]) / np.sqrt(found[1] + 1e-5)

    np.testing.assert_allclose(normalized(z[:, ::-1])[:, ::-1], normalized(z), rtol=1e-12)
    same = np.allclose(normalized(z[::-1])[::-1], normalized(z), rtol=1e-12)
    assert same != ADAPTATIONS[name].remembers


# ---- each against a calculation by hand

# What a batch z, shape (rows, units), is normalized with: right, and wrong.
RULES: dict[Adaptation, tuple[Callable[..., Any], Callable[..., Any]]] = {
    PredictionTime(): (lambda _m, _v, z: (z.mean(0), z.var(0)), lambda _m, _v, z: (z.mean(0), z.var(0, ddof=1))),
    MeanOnly(): (lambda _m, v, z: (z.mean(0), v), lambda m, _v, z: (m, z.var(0))),
    VarianceOnly(): (
        lambda m, _v, z: (m, z.var(0)),
        lambda m, _v, z: (m, np.square(z - m).mean(0)),  # about the mean of training
    ),
}


@pytest.mark.parametrize("adaptation", RULES, ids=repr)
def test_each_batch_is_normalized_by_the_statistics_named(adaptation: Adaptation) -> None:
    network, x, batches = trained(), SPLIT.x_test, np.arange(60).reshape(-1, 5)
    found = adaptation.logits(network, network.running, x, batches)
    for rule, right in zip(RULES[adaptation], (True, False), strict=True):
        expected = [by_hand(network, x[rows], rule) for rows in batches]
        assert np.allclose(found, expected, rtol=1e-3, atol=1e-4) == right


def test_the_running_average_goes_on_over_the_stream() -> None:
    """By hand, layer by layer and batch by batch. Wrong: biased variances; a batch normalized before its update."""
    network, x, batches = trained(), SPLIT.x_test, np.arange(60).reshape(-1, 5)
    found = Continued(0.3).logits(network, network.running, x, batches)

    def stream(ddof: int, late: bool) -> list[np.ndarray]:
        kept = [
            [m.astype(float), v.astype(float)] for m, v in zip(network.running.mean, network.running.var, strict=True)
        ]
        logits = []
        for rows in batches:
            layers = iter(kept)

            def update(_m: np.ndarray, _v: np.ndarray, z: np.ndarray, layers: Any = layers) -> tuple[Any, Any]:
                state = next(layers)
                old = tuple(state)
                state[0] = 0.7 * state[0] + 0.3 * z.mean(0)
                state[1] = 0.7 * state[1] + 0.3 * z.var(0, ddof=ddof)
                return old if late else tuple(state)

            logits.append(by_hand(network, x[rows], update))
        return logits

    assert np.allclose(found, stream(ddof=1, late=False), rtol=1e-3, atol=1e-4)
    assert not np.allclose(found, stream(ddof=0, late=False), rtol=1e-3, atol=1e-4)
    assert not np.allclose(found, stream(ddof=1, late=True), rtol=1e-3, atol=1e-4)
    biased = Continued(0.3, ddof=0).logits(network, network.running, x, batches)
    assert np.allclose(biased, stream(ddof=0, late=False), rtol=1e-3, atol=1e-4)


def test_mixing_runs_from_the_test_batch_to_the_source() -> None:
    """No pseudo-rows are prediction-time batch statistics, many of them are running statistics, 16 neither."""
    network = trained()
    x, batches = SPLIT.x_test, np.arange(60).reshape(-1, 12)
    alone, source = network.logits_in_batches(x, batches), network.logits(x)[batches]

    def mixed(mixing: Adaptation) -> np.ndarray:
        return mixing.logits(network, network.running, x, batches)

    np.testing.assert_allclose(mixed(Mixed(0)), alone, rtol=1e-3, atol=1e-4)
    for nothing_new in (mixed(Mixed(1e9)), mixed(Weighed(0.0))):
        np.testing.assert_allclose(nothing_new, source, rtol=1e-3, atol=1e-4)
    for other in (alone, source):
        assert not np.allclose(mixed(Mixed(16)), other, rtol=0.05)
    own = mixed(Weighed(1.0))  # each row normalized by itself is zero, up to rounding errors over the root of eps
    np.testing.assert_allclose(own, np.broadcast_to(own[0, 0], own.shape), atol=1e-3)


def by_hand(network: Network, x: np.ndarray, mean_and_var: Any) -> np.ndarray:
    """Logits of one batch in float64."""
    values = x.astype(float)
    for layer in range(len(HIDDEN)):
        z = values @ network.weights[layer].astype(float)
        mean, var = mean_and_var(network.running.mean[layer], network.running.var[layer], z)
        normalized = (z - mean) / np.sqrt(var + network.recipe.convention.eps)
        values = np.maximum(network.scale[layer] * normalized + network.shift[layer], 0)
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


@pytest.mark.parametrize("momentum", [0, 1.1, np.nan, "0.1"])
def test_bad_momentum(momentum: Any) -> None:
    with pytest.raises(ValueError, match=r"^momentum is the weight of a test batch, above 0 and at most 1; got .*\.$"):
        Continued(momentum)
    with pytest.raises(ValueError, match=r"^ddof is a whole number from 0 to 1; got 2\.$"):
        Continued(ddof=2)


@pytest.mark.parametrize("make", [lambda: Mixed(-1), lambda: Mixed(np.inf), lambda: Mixed(np.nan)])
def test_bad_pseudo_rows(make: Any) -> None:
    with pytest.raises(ValueError, match=r"^pseudo is a number of rows, at least 0 and finite; got .*\.$"):
        make()


@pytest.mark.parametrize("make", [lambda: Mixed("3"), lambda: Weighed(None)])
def test_what_is_no_number_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"^(pseudo|weight) is a .*; got ('3'|None)\.$"):
        make()


@pytest.mark.parametrize("weight", [-0.1, 1.1, np.nan])
def test_bad_weight(weight: float) -> None:
    with pytest.raises(ValueError, match=r"^weight is a proportion of a row's own values, from 0 to 1; got .*\.$"):
        Weighed(weight)
