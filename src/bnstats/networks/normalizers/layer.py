"""Layer normalization of each row over all units of the layer."""

from __future__ import annotations

from dataclasses import dataclass

from bnstats._checks.array_types import RealArray
from bnstats._compiled import compiled
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.normalizers.group import standardize_groups, standardize_groups_back
from bnstats.networks.normalizers.normalizer import Normalizer


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """Normalize z by the mean and variance of each row."""
    standardize_groups(z, 1, state.memory, state.eps)


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """Compute the gradient at z; mean and variance are functions of z, too."""
    standardize_groups_back(gradient, value, 1, state.memory)


@dataclass(frozen=True)
class Layer(Normalizer):
    """Layer normalization of each row over all units (Ba, Kiros & Hinton 2016, arXiv 1607.06450).

    Examples
    --------
    >>> import numpy as np
    >>> Layer().evaluate(np.array([[1.0, 3.0]]), mean=None, var=None, eps=0.0).tolist()
    [[-1.0, 1.0]]
    """

    name = "layer"
    forward = staticmethod(forward)
    backward = staticmethod(backward)
