"""Statistics that need no retraining: exact identities, up to float32. Nothing here is random but the inputs.

Each identity has a negative control: a formula that is wrong in a way that happens, and that the same test rejects.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bnstats.datasets.dataset import Gaussians
from bnstats.networks.adaptations import ADAPTATIONS
from bnstats.networks.layer_statistics import Statistics
from bnstats.networks.network import Network
from bnstats.networks.recalibration import RECALIBRATIONS, averaged, population, precise
from bnstats.networks.recipe import Recipe
from bnstats.normalizers import Batch, BatchThenGroup, Ghost, Group, Layer, NoNorm, Normalizer
from bnstats.statistics.running_conventions import Convention

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
    for statistics in (find(network, SPLIT.x, epoch(4)) for find in RECALIBRATIONS.values()):
        np.testing.assert_array_equal(network.logits(x, statistics), expected)
    for adaptation in ADAPTATIONS.values():
        np.testing.assert_array_equal(adaptation.logits(network, network.running, x, batches), expected[batches])
    np.testing.assert_array_equal(network.logits_in_batches(x, batches), expected[batches])
    unlike = replace(network, recipe=replace(network.recipe, normalizer=Batch()))
    assert not np.allclose(unlike.logits_in_batches(x, batches), expected[batches], rtol=0.1)


@pytest.mark.parametrize("normalizer", [Batch(), Ghost(size=4), BatchThenGroup(2)])
def test_averaged_statistics_are_those_of_the_batches_averaged_with_unbiased_variances(normalizer: Normalizer) -> None:
    """Wrong: biased variances; the pooled variance, which has that between batches."""
    network = trained(normalizer=normalizer)
    batches, rows = epoch(8), normalizer.set_rows(8)
    found, each = averaged(network, SPLIT.x, batches), network.batch_statistics(SPLIT.x, batches)

    def mean(kind: tuple[np.ndarray, ...], factor: float = 1.0) -> tuple[np.ndarray, ...]:
        return tuple(factor * part.astype(float).mean(axis=0) for part in kind)

    assert agree(found, Statistics(mean(each.mean), mean(each.var, rows / (rows - 1))))
    assert not agree(found, Statistics(mean(each.mean), mean(each.var)), rtol=0.01, atol=0)
    assert not agree(found, precise(network, SPLIT.x, batches), rtol=0.01, atol=0)


def test_averaged_statistics_equal_update_bn_of_torch() -> None:
    torch = pytest.importorskip("torch")
    network, batches = trained(), epoch(8)
    layers: list[Any] = []
    for weights, scale, shift in zip(network.weights[:-1], network.scale, network.shift, strict=True):
        inputs, units = weights.shape
        linear, norm = torch.nn.Linear(inputs, units, bias=False), torch.nn.BatchNorm1d(units)
        for given, values in ((linear.weight, weights.T), (norm.weight, scale), (norm.bias, shift)):
            given.data = torch.from_numpy(values.copy())
        layers += [linear, norm, torch.nn.ReLU()]
    torch.optim.swa_utils.update_bn([torch.from_numpy(SPLIT.x[rows]) for rows in batches], torch.nn.Sequential(*layers))
    buffers = [(n.running_mean.numpy(), n.running_var.numpy()) for n in layers[1::3]]
    expected = Statistics(tuple(mean for mean, _ in buffers), tuple(var for _, var in buffers))
    assert agree(averaged(network, SPLIT.x, batches), expected)
    assert not agree(precise(network, SPLIT.x, batches), expected)


@pytest.mark.parametrize("name", RECALIBRATIONS)
def test_every_recalibration_gives_each_unit_a_finite_mean_and_a_variance(name: str) -> None:
    network = trained()
    found = RECALIBRATIONS[name](network, SPLIT.x, epoch(4))
    assert [part.shape for part in (*found.mean, *found.var)] == 2 * [(units,) for units in HIDDEN]
    assert np.isfinite(np.concatenate([*found.mean, *found.var])).all()
    assert (np.concatenate(found.var) >= 0).all()
