"""Views of a layer's arrays, from its row in the table of `layers.table_of`."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnstats._checks.array_types import IntArray
from bnstats.networks.kernels.choice import kernels
from bnstats.networks.kernels.layers import (
    ARRAYS,
    INPUTS,
    MEMORY,
    ROWS,
    SETS,
    SETTINGS,
    SIZES,
    UNITS,
    LayerState,
)


def _view(name: str, *shape: int) -> Any:
    """Return a function (table, number) that views one array of a layer.

    `shape` contains the columns of the table that hold the array's sizes.
    """
    return kernels.view(len(SIZES) + ARRAYS.index(name), shape)


inputs, weights = _view("inputs", ROWS, INPUTS), _view("weights", INPUTS, UNITS)
shift, scale = _view("shift", UNITS), _view("scale", UNITS)
weights_velocity = _view("weights_velocity", INPUTS, UNITS)
shift_velocity, scale_velocity = _view("shift_velocity", UNITS), _view("scale_velocity", UNITS)
values, gradient = _view("values", ROWS, UNITS), _view("gradient", ROWS, UNITS)
mean, var = _view("mean", SETS, UNITS), _view("var", SETS, UNITS)
running_mean, running_var = _view("running_mean", UNITS), _view("running_var", UNITS)
memory, settings = _view("memory", MEMORY, UNITS), _view("settings", SETTINGS)


@kernels.inlined_pass
def state_of(table: IntArray, number: int, eps: np.float32) -> LayerState:
    """Return the state of the normalizer in a layer."""
    return LayerState(
        mean(table, number),
        var(table, number),
        running_mean(table, number),
        running_var(table, number),
        memory(table, number),
        settings(table, number),
        eps,
    )


@kernels.inlined_pass
def most_units(table: IntArray) -> int:
    """Return the units of the widest layer, by a loop, because NumPy's maximum takes a second to compile."""
    most = 0
    for k in range(len(table)):
        most = max(most, table[k, UNITS])
    return most
