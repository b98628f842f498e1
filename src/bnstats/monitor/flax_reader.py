"""Running statistics of a Flax NNX model."""

from __future__ import annotations

from typing import Any

import numpy as np
from flax import nnx

from bnstats.monitor.core.readings import Layout, Reader, Reading


class FlaxReader(Reader):
    """The layers of batch norm in a model of Flax NNX, which counts no updates. A read waits for the device."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def read(self, batches: int) -> list[Reading]:
        """Read the running statistics; a layer that has changed was updated once for each batch."""
        modules = nnx.iter_modules(self.model)
        layers = {".".join(map(str, path)) or "model": m for path, m in modules if isinstance(m, nnx.BatchNorm)}
        if not layers:
            raise ValueError("the model has no batch-norm layer that keeps running statistics.")
        found = list(layers.values())
        means = [np.asarray(layer.mean[...]) for layer in found]
        variances = [np.asarray(layer.var[...]) for layer in found]
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
    held = [np.asarray(p[...], np.float64) for layer in layers for p in (layer.scale, layer.bias) if p is not None]
    return float(sum(p.sum() for p in held)) if held else float("nan")
