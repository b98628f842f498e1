"""Group normalization of each row over groups of neighboring units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstats._checks.array_types import FloatArray, IntArray, RealArray
from bnstats._checks.numbers import count
from bnstats._compiled import compiled
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.normalizers.normalizer import Normalizer


@compiled
def standardize_groups(z: RealArray, groups: int, inverse: RealArray, eps: float) -> None:
    """Replace z by (z - m) / s in each group of each row; write 1 / s to `inverse` (rows, >= groups)."""
    size = z.shape[1] // groups
    zero, one, share = z.dtype.type(0), z.dtype.type(1), z.dtype.type(1 / size)
    for i in range(z.shape[0]):
        for g in range(groups):
            # Indices of a slice begin at 0; LLVM vectorizes no loop over an index that may be negative.
            part = z[i, g * size : (g + 1) * size]
            mean = var = zero
            for j in range(size):
                mean += part[j]
            mean *= share
            for j in range(size):
                var += (part[j] - mean) * (part[j] - mean)
            factor = one / np.sqrt(var * share + z.dtype.type(eps))
            for j in range(size):
                part[j] = (part[j] - mean) * factor
            inverse[i, g] = factor


@compiled
def standardize_groups_back(gradient: RealArray, value: RealArray, groups: int, inverse: RealArray) -> None:
    """Replace the gradient g at the value by (g - mean(g) - value mean(g value)) / s in each group."""
    size = gradient.shape[1] // groups
    zero, share = gradient.dtype.type(0), gradient.dtype.type(1 / size)
    for i in range(gradient.shape[0]):
        for g in range(groups):
            part, own = gradient[i, g * size : (g + 1) * size], value[i, g * size : (g + 1) * size]
            total = dot = zero
            for j in range(size):
                total += part[j]
                dot += part[j] * own[j]
            total *= share
            dot *= share
            factor = inverse[i, g]
            for j in range(size):
                part[j] = factor * (part[j] - total - own[j] * dot)


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """Normalize z by the mean and variance of each group."""
    standardize_groups(z, int(state.settings[0]), state.memory, state.eps)


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """Compute the gradient at z; mean and variance are functions of z, too."""
    standardize_groups_back(gradient, value, int(state.settings[0]), state.memory)


def check_groups(number: int, hidden: tuple[int, ...]) -> None:
    """Raise ValueError if the units of a layer cannot be cut into `number` equal groups."""
    for units in hidden:
        if units % number:
            raise ValueError(
                f"{units} hidden units cannot be cut into {number} equal groups; give a divisor of {units}."
            )


@dataclass(frozen=True)
class Group(Normalizer):
    """Group normalization of each row over groups of neighboring units (Wu & He 2018).

    Parameters
    ----------
    number : int
        Number of groups, a divisor of the units of each hidden layer.

    Examples
    --------
    >>> Group(2).evaluate(np.array([[1.0, 3.0, 5.0, 9.0]]), mean=None, var=None, eps=0.0).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    name = "group"
    forward = staticmethod(forward)
    backward = staticmethod(backward)
    number: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", count("number of groups", self.number))

    def settings(self, step: IntArray) -> FloatArray:
        """Return the number of groups at each step, shape (steps, 1)."""
        return np.full((*step.shape, 1), float(self.number))

    def check(self, batch_size: int, hidden: tuple[int, ...]) -> None:
        check_groups(self.number, hidden)
