"""Ghost batch normalization of each unit over parts of the batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstats._checks.array_types import FloatArray, IntArray, RealArray
from bnstats._checks.numbers import batch_size
from bnstats._compiled import compiled
from bnstats.networks.kernels.choice import kernels
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.normalizers.normalizer import Normalizer


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """Normalize z by the mean and variance of each ghost batch."""
    size = int(state.settings[0])
    for s in range(len(state.mean)):
        kernels.standardize(z[s * size : (s + 1) * size], state.mean[s], state.var[s], state.memory[s], state.eps)


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """Compute the gradient at z as in batch normalization, in each ghost batch."""
    size = int(state.settings[0])
    for s in range(len(state.mean)):
        rows = slice(s * size, (s + 1) * size)
        kernels.standardize_back(gradient[rows], value[rows], state.memory[s])


@dataclass(frozen=True)
class Ghost(Normalizer):
    """Ghost batch normalization of each unit over parts of a batch (Hoffer, Hubara & Soudry 2017).

    The running statistics follow the mean and variance averaged over the ghost batches.

    Parameters
    ----------
    size : int
        Number of rows in a ghost batch, a divisor of the batch size.

    Examples
    --------
    >>> Ghost(size=8).set_rows(batch_size=32)
    8
    """

    name = "ghost"
    uses_batch = True
    forward = staticmethod(forward)
    backward = staticmethod(backward)
    size: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", batch_size("size of ghost batches", self.size))

    def settings(self, step: IntArray) -> FloatArray:
        """Return the size of a ghost batch at each step, shape (steps, 1)."""
        return np.full((*step.shape, 1), float(self.size))

    def set_rows(self, batch_size: int) -> int:
        return self.size

    def check(self, batch_size: int, hidden: tuple[int, ...]) -> None:
        if batch_size % self.size:
            raise ValueError(
                f"a batch of {batch_size} rows cannot be cut into ghost batches of {self.size}; give Ghost(size=) a "
                "divisor of the batch size."
            )
