"""Arrays of each layer as views of a few flat arrays, for Python and for compiled code."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils
from numba.np.arrayobj import populate_array

from bnstats._checks.array_types import Float32Array, IntArray, RealArray
from bnstats._compiled import inlined, intrinsic


class LayerState(NamedTuple):
    """State of a normalizer in one layer, besides the values of the layer.

    Attributes
    ----------
    mean, var : array, shape (sets, units)
        Statistics of this batch, one row for each set of rows with common statistics. `forward` writes them, and the
        running statistics follow them. There are no sets if the normalizer uses no batch statistics.
    running_mean, running_var : array, shape (units,)
        Running statistics before this batch.
    memory : array, shape (rows of memory, units)
        Numbers that `forward` stores for `backward`; their initial values are undefined.
    settings : array
        Numbers of the normalizer at this training step.
    eps : float
        Number that is added to a variance, in its unit.
    """

    mean: RealArray
    var: RealArray
    running_mean: RealArray
    running_var: RealArray
    memory: RealArray
    settings: RealArray
    eps: Any


class LayerViews(NamedTuple):
    """Arrays of one layer: inputs, parameters with velocities, values with their gradient, and state.

    `values` are the products of inputs and weights, which a normalizer changes in place. In the output layer they are
    the logits. The output layer has no scale and an empty state.
    """

    inputs: Float32Array  # (rows, inputs)
    weights: Float32Array  # (inputs, units)
    shift: Float32Array  # (units,)
    scale: Float32Array  # (units,)
    weights_velocity: Float32Array
    shift_velocity: Float32Array
    scale_velocity: Float32Array
    values: Float32Array  # (rows, units)
    gradient: Float32Array  # (rows, units)
    state: LayerState


def parts_of(sizes: tuple[int, ...], flat: Float32Array) -> list[tuple[Float32Array, Float32Array, Float32Array]]:
    """Return weights (inputs, units), shift and scale of each layer; the output layer has no scale."""
    parts, start = [], 0
    for layer, (inputs, units) in enumerate(pairwise(sizes)):
        scales = 0 if layer == len(sizes) - 2 else units
        ends = start + np.cumsum([inputs * units, units, scales])
        weights, shift, scale, _ = np.split(flat[start : ends[-1]], ends - start)
        parts.append((weights.reshape(inputs, units), shift, scale))
        start = int(ends[-1])
    return parts


def layers_of(
    sizes: tuple[int, ...],
    rows: int,
    parameters: Float32Array,
    velocity: Float32Array,
    states: Sequence[LayerState],
) -> tuple[LayerViews, ...]:
    """Return the views of each layer, with new arrays for batches of `rows` rows and the given states."""
    nothing = np.empty((0, sizes[-1]), np.float32)
    empty = LayerState(nothing, nothing, nothing[0:0, 0], nothing[0:0, 0], nothing, nothing[0:0, 0], np.float32(0))
    made = []
    for own, moving, state in zip(
        parts_of(sizes, parameters), parts_of(sizes, velocity), (*states, empty), strict=True
    ):
        inputs, units = own[0].shape
        values, gradient = np.empty((2, rows, units), np.float32)
        made.append(LayerViews(np.empty((rows, inputs), np.float32), *own, *moving, values, gradient, state))
    return tuple(made)


def table_of(layers: tuple[LayerViews, ...]) -> IntArray:
    """Return a table for compiled code, one row for each layer: sizes, then addresses of its arrays.

    The addresses are valid while the arrays exist.
    """
    rows = []
    for layer in layers:
        arrays = (*layer[:-1], *layer.state[:-1])
        sizes = (
            *layer.inputs.shape,
            len(layer.shift),
            len(layer.state.mean),
            len(layer.state.memory),
            layer.state.settings.size,
        )
        rows.append([*sizes, *(array.ctypes.data for array in arrays)])
    return np.array(rows, dtype=np.int64)


def _view(name: str, *shape: int) -> Any:
    """Return a function (table, number) that views one array of a layer.

    `shape` contains the positions of the array's sizes in a row of the table. The view counts no references, because
    this would take a third of the time of a step in small layers. It compiles quickly, whereas a view of all arrays at
    once takes seconds to compile wherever it is used.
    """
    place, kind = len(_SIZES) + _ARRAYS.index(name), types.Array(types.float32, len(shape), "C")

    @intrinsic
    def view(_: Any, table: Any, __: Any) -> Any:
        def generate(context: Any, builder: Any, ___: Any, given: Any) -> Any:
            rows = context.make_array(table)(context, builder, given[0])

            def at(column: int) -> Any:
                indices = [given[1], given[1].type(column)]
                return builder.load(cgutils.get_item_pointer(context, builder, table, rows, indices))

            sizes, seen = [at(size) for size in shape], context.make_array(kind)(context, builder)
            bytes_of_row = [builder.mul(size, size.type(_ITEM)) for size in sizes[1:]]
            data = builder.inttoptr(at(place), seen.data.type)
            populate_array(seen, data, sizes, [*bytes_of_row, sizes[0].type(_ITEM)], _ITEM, None)
            return seen._getvalue()

        return kind(table, types.intp), generate

    return view


_SIZES = ROWS, INPUTS, UNITS, SETS, MEMORY, SETTINGS = range(6)
_ARRAYS = (*LayerViews._fields[:-1], *LayerState._fields[:-1])
_ITEM = np.float32().itemsize
inputs, weights = _view("inputs", ROWS, INPUTS), _view("weights", INPUTS, UNITS)
shift, scale = _view("shift", UNITS), _view("scale", UNITS)
weights_velocity = _view("weights_velocity", INPUTS, UNITS)
shift_velocity, scale_velocity = _view("shift_velocity", UNITS), _view("scale_velocity", UNITS)
values, gradient = _view("values", ROWS, UNITS), _view("gradient", ROWS, UNITS)
mean, var = _view("mean", SETS, UNITS), _view("var", SETS, UNITS)
running_mean, running_var = _view("running_mean", UNITS), _view("running_var", UNITS)
memory, settings = _view("memory", MEMORY, UNITS), _view("settings", SETTINGS)


@inlined
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


@inlined
def most_units(table: IntArray) -> int:
    """Return the units of the widest layer, by a loop, because NumPy's maximum takes a second to compile."""
    most = 0
    for k in range(len(table)):
        most = max(most, table[k, UNITS])
    return most
