"""Averages that the monitor keeps of each layer and each channel between two reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from bnstats._checks.array_types import BoolArray, FloatArray
from bnstats.monitor.core.readings import Layout, Reading
from bnstats.monitor.core.weights import noise_factor, start_weight

_OF_ENTRIES = ("running", "level", "batch", "square", "second", "change", "lag", "first", "block")


@dataclass(eq=False)
class State:
    """Averages of all layers; a float for each layer, or for each entry of the flat array.

    Attributes
    ----------
    updates, start, noise : array, shape (layers,)
        Updates so far, weight of the start values, and variance of the running statistics in units of one batch's.
    epoch, epochs : array, shape (layers,)
        Weight of the current epoch, and sum of the squared weights of earlier epochs.
    lag_noise, shared : array, shape (layers,)
        Variance of `lag`, and its covariance with the running statistics, in units of one batch's variance.
    kept, seen, factor : array, shape (layers,)
        Weight that `lag` has not yet given away, reads with updates, and variance of the last batch statistic.
    moved, extra : array, shape (layers,)
        Step at which the layer last moved, and reads in a row with more updates than batches.
    first_reads, block_reads : array, shape (layers,)
        Reads in `first` and in `block`.
    running, level : array, shape (entries,)
        Running statistics, and the same with weights so small that noise hardly moves them.
    batch, change : array, shape (entries,)
        Statistics of the last batch, and their change from the batch before.
    square, second : array, shape (entries,)
        Half the mean squared difference of successive batch statistics, and a sixth of that of second differences:
        both are the variance if batches are independent, and the latter under a steady drift too.
    lag : array, shape (entries,)
        Average of batch statistics less running statistics.
    first, block : array, shape (entries,)
        Mean of batch statistics up to the first check, and since the last check.
    """

    updates: FloatArray
    start: FloatArray
    noise: FloatArray
    epoch: FloatArray
    epochs: FloatArray
    lag_noise: FloatArray
    shared: FloatArray
    kept: FloatArray
    seen: FloatArray
    factor: FloatArray
    moved: FloatArray
    extra: FloatArray
    first_reads: FloatArray
    block_reads: FloatArray
    running: FloatArray
    level: FloatArray
    batch: FloatArray
    square: FloatArray
    second: FloatArray
    change: FloatArray
    lag: FloatArray
    first: FloatArray
    block: FloatArray

    @staticmethod
    def of(reading: Reading, step: int) -> State:
        """Return the state at a first read, before anything has been learned about batches."""
        layers, entries = len(reading.layout.names), reading.values.size
        made: dict[str, Any] = {f.name: np.zeros(entries if f.name in _OF_ENTRIES else layers) for f in fields(State)}
        state = State(**made)
        state.running, state.level = reading.values.copy(), reading.values.copy()
        state.kept[:] = state.factor[:] = 1.0
        state.moved[:] = step
        at_start = reading.at_start
        updates = np.where(at_start & np.isnan(reading.updates), 0.0, reading.updates)
        if (np.isnan(reading.weight) & np.isnan(updates) & reading.known).any():
            raise ValueError("a cumulative average (weight=None) needs updates=, the number of batches in it so far.")
        state.updates = np.nan_to_num(updates)
        state.start = np.where(at_start, 1.0, np.where(updates == 0, 0.0, start_weight(reading.weight, updates)))
        state.noise = np.where(updates == 0, 0.0, noise_factor(reading.weight, updates))
        return state

    def restarted(self, layers: BoolArray, reading: Reading, step: int) -> State:
        """Return the state with some layers begun anew, as after loading a checkpoint."""
        kept = {int(layer): int(layer) for layer in np.flatnonzero(~layers)}
        return self._carried(kept, reading.layout, reading, step)

    def adapted(self, old: Layout, reading: Reading, step: int) -> State:
        """Return the state for other layers: those of the same name and size go on, the others begin anew."""
        before, now = (list(zip(layout.names, layout.sizes, strict=True)) for layout in (old, reading.layout))
        kept = {here: before.index(key) for here, key in enumerate(now) if key in before}
        return self._carried(kept, old, reading, step)

    def _carried(self, kept: Mapping[int, int], old: Layout, reading: Reading, step: int) -> State:
        """Return the state after a first read, with these layers as they are here at other places."""
        fresh = State.of(reading, step)
        for here, there in kept.items():
            for f in fields(State):
                mine, other = getattr(self, f.name), getattr(fresh, f.name)
                if f.name in _OF_ENTRIES:
                    for from_, into in zip(old.entries(there), reading.layout.entries(here), strict=True):
                        other[into] = mine[from_]
                else:
                    other[here] = mine[there]
        return fresh

    def to_lists(self) -> dict[str, list[float]]:
        """Return all arrays as lists."""
        return {f.name: getattr(self, f.name).tolist() for f in fields(State)}

    @staticmethod
    def from_lists(given: Mapping[str, list[float]]) -> State:
        """Return the state that `to_lists` has written."""
        return State(**{f.name: np.array(given[f.name], dtype=np.float64) for f in fields(State)})
