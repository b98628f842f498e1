"""Frozen statistics: batch normalization first, then constant running statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray, IntArray, RealArray
from bnstats._checks.numbers import LARGEST_COUNT, whole
from bnstats._compiled import compiled
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.normalizers import batch
from bnstats.networks.normalizers.normalizer import Normalizer

_batch_forward, _batch_backward = batch.forward, batch.backward


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """Normalize z by the running statistics if the first setting is 1, otherwise by those of the batch."""
    if state.settings[0] == 0:
        _batch_forward(z, state)
        return
    inverse, eps = state.memory[0], z.dtype.type(state.eps)
    for j in range(z.shape[1]):
        inverse[j] = z.dtype.type(1) / np.sqrt(state.running_var[j] + eps)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[i, j] = (z[i, j] - state.running_mean[j]) * inverse[j]


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """Compute the gradient at z; frozen statistics are constants and have no gradient."""
    if state.settings[0] == 0:
        _batch_backward(gradient, value, state)
        return
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            gradient[i, j] *= state.memory[0, j]


@dataclass(frozen=True)
class Frozen(Normalizer):
    """Batch normalization whose running statistics are frozen after some steps.

    From then on, the running statistics normalize in training, too, as constants.

    Parameters
    ----------
    after : int
        Number of steps with batch normalization.

    Examples
    --------
    >>> Frozen(after=2).frozen(np.array([1, 2, 3])).tolist()
    [False, False, True]
    """

    name = "frozen"
    uses_batch = True
    forward = staticmethod(forward)
    backward = staticmethod(backward)
    after: int = 500

    def __post_init__(self) -> None:
        object.__setattr__(self, "after", whole("after", self.after, minimum=0, maximum=LARGEST_COUNT))

    def frozen(self, step: IntArray) -> NDArray[np.bool_]:
        return np.asarray(step > self.after)

    def settings(self, step: IntArray) -> FloatArray:
        """Return 1 for each step with frozen statistics, otherwise 0, shape (steps, 1)."""
        return self.frozen(step)[..., np.newaxis].astype(float)
