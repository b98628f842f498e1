"""Batch renormalization: batch normalization with a correction toward the running statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstats._checks.array_types import FloatArray, IntArray, RealArray
from bnstats._checks.numbers import LARGEST_COUNT, number, whole
from bnstats._checks.values import shown
from bnstats._compiled import compiled
from bnstats.networks.kernels.choice import kernels
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.normalizers.normalizer import Normalizer

# The rows of the memory are r / s, r and d.
INVERSE, R, D = range(3)


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """Replace z by (z - m) / s r + d, with r and d within the limits of this step."""
    r, d, eps = state.memory[R], state.memory[D], z.dtype.type(state.eps)
    r_limit, d_limit, one = state.settings[0], state.settings[1], z.dtype.type(1)
    kernels.standardize(z, state.mean[0], state.var[0], state.memory[INVERSE], state.eps)
    for j in range(z.shape[1]):
        running = np.sqrt(state.running_var[j] + eps)
        r[j] = min(max(np.sqrt(state.var[0, j] + eps) / running, one / r_limit), r_limit)
        d[j] = min(max((state.mean[0, j] - state.running_mean[j]) / running, -d_limit), d_limit)
        state.memory[INVERSE, j] *= r[j]
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[i, j] = z[i, j] * r[j] + d[j]


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """Compute the gradient at z, r times that of batch normalization, as r and d count as constants."""
    r, d = state.memory[R], state.memory[D]
    for j in range(gradient.shape[1]):
        r[j] = gradient.dtype.type(1) / r[j]
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            value[i, j] = (value[i, j] - d[j]) * r[j]
    kernels.standardize_back(gradient, value, state.memory[INVERSE])


@dataclass(frozen=True)
class Renorm(Normalizer):
    """Batch renormalization (Ioffe 2017, arXiv 1702.03275).

    The value z of batch normalization is replaced by z r + d, the value of normalization by running statistics as long
    as r and d are within their limits. Here r = s_batch / s_running within [1 / r_max, r_max], and
    d = (m_batch - m_running) / s_running within [-d_max, d_max]. The standard deviation s_running is the square root of
    running variance + eps. No gradient passes through r and d.

    Parameters
    ----------
    r_max, d_max : float
        Final limits of r and d, which rise linearly from 1 and 0.
    schedule : tuple of (int, int, int)
        Last step of plain batch normalization, step at which d_max is reached, and step at which r_max is reached. The
        default is the paper's 5000, 25000 and 40000, scaled down to trainings of 1000 steps.

    Examples
    --------
    Limits of r and d at three training steps:

    >>> Renorm(schedule=(1, 2, 3)).settings(np.array([1, 2, 3])).round(2).tolist()
    [[1.0, 0.0], [2.0, 5.0], [3.0, 5.0]]
    """

    name = "renorm"
    uses_batch = True
    exact_gradient = False
    forward = staticmethod(forward)
    backward = staticmethod(backward)
    r_max: float = 3.0
    d_max: float = 5.0
    schedule: tuple[int, int, int] = (100, 500, 800)

    def __post_init__(self) -> None:
        if not (number("r_max", self.r_max) >= 1 and number("d_max", self.d_max) >= 0):
            raise ValueError(
                f"r_max is at least 1 and d_max at least 0; got {shown(self.r_max)} and {shown(self.d_max)}."
            )
        for name in ("r_max", "d_max"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if not isinstance(self.schedule, tuple) or len(self.schedule) != 3:
            raise ValueError(f"schedule is three steps, as in schedule=(100, 500, 800); got {shown(self.schedule)}.")
        steps = tuple(whole("each step of schedule", step, minimum=0, maximum=LARGEST_COUNT) for step in self.schedule)
        object.__setattr__(self, "schedule", steps)
        if steps[0] > min(steps[1:]):
            raise ValueError(
                f"schedule is (start, d_max reached, r_max reached), the first step the smallest; got "
                f"{shown(self.schedule)}."
            )

    def settings(self, step: IntArray) -> FloatArray:
        """Return the limits of r and d at each step, shape (steps, 2)."""
        start, d_full, r_full = self.schedule
        r_part, d_part = (np.clip((step - start) / max(full - start, 1), 0.0, 1.0) for full in (r_full, d_full))
        return np.stack([1 + r_part * (self.r_max - 1), d_part * self.d_max], axis=-1)
