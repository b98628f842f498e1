"""Kinds of statistics against plain computations, and the measured history of a network."""

from __future__ import annotations

import copy

import numpy as np
import numpy_damage as damage
import pytest
from numpy_model import NumpyModel, batches, network, trained

from bnstats.audit.core import kinds
from bnstats.audit.core.history.rates import measure_use, replaced


def model_of(net: object, loader: list[object]) -> NumpyModel:
    return NumpyModel(net, loader[0])


def test_population_statistics_are_those_of_one_large_batch() -> None:
    net, loader = trained(dropout=0.3), batches(7, 20, 3)
    loader[2] = tuple(part[:5] for part in loader[2])
    model = model_of(net, loader)
    before = model.get()
    made = kinds.population(model, loader)
    whole = tuple(np.concatenate(parts) for parts in zip(*loader, strict=True))
    for name, (seen,) in model.moments(whole, "batch").items():
        np.testing.assert_allclose(made[name].mean, seen.mean, rtol=1e-9)
        np.testing.assert_allclose(made[name].var, seen.var(), rtol=1e-9)
    for name, statistics in model.get().items():
        np.testing.assert_array_equal(statistics.mean, before[name].mean)


def test_pooled_batches_are_not_the_population_in_later_layers() -> None:
    """In training mode each batch is normalized by itself, so that pooling sees less variance than the whole has."""
    loader = batches(20, 4, 3)
    model = model_of(trained(), loader)
    pooled = kinds.pooled(kinds.observe(model, loader, "batch"))
    population = kinds.population(model, loader)
    np.testing.assert_allclose(pooled["norm0"].var, population["norm0"].var)
    assert not np.allclose(pooled["norm1"].var, population["norm1"].var, rtol=0.05)


@pytest.mark.parametrize(("convention", "rate"), [("torch", 0.1), ("keras", 0.01), ("torch", 0.99)])
def test_the_share_that_a_pass_replaces_is_measured(convention: str, rate: float) -> None:
    net = network(convention=convention, weight=rate, dropout=0.5)
    model = model_of(net, batches(1, 32, 0))
    before = model.get()
    assert replaced(model, batches(1, 32, 0)[0])["norm0"] == pytest.approx(rate, rel=1e-6)
    assert replaced(model, batches(1, 32, 0)[0])["norm1"] == pytest.approx(rate, abs=0.05)
    np.testing.assert_array_equal(model.get()["norm1"].var, before["norm1"].var)


def test_two_updates_and_two_calls_replace_more() -> None:
    twice = damage.changed(network(), lambda norm: vars(norm).update(twice=True))
    assert replaced(model_of(twice, batches(1, 32, 0)), batches(1, 32, 0)[0])["norm0"] == pytest.approx(0.19)
    called = network()
    called.streams = 2
    assert replaced(model_of(called, batches(1, 32, 0)), batches(1, 32, 0)[0])["norm0"] == pytest.approx(0.19)


def test_use_of_running_statistics_is_seen_in_both_modes() -> None:
    batch = batches(1, 32, 0)[0]
    plain, always = network(), damage.changed(network(), lambda norm: vars(norm).update(always=True))
    frozen = damage.changed(network(), lambda norm: vars(norm).update(frozen=True))
    still = damage.changed(network(dropout=0.5), lambda norm: vars(norm).update(weight=0.0))
    names = ["norm0", "norm1"]
    assert measure_use(model_of(plain, [batch]), batch, []).evaluation
    assert not measure_use(model_of(always, [batch]), batch, []).evaluation
    assert measure_use(model_of(frozen, [batch]), batch, names).training
    assert not measure_use(model_of(still, [batch]), batch, names).training
    skipping = copy.deepcopy(plain)
    skipping.skips = 0.5
    found = measure_use(NumpyModel(plain, batch), (batch[0] * np.nan, batch[1]), [])
    assert found.evaluation  # outputs that are not finite show nothing


def test_averages_of_stored_variances() -> None:
    loader = batches(9, 6, 3)
    seen = kinds.observe(model_of(network(), loader), loader, "train")
    for ddof in (0, 1):
        made = kinds.averaged(seen, ddof)["norm0"]
        np.testing.assert_allclose(made.var, np.mean([s["norm0"][0].m2 / (6 - ddof) for s in seen], axis=0))
    half = kinds.biased({"norm0": kinds.averaged(seen, 1)["norm0"]}, seen)["norm0"]
    np.testing.assert_allclose(half.var, kinds.averaged(seen, 0)["norm0"].var)
    left = kinds.debiased({"norm0": made}, {"norm0": 0.5}, (0.0, 1.0))["norm0"]
    np.testing.assert_allclose(left.mean, 2 * made.mean)
    np.testing.assert_allclose(left.var, np.maximum(2 * made.var - 1, 0))
