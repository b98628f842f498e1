"""No normalization: the products as they are, with a learned shift only."""

from __future__ import annotations

from dataclasses import dataclass

from bnstats._checks.array_types import RealArray
from bnstats._compiled import compiled
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.normalizers.normalizer import Normalizer


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """Leave z as it is."""


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """Leave the gradient as it is."""


@dataclass(frozen=True)
class NoNorm(Normalizer):
    """Nothing is normalized: a learned shift only, the bias of the layer."""

    name = "none"
    learns_scale = False
    forward = staticmethod(forward)
    backward = staticmethod(backward)
