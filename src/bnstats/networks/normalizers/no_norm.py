"""Layers without normalization, with a learned shift only."""

from __future__ import annotations

from dataclasses import dataclass

from bnstats._checks.array_types import RealArray
from bnstats._compiled import compiled
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.normalizers.normalizer import Normalizer


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """Leave z unchanged."""


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """Leave the gradient unchanged."""


@dataclass(frozen=True)
class NoNorm(Normalizer):
    """No normalization; the layer has a learned shift (its bias) and no scale.

    Examples
    --------
    >>> import numpy as np
    >>> NoNorm().evaluate(np.array([[1.0, 3.0]]), mean=None, var=None, eps=0.0).tolist()
    [[1.0, 3.0]]
    """

    name = "none"
    learns_scale = False
    scale_free = False
    forward = staticmethod(forward)
    backward = staticmethod(backward)
