"""The networks in Keras 3 and Flax NNX, with weights and statistics from PyTorch's; channels come last."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.audits.models import parts as p
from benchmarks.audits.models.problems import Batch

State = dict[str, NDArray[Any]]


def packed(batch: Batch) -> Batch:
    """Return a batch with channels last."""
    x, y = batch
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)), y


def built(framework: str, parts: p.Parts, state: State) -> Any:
    """Return the model of a framework."""
    return _keras_model(parts, state) if framework == "keras" else _flax_model(parts, state)


def _kernel(weight: NDArray[Any]) -> NDArray[Any]:
    """Return a weight (outputs, inputs, positions) as (positions, inputs, outputs)."""
    return np.ascontiguousarray(np.moveaxis(weight, (0, 1), (-1, -2)))


def _of(state: State, path: str) -> Callable[[str], NDArray[Any]]:
    return lambda name: state[f"{path}.{name}"]


def _keras_model(parts: p.Parts, state: State) -> Any:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    first = next(part for part in parts if isinstance(part, p.Dense | p.Conv))
    shape = (None,) * (first.dims if isinstance(first, p.Conv) else 0) + (first.inputs,)
    inputs = keras.Input(shape)
    model = keras.Model(inputs, _keras_parts(parts, state, "", inputs))
    if all(part.tracks for _, part in p.walk(parts) if isinstance(part, p.Norm)):
        return model

    class ByHand(keras.Model):
        """A model that is called in training mode, whatever its caller asks."""

        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def call(self, x: Any, training: bool | None = None) -> Any:
            return self.inner(x, training=True)

    made = ByHand(model)
    made(np.zeros((2, *(8 for _ in shape[:-1]), first.inputs), dtype="f4"))
    return made


def _keras_parts(parts: p.Parts, state: State, prefix: str, x: Any) -> Any:
    import keras

    for place, part in enumerate(parts):
        path = f"{prefix}parts.{place}"
        if isinstance(part, p.Residual):
            x = keras.layers.Add()([x, _keras_parts(part.parts, state, f"{path}.", x)])
            continue
        layer, weights = _keras_layer(part, _of(state, path), len(x.shape) - 2)
        x = layer(x)
        if weights:
            layer.set_weights(weights)
    return x


def _keras_layer(part: p.Part, of: Callable[[str], NDArray[Any]], dims: int) -> tuple[Any, list[NDArray[Any]]]:
    import keras

    match part:
        case p.Dense(_, outputs):
            return keras.layers.Dense(outputs), [_kernel(of("weight")), of("bias")]
        case p.Conv(_, outputs, width, axes):
            kind = (keras.layers.Conv1D, keras.layers.Conv2D)[axes - 1]
            return kind(outputs, width, padding="same"), [_kernel(of("weight")), of("bias")]
        case p.Norm(_, weight, eps, _):
            layer = keras.layers.BatchNormalization(momentum=1 - weight, epsilon=eps)
            return layer, [of(name) for name in ("weight", "bias", "running_mean", "running_var")]
        case p.Drop(rate):
            return keras.layers.Dropout(rate), []
        case p.Pool():
            return (keras.layers.GlobalAveragePooling1D, keras.layers.GlobalAveragePooling2D)[dims - 1](), []
    return keras.layers.ReLU(), []


def _flax_model(parts: p.Parts, state: State) -> Any:
    import jax.numpy as jnp
    from flax import nnx

    class Always(nnx.Module):
        """Batch norm by the batch in every mode."""

        def __init__(self, norm: Any) -> None:
            self.norm = norm

        def __call__(self, x: Any) -> Any:
            return self.norm(x, use_running_average=False)

    class Row(nnx.Module):
        """Parts in a row."""

        def __init__(self, parts: p.Parts, prefix: str) -> None:
            self.parts = nnx.List([layer(part, f"{prefix}parts.{k}") for k, part in enumerate(parts)])

        def __call__(self, x: Any) -> Any:
            for part in self.parts:
                x = part(x)
            return x

    class Added(Row):
        """Parts whose output is added to their input."""

        def __call__(self, x: Any) -> Any:
            return x + super().__call__(x)

    rngs = nnx.Rngs(0)

    def layer(part: p.Part, path: str) -> Any:
        of = _of(state, path)
        match part:
            case p.Dense(inputs, outputs):
                made = nnx.Linear(inputs, outputs, rngs=rngs)
            case p.Conv(inputs, outputs, width, axes):
                made = nnx.Conv(inputs, outputs, (width,) * axes, rngs=rngs)
            case p.Norm(channels, weight, eps, tracks):
                norm = nnx.BatchNorm(channels, momentum=1 - weight, epsilon=eps, rngs=rngs)
                values = {"scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
                for name, key in values.items():
                    setattr(norm, name, type(getattr(norm, name))(jnp.asarray(of(key))))
                return norm if tracks else Always(norm)
            case p.Drop(rate):
                return nnx.Dropout(rate, rngs=rngs)
            case p.Residual(inner):
                return Added(inner, f"{path}.")
            case p.Pool():
                return lambda x: x.mean(axis=tuple(range(1, x.ndim - 1)))
            case _:
                return nnx.relu
        made.kernel, made.bias = (nnx.Param(jnp.asarray(v)) for v in (_kernel(of("weight")), of("bias")))
        return made

    model = Row(parts, "")
    model.eval()
    return model
