"""Flax models, NNX and linen: three of them keep the protocol's laws, and awkward ones are refused or left alone."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

flax = pytest.importorskip("flax", reason="Flax is not installed: pip install 'bnstats[flax]'")

import jax
from flax import linen, nnx
from numpy.testing import assert_allclose
from numpy_norms import NumPyNorms, rows
from protocol_laws import LAWS, Subject

from bnstats.audit.core.audit import AuditOptions, run
from bnstats.audit.core.kinds import population
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.audit.core.recalibrate import recalibrated
from bnstats.audit.core.recalibration import ReadingLimits
from bnstats.audit.flax import FRAMEWORK
from bnstats.audit.frameworks import framework_of


class Modern(nnx.Module):
    """An NNX module with dropout, a list, a layer called twice, one never called, and a count of calls."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.first, self.dropout = nnx.Linear(3, 4, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)
        self.norms = nnx.List([nnx.BatchNorm(4, momentum=0.9, rngs=rngs), nnx.BatchNorm(4, momentum=0.5, rngs=rngs)])
        self.unused = nnx.BatchNorm(4, rngs=rngs)
        self.calls = 0

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        x = self.dropout(self.norms[0](self.first(x)))
        return self.norms[1](self.norms[1](x) ** 2)


class Compiled(nnx.Module):
    """An NNX module with a call that is compiled, channels in the first axis, and a frozen layer."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.norm, self.frozen = nnx.BatchNorm(3, axis=1, rngs=rngs), nnx.BatchNorm(4, use_scale=False, rngs=rngs)

    @nnx.jit
    def __call__(self, x: Any) -> Any:
        return self.frozen(self.norm(x), use_running_average=True)


class Linen(linen.Module):
    """A linen module for several devices, with the flag of its mode as an argument."""

    @linen.compact
    def __call__(self, x: Any, train: bool) -> Any:
        x = linen.BatchNorm(use_running_average=not train, momentum=0.8, axis_name="batch")(linen.Dense(4)(x))
        x = linen.Dropout(0.5, deterministic=not train)(linen.relu(x))
        return linen.BatchNorm(use_bias=False, name="last")(x, not train)


def moved(tree: Any) -> Any:
    """Weights and statistics as training may leave them."""
    rng = np.random.default_rng(2)

    def other(x: Any) -> Any:
        return jax.numpy.asarray(rng.uniform(0.3, 1.5, x.shape), x.dtype) if x.dtype == "float32" else x

    return jax.tree.map(other, tree)


def array(x: Any) -> Any:
    return np.asarray(x, np.float64)


def norm(norms: NumPyNorms, name: str, layer: Any, x: Any, **options: Any) -> Any:
    scale, shift = (1 if v is None else array(v[...]) for v in (layer.scale, layer.bias))
    return norms(name, x, scale, shift, layer.epsilon, **options)


def of_nnx(model: Any, batches: list[Any], reference: Any, weights: dict[str, float], noisy: bool) -> Subject:
    nnx.update(model, moved(nnx.state(model)))

    def in_numpy(x: Any, statistics: dict[str, ChannelStatistics] | None) -> Any:
        norms = NumPyNorms(statistics)
        return reference(norms, array(x)), norms.inputs

    def state() -> dict[str, Any]:
        leaves = jax.tree.leaves(jax.tree.map(_numbers, nnx.state(model)))
        return {str(k): np.asarray(v) for k, v in enumerate(leaves)} | {"calls": np.array(getattr(model, "calls", 0))}

    def evaluate(x: Any) -> Any:
        layers = {".".join(map(str, p)): m for p, m in nnx.iter_modules(model) if isinstance(m, nnx.BatchNorm)}
        return in_numpy(x, {n: ChannelStatistics(array(m.mean[...]), array(m.var[...])) for n, m in layers.items()})[0]

    return Subject(FRAMEWORK, model, batches, evaluate, state, in_numpy, noisy, weights)


def _numbers(x: Any) -> Any:
    return jax.random.key_data(x) if jax.numpy.issubdtype(x.dtype, jax.dtypes.prng_key) else x


def modern() -> Subject:
    model = Modern(nnx.Rngs(0))

    def reference(norms: NumPyNorms, x: Any) -> Any:
        h = norm(norms, "norms.0", model.norms[0], x @ array(model.first.kernel[...]) + array(model.first.bias[...]))
        h = norm(norms, "norms.1", model.norms[1], h)
        return norm(norms, "norms.1", model.norms[1], h**2)

    weights = {"norms.0": 0.1, "norms.1": 0.75, "unused": 0.0}
    return of_nnx(model, rows(16, 9, 20), reference, weights, noisy=True)


def compiled() -> Subject:
    model = Compiled(nnx.Rngs(0))

    def reference(norms: NumPyNorms, x: Any) -> Any:
        return norm(norms, "frozen", model.frozen, norm(norms, "norm", model.norm, x, axis=1))

    batches = [(x.reshape(-1, 3, 4), y) for x, y in rows(16, 9, 20, width=12)]
    return of_nnx(model, batches, reference, {"norm": 0.01, "frozen": 0.0}, noisy=False)


def pair() -> tuple[Linen, Any]:
    module = Linen()
    return module, moved(module.init(jax.random.key(0), rows(4)[0][0], train=False))


def old() -> Subject:
    """A linen module and its variables."""
    module, variables = pair()
    parameters, held = variables["params"], variables["batch_stats"]

    def in_numpy(x: Any, statistics: dict[str, ChannelStatistics] | None) -> Any:
        norms, one, two = NumPyNorms(statistics), parameters["BatchNorm_0"], parameters["last"]
        h = array(x) @ array(parameters["Dense_0"]["kernel"]) + array(parameters["Dense_0"]["bias"])
        h = np.maximum(norms("BatchNorm_0", h, array(one["scale"]), array(one["bias"]), 1e-5), 0)
        return norms("last", h, array(two["scale"]), 0, 1e-5), norms.inputs

    def evaluate(x: Any) -> Any:
        return in_numpy(x, {name: ChannelStatistics(array(s["mean"]), array(s["var"])) for name, s in held.items()})[0]

    def state() -> dict[str, Any]:
        return {str(k): np.asarray(v) for k, v in enumerate(jax.tree.leaves(variables))}

    weights = {"BatchNorm_0": 0.2, "last": 0.01}
    return Subject(FRAMEWORK, (module, variables), rows(16, 9, 20), evaluate, state, in_numpy, True, weights)


MODELS = {model.__name__: cache(model) for model in (modern, compiled, old)}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("model", MODELS)
def test_a_private_copy_keeps_the_laws(model: str, law: Any) -> None:
    law(MODELS[model]())


class State:
    """State of a training, as `flax.training.train_state.TrainState` with batch statistics."""

    def __init__(self, apply_fn: Any, params: Any, batch_stats: Any) -> None:
        self.apply_fn, self.params, self.batch_stats = apply_fn, params, batch_stats

    def replace(self, **changed: Any) -> State:
        return State(**{**vars(self), **changed})


jax.tree_util.register_pytree_node(
    State, lambda s: ((s.params, s.batch_stats), s.apply_fn), lambda apply_fn, parts: State(apply_fn, *parts)
)


def test_all_that_users_hold_of_a_linen_model_is_understood() -> None:
    module, variables = pair()
    batch = rows(8)[0]
    wanted = module.apply(variables, batch[0], train=False)
    for held in ((module, variables), module.bind(variables), State(module.apply, **variables)):
        assert framework_of(held) is FRAMEWORK
        assert_allclose(FRAMEWORK.isolate(held, batch).eval_pass(batch), wanted, rtol=1e-6)
        given = {"last": ChannelStatistics(np.full(4, 3.0), np.full(4, 5.0))}
        written = FRAMEWORK.write(FRAMEWORK.copied(held), given)
        assert type(written) is type(held)
        assert_allclose(FRAMEWORK.isolate(written, batch).get()["last"].mean, 3.0)
    with pytest.raises(ValueError, match=r"give the pair \(module, variables\)"):
        FRAMEWORK.isolate(module, batch)


class Idiom(linen.Module):
    """The mode is told by whether statistics may change."""

    @linen.compact
    def __call__(self, x: Any) -> Any:
        return linen.BatchNorm(use_running_average=not self.is_mutable_collection("batch_stats"))(x)


class ByHand(linen.Module):
    """Batch statistics in evaluation mode, too."""

    @linen.compact
    def __call__(self, x: Any) -> Any:
        return linen.BatchNorm(use_running_average=False)(x)


class Field(linen.Module):
    """The mode is a field of the module."""

    train: bool = True

    @linen.compact
    def __call__(self, x: Any) -> Any:
        return linen.BatchNorm(use_running_average=not self.train)(x)


@pytest.mark.parametrize(("module", "batch_in_evaluation"), [(Idiom(), False), (ByHand(), True), (Field(), False)])
def test_modes_of_linen_modules_are_set_as_their_users_set_them(module: Any, batch_in_evaluation: bool) -> None:
    batch = rows(12)[0]
    copy = FRAMEWORK.isolate((module, module.init(jax.random.key(0), batch[0])), batch)
    own = batch[0].mean(0)
    evaluation = np.asarray(copy.eval_pass(batch)).mean(0)
    assert_allclose(evaluation, 0 * own if batch_in_evaluation else own, atol=1e-4)
    assert_allclose(np.asarray(copy.batch_pass(batch)).mean(0), 0, atol=1e-5)
    copy.train_pass(batch)
    assert_allclose(copy.get()["BatchNorm_0"].mean, 0.01 * own, rtol=1e-4)


def test_a_model_without_batch_norm_and_bad_batches() -> None:
    plain = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    assert list(FRAMEWORK.isolate(plain, rows(4)[0]).layers) == []
    with pytest.raises(ValueError, match="does not run on the first batch"):
        FRAMEWORK.isolate(plain, rows(4, width=5)[0])
    with pytest.raises(ValueError, match="device is for models of PyTorch"):
        FRAMEWORK.isolate(plain, rows(4)[0], device="cpu")


def test_dictionaries_and_functions_of_the_user() -> None:
    subject = MODELS["modern"]()
    x = subject.batches[0][0]
    for batch in ({"x": x, "label": x}, {"image": x, "label": x}):
        copy = FRAMEWORK.isolate(subject.model, batch)
        assert_allclose(copy.eval_pass(batch), subject.evaluate(x), rtol=1e-4, atol=1e-4)
    copy = FRAMEWORK.isolate(subject.model, [x], forward=lambda model, batch: {"out": model(2 * batch[0])})
    assert_allclose(copy.to_numpy(copy.eval_pass([x]))["out"], subject.evaluate(2 * x), rtol=1e-4, atol=1e-4)


class Notes:
    def __init__(self) -> None:
        self.seen: list[int] = []
        self.table = np.zeros(2)


class Noting(nnx.Module):
    """A module with a list and a NumPy array, which its call changes."""

    def __init__(self) -> None:
        self.norm, self.notes = nnx.BatchNorm(3, rngs=nnx.Rngs(0)), Notes()

    def __call__(self, x: Any) -> Any:
        self.notes.seen.append(len(x))
        self.notes.table += 1
        return self.norm(x)


def test_what_a_call_changes_is_the_copys() -> None:
    model = Noting()
    with FRAMEWORK.guarded(model, [], 0) as guard:
        FRAMEWORK.isolate(model, rows(4)[0]).train_pass(rows(4)[0])
    assert (model.notes.seen, model.notes.table.tolist(), list(guard.changed)) == ([], [0, 0], [])
    with FRAMEWORK.guarded(model, [], 0) as guard:
        model(rows(4)[0][0])  # as code outside of the copy may do
    assert (model.notes.seen, model.notes.table.tolist()) == ([], [0, 0])
    assert {"notes.seen", "notes.table"} <= {*guard.changed}
    assert_allclose(model.norm.mean[...], 0)


class Drifting(nnx.Module):
    """A number, an array, the value of a variable, and a variable, which each call doubles."""

    def __init__(self) -> None:
        self.norm, self.number, self.array = nnx.BatchNorm(3, rngs=nnx.Rngs(0)), 1, np.ones(3, np.float32)
        self.value, self.variable = nnx.Param(jax.numpy.ones(3)), nnx.Param(jax.numpy.ones(3))

    def __call__(self, x: Any) -> Any:
        self.number *= 2
        self.array *= 2
        self.value[...] = self.value[...] * 2
        self.variable = nnx.Param(self.variable[...] * 2)
        return self.norm(x) * self.number * self.array * self.value[...] * self.variable[...]


def test_every_pass_begins_with_the_same_numbers() -> None:
    batch = rows(8)[0]
    copy = FRAMEWORK.isolate(Drifting(), batch)
    first = np.asarray(copy.eval_pass(batch))
    assert_allclose(first, 16 * batch[0], rtol=1e-4)
    copy.set({"norm": ChannelStatistics(np.zeros(3), np.ones(3))})
    before = copy.get()["norm"].mean
    copy.train_pass(batch)
    assert np.abs(copy.get()["norm"].mean - before).min() > 0, "running statistics are kept"
    copy.set({"norm": ChannelStatistics(np.zeros(3), np.ones(3))})
    assert_allclose(np.asarray(copy.eval_pass(batch)), first)


class Keeping(nnx.Module):
    """A module that keeps what it passes on: of each call, or of the first one."""

    def __init__(self, only_first: bool) -> None:
        self.one, self.two = nnx.BatchNorm(3, rngs=nnx.Rngs(0)), nnx.BatchNorm(3, rngs=nnx.Rngs(0))
        self.only_first = only_first

    def __call__(self, x: Any) -> Any:
        if not (self.only_first and hasattr(self, "kept")):
            self.kept = nnx.Variable(x)
        return self.two(self.one(x) + self.kept[...])


@pytest.mark.parametrize("only_first", [False, True])
def test_batches_do_not_mix_in_attributes(only_first: bool) -> None:
    batches = [(x + k, y) for k, (x, y) in enumerate(rows(8, 8, 8))]
    copy = FRAMEWORK.isolate(Keeping(only_first), batches[0])
    assert copy.lockstep(batches) is None
    whole = np.concatenate([x for x, _ in batches])
    mean = ((whole - whole.mean(0)) / np.sqrt(whole.var(0) + 1e-5) + whole).mean(0)
    assert_allclose(population(copy, batches)["two"].mean, mean, rtol=1e-4)


def test_a_recalibrated_copy_has_memory_of_its_own() -> None:
    """Compiled training may give the memory of arrays to new ones."""
    held = pair()
    made = recalibrated(FRAMEWORK, held, rows(16, 16), "population", None, ReadingLimits(), False, AuditOptions())
    give = jax.jit(lambda tree: jax.tree.map(lambda x: x + 1, tree), donate_argnums=0)
    give(made[1])
    assert FRAMEWORK.isolate(held, rows(4)[0]).layers


def test_an_audit_names_what_is_wrong() -> None:
    """Start values, and inputs far from them: evaluation mode scales rows by other numbers than training did."""
    held = MODELS["modern"]().model
    model = nnx.clone(held)
    for layer in (*model.norms, model.unused):
        layer.mean[...], layer.var[...] = 0 * layer.mean[...], 0 * layer.var[...] + 1
    report = run(FRAMEWORK, model, rows(*[32] * 20), AuditOptions())
    assert (report.verdict, report.cause, report.framework) == ("off", "never_updated", "flax")
