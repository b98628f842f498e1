"""RMS normalization, which divides each row by its root mean square."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstats._checks.array_types import RealArray
from bnstats._compiled import compiled
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.normalizers.normalizer import Normalizer


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """Replace z by z / s in each row, s² = mean(z²) + eps."""
    share = z.dtype.type(1 / z.shape[1])
    for i in range(z.shape[0]):
        square = z.dtype.type(0)
        for j in range(z.shape[1]):
            square += z[i, j] * z[i, j]
        inverse = z.dtype.type(1) / np.sqrt(square * share + z.dtype.type(state.eps))
        state.memory[i, 0] = inverse
        for j in range(z.shape[1]):
            z[i, j] *= inverse


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """Replace the gradient g at the value by (g - value mean(g value)) / s."""
    share = gradient.dtype.type(1 / gradient.shape[1])
    for i in range(gradient.shape[0]):
        dot = gradient.dtype.type(0)
        for j in range(gradient.shape[1]):
            dot += gradient[i, j] * value[i, j]
        dot *= share
        for j in range(gradient.shape[1]):
            gradient[i, j] = state.memory[i, 0] * (gradient[i, j] - value[i, j] * dot)


@dataclass(frozen=True)
class RMS(Normalizer):
    """RMS normalization of each row, which keeps the mean (Zhang & Sennrich 2019, arXiv 1910.07467).

    Examples
    --------
    >>> RMS().evaluate(np.array([[3.0, 4.0]]), mean=None, var=None, eps=0.0).round(3).tolist()
    [[0.849, 1.131]]
    """

    name = "rms"
    forward = staticmethod(forward)
    backward = staticmethod(backward)
