"""Running statistics of a Flax NNX model."""

from __future__ import annotations

from typing import Any

import numpy as np
from flax import nnx

from bnstats.monitor.core.readings import Layer, Reader, Reading, reading_of_layers


class FlaxReader(Reader):
    """The layers of batch norm in a model of Flax NNX. A read waits for the device."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def read(self, batches: int) -> list[Reading]:
        """Read the running statistics."""
        found = {p: m for p, m in nnx.iter_modules(self.model) if isinstance(m, nnx.BatchNorm)}
        layers = {
            ".".join(map(str, path)) or "model": Layer(
                np.asarray(m.mean[...]), np.asarray(m.var[...]), m.momentum, m.epsilon
            )
            for path, m in found.items()
        }
        learned = [np.asarray(p[...]) for m in found.values() for p in (m.scale, m.bias) if p is not None]
        return [reading_of_layers(layers, learned, batches)]
