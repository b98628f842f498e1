"""The monitor in a real `fit` of Keras; the backend is that of KERAS_BACKEND, JAX by default."""

from __future__ import annotations

import importlib.util
import os

import numpy as np
import pytest

for needed in ("keras", "jax"):
    if importlib.util.find_spec(needed) is None:
        pytest.skip(f"needs {needed}: pip install bnstats[keras]", allow_module_level=True)

os.environ.setdefault("KERAS_BACKEND", "jax")
import keras

import bnstats as bn

pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = np.random.default_rng(0).normal(size=(320, 6)).astype(np.float32)


def classifier(**options):
    keras.utils.set_random_seed(0)
    norm = keras.layers.BatchNormalization(name="norm", **options)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, name="first"), norm, keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return model, {"optimizer": keras.optimizers.SGD(0.1), "loss": loss}


def fit(callbacks, epochs=2, steps_per_execution=1, **options):
    model, how = classifier(**options)
    model.compile(steps_per_execution=steps_per_execution, **how)
    model.fit(ROWS, np.arange(320) % 3, batch_size=16, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks)
    return model


# With PyTorch, Keras takes one step at a time.
@pytest.mark.parametrize("every", [1, 4] if keras.backend.backend() == "jax" else [1])
def test_steps_are_found_and_the_model_does_not_notice(every):
    callback = bn.monitor.KerasCallback(batch_size=16, check_every=10)
    watched, alone = fit([callback], steps_per_execution=every), fit([], steps_per_execution=every)
    for a, b in zip(watched.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    m = callback.monitor
    assert m.events["code"][0] == "start_remains"
    assert "67%" in m.events["message"][0]  # of 40 steps at the usual momentum of 0.99
    assert m.table["start_weight"].tolist() == pytest.approx([0.99**40])
    assert m.table["layer"][0].endswith("norm")
    assert m.table["displacement"].notna().all()


def test_the_variance_of_a_batch_is_recovered_as_keras_keeps_it_biased():
    """Both agree to the rounding of float32; the unbiased one is refused."""
    callback = bn.monitor.KerasCallback(batch_size=16)
    seen = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            kernel, bias = self.model.get_layer("first").get_weights()
            seen.append((ROWS[16 * batch : 16 * batch + 16] @ kernel + bias).astype(np.float64))

    fit([Look(), callback], epochs=1)
    mean, var = np.split(callback.monitor._engine.state.batch, 2)
    error = 4 * np.finfo(np.float32).eps * 4 / 0.01
    assert np.abs(mean - seen[-1].mean(axis=0)).max() < error
    assert np.abs(var - seen[-1].var(axis=0)).max() < error
    assert np.abs(var - seen[-1].var(axis=0, ddof=1)).max() > 20 * error


def test_a_layer_that_is_not_trained_is_frozen():
    callback = bn.monitor.KerasCallback(check_every=10)
    fit([callback], trainable=False)
    assert list(callback.monitor.events["code"]) == ["start_remains", "frozen"]


def test_a_loop_of_ones_own_is_watched():
    model, how = classifier()
    model.compile(**how)
    m = bn.BatchNormMonitor(batch_size=16).watch(model)
    for i in range(20):
        model.train_on_batch(ROWS[16 * i : 16 * i + 16], np.arange(16) % 3)
        m.step()
    assert m.table["start_weight"].tolist() == pytest.approx([0.99**20])


def test_a_model_without_batch_norm_is_trained():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    with pytest.warns(UserWarning, match="switched itself off"):
        model.fit(ROWS, ROWS[:, :1], verbose=0, callbacks=[bn.monitor.KerasCallback()])
