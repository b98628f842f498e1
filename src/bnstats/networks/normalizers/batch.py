"""Batch normalization of each unit over the rows of a batch."""

from __future__ import annotations

from dataclasses import dataclass

from bnstats._checks.array_types import RealArray
from bnstats._compiled import compiled
from bnstats.networks.kernels.choice import kernels
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.normalizers.normalizer import Normalizer


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """Normalize z by the mean and variance of the batch."""
    kernels.standardize(z, state.mean[0], state.var[0], state.memory[0], state.eps)


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """Compute the gradient at z; mean and variance are functions of z, too."""
    kernels.standardize_back(gradient, value, state.memory[0])


@dataclass(frozen=True)
class Batch(Normalizer):
    """Batch normalization of each unit over the rows of a batch (Ioffe & Szegedy 2015).

    Examples
    --------
    >>> import numpy as np
    >>> Batch().evaluate(np.array([[1.0], [5.0]]), mean=1.0, var=4.0, eps=0.0).tolist()
    [[0.0], [2.0]]
    """

    name = "batch"
    uses_batch = True
    forward = staticmethod(forward)
    backward = staticmethod(backward)
