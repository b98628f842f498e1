"""Noise, lag and displacement of each layer's running statistics, from what the state remembers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstats._checks.array_types import BoolArray, FloatArray
from bnstats.monitor.core.readings import Layout, Reading
from bnstats.monitor.core.state import State
from bnstats.monitor.core.weights import noise_without_replacement

DEAD = 16
"""Rounding errors up to which the variance of a batch may be 0."""
PRECISE = 0.1
"""Largest rounding of a running variance, as a proportion of it, for a channel to be called dead."""


@dataclass(frozen=True)
class LayerMeasures:
    """Measures of each layer, arrays of shape (layers,).

    Attributes
    ----------
    unit : array
        Squared displacement by the statistics of one batch.
    noise, lag, displacement : array
        In standard deviations of the normalized values.
    lag_z : array
        Distance of batch statistics from running ones, in units of what chance gives.
    n_eff : array
        Independent values behind a batch mean.
    drift_z : array
        Distance of the latest batch statistics from the first ones, in units of what chance gives.
    alternation : array
        Von Neumann ratio of batch statistics: 1 for independent batches, 2 for two alternating sources.
    dead : array
        Channels without any variance.
    rounded : array
        Proportion of channels in which the rounding of the buffers exceeds half the standard error of a batch.
    known : array of bool
        True if the batches since the last read had an influence, and all numbers are finite.
    """

    unit: FloatArray
    noise: FloatArray
    lag: FloatArray
    displacement: FloatArray
    lag_z: FloatArray
    n_eff: FloatArray
    drift_z: FloatArray
    alternation: FloatArray
    dead: FloatArray
    rounded: FloatArray
    known: BoolArray


def measures_of(state: State, reading: Reading, step: int, epoch_batches: int | None) -> LayerMeasures:
    """Return the measures after a read at a step."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return _measures(state, reading, step, epoch_batches)


def _measures(state: State, reading: Reading, step: int, epoch_batches: int | None) -> LayerMeasures:
    layout = reading.layout
    _, var = np.split(state.level, 2)
    dead = _dead(state, reading)
    scale = np.where(dead, np.inf, np.maximum(var, 0) + reading.eps[layout.owner[: var.size]])
    mean_over = _Means(layout, ~dead)
    square_mean, square_var = np.split(_variance(state), 2)
    of_mean = mean_over(square_mean / scale)
    unit = of_mean + mean_over(square_var / (4 * scale**2))
    given = np.where(state.kept < 1, 1 - state.kept, np.nan)
    lag_mean, lag_var = np.split(state.lag / layout.spread(given), 2)
    squared_lag = mean_over(lag_mean**2 / scale) + mean_over((np.sqrt(np.maximum(1 + lag_var / scale, 0)) - 1) ** 2)
    by_chance = state.lag_noise / given**2 * unit
    lag = np.sqrt(np.maximum(squared_lag - by_chance, 0))
    noise = np.sqrt(noise_without_replacement(state, epoch_batches) * unit)
    return LayerMeasures(
        unit=unit,
        noise=noise,
        lag=lag,
        displacement=np.hypot(noise, lag),
        lag_z=np.sqrt(squared_lag / by_chance),
        n_eff=1 / of_mean,
        drift_z=_drift(state, layout, mean_over),
        alternation=_alternation(*(mean_over(np.split(s, 2)[0] / scale) for s in (state.second, state.square))),
        dead=layout.sums(np.concatenate([dead, dead]).astype(np.float64))[1],
        rounded=_rounded(state, reading),
        known=(state.seen >= 2) & (state.moved == step) & reading.known & (mean_over.count > 0),
    )


def _variance(state: State) -> FloatArray:
    """Return the variance of batch statistics; second differences are free of a steady drift."""
    return np.where(state.second > 0, state.second, state.square)


def _alternation(second: FloatArray, first: FloatArray) -> FloatArray:
    """Return the von Neumann ratio of batch means, from their variance by second and by first differences.

    Differences two steps apart have 4 - 3 x times the square of successive ones, x the ratio of both: as much if
    batches are independent, none if two sources alternate.
    """
    return 2 / (1 + np.maximum(4 - 3 * second / first, 0))


class _Means:
    """Means over the channels of each layer that are alive."""

    def __init__(self, layout: Layout, alive: BoolArray) -> None:
        self.starts, self.alive = layout.starts[: len(layout.sizes)], alive
        self.count = np.add.reduceat(alive.astype(np.float64), self.starts)

    def __call__(self, values: FloatArray) -> FloatArray:
        total = np.add.reduceat(np.where(self.alive, values, 0.0), self.starts)
        return np.asarray(np.divide(total, self.count, out=np.full_like(total, np.nan), where=self.count > 0))


def _rounding(state: State, reading: Reading) -> FloatArray:
    """Return the error of a recovered batch statistic by rounding: half an epsilon of the buffer over the weight."""
    weight = np.where(np.isnan(reading.weight), 1 / np.maximum(state.updates, 1), reading.weight)
    return np.asarray(np.abs(state.running) * reading.layout.spread(reading.rounding / 2 / np.maximum(weight, 1e-30)))


def _dead(state: State, reading: Reading) -> BoolArray:
    """Return True for channels whose batches have no variance, as far as rounding shows it."""
    (_, var), (_, batch) = np.split(state.running, 2), np.split(state.batch, 2)
    error = DEAD * np.split(_rounding(state, reading), 2)[1]
    seen = reading.layout.spread(state.seen)
    seen = seen[: var.size] if np.ndim(seen) else seen
    return np.asarray((seen >= 1) & (batch <= error) & (error <= PRECISE * np.maximum(var, 0) + 1e-30))


def _rounded(state: State, reading: Reading) -> FloatArray:
    """Return the proportion of channels that are rounded by more than a quarter of a batch's standard error."""
    coarse = _rounding(state, reading) > np.sqrt(state.square) / 4
    return np.asarray(reading.layout.sums(coarse.astype(np.float64))[0] / np.array(reading.layout.sizes))


def _drift(state: State, layout: Layout, mean_over: _Means) -> FloatArray:
    """Return the distance of the latest block of batches from the first one, in units of what chance gives."""
    reads = 1 / np.maximum(state.first_reads, 1) + 1 / np.maximum(state.block_reads, 1)
    apart = (state.block - state.first) ** 2 / layout.spread(reads * state.factor)
    ratio = np.divide(apart, state.square, out=np.zeros_like(apart), where=state.square > 0)
    of_mean, of_var = np.split(ratio, 2)
    z = np.sqrt((mean_over(of_mean) + mean_over(of_var)) / 2)
    return np.where((state.first_reads > 0) & (state.block_reads > 0), z, np.nan)
