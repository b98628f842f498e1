"""What every hidden layer does to its normalised values: scale, shift, and an activation; and the way back.

The activation is v for v > 0 and slope v below: a rectified linear unit has slope 0, a linear layer slope 1.
"""

from __future__ import annotations

from typing import Any

from bnstats._arrays import RealArray
from bnstats._compiled import inlined


@inlined
def activate(value: RealArray, scale: RealArray, shift: RealArray, slope: Any, out: RealArray) -> None:
    """out = activation(scale value + shift)."""
    below = value.dtype.type(slope)
    for i in range(value.shape[0]):
        for j in range(value.shape[1]):
            v = scale[j] * value[i, j] + shift[j]
            out[i, j] = below * v if v <= 0 else v  # so nan stays nan


@inlined
def activate_back(
    value: RealArray,
    scale: RealArray,
    slope: Any,
    out: RealArray,
    gradient: RealArray,
    scale_gradient: RealArray,
    shift_gradient: RealArray,
) -> None:
    """Turn the gradient at `out` into that at `value`, and write those of scale and shift."""
    below, one = value.dtype.type(slope), value.dtype.type(1)
    scale_gradient[:] = 0
    shift_gradient[:] = 0
    # Short loops: LLVM vectorises only where it has few arrays to keep apart.
    for i in range(value.shape[0]):
        for j in range(value.shape[1]):
            gradient[i, j] *= one if out[i, j] > 0 else below
        for j in range(value.shape[1]):
            shift_gradient[j] += gradient[i, j]
            scale_gradient[j] += gradient[i, j] * value[i, j]
        for j in range(value.shape[1]):
            gradient[i, j] *= scale[j]
