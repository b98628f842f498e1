"""Keras 3 models: three of them keep the protocol's laws on this backend, and awkward ones are refused or left alone.

The backend is that of KERAS_BACKEND; JAX by default.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras", reason="Keras is not installed: pip install 'bnstats[keras]'")

from numpy_norms import NumPyNorms, rows
from protocol_laws import LAWS, Subject

from bnstats.audit.core.audit import AuditOptions, run
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.audit.files import audit_file
from bnstats.audit.frameworks import framework_of
from bnstats.audit.keras import FRAMEWORK

layers = keras.layers
# Keras's own conversion of variables, on the backend of JAX; and a model with a layer that it never calls.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.build... was called on layer 'own:UserWarning"),
]


class Own(keras.Model):
    """A subclass with layers in a list, one called with batch statistics by hand, one never, and a count of calls."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = [layers.Dense(5), layers.BatchNormalization(momentum=0.8, name="first")]
        self.by_hand = layers.BatchNormalization(center=False, name="hand")
        self.unused = layers.BatchNormalization(name="unused")
        self.seen: list[int] = []

    def call(self, x: Any, training: Any = None) -> Any:
        self.seen.append(len(x))
        for block in self.blocks:
            x = block(x, training=training) if "first" in block.name else block(x)
        return self.by_hand(x, training=True)


def values(variable: Any) -> Any:
    return np.asarray(keras.ops.convert_to_numpy(variable), np.float64)


def dense(layer: Any, x: Any) -> Any:
    return x @ values(layer.kernel) + values(layer.bias)


def norm(norms: NumPyNorms, layer: Any, x: Any, **options: Any) -> Any:
    scale, shift = values(layer.gamma) if layer.scale else 1, values(layer.beta) if layer.center else 0
    return norms(layer.name, x, scale, shift, layer.epsilon, **options)


def moved(model: Any) -> Any:
    """The model with weights and statistics as training may leave them."""
    rng = np.random.default_rng(2)
    for variable in model.variables:
        if "seed" not in variable.path:
            variable.assign(rng.uniform(0.3, 1.5, variable.shape).astype("f4"))
    return model


def subject(model: Any, batches: list[Any], reference: Any, weights: dict[str, float], noisy: bool = False) -> Subject:
    def in_numpy(x: Any, statistics: dict[str, ChannelStatistics] | None) -> tuple[Any, dict[str, Sequence[Any]]]:
        norms = NumPyNorms(statistics)
        return reference(norms, np.asarray(x, np.float64)), norms.inputs

    def evaluate(x: Any) -> Any:
        held = {
            name: ChannelStatistics(*map(values, (n.moving_mean, n.moving_variance)))
            for name, n in norm_layers(model).items()
        }
        return in_numpy(x, held)[0]

    def state() -> dict[str, Any]:
        return {str(k): values(v) for k, v in enumerate(model.variables)} | {
            "seen": np.array(getattr(model, "seen", []))
        }

    return Subject(FRAMEWORK, model, batches, evaluate, state, in_numpy, noisy, weights)


def norm_layers(model: Any) -> dict[str, Any]:
    found = {layer.name: layer for layer in model._flatten_layers() if isinstance(layer, layers.BatchNormalization)}
    return {name: layer for name, layer in found.items() if layer.built}


def sequential() -> Subject:
    """Dense layers with dropout, compiled and trained for some steps."""
    model = keras.Sequential([
        keras.Input((3,)), layers.Dense(6), layers.BatchNormalization(name="one"), layers.ReLU(), layers.Dropout(0.5),
        layers.Dense(4), layers.BatchNormalization(scale=False, momentum=0.9, name="two"),
    ])  # fmt: skip
    model.compile("adam", "mse")
    x = rows(64)[0][0]
    model.fit(x, np.zeros((64, 4)), batch_size=16, epochs=2, verbose=0)

    def reference(norms: NumPyNorms, x: Any) -> Any:
        one, two = model.layers[1], model.layers[5]
        h = np.maximum(norm(norms, one, dense(model.layers[0], x)), 0)
        return norm(norms, two, dense(model.layers[4], h))

    return subject(model, rows(16, 9, 20), reference, {"one": 0.01, "two": 0.1}, noisy=True)


def functional() -> Subject:
    """A graph with channels in the first axis, a layer called twice and a frozen one."""
    entered = keras.Input((3, 4))
    first, twice = (
        layers.BatchNormalization(axis=1, name="first"),
        layers.BatchNormalization(momentum=0.5, name="twice"),
    )
    frozen = layers.BatchNormalization(name="frozen", trainable=False)
    shared = layers.Dense(4, name="shared")
    left = twice(shared(layers.Flatten()(first(entered))))
    right = twice(layers.Dense(4, name="right")(left))
    model = moved(keras.Model(entered, frozen(layers.add([left, right]))))

    def reference(norms: NumPyNorms, x: Any) -> Any:
        h = norm(norms, first, x.reshape(-1, 3, 4), axis=1).reshape(len(x), -1)
        a = norm(norms, twice, dense(shared, h))
        b = norm(norms, twice, dense(model.get_layer("right"), a))
        return norm(norms, frozen, a + b)

    batches = [(x.reshape(-1, 3, 4), y) for x, y in rows(16, 9, 20, width=12)]
    return subject(model, batches, reference, {"first": 0.01, "twice": 0.75, "frozen": 0.0})


def subclassed() -> Subject:
    model = Own()
    model(rows(4)[0][0])
    moved(model)

    def reference(norms: NumPyNorms, x: Any) -> Any:
        h = norm(norms, model.blocks[1], dense(model.blocks[0], x))
        return norm(norms, model.by_hand, h, batch=True)

    return subject(model, rows(16, 9, 20), reference, {"first": 0.2, "hand": 0.01})


MODELS = {model.__name__: cache(model) for model in (sequential, functional, subclassed)}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("model", MODELS)
def test_a_private_copy_keeps_the_laws(model: str, law: Any) -> None:
    law(MODELS[model]())


def test_names_and_layers_that_no_pass_calls() -> None:
    own = MODELS["subclassed"]().isolated()
    assert [layer.name for layer in own.layers] == ["first", "hand"]
    assert list(own.never_called) == ["unused"]
    plain = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    assert list(FRAMEWORK.isolate(plain, rows(4)[0]).layers) == []


def test_the_model_stays_trainable_and_compiled() -> None:
    model = MODELS["sequential"]().model
    copy = FRAMEWORK.copied(model)
    before = [values(v) for v in model.variables]
    copy.fit(rows(16)[0][0], np.zeros((16, 4)), verbose=0)
    assert any((values(a) != values(b)).any() for a, b in zip(copy.variables, model.variables, strict=True))
    assert all((values(v) == b).all() for v, b in zip(model.variables, before, strict=True))
    assert model.compiled
    assert copy.compiled


class Drifting(keras.Model):
    """A number and a weight, which each call doubles."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.number = layers.BatchNormalization(name="norm"), 1
        self.weight = self.add_weight(shape=(3,), initializer="ones")

    def call(self, x: Any, training: Any = None) -> Any:
        self.number *= 2
        if keras.backend.backend() == "torch":
            self.weight.value.data.mul_(2)
        else:
            self.weight.assign(self.weight * 2)
        return self.norm(x, training=training) * self.number * self.weight


def test_every_pass_begins_with_the_same_numbers() -> None:
    batch = rows(8)[0]
    model = Drifting()
    model(batch[0])
    copy = FRAMEWORK.isolate(model, batch)
    first = copy.to_numpy(copy.eval_pass(batch))
    before = copy.get()
    copy.train_pass(batch)
    assert np.abs(copy.get()["norm"].mean - before["norm"].mean).min() > 0, "running statistics are kept"
    copy.set(before)
    np.testing.assert_allclose(copy.to_numpy(copy.eval_pass(batch)), first)


def test_masked_positions_are_no_data() -> None:
    model = keras.Sequential([keras.Input((None, 3)), layers.Masking(), layers.BatchNormalization(name="n")])
    x = rows(4, width=15)[0][0].reshape(4, 5, 3)
    x[:, 3:] = 0
    copy = FRAMEWORK.isolate(model, (x, None))
    seen = copy.moments((x, None), "train")["n"][0]
    assert float(seen.n) == 12
    np.testing.assert_allclose(seen.mean, x[:, :3].reshape(-1, 3).mean(0), rtol=1e-5)
    copy.train_pass((x, None))
    np.testing.assert_allclose(copy.get()["n"].mean, 0.01 * seen.mean, rtol=1e-4)


class Cell(keras.Layer):
    """A recurrent cell with batch norm, which the backend of JAX compiles into a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.state_size = 4
        self.inner, self.again, self.norm = layers.Dense(4), layers.Dense(4), layers.BatchNormalization(name="cell")

    def build(self, shape: Any) -> None:
        self.inner.build(shape)
        self.again.build((shape[0], 4))
        self.norm.build((shape[0], 4))
        self.built = True

    def call(self, x: Any, states: Any, training: Any = None) -> Any:
        hidden = keras.ops.tanh(self.norm(self.inner(x) + self.again(states[0]), training=training))
        return hidden, [hidden]


def recurrent() -> Any:
    return keras.Sequential([keras.Input((5, 3)), layers.RNN(Cell())])


def nested() -> Any:
    inner = keras.Sequential([keras.Input((15,)), layers.Dense(15), layers.BatchNormalization()])
    return keras.Sequential([keras.Input((5, 3)), layers.Flatten(), inner, inner])


def in_half_precision() -> Any:
    norm = layers.BatchNormalization(dtype="mixed_float16")
    return keras.Sequential([keras.Input((5, 3)), layers.Conv1D(4, 3, dtype="mixed_float16"), norm])


def renormalized() -> Any:
    return keras.Sequential([keras.Input((5, 3)), layers.BatchNormalization(renorm=True)])


@pytest.mark.parametrize(
    ("make", "calls", "values"), [(nested, 2, 8), (in_half_precision, 1, 24), (renormalized, 1, 40)]
)
def test_layers_are_followed_wherever_they_are(make: Any, calls: int, values: int) -> None:
    x = rows(8, width=15)[0][0].reshape(8, 5, 3)
    copy = FRAMEWORK.isolate(make(), (x, None))
    (name,) = copy.get()
    before = copy.get()[name]
    assert [(layer.name, layer.calls) for layer in copy.layers] == [(name, calls)]
    assert [float(moments.n) for moments in copy.moments((x, None), "train")[name]] == [values] * calls
    assert (copy.lockstep([(x, None)] * 2) is None) == (calls > 1)
    copy.train_pass((x, None))
    assert (copy.get()[name].mean != before.mean).any()


def test_a_layer_within_a_compiled_loop_is_seen_step_by_step() -> None:
    """The backend of PyTorch tries a step once more; that of JAX drops updates of statistics within a loop."""
    batch = (rows(8, width=15)[0][0].reshape(8, 5, 3), None)
    copy = FRAMEWORK.isolate(recurrent(), batch)
    (layer,) = copy.layers
    assert layer.calls >= 5
    for mode in ("train", "eval", "batch"):
        assert [float(moments.n) for moments in copy.moments(batch, mode)[layer.name]] == [8] * layer.calls
    first, second = (copy.to_numpy(run(batch)) for run in (copy.eval_pass, copy.batch_pass))
    assert np.abs(first - second).max() > 0.01


def test_batches_are_of_any_form() -> None:
    one, two = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    model = keras.Model({"a": one, "b": two}, layers.BatchNormalization(name="n")(layers.concatenate([one, two])))
    x, y = rows(8)[0]
    copy = FRAMEWORK.isolate(model, ({"a": x, "b": 2 * x}, y))
    np.testing.assert_allclose(
        copy.moments(({"a": x, "b": 2 * x}, y), "eval")["n"][0].mean[3:], 2 * x.mean(0), rtol=1e-5
    )
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    batch = (torch.from_numpy(x), torch.from_numpy(y))
    plain = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(name="n")])
    np.testing.assert_allclose(
        FRAMEWORK.isolate(plain, batch).moments(batch, "eval")["n"][0].mean, x.mean(0), rtol=1e-5
    )


def test_models_that_cannot_be_isolated_are_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="has not been built"):
        FRAMEWORK.isolate(Own(), rows(4)[0])
    model = MODELS["sequential"]().model
    with pytest.raises(ValueError, match="does not run on the first batch"):
        FRAMEWORK.isolate(model, rows(4, width=7)[0])
    with pytest.raises(ValueError, match="device is for models of PyTorch"):
        FRAMEWORK.isolate(model, rows(4)[0], device="cpu")
    assert framework_of(model) is FRAMEWORK


def test_a_function_of_the_user_calls_the_model_in_each_mode() -> None:
    model = MODELS["sequential"]()
    batch = {"features": model.batches[0][0]}
    copy = FRAMEWORK.isolate(model.model, batch, forward=lambda model, batch: {"out": model(batch["features"])})
    np.testing.assert_allclose(
        copy.to_numpy(copy.eval_pass(batch))["out"], model.evaluate(batch["features"]), rtol=1e-4, atol=1e-5
    )
    before = copy.get()["one"].mean
    copy.train_pass(batch)
    assert (copy.get()["one"].mean != before).all()


def test_an_audit_names_what_is_wrong_and_the_fix_mends_it() -> None:
    """Statistics at start values and inputs far from them: the loss is several times the entropy of the labels."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(3, 2, (640, 3)).astype("f4"), rng.integers(2, size=640)
    x[y == 1, 0] += 4
    loader = [(x[i : i + 32], y[i : i + 32]) for i in range(0, 640, 32)]
    model = keras.Sequential([
        keras.Input((3,)), layers.Dense(8), layers.BatchNormalization(name="n"), layers.ReLU(), layers.Dense(2),
    ])  # fmt: skip
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.learning_rate = 0.05
    model.fit(x, y, batch_size=32, epochs=2, verbose=0)
    norm = model.get_layer("n")
    norm.moving_mean.assign(0 * norm.moving_mean)
    norm.moving_variance.assign(0 * norm.moving_variance + 1)
    report = run(FRAMEWORK, model, loader, AuditOptions())
    assert (report.verdict, report.cause, report.framework) == ("off", "never_updated", "keras")


def test_files_that_keras_saves_are_judged(tmp_path: Any) -> None:
    model = keras.Sequential([
        keras.Input((3,)), layers.BatchNormalization(name="start"), layers.LayerNormalization(),
        layers.BatchNormalization(name="moved", scale=False),
    ])  # fmt: skip
    norm = model.get_layer("moved")
    norm.moving_mean.assign(norm.moving_mean + 2)
    norm.moving_variance.assign([-1.0, 0.5, 2.0])
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    for path in (tmp_path / "model.keras", tmp_path / "model.weights.h5"):
        found = audit_file(path)
        assert found.layers["layer"].tolist() == ["start", "moved"]
        assert found.layers["at_start"].tolist() == [True, False]
        assert found.findings["kind"].tolist() == ["maybe_never_updated", "negative_variance"]
