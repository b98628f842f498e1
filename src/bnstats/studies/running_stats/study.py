"""The study behind `measure_running`: running statistics of the same batches by several conventions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import count
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._compiled import compiled
from bnstats.sampling.batching import WithoutReplacement
from bnstats.sampling.populations import Population, of_values
from bnstats.simulation.study import Condition, Study
from bnstats.statistics.running_conventions import Convention, smooth
from bnstats.statistics.running_error import STATISTICS, running_error
from bnstats.statistics.theory import Sampling

# Number of draws in memory at once: 2 MB, which stays in cache.
DRAWS_AT_ONCE = 2**18


# Number of recorded steps.
RECORDED_STEPS = 25


class RunningKey(NamedTuple):
    """Convention, momentum, step and statistic of a replicate, which is a running mean or variance."""

    convention: str
    momentum: float | None
    step: int
    statistic: str


@dataclass(frozen=True)
class RunningStudy(Study):
    """Study of running statistics of the same batches by several conventions. See `measure_running`."""

    summaries: ClassVar[tuple[str, ...]] = ("bias", "se", "rmse", "median_abs_error")
    key_columns: ClassVar[tuple[str, ...]] = RunningKey._fields

    population: Population
    batch_size: int
    conventions: tuple[Convention, ...]
    steps: int
    training_size: int | None
    fixed_batches: bool = False
    reference: str = "population"

    def conditions(self) -> list[dict[str, Any]]:
        return [{"population": self.population, "batch_size": self.batch_size, "training_size": self.training_size}]

    def columns(self, condition: Condition) -> dict[str, Any]:
        return {}

    def size(self, condition: Condition) -> int:
        return min(128, max(16, DRAWS_AT_ONCE // self.batch_size))

    def draws_per_replicate(self, condition: Condition) -> int:
        return self.steps * self.batch_size

    @cached_property
    def recorded(self) -> list[int]:
        """Steps in the table: 1, the last step, and steps between them at about equal ratios."""
        return sorted({round(step) for step in np.geomspace(1, self.steps, RECORDED_STEPS)})

    def simulate(self, condition: Condition, rng: Generator, size: int) -> dict[RunningKey, FloatArray]:
        if self.training_size is None:
            kept = self._follow(partial(self.population.fill, rng), size)
        else:
            kept, sets = (self._same_batches if self.fixed_batches else self._drawn_again)(rng, size)
            if self.reference == "training set":
                kept -= np.stack([sets.mean(axis=1), sets.var(axis=1, ddof=1)], axis=1)[:, None, :]
        found = {
            RunningKey(convention.name, convention.momentum, step, statistic): kept[i, :, c, s]
            for c, convention in enumerate(self.conventions)
            for i, step in enumerate(self.recorded)
            for s, statistic in enumerate(STATISTICS)
        }
        return {key: self._rounded(values) if self._same_as_set(key) else values for key, values in found.items()}

    def _drawn_again(self, rng: Generator, size: int) -> tuple[FloatArray, FloatArray]:
        """Return statistics of batches drawn without replacement from training sets, and these sets in rows."""
        kept, sets = [], np.empty((size, self.training_size or 0))
        for values in sets:
            self.population.fill(rng, values)
            training_set = of_values("training set", values)
            kept.append(self._follow(partial(WithoutReplacement().fill, training_set, rng), 1))
        return np.concatenate(kept, axis=1), sets

    def _same_batches(self, rng: Generator, size: int) -> tuple[FloatArray, FloatArray]:
        """Return statistics of a training set's batches, visited in turn in every epoch, and the sets in rows."""
        sets = np.empty((size, self.training_size or 0))
        self.population.fill(rng, sets)
        batches = sets.reshape(size, -1, self.batch_size).swapaxes(0, 1)
        visits = count()

        def fill(out: FloatArray) -> None:
            for visited in out.reshape(-1, size, self.batch_size):
                visited[:] = batches[next(visits) % len(batches)]

        return self._follow(fill, size), sets

    def _same_as_set(self, key: RunningKey) -> bool:
        """Return True if the running mean equals the training set's, as all batches have the same weight."""
        if not self.fixed_batches or self.reference == "population" or key.statistic == "var":
            return False
        return key.momentum is None and key.step % ((self.training_size or 0) // self.batch_size) == 0

    def _of_products(self, key: RunningKey) -> bool:
        """Return True if only products of values remain in the variance less the training set's variance."""
        equal = self._same_as_set(key._replace(statistic="mean"))
        return equal and self._convention(key).ddof == 1

    def _rounded(self, difference: FloatArray) -> FloatArray:
        """Return differences, 0 for those within rounding of 0; a larger one would be a mistake and stays."""
        rounding = 2**6 * np.finfo(float).eps * (abs(self.population.mean) + self.population.std)
        return np.where(abs(difference) < rounding, 0.0, difference)

    @cached_property
    def _plan(self) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.int64]]:
        """Start, divisor of the variance and weights of each convention, and the index of each recorded step."""
        step = np.arange(1, self.steps + 1)
        place = np.full(self.steps, -1)
        place[np.array(self.recorded) - 1] = np.arange(len(self.recorded))
        weights = np.stack([c.weight(step) for c in self.conventions], axis=1)
        divisors = np.array([float(self.batch_size - c.ddof) for c in self.conventions])
        return np.array([c.start for c in self.conventions]), divisors, weights, place

    def _follow(self, fill: Callable[[FloatArray], None], replicates: int) -> FloatArray:
        """Return running statistics at the recorded steps, shape (records, replicates, conventions, 2)."""
        start, divisors, weights, place = self._plan
        n, state = self.batch_size, np.repeat(start[None], replicates, axis=0)
        kept = np.empty((len(self.recorded), *state.shape))
        steps_at_once = max(1, DRAWS_AT_ONCE // (replicates * n))
        for first in range(0, self.steps, steps_at_once):
            now = slice(first, first + steps_at_once)
            batches = np.empty((len(place[now]) * replicates, n))
            fill(batches)
            _update(state, batches, divisors, weights[now], place[now], kept)
        return kept

    def target(self, condition: Condition, key: RunningKey) -> float:
        if self.reference == "training set":  # replicates are differences
            return 0.0
        return self.population.mean if key.statistic == "mean" else self.population.var

    def exact(self, condition: Condition, key: RunningKey, summary: str) -> float:
        return float(getattr(_exact(self, key), summary))

    def value_range(self, condition: Condition, key: RunningKey) -> float:
        return 0.0 if self._same_as_set(key) else math.inf

    def precision_required(self, condition: Condition, key: RunningKey, summary: str) -> bool:
        return not self._same_as_set(key)

    def _convention(self, key: RunningKey) -> Convention:
        return next(c for c in self.conventions if (c.name, c.momentum) == (key.convention, key.momentum))

    def tail_index(self, condition: Condition, key: RunningKey, replicates: int) -> float:
        weights = self._convention(key).weights(key.step)[1:]
        batches = weights.sum() ** 2 / np.square(weights).sum()  # effective number of batches
        seen = min(batches * self.batch_size, self.training_size or np.inf)
        order = 1 if key.statistic == "mean" or self._of_products(key) else 2
        return self.population.local_tail_index(1 / (replicates * seen)) / order


@lru_cache(maxsize=4096)
def _exact(study: RunningStudy, key: RunningKey) -> Sampling:
    return running_error(
        study.population,
        key.statistic,
        key.step,
        batch_size=study.batch_size,
        convention=study._convention(key),
        training_size=study.training_size,
        fixed_batches=study.fixed_batches,
        reference=study.reference,
    )


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
    """Update `state` step by step, a batch per replicate, and record steps whose `place` is not -1."""
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
        if place[t] >= 0:  # number by number, as copies of slices take seconds to compile (their error messages)
            for r in range(replicates):
                for c in range(conventions):
                    kept[place[t], r, c, 0], kept[place[t], r, c, 1] = state[r, c, 0], state[r, c, 1]
