"""Normalization by the statistics of other rows, to tell the precision of statistics from their tie to the batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import DTypeLike

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray, IntArray, RealArray
from bnstats._checks.numbers import batch_size, whole
from bnstats._checks.values import choice
from bnstats._compiled import compiled
from bnstats.networks.kernels.choice import kernels
from bnstats.networks.kernels.layers import LayerState
from bnstats.networks.normalizers import batch
from bnstats.networks.normalizers.normalizer import Normalizer

PLAIN, BOUNDED, NOISY = "plain", "bounded", "noisy"


@compiled
def forward(z: RealArray, state: LayerState) -> None:
    """Normalize the last rows by their own statistics, and the first rows by those of the last ones."""
    others, bound, noise = int(state.settings[0]), state.settings[1], state.settings[2]
    own, one = z.shape[0] - others, z.dtype.type(1)
    reference, inverse = z[own:], state.memory[0]
    kernels.standardize(reference, state.mean[0], state.var[0], inverse, state.eps)
    moved, stretched = state.memory[1], state.memory[2]
    moved[:] = 0
    stretched[:] = 1
    for r in range(others):
        for j in range(z.shape[1]):
            moved[j] += noise * _first_sign(r) * reference[r, j]
            stretched[j] += noise * _second_sign(r) * reference[r, j] / z.dtype.type(math.sqrt(2))
    for i in range(own):
        for j in range(z.shape[1]):
            value = ((z[i, j] - state.mean[0, j]) * inverse[j] - moved[j]) * (one / stretched[j])
            z[i, j] = min(max(value, -bound), bound)


@compiled
def backward(gradient: RealArray, value: RealArray, state: LayerState) -> None:
    """Compute the gradient at z, through the statistics of the last rows, too."""
    others, bound, noise = int(state.settings[0]), state.settings[1], state.settings[2]
    own, kind = value.shape[0] - others, value.dtype.type
    inverse, moved, stretched = state.memory[0], state.memory[1], state.memory[2]
    share, half = kind(1 / others), kind(1 / math.sqrt(2))
    total, with_value, with_raw = state.memory[3], state.memory[4], state.memory[5]
    total[:] = 0
    with_value[:] = 0
    with_raw[:] = 0
    for i in range(own):
        for j in range(value.shape[1]):
            inside = abs(value[i, j]) < bound
            passed = gradient[i, j] / stretched[j] if inside else kind(0)
            total[j] += passed
            with_value[j] += passed * value[i, j]
            with_raw[j] += passed * (value[i, j] * stretched[j] + moved[j])
            gradient[i, j] = passed * inverse[j]
    back, reference = gradient[own:], value[own:]
    for r in range(others):
        for j in range(value.shape[1]):
            back[r, j] -= noise * (_first_sign(r) * total[j] + _second_sign(r) * half * with_value[j])
    kernels.standardize_back(back, reference, inverse)
    for r in range(others):
        for j in range(value.shape[1]):
            back[r, j] -= share * inverse[j] * (total[j] + reference[r, j] * with_raw[j])


@compiled
def _first_sign(row: int) -> int:
    return 1 - 2 * (row % 2)


@compiled
def _second_sign(row: int) -> int:
    return 1 - 2 * (row // 2 % 2)


@compiled
def constant_backward(gradient: RealArray, _value: RealArray, state: LayerState) -> None:
    """Compute the gradient at z if mean and variance are taken as constants."""
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            gradient[i, j] *= state.memory[0, j]


@checked(
    rows=batch_size,
    others=batch_size,
    kind=partial(choice, known=(PLAIN, BOUNDED, NOISY)),
)
@dataclass(frozen=True)
class OtherBatch(Normalizer):
    """Normalization of the first rows of a batch by the mean and variance of its last rows.

    The last rows are normalized by their own statistics in every layer, and the loss is that of the first rows. The
    gradient passes through the statistics of the last rows. Running statistics follow these.

    Parameters
    ----------
    rows : int
        Number n of first rows.
    others : int
        Number of last rows. With as many as first rows, statistics are just as precise as those of the own batch.
    kind : {"plain", "bounded", "noisy"}
        "bounded": normalized values of the first rows are cut at sqrt(n - 1), which no value normalized by its own
        batch of n exceeds. "noisy": mean and standard deviation have additional errors of the size of those in batches
        of n normal values, sd / sqrt(n) and sd / sqrt(2 n). These errors are sums of the last rows with signs that are
        fixed, and nearly normal if the last rows are many.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> import bnstats as bn
    >>> other = bn.normalizers.OtherBatch(rows=4, others=4)
    >>> m = bn.measure_mismatch("digits", normalizers=other, batch_sizes=8, steps=200, max_replicates=2, precision=None)
    >>> m.table["normalizer"].iloc[0]
    "OtherBatch(rows=4, others=4, kind='plain')"
    """

    name = "other batch"
    uses_batch = True
    forward = staticmethod(forward)
    backward = staticmethod(backward)
    rows: int
    others: int
    kind: str = PLAIN

    def rows_in_loss(self, batch_size: int) -> int:
        return whole("batch_size", batch_size, self.others) - self.others

    def set_rows(self, batch_size: int) -> int:
        return self.others

    def state(self, rows: int, units: int, eps: float, dtype: DTypeLike = np.float32, step: int = 1) -> LayerState:
        """Return the state of a layer, with one set of statistics: those of the last rows."""
        found = super().state(rows, units, eps, dtype, step)
        return found._replace(mean=found.mean[:1], var=found.var[:1])

    def settings(self, step: IntArray) -> FloatArray:
        """Return the number of last rows, the bound and the factor of the noise at each step, shape (steps, 3)."""
        bound = math.sqrt(self.rows - 1) if self.kind == BOUNDED else math.inf
        noise = 1 / math.sqrt(self.rows * self.others) if self.kind == NOISY else 0.0
        return np.tile([float(self.others), bound, noise], (*step.shape, 1))

    def check(self, batch_size: int, hidden: tuple[int, ...]) -> None:
        # A recipe, which knows no batch size, asks about the rows that have common statistics.
        if batch_size not in (self.rows + self.others, self.others):
            raise ValueError(f"batches have {self.rows} + {self.others} rows for {self!r}; got {batch_size}.")


@dataclass(frozen=True)
class ConstantStatistics(Normalizer):
    """Batch normalization whose statistics are constants in the gradient.

    The gradient is not projected: its parts along the mean and along the normalized values of a unit pass.
    """

    name = "batch, constant statistics"
    uses_batch = True
    checks_gradient = False
    forward = staticmethod(batch.forward)
    backward = staticmethod(constant_backward)
