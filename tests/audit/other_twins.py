"""The NumPy networks as models of Keras and of Flax, with the same weights and statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy_model import Dense, Net, Norm


def keras_twin(net: Net) -> Any:
    import keras

    made: list[Any] = [keras.Input((net.parts[0].w.shape[0],))]
    weights: list[Any] = []
    for part in net.parts:
        if isinstance(part, Dense):
            made.append(keras.layers.Dense(part.w.shape[1]))
            weights += [part.w, part.b]
        elif isinstance(part, Norm):
            made.append(keras.layers.BatchNormalization(momentum=1 - part.weight, epsilon=part.eps))
            weights += [part.gamma, part.beta, part.mean, part.var]
        else:
            made.append(keras.layers.ReLU())
    model = keras.Sequential(made)
    model.set_weights(weights)
    return model


def flax_twin(net: Net) -> Any:
    from flax import nnx

    made: list[Any] = []
    for part in net.parts:
        if isinstance(part, Dense):
            layer: Any = nnx.Linear(*part.w.shape, rngs=nnx.Rngs(0))
            values = {"kernel": part.w, "bias": part.b}
        elif isinstance(part, Norm):
            layer = nnx.BatchNorm(len(part.mean), momentum=1 - part.weight, epsilon=part.eps, rngs=nnx.Rngs(0))
            values = {"scale": part.gamma, "bias": part.beta, "mean": part.mean, "var": part.var}
        else:
            layer, values = nnx.relu, {}
        for name, value in values.items():
            getattr(layer, name)[...] = np.asarray(value, np.float32)
        made.append(layer)
    return nnx.Sequential(*made)


TWINS = {"keras": keras_twin, "flax": flax_twin}
