"""The arrays of each layer of a network: views of a few flat arrays, as Python and as compiled code see them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import carray, types

from bnstats._arrays import Float32Array, IntArray, RealArray
from bnstats._compiled import compiled, intrinsic


class LayerState(NamedTuple):
    """What a normalizer has beside the values of its layer.

    Attributes
    ----------
    mean, var : arrays, shape (sets, units)
        Statistics of this batch, one row for each set of rows that shares them: `forward` writes them, and the running
        statistics follow them. No rows where a normalizer uses no batch statistics.
    running_mean, running_var : arrays, shape (units,)
        Before this batch.
    memory : array, shape (rows of memory, units)
        What `forward` keeps for `backward`; what it holds before is not defined.
    settings : array
        The normalizer's numbers at this step of training.
    eps : float
        Added to a variance, in its unit.
    """

    mean: RealArray
    var: RealArray
    running_mean: RealArray
    running_var: RealArray
    memory: RealArray
    settings: RealArray
    eps: Any


class LayerViews(NamedTuple):
    """One layer: what it gets, its parameters with their velocities, its values and their gradient, and its state.

    `values` are the products of inputs and weights, which a normalizer changes in place; in the output layer the
    logits. The output layer has no scale and an empty state.
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
    """Weights (inputs, units), shift and scale of each layer in turn; the output layer has no scale."""
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
    """The views of every layer, with new memory for batches of so many rows; hidden layers have the states given."""
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
    """One row for each layer, for compiled code: its sizes, then the addresses of its arrays, which have to live on."""
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


@intrinsic
def _pointer(_: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.CPointer(types.float32)))

    return types.CPointer(types.float32)(address), generate


@compiled
def view(address: int, shape: tuple[int, ...]) -> Float32Array:
    """The array of this shape at an address. It counts no references: in small layers that takes a third of a step."""
    seen: Float32Array = carray(_pointer(address), shape)
    return seen


@compiled
def layer_at(table: IntArray, number: int, eps: np.float32) -> LayerViews:
    """The views of one layer."""
    at = table[number]
    rows, inputs, units, sets, memory, settings = at[0], at[1], at[2], at[3], at[4], at[5]
    return LayerViews(
        view(at[6], (rows, inputs)),
        view(at[7], (inputs, units)),
        view(at[8], (units,)),
        view(at[9], (units,)),
        view(at[10], (inputs, units)),
        view(at[11], (units,)),
        view(at[12], (units,)),
        view(at[13], (rows, units)),
        view(at[14], (rows, units)),
        LayerState(
            view(at[15], (sets, units)),
            view(at[16], (sets, units)),
            view(at[17], (units,)),
            view(at[18], (units,)),
            view(at[19], (memory, units)),
            view(at[20], (settings,)),
            eps,
        ),
    )


@compiled
def most_units(table: IntArray) -> int:
    """Units of the widest layer; a loop, as NumPy's maximum takes a second to compile."""
    most = 0
    for k in range(len(table)):
        most = max(most, table[k, 2])
    return most
