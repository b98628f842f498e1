"""Averages of what one batch after the other shows in each channel."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bnstats._checks.array_types import BoolArray, FloatArray
from bnstats.monitor.core.readings import Layout, Reading
from bnstats.monitor.core.state import State
from bnstats.monitor.core.weights import advance_weights, movement, read_weights

FORGET = 0.1
"""Weight of the latest squared difference of batch statistics in their variance."""
LAG_MEMORY = 0.8
"""Weight of the past, after one update, in the average of batch statistics less running statistics."""
LEVEL = 0.05
"""Largest weight of a batch in the variance by which everything is divided."""
FAR = 25.0
"""Times its mean at which a squared difference is cut, so that a jump does not hide the next one."""
WARMED_UP = 10
"""Differences of batch statistics after which their variance is trusted."""


class BatchRead(NamedTuple):
    """Answer of a read about the batches since the last read.

    Attributes
    ----------
    active : array of bool, shape (layers,)
        True for layers with new updates.
    new : array, shape (layers,)
        New updates.
    z : array, shape (layers,)
        Root mean square change of the batch statistics, in units of what is usual; 0 where that is not known.
    """

    active: BoolArray
    new: FloatArray
    z: FloatArray


def advance(state: State, reading: Reading, step: int, epoch_batches: int | None) -> BatchRead:
    """Take a read into the state, and return what it says of the batches."""
    layout = reading.layout
    difference = reading.values - state.running
    new = _new_updates(state, reading, layout.sums((difference != 0).astype(np.float64)).sum(axis=0))
    b, f = read_weights(reading.weight, state.updates, new)
    active = b > 0
    mask = layout.spread(active.astype(np.float64))
    difference /= layout.spread(np.where(active, b, 1.0))
    batch = state.running + difference
    if not active.all():
        batch = np.where(mask, batch, state.batch)
    change = batch - state.batch
    z = _advance_squares(state, layout, change, active, f)
    memory = LAG_MEMORY**new
    ahead = movement(reading.weight, b, new)
    state.lag += layout.spread(np.where(active, 1 - memory, 0.0)) * (layout.spread(ahead) * difference - state.lag)
    calm = np.minimum(b, np.maximum(LEVEL, 1 / np.maximum(state.seen, 1)))
    state.level += layout.spread(np.where(active, calm, 0.0)) * (batch - state.level)
    state.block_reads = state.block_reads + active
    state.block += mask / layout.spread(np.maximum(state.block_reads, 1)) * (batch - state.block)
    state.change = change if active.all() else np.where(mask, change, state.change)
    state.running, state.batch = reading.values, batch
    advance_weights(state, reading.weight, np.where(active, new, 0.0), memory, epoch_batches)
    state.factor = np.where(active, f, state.factor)
    state.seen = state.seen + active
    state.moved = np.where(active, step, state.moved)
    state.extra = np.where(active & (new > (reading.batches or np.inf)), state.extra + 1, 0.0)
    return BatchRead(active, new, z)


def _new_updates(state: State, reading: Reading, moved: FloatArray) -> FloatArray:
    """Return the updates since the last read; without a counter, a layer that has moved had an update per batch."""
    counted = np.where(moved > 0, float(reading.batches or 1), 0.0)
    return np.where(np.isnan(reading.updates), counted, reading.updates - state.updates)


def _advance_squares(state: State, layout: Layout, change: FloatArray, active: BoolArray, f: FloatArray) -> FloatArray:
    """Take the change of the batch statistics into their variance, and return its size in each layer."""
    if not (state.seen >= 1).any():
        return np.zeros(active.size)
    units = layout.spread(state.factor + f)
    half = change**2 / units
    ratio = np.divide(half, state.square, out=np.zeros_like(half), where=state.square > 0)
    warm = active & (state.seen >= WARMED_UP)
    z = np.where(warm, np.sqrt(_mean_of_known(layout, ratio, state.square)), 0.0)
    if warm.any():
        cut = np.where(state.square > 0, FAR * state.square, np.inf)
        half = np.minimum(half, cut) if warm.all() else np.where(warm[layout.owner], np.minimum(half, cut), half)
    second = (change - state.change) ** 2 / (3 * units)
    state.square += _rate(layout, active, state.seen) * (half - state.square)
    state.second += _rate(layout, active, state.seen - 1) * (np.minimum(second, FAR * state.square) - state.second)
    return z


def _rate(layout: Layout, active: BoolArray, count: FloatArray) -> Any:
    """Return the weight of the latest difference: equal ones at first."""
    return layout.spread(np.where(active & (count >= 1), np.maximum(FORGET, 1 / np.maximum(count, 1)), 0.0))


def _mean_of_known(layout: Layout, ratio: FloatArray, square: FloatArray) -> FloatArray:
    """Return the mean over a layer's entries that vary at all."""
    vary = layout.sums((square > 0).astype(np.float64)).sum(axis=0)
    return np.asarray(layout.sums(ratio).sum(axis=0) / np.maximum(vary, 1))
