"""Scale, shift and activation of normalized values, with their gradients.

The activation is v for v > 0, and slope times v otherwise. The slope is 0 for a rectified linear unit, and 1 for a
linear layer.
"""

from __future__ import annotations

from typing import Any

from bnstats._checks.array_types import RealArray
from bnstats._compiled import inlined
from bnstats.networks.kernels.columns import WIDTH, activate_back_columns, activate_back_last
from bnstats.networks.kernels.vectors import MOST_LANES


@inlined
def activate(value: RealArray, scale: RealArray, shift: RealArray, slope: Any, out: RealArray) -> None:
    """Write activation(scale value + shift) to `out`."""
    below = value.dtype.type(slope)
    for i in range(value.shape[0]):
        for j in range(value.shape[1]):
            v = scale[j] * value[i, j] + shift[j]
            out[i, j] = below * v if v <= 0 else v  # this order of cases keeps nan


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
    """Turn the gradient at `out` into the gradient at `value`, and write the gradients of scale and shift."""
    arrays = (gradient, value, out, scale, scale_gradient, shift_gradient)
    numbers = (value.dtype.type(slope), value.dtype.type(1))
    whole = value.shape[1] - value.shape[1] % WIDTH
    for j in range(0, whole, WIDTH):
        activate_back_columns(j, arrays, numbers)
    for j in range(whole, value.shape[1], MOST_LANES):
        activate_back_last(j, arrays, numbers)
