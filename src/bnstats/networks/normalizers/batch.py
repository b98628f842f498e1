"""Batch normalisation: each unit over the rows of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstats._arrays import RealArray
from bnstats._compiled import compiled, inlined
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.normalizers.normalizer import Normalizer


@inlined
def standardize(z: RealArray, mean: RealArray, var: RealArray, inverse: RealArray, eps: float) -> None:
    """z becomes (z - mean) / s in each column, s² = var + eps; writes mean, biased variance and 1 / s."""
    share, one = z.dtype.type(1 / z.shape[0]), z.dtype.type(1)
    mean[:] = 0
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            mean[j] += z[i, j]
    for j in range(z.shape[1]):
        mean[j] *= share
    var[:] = 0
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            var[j] += (z[i, j] - mean[j]) * (z[i, j] - mean[j])
    for j in range(z.shape[1]):
        var[j] *= share
        inverse[j] = one / np.sqrt(var[j] + z.dtype.type(eps))
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[i, j] = (z[i, j] - mean[j]) * inverse[j]


@inlined
def standardize_back(
    gradient: RealArray, value: RealArray, inverse: RealArray, total: RealArray, dot: RealArray
) -> None:
    """The gradient g at the value becomes (g - mean(g) - value mean(g value)) / s; `total` and `dot` are scratch."""
    share = gradient.dtype.type(1 / gradient.shape[0])
    total[:] = 0
    dot[:] = 0
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            total[j] += gradient[i, j]
            dot[j] += gradient[i, j] * value[i, j]
    for j in range(gradient.shape[1]):
        total[j] *= share
        dot[j] *= share
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            gradient[i, j] = inverse[j] * (gradient[i, j] - total[j] - value[i, j] * dot[j])


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """By the batch's own mean and variance."""
    standardize(z, state.mean[0], state.var[0], state.memory[0], state.eps)


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """Mean and variance are functions of z, too."""
    standardize_back(gradient, value, state.memory[0], state.memory[1], state.memory[2])


@dataclass(frozen=True)
class Batch(Normalizer):
    """Each unit over the rows of a batch (Ioffe & Szegedy 2015)."""

    name = "batch"
    uses_batch = True
    forward = staticmethod(forward)
    backward = staticmethod(backward)
