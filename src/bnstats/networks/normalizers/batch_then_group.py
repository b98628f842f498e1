"""Batch normalization followed by group normalization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray, IntArray, RealArray
from bnstats._checks.numbers import count, interval
from bnstats._compiled import compiled
from bnstats.networks.kernels.choice import kernels
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.layer_statistics import statistics_of_layer, values_of_layer, variance_of_layer
from bnstats.networks.normalizers.group import Group, check_groups, standardize_groups, standardize_groups_back
from bnstats.networks.normalizers.normalizer import Normalizer


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """Normalize each unit over the batch, then each group of each row, and store the values in between."""
    rows = len(z)
    between, inverse = state.memory[1 : 1 + rows], state.memory[1 + rows :]
    kernels.standardize(z, state.mean[0], state.var[0], state.memory[0], state.eps)
    for i in range(rows):
        for j in range(z.shape[1]):
            between[i, j] = z[i, j]
    standardize_groups(z, int(state.settings[0]), inverse, state.eps)


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """Compute the gradient at z, through the groups and then through the batch."""
    rows = len(value)
    between, inverse = state.memory[1 : 1 + rows], state.memory[1 + rows :]
    standardize_groups_back(gradient, value, int(state.settings[0]), inverse)
    kernels.standardize_back(gradient, between, state.memory[0])


@dataclass(frozen=True)
class BatchThenGroup(Normalizer):
    """Batch normalization followed by group normalization (Summers & Dinneen 2020, arXiv 1906.03548).

    In evaluation mode, the running statistics replace those of the batch. The statistics of groups always come from the
    row itself.

    Parameters
    ----------
    groups : int
        Number of groups of units.

    Examples
    --------
    >>> z = np.array([[1.0, 3.0, 5.0, 9.0]])
    >>> BatchThenGroup(groups=2).evaluate(z, mean=0.0, var=1.0, eps=0.0).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    name = "batch then group"
    uses_batch = True
    forward = staticmethod(forward)
    backward = staticmethod(backward)
    groups: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", count("number of groups", self.groups))

    def settings(self, step: IntArray) -> FloatArray:
        """Return the number of groups at each step, shape (steps, 1)."""
        return np.full((*step.shape, 1), float(self.groups))

    def memory_rows(self, rows: int) -> int:
        return 1 + 2 * rows

    def check(self, batch_size: int, hidden: tuple[int, ...]) -> None:
        super().check(batch_size, hidden)
        check_groups(self.groups, hidden)

    @checked(z=values_of_layer, mean=statistics_of_layer, var=variance_of_layer, eps=interval("[0, 1e30]"))
    def evaluate(self, z: RealArray, mean: RealArray, var: RealArray, eps: float) -> RealArray:
        return Group(self.groups).evaluate(super().evaluate(z, mean, var, eps), mean, var, eps)
