"""The study behind `measure_running`: running statistics by several conventions, all fed with the same batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bnstats._arrays import FloatArray
from bnstats._compiled import compiled
from bnstats.sampling.batching import WithoutReplacement
from bnstats.sampling.populations import Population
from bnstats.simulation.study import Cell, Study
from bnstats.statistics.conventions import Convention, smooth
from bnstats.statistics.running_error import STATISTICS, running_error

# Draws that are held at once: 2 MB, which stays in cache.
DRAWS_AT_ONCE = 2**18


# How many steps are recorded.
RECORDED_STEPS = 25


class RunningKey(NamedTuple):
    """What a replicate is: a running mean or variance after so many steps."""

    convention: str
    momentum: float | None
    step: int
    statistic: str


@dataclass(frozen=True)
class RunningStudy(Study):
    """Running statistics by several conventions, all fed with the same batches. See `measure_running`."""

    summaries: ClassVar[tuple[str, ...]] = ("bias", "se", "rmse", "median_abs_error")
    key_columns: ClassVar[tuple[str, ...]] = RunningKey._fields

    population: Population
    batch_size: int
    conventions: tuple[Convention, ...]
    steps: int
    training_size: int | None

    def cells(self) -> list[dict[str, Any]]:
        return [{"population": self.population, "batch_size": self.batch_size, "training_size": self.training_size}]

    def columns(self, cell: Cell) -> dict[str, Any]:
        return {}

    def size(self, cell: Cell) -> int:
        return min(128, max(16, DRAWS_AT_ONCE // self.batch_size))

    def draws(self, cell: Cell) -> int:
        return self.steps * self.batch_size

    @cached_property
    def recorded(self) -> list[int]:
        """The steps in the table: 1, the last, and others between them at about equal ratios."""
        return sorted({round(step) for step in np.geomspace(1, self.steps, RECORDED_STEPS)})

    def simulate(self, cell: Cell, rng: Generator, size: int) -> dict[RunningKey, FloatArray]:
        kept = self._afresh(rng, size) if self.training_size is None else self._again(rng, size)
        return {
            RunningKey(convention.name, convention.momentum, step, statistic): kept[i, :, c, s]
            for c, convention in enumerate(self.conventions)
            for i, step in enumerate(self.recorded)
            for s, statistic in enumerate(STATISTICS)
        }

    def _afresh(self, rng: Generator, size: int) -> FloatArray:
        return self._follow(partial(self.population.fill, rng), size)

    def _again(self, rng: Generator, size: int) -> FloatArray:
        kept = []
        for _ in range(size):
            values = np.empty(self.training_size or 0)
            self.population.fill(rng, values)
            training_set = Population("training set", values=values)
            kept.append(self._follow(partial(WithoutReplacement().fill, training_set, rng), 1))
        return np.concatenate(kept, axis=1)

    @cached_property
    def _plan(self) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.int64]]:
        """For `_update`: each convention's start, its divisor of the variance, its weights, and which steps to keep."""
        step = np.arange(1, self.steps + 1)
        place = np.full(self.steps, -1)
        place[np.array(self.recorded) - 1] = np.arange(len(self.recorded))
        weights = np.stack([c.weight(step) for c in self.conventions], axis=1)
        divisors = np.array([float(self.batch_size - c.ddof) for c in self.conventions])
        return np.array([c.start for c in self.conventions]), divisors, weights, place

    def _follow(self, fill: Callable[[FloatArray], None], replicates: int) -> FloatArray:
        """Running statistics at the recorded steps, shape (records, replicates, conventions, 2)."""
        start, divisors, weights, place = self._plan
        n, state = self.batch_size, np.repeat(start[None], replicates, axis=0)
        kept = np.empty((len(self.recorded), *state.shape))
        held = max(1, DRAWS_AT_ONCE // (replicates * n))
        for first in range(0, self.steps, held):
            now = slice(first, first + held)
            batches = np.empty((len(place[now]) * replicates, n))
            fill(batches)
            _update(state, batches, divisors, weights[now], place[now], kept)
        return kept

    def target(self, condition: Cell, key: RunningKey) -> float:
        return self.population.mean if key.statistic == "mean" else self.population.var

    def exact(self, cell: Cell, key: RunningKey, summary: str) -> float:
        known = _exact(
            self.population, key.statistic, key.step, self.batch_size, self._convention(key), self.training_size
        )
        return float(getattr(known, summary))

    def _convention(self, key: RunningKey) -> Convention:
        return next(c for c in self.conventions if (c.name, c.momentum) == (key.convention, key.momentum))

    def tail_index(self, cell: Cell, key: RunningKey, replicates: int) -> float:
        shares = self._convention(key).shares(key.step)[1:]
        batches = shares.sum() ** 2 / np.square(shares).sum()  # as many of equal weight would be worth
        seen = min(batches * self.batch_size, self.training_size or np.inf)
        order = 1 if key.statistic == "mean" else 2
        return self.population.local_tail_index(1 / (replicates * seen)) / order


@lru_cache(maxsize=4096)
def _exact(population: Population, statistic: str, step: int, n: int, convention: Convention, size: int | None) -> Any:
    return running_error(population, statistic, step, batch_size=n, convention=convention, training_size=size)


_smooth = compiled(smooth)


@compiled
def _update(
    state: FloatArray,
    batches: FloatArray,
    divisors: FloatArray,
    weights: FloatArray,
    place: NDArray[np.int64],
    kept: FloatArray,
) -> None:
    """One step after the other, each with a batch for every replicate; kept where `place` is not -1."""
    replicates, conventions, _ = state.shape
    for t in range(len(weights)):
        for r in range(replicates):
            batch = batches[t * replicates + r]
            mean = batch.mean()
            m2 = 0.0
            for i in range(batch.size):
                m2 += (batch[i] - mean) ** 2
            for c in range(conventions):
                state[r, c, 0] = _smooth(state[r, c, 0], mean, weights[t, c])
                state[r, c, 1] = _smooth(state[r, c, 1], m2 / divisors[c], weights[t, c])
        if place[t] >= 0:  # number by number: a copy of slices takes seconds to compile, for its error messages
            for r in range(replicates):
                for c in range(conventions):
                    kept[place[t], r, c, 0], kept[place[t], r, c, 1] = state[r, c, 0], state[r, c, 1]
