"""Running statistics of a Keras model, on any backend."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from bnstats.monitor.core.readings import Layout, Reader, Reading


class KerasReader(Reader):
    """The layers of batch norm in a Keras model; Keras counts no updates."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def read(self, batches: int) -> list[Reading]:
        """Read the running statistics; a layer that has changed was updated once for each batch."""
        layers = {layer.path: layer for layer in self.model._flatten_layers() if _keeps(layer)}
        if not layers:
            raise ValueError("the model has no batch-norm layer that keeps running statistics.")
        found = list(layers.values())
        means = [keras.ops.convert_to_numpy(layer.moving_mean) for layer in found]
        variances = [keras.ops.convert_to_numpy(layer.moving_variance) for layer in found]
        return [
            Reading(
                Layout(tuple(layers), tuple(mean.size for mean in means)),
                np.concatenate([*means, *variances]).astype(np.float64),
                np.array([1 - float(layer.momentum) for layer in found]),
                np.full(len(found), np.nan),
                np.array([float(layer.epsilon) for layer in found]),
                np.array([float(np.finfo(mean.dtype).eps) for mean in means]),
                batches,
                _learned(found),
            )
        ]

    def flush(self) -> list[Reading]:
        """Return no reads: none are kept back."""
        return []


def _learned(layers: list[Any]) -> float:
    """Return the sum of the learned scales and shifts, which changes when weights move; nan if none is learned."""
    held = [keras.ops.convert_to_numpy(weight) for layer in layers for weight in layer.trainable_weights]
    return float(sum(weight.astype(np.float64).sum() for weight in held)) if held else float("nan")


def _keeps(layer: Any) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization) and layer.built
