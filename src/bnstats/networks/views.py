"""A network as compiled code sees it: flat arrays, cut into each layer's own."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import carray, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from bnstats.compiled import compiled

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

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

    sizes: Integers  # inputs, hidden units, classes
    rule: Rule


class Layers(NamedTuple):
    """Parameters, or what there is one of for each parameter."""

    weights: list[Floats]  # (inputs, units)
    shift: list[Floats]  # (units,)
    scale: list[Floats]  # (units,), in hidden layers


class Running(NamedTuple):
    """Running statistics of each hidden layer."""

    mean: list[Floats]
    var: list[Floats]


class Work(NamedTuple):
    """What the passes write to: a list entry a layer."""

    values: list[Floats]  # (rows, inputs)
    z: list[Floats]  # (rows, units) before normalising; logits
    gradient: list[Floats]  # at z
    frames: list[Floats]  # (sets, FRAME, units or groups), in hidden layers
    shift: Floats  # gradients of one layer's vectors
    scale: Floats


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(_: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.CPointer(types.float32)))

    return types.CPointer(types.float32)(address), generate


@compiled
def view(flat: Floats, start: int, shape: tuple[int, ...]) -> Floats:
    """An array of this shape inside `flat`, which has to outlive it.

    It counts no references: in small layers, counting takes a quarter of a step.
    """
    seen: Floats = carray(_pointer(flat.ctypes.data + 4 * start), shape)
    return seen


@compiled
def matrices(flat: Floats, start: int, rows: int, sizes: Integers) -> list[Floats]:
    """Views (rows, size), one after the other."""
    ends = start + rows * np.cumsum(sizes)
    return [view(flat, ends[k] - rows * sizes[k], (rows, sizes[k])) for k in range(len(sizes))]


@compiled
def layers_of(sizes: Integers, flat: Floats) -> Layers:
    """Of each layer in turn weights, shift, and in hidden layers scale."""
    inputs, units = sizes[:-1], sizes[1:]
    starts = np.append(0, np.cumsum((inputs + 2) * units))
    ends = starts[:-1] + inputs * units
    return Layers(
        [view(flat, starts[k], (inputs[k], units[k])) for k in range(len(units))],
        [view(flat, ends[k], (units[k],)) for k in range(len(units))],
        [view(flat, ends[k] + units[k], (units[k],)) for k in range(len(units) - 1)],
    )


@compiled
def running_of(sizes: Integers, mean: Floats, var: Floats) -> Running:
    """Of each hidden layer in turn."""
    units = sizes[1:-1]
    starts = np.cumsum(units) - units
    return Running(
        [view(mean, starts[k], (units[k],)) for k in range(len(units))],
        [view(var, starts[k], (units[k],)) for k in range(len(units))],
    )


@compiled
def work_in(memory: Floats, plan: Plan, rows: int) -> Work:
    """Places for batches of so many rows in `memory`, which has `memory_size` numbers."""
    inputs, units, total = plan.sizes[:-1], plan.sizes[1:], rows * plan.sizes.sum()
    sets = rows if plan.rule.groups > 0 else rows // plan.rule.set_rows
    columns = units[:-1].copy()
    if plan.rule.groups > 0:
        columns[:] = plan.rule.groups
    ends = 3 * total + FRAME * sets * np.cumsum(columns)
    widest, end = plan.sizes.max(), memory.size
    return Work(
        matrices(memory, 0, rows, inputs),
        matrices(memory, total, rows, units),
        matrices(memory, 2 * total, rows, units),
        [view(memory, ends[k] - FRAME * sets * columns[k], (sets, FRAME, columns[k])) for k in range(len(columns))],
        view(memory, end - widest, (widest,)),
        view(memory, end - 2 * widest, (widest,)),
    )


def memory_size(plan: Plan, rows: int) -> int:
    """Numbers that `work_in` has places for."""
    hidden = plan.sizes[1:-1]
    frames = rows * plan.rule.groups * len(hidden) if plan.rule.groups else rows // plan.rule.set_rows * hidden.sum()
    return int(3 * rows * plan.sizes.sum() + FRAME * frames + 2 * plan.sizes.max())
