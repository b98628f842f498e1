"""Running statistics of a Keras model, on any backend."""

from __future__ import annotations

from typing import Any

import keras

from bnstats.monitor.core.readings import Layer, Reader, Reading, reading_of_layers


class KerasReader(Reader):
    """The layers of batch norm in a Keras model."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def read(self, batches: int) -> list[Reading]:
        """Read the running statistics."""
        array = keras.ops.convert_to_numpy
        kind = keras.layers.BatchNormalization
        found = {m.path: m for m in self.model._flatten_layers() if isinstance(m, kind) and m.built}
        layers = {
            path: Layer(array(m.moving_mean), array(m.moving_variance), m.momentum, m.epsilon)
            for path, m in found.items()
        }
        learned = [array(weight) for m in found.values() for weight in m.trainable_weights]
        return [reading_of_layers(layers, learned, batches)]
