"""The monitor beside real loops of Flax: linen, whose statistics are given, and NNX, which is watched."""

from __future__ import annotations

import numpy as np
import pytest

flax = pytest.importorskip("flax", reason="needs Flax: pip install bnstats[flax]")

import jax
import jax.numpy as jnp
from flax import linen, nnx

import bnstats as bn

pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = np.random.default_rng(0).normal(size=(320, 6)).astype(np.float32)
LABELS = np.arange(320) % 3


class Linen(linen.Module):
    @linen.compact
    def __call__(self, x, train):
        x = linen.BatchNorm(use_running_average=not train)(linen.Dense(8)(x))
        return linen.Dense(3)(linen.relu(x))


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.first, self.norm = nnx.Linear(6, 8, rngs=rngs), nnx.BatchNorm(8, momentum=0.9, rngs=rngs)
        self.last = nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x):
        return self.last(nnx.relu(self.norm(self.first(x))))


def loss_of(scores, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(scores), labels[:, None], axis=1).mean()


def batches():
    for i in range(20):
        yield ROWS[16 * i : 16 * i + 16], LABELS[16 * i : 16 * i + 16]


def test_linen_statistics_are_given():
    """The recovered variance is the biased one of the batch within the rounding of float32, and not the unbiased."""
    model = Linen()
    variables = model.init(jax.random.key(0), ROWS[:2], train=True)
    params, stats = variables["params"], variables["batch_stats"]

    @jax.jit
    def step(params, stats, x, y):
        def loss(params):
            scores, new = model.apply({"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"])
            return loss_of(scores, y), new["batch_stats"]

        gradient, stats = jax.grad(loss, has_aux=True)(params)
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient), stats

    m = bn.BatchNormMonitor(batch_size=16, total_steps=20)
    m.update(bn.monitor.flax_statistics(variables), 1 - 0.99)
    for x, y in batches():
        dense = np.asarray(x @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"], np.float64)
        params, stats = step(params, stats, x, y)
        m.update(bn.monitor.flax_statistics(stats), 1 - 0.99)
    mean, var = np.split(m._engine.state.batch, 2)
    error = 4 * np.finfo(np.float32).eps * 4 / 0.01
    assert np.abs(mean - dense.mean(axis=0)).max() < error
    assert np.abs(var - dense.var(axis=0)).max() < error
    assert np.abs(var - dense.var(axis=0, ddof=1)).max() > 20 * error
    assert m.events.iloc[0][["step", "code", "layer"]].tolist() == [1, "start_remains", "BatchNorm_0"]
    assert m.table["start_weight"].tolist() == pytest.approx([0.99**20])


def test_nnx_models_are_watched_and_do_not_notice():
    def trained(watched):
        model = Nnx(nnx.Rngs(0))
        m = bn.BatchNormMonitor(batch_size=16).watch(model) if watched else None

        @nnx.jit
        def step(model, x, y):
            gradient = nnx.grad(lambda model: loss_of(model(x), y))(model)
            params = nnx.state(model, nnx.Param)
            nnx.update(model, jax.tree.map(lambda p, g: p - 0.1 * g, params, gradient))

        for x, y in batches():
            step(model, x, y)
            if watched:
                m.step()
        return model, m

    (model, m), (alone, _) = trained(True), trained(False)
    for a, b in zip(jax.tree.leaves(nnx.state(model)), jax.tree.leaves(nnx.state(alone)), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    assert m.table["layer"].tolist() == ["norm"]
    assert m.table["start_weight"].tolist() == pytest.approx([0.9**20])
    assert m.table["displacement"].notna().all()


@pytest.mark.parametrize("given", [{}, {"params": {}}, None])
def test_without_statistics_it_is_said(given):
    with pytest.raises(ValueError, match="no layer was found"):
        bn.monitor.flax_statistics(given)
