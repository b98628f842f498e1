"""Batch-norm layers of a Keras model, and their running statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bnstats.audit.core.array_model import as_numpy
from bnstats.audit.core.protocol import Statistics


def batch_norms(model: Any) -> dict[str, Any]:
    """Return the batch-norm layers of a Keras model by their paths: those with moving mean and variance."""
    found: dict[str, Any] = {}
    for layer in model._flatten_layers():
        if hasattr(layer, "moving_mean") and hasattr(layer, "moving_variance"):
            name = (layer.path or layer.name).removeprefix(f"{model.name}/")
            found[name if name not in found else f"{name}#{len(found)}"] = layer
    return found


def read(layers: Mapping[str, Any]) -> dict[str, Statistics]:
    """Return the running statistics of layers."""
    return {
        name: Statistics(*(np.asarray(as_numpy(v.value), np.float64) for v in (x.moving_mean, x.moving_variance)))
        for name, x in layers.items()
        if x.moving_mean is not None
    }


def write(layers: Mapping[str, Any], statistics: Mapping[str, Statistics]) -> None:
    """Replace the running statistics of layers."""
    for name, (mean, var) in statistics.items():
        layers[name].moving_mean.assign(mean)
        layers[name].moving_variance.assign(var)
