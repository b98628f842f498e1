"""Arrays of each layer as views of a few flat arrays, and a table of their addresses for compiled code."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from bnstats._checks.array_types import Float32Array, IntArray, RealArray


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


class Addresses(NamedTuple):
    """Addresses of a normalizer's functions, with a flag for plain Python functions."""

    forward: Any
    forward_is_plain: bool
    backward: Any
    backward_is_plain: bool


SIZES = ROWS, INPUTS, UNITS, SETS, MEMORY, SETTINGS = range(6)
"""Columns of the table with sizes; those with the addresses of `ARRAYS` follow."""
ARRAYS = (*LayerViews._fields[:-1], *LayerState._fields[:-1])


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
