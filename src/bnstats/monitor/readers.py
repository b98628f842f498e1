"""The reader for a model, found by its class; no framework is imported that is not imported yet."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from bnstats._checks.values import shown
from bnstats.monitor.core.readings import LayerReading, Reading, StatisticsReader, reading_of_layers

Found = tuple[dict[str, LayerReading], list[Any]]
"""Layers by their names, and learned scales and shifts."""


class ArrayReader(StatisticsReader):
    """A reader of all layers at once, which waits for the device; their framework counts no updates.

    Parameters
    ----------
    find : callable (model) -> Found
        Reads the layers of a framework.
    model : object
        The model.
    """

    def __init__(self, find: Callable[[Any], Found], model: Any) -> None:
        self.find, self.model = find, model

    def read(self, batches: int) -> list[Reading]:
        """Read the running statistics."""
        return [reading_of_layers(*self.find(self.model), batches)]


def _of_keras(model: Any) -> Found:
    keras: Any = sys.modules["keras"]

    def array(variable: Any) -> Any:
        return keras.ops.convert_to_numpy(variable.value)

    found = [m for m in model._flatten_layers() if isinstance(m, keras.layers.BatchNormalization) and m.built]
    layers = {
        m.path: LayerReading(array(m.moving_mean), array(m.moving_variance), m.momentum, m.epsilon) for m in found
    }
    return layers, [array(weight) for m in found for weight in m.trainable_weights]


def _of_flax(model: Any) -> Found:
    nnx: Any = sys.modules["flax.nnx"]
    found = {".".join(map(str, p)) or "model": m for p, m in nnx.iter_modules(model) if isinstance(m, nnx.BatchNorm)}
    layers = {
        name: LayerReading(np.asarray(m.mean[...]), np.asarray(m.var[...]), m.momentum, m.epsilon)
        for name, m in found.items()
    }
    return layers, [np.asarray(p[...]) for m in found.values() for p in (m.scale, m.bias) if p is not None]


def reader_of(model: Any, check_every: int) -> StatisticsReader:
    """Return the reader of a model of Keras, Flax NNX or PyTorch.

    A model of Keras can be a module of PyTorch or Flax too, so that it comes first.
    """
    if "keras" in sys.modules and isinstance(model, sys.modules["keras"].Layer):
        return ArrayReader(_of_keras, model)
    if "flax.nnx" in sys.modules and isinstance(model, sys.modules["flax.nnx"].Module):
        return ArrayReader(_of_flax, model)
    if "torch" in sys.modules and isinstance(model, sys.modules["torch"].nn.Module):
        from bnstats.monitor.torch_reader import TorchReader

        return TorchReader(model, check_every)
    raise ValueError(
        f"a model of PyTorch, Keras or Flax NNX can be watched, other running statistics are given to update(); "
        f"got {shown(model)}."
    )
