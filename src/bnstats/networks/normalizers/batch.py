"""Batch normalization of each unit over the rows of a batch."""

from __future__ import annotations

from dataclasses import dataclass

from bnstats._checks.array_types import RealArray
from bnstats._compiled import compiled, inlined
from bnstats.networks.kernels.columns import (
    WIDTH,
    standardize_back_columns,
    standardize_back_last,
    standardize_columns,
    standardize_last,
)
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.kernels.vectors import MOST_LANES
from bnstats.networks.normalizers.normalizer import Normalizer


@inlined
def standardize(z: RealArray, mean: RealArray, var: RealArray, inverse: RealArray, eps: float) -> None:
    """Replace z by (z - mean) / s, s² = var + eps, in each column; write mean, biased var and 1 / s."""
    arrays = (z, mean, var, inverse)
    numbers = (z.dtype.type(1 / z.shape[0]), z.dtype.type(eps), z.dtype.type(1))
    whole = z.shape[1] - z.shape[1] % WIDTH
    for j in range(0, whole, WIDTH):
        standardize_columns(j, arrays, numbers)
    for j in range(whole, z.shape[1], MOST_LANES):
        standardize_last(j, arrays, numbers)


@inlined
def standardize_back(gradient: RealArray, value: RealArray, inverse: RealArray) -> None:
    """Replace the gradient g at the value by (g - mean(g) - value mean(g value)) / s."""
    arrays, numbers = (gradient, value, inverse), (gradient.dtype.type(1 / gradient.shape[0]),)
    whole = gradient.shape[1] - gradient.shape[1] % WIDTH
    for j in range(0, whole, WIDTH):
        standardize_back_columns(j, arrays, numbers)
    for j in range(whole, gradient.shape[1], MOST_LANES):
        standardize_back_last(j, arrays, numbers)


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """Normalize z by the mean and variance of the batch."""
    standardize(z, state.mean[0], state.var[0], state.memory[0], state.eps)


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """Compute the gradient at z; mean and variance are functions of z, too."""
    standardize_back(gradient, value, state.memory[0])


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
