"""A network as compiled code sees it: a few flat arrays, and where in them each layer has its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import carray, types

from bnstats._arrays import Float32Array, IntArray
from bnstats._compiled import compiled, intrinsic

FRAME = 7
"""Rows of a frame; see `layers`."""


class Rule(NamedTuple):
    """How hidden layers normalise."""

    set_rows: int  # rows that share a mean and variance
    groups: int  # of units in a row that share them; 0: sets are columns
    learns_scale: bool
    eps: float


class Plan(NamedTuple):
    """The shape of a network."""

    sizes: IntArray  # inputs, hidden units, classes
    before: IntArray  # sizes of all layers before
    starts: IntArray  # of each layer's parameters: weights, shift, and in hidden layers scale
    rule: Rule


class Work(NamedTuple):
    """What the passes write to."""

    rows: int
    values: Float32Array  # of each layer (rows, inputs)
    z: Float32Array  # (rows, units) before normalising; logits
    gradient: Float32Array  # at z
    frames: Float32Array  # of each hidden layer (sets, FRAME, units or groups)
    shift: Float32Array  # gradients of one layer's vectors
    scale: Float32Array


def plan_of(sizes: tuple[int, ...], rule: Rule) -> Plan:
    """The plan of a network of these sizes."""
    size = np.array(sizes)
    parameters = (size[:-1] + 2) * size[1:]
    return Plan(size, np.cumsum(size) - size, np.cumsum(parameters) - parameters, rule)


def work_of(plan: Plan, rows: int) -> Work:
    """Memory for batches of so many rows."""
    total, widest, hidden = plan.sizes.sum(), plan.sizes.max(), plan.sizes[1:-1]
    groups = plan.rule.groups
    columns = rows * groups * len(hidden) if groups else rows // plan.rule.set_rows * hidden.sum()
    lengths = (total * rows, total * rows, total * rows, FRAME * columns, widest, widest)
    return Work(rows, *(np.empty(length, np.float32) for length in lengths))


@intrinsic
def _pointer(_: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.CPointer(types.float32)))

    return types.CPointer(types.float32)(address), generate


@compiled
def view(flat: Float32Array, start: int, shape: tuple[int, ...]) -> Float32Array:
    """An array of this shape inside `flat`, which has to outlive it.

    It counts no references: in small layers, counting takes a third of a step.
    """
    seen: Float32Array = carray(_pointer(flat.ctypes.data + 4 * start), shape)
    return seen


@compiled
def weights_of(plan: Plan, parameters: Float32Array, layer: int) -> Float32Array:
    """(inputs, units)."""
    return view(parameters, plan.starts[layer], (plan.sizes[layer], plan.sizes[layer + 1]))


@compiled
def shift_of(plan: Plan, parameters: Float32Array, layer: int) -> Float32Array:
    """(units,)."""
    units = plan.sizes[layer + 1]
    return view(parameters, plan.starts[layer] + plan.sizes[layer] * units, (units,))


@compiled
def scale_of(plan: Plan, parameters: Float32Array, layer: int) -> Float32Array:
    """(units,), of a hidden layer."""
    units = plan.sizes[layer + 1]
    return view(parameters, plan.starts[layer] + (plan.sizes[layer] + 1) * units, (units,))


@compiled
def statistic_of(plan: Plan, running: Float32Array, layer: int) -> Float32Array:
    """(units,), of a hidden layer."""
    return view(running, plan.before[layer + 1] - plan.sizes[0], (plan.sizes[layer + 1],))


@compiled
def values_of(plan: Plan, work: Work, layer: int) -> Float32Array:
    """(rows, inputs)."""
    return view(work.values, work.rows * plan.before[layer], (work.rows, plan.sizes[layer]))


@compiled
def z_of(plan: Plan, work: Work, layer: int) -> Float32Array:
    """(rows, units)."""
    return view(work.z, work.rows * plan.before[layer + 1], (work.rows, plan.sizes[layer + 1]))


@compiled
def gradient_of(plan: Plan, work: Work, layer: int) -> Float32Array:
    """(rows, units)."""
    return view(work.gradient, work.rows * plan.before[layer + 1], (work.rows, plan.sizes[layer + 1]))


@compiled
def frames_of(plan: Plan, work: Work, layer: int) -> Float32Array:
    """(sets, FRAME, units or groups), of a hidden layer."""
    groups = plan.rule.groups
    if groups > 0:
        return view(work.frames, FRAME * work.rows * groups * layer, (work.rows, FRAME, groups))
    sets = work.rows // plan.rule.set_rows
    start = FRAME * sets * (plan.before[layer + 1] - plan.sizes[0])
    return view(work.frames, start, (sets, FRAME, plan.sizes[layer + 1]))
