"""Ghost batch normalization: each unit over parts of the batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstats._checks.array_types import FloatArray, IntArray, RealArray
from bnstats._checks.numbers import whole
from bnstats._compiled import compiled
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.normalizers.batch import standardize, standardize_back
from bnstats.networks.normalizers.normalizer import Normalizer


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """By each ghost batch's own mean and variance."""
    size = int(state.settings[0])
    for s in range(len(state.mean)):
        standardize(z[s * size : (s + 1) * size], state.mean[s], state.var[s], state.memory[s], state.eps)


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """As batch normalization, in each ghost batch."""
    size = int(state.settings[0])
    for s in range(len(state.mean)):
        rows = slice(s * size, (s + 1) * size)
        standardize_back(gradient[rows], value[rows], state.memory[s])


@dataclass(frozen=True)
class Ghost(Normalizer):
    """Each unit over ghost batches of `size` rows of the batch (Hoffer, Hubara & Soudry 2017).

    What enters the running statistics is the average over the ghost batches of their mean and variance.
    """

    name = "ghost"
    uses_batch = True
    forward = staticmethod(forward)
    backward = staticmethod(backward)
    size: int = 8

    def __post_init__(self) -> None:
        whole("size of ghost batches", self.size, minimum=2)

    def settings(self, step: IntArray) -> FloatArray:
        """The size of a ghost batch."""
        return np.full((*step.shape, 1), float(self.size))

    def set_rows(self, batch_size: int) -> int:
        return self.size

    def check(self, batch_size: int, hidden: tuple[int, ...]) -> None:
        if batch_size % self.size:
            raise ValueError(
                f"a batch of {batch_size} rows cannot be cut into ghost batches of {self.size}; give Ghost(size=) a "
                "divisor of the batch size."
            )
