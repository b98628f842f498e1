"""The study behind `measure_convergence`: estimates from batches of all sizes and batching rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.random import Generator

from bnstats._checks.array_types import FloatArray
from bnstats.sampling.batching import IID, Batching, are_independent
from bnstats.sampling.populations import Population
from bnstats.simulation.identity import side_stream
from bnstats.simulation.study import Condition, Study
from bnstats.statistics import theory
from bnstats.statistics.convergence_rates import rate
from bnstats.statistics.estimators import Estimator
from bnstats.statistics.moments import Moments, pyramid
from bnstats.studies.convergence.errors_of_moments import ORDERS, control_variates, names
from bnstats.studies.convergence.finite_sample_tail_index import finite_sample_tail_index, visible_index_of_values

# A replicate is a set of 2^16 draws, which fit into cache: 32768 pairs, ..., 16 batches of 4096, ...
# For larger batches, a replicate is a batch.
DRAWS_PER_SET = 2**16
SETS_PER_BLOCK = 32
# The largest number of batches of one size per set that estimates are taken of: more would make no curve smoother.
BATCHES_PER_SET = 2**9
# Number of values in memory at once, unless a single batch has more.
VALUES_AT_ONCE = 2**20


class ConvergenceKey(NamedTuple):
    """Estimator and batch size of a replicate, which is an estimate from one batch."""

    estimator: str
    batch_size: int


@dataclass(frozen=True)
class ConvergenceStudy(Study):
    """Study of estimates from batches, compared with the population's values. See `measure_convergence`."""

    summaries: ClassVar[tuple[str, ...]] = ("bias", "se", "rmse", "median_abs_error")
    key_columns: ClassVar[tuple[str, ...]] = ConvergenceKey._fields
    grid: ClassVar[tuple[str, ...]] = ("populations", "batchings", "batch_sizes")

    populations: tuple[Population, ...]
    batchings: tuple[Batching, ...]
    batch_sizes: tuple[int, ...]
    estimators: tuple[Estimator, ...]

    def conditions(self) -> list[dict[str, Any]]:
        """Return a condition for all dyadic sizes of independent values, and one for each other size and rule."""
        conditions = []
        for population in self.populations:
            for batching in self.batchings:
                pair: dict[str, Any] = {"population": population, "batching": batching}
                if self._dyadic(batching):
                    conditions.append(pair)
                conditions += [{**pair, "batch_size": n} for n in self.batch_sizes if n not in self._dyadic(batching)]
        return conditions

    def _dyadic(self, batching: Batching) -> list[int]:
        dyadic = [n for n in self.batch_sizes if n & (n - 1) == 0 and n <= DRAWS_PER_SET]
        return dyadic if are_independent(batching) else []

    def cache_key(self, condition: Condition) -> dict[str, Any]:
        """Return the dyadic sizes of a block: with another size, it is simulated again, to the same bits."""
        return {} if "batch_size" in condition else {"batch_sizes": self._dyadic(condition["batching"])}

    def size(self, condition: Condition) -> int:
        return max(1, SETS_PER_BLOCK * DRAWS_PER_SET // self.draws_per_replicate(condition))

    def max_replicates_of(self, condition: Condition, max_replicates: int) -> int:
        return max_replicates * DRAWS_PER_SET // self.draws_per_replicate(condition)

    def draws_per_replicate(self, condition: Condition) -> int:
        return max(DRAWS_PER_SET, int(condition.get("batch_size", 0)))

    def columns(self, condition: Condition) -> dict[str, Any]:
        return {"population": condition["population"], "batching": condition["batching"]}

    def simulate(self, condition: Condition, rng: Generator, size: int) -> dict[ConvergenceKey, FloatArray]:
        if "batch_size" in condition:
            return self._direct(condition["population"], condition["batching"], condition["batch_size"], rng, size)
        return self._pyramid(condition["population"], rng, size)

    def _pyramid(self, population: Population, rng: Generator, sets: int) -> dict[ConvergenceKey, FloatArray]:
        sizes = self._dyadic(IID())
        raw: list[tuple[Estimator, int, list[FloatArray]]] = [
            (e, n, []) for e in self.estimators if e.takes_values for n in sizes
        ]

        def fill(values: FloatArray) -> None:
            population.fill(rng, values)
            for estimator, n, estimates in raw:
                estimates.append(estimator(values.reshape(n, -1)[:, :BATCHES_PER_SET], axis=0))

        levels = pyramid(fill, sets, DRAWS_PER_SET, BATCHES_PER_SET, int(np.log2(max(sizes))))
        condition = {"population": population, "batching": IID()}
        parts = [self._of_moments(condition, rng, level) for level in levels if level.n in sizes]
        return {k: v for part in parts for k, v in part.items()} | {
            ConvergenceKey(e.name, n): np.concatenate(estimates) for e, n, estimates in raw
        }

    def _direct(
        self, population: Population, batching: Batching, n: int, rng: Generator, sets: int
    ) -> dict[ConvergenceKey, FloatArray]:
        count = sets * min(BATCHES_PER_SET, max(1, DRAWS_PER_SET // n))
        of_values = [e for e in self.estimators if e.takes_values]
        width = VALUES_AT_ONCE if are_independent(batching) and not of_values else n  # other batches stay in one piece
        levels: list[Moments] = []
        raw: dict[ConvergenceKey, list[FloatArray]] = {ConvergenceKey(e.name, n): [] for e in of_values}
        rows = max(1, VALUES_AT_ONCE // n)
        for first in range(0, count, rows):
            pieces: list[Moments] = []
            for start in range(0, n, width):
                values = np.empty((min(rows, count - first), min(width, n - start)))
                batching.fill(population, rng, values)
                pieces += [
                    Moments.of(values[:, i : i + VALUES_AT_ONCE]) for i in range(0, values.shape[1], VALUES_AT_ONCE)
                ]
            levels.append(reduce(Moments.merge, pieces))
            for estimator in of_values:
                raw[ConvergenceKey(estimator.name, n)].append(estimator(values))
        source = batching.source(population)
        moments = Moments(n, *(np.concatenate([getattr(level, name) for level in levels]) for name in ("mean", "m2")))
        condition = {"population": population, "batching": batching}
        estimates = self._of_moments(condition, rng, moments) | {k: np.concatenate(v) for k, v in raw.items()}
        if batching.variance_of_mean(population, n) != 0:
            return estimates
        return {key: self._by_name[key.estimator].of_whole(source, v) for key, v in estimates.items()}

    def _of_moments(self, condition: Condition, rng: Generator, moments: Moments) -> dict[ConvergenceKey, FloatArray]:
        """Return the estimates that are functions of moments, and the control variates of all estimates."""
        n = int(np.max(moments.n))
        batches = theory.batches_of(condition["population"], n, condition["batching"])

        @lru_cache
        def fresh() -> FloatArray:
            out = np.empty(moments.mean.shape)
            batches.source.fill(side_stream(rng, n), out)
            return out

        found: dict[str, FloatArray] = {}
        for e in self.estimators:
            if not e.takes_values:
                found[e.name] = e.from_moments(moments, fresh)
            controls = self.controls(condition, ConvergenceKey(e.name, n))
            if controls and controls[0].estimator not in found:
                found |= control_variates(batches, moments, fresh() if _takes_fresh(e) else None)
        return {ConvergenceKey(name, n): values for name, values in found.items()}

    @cached_property
    def _by_name(self) -> dict[str, Estimator]:
        return {e.name: e for e in self.estimators}

    def controls(self, condition: Condition, key: ConvergenceKey) -> Sequence[ConvergenceKey]:
        return () if key.estimator in ORDERS else self._known(condition, key).controls

    def target(self, condition: Condition, key: ConvergenceKey) -> float:
        return self._known(condition, key).target

    def value_range(self, condition: Condition, key: ConvergenceKey) -> float:
        return 0.0 if self._known(condition, key).sampling.se == 0 else math.inf

    def exact(self, condition: Condition, key: ConvergenceKey, summary: str) -> float:
        return float(getattr(self._known(condition, key).sampling, summary))

    def _known(self, condition: Condition, key: ConvergenceKey) -> _Known:
        return _known(condition["population"], condition["batching"], self._by_name[key.estimator], key.batch_size)

    def rate(self, population: str, batching: str, estimator: str, measure: str) -> float:
        """Return `theory.rate` of the population, rule and estimator with these names in the table."""
        source = next(p for p in self.populations if p.name == population)
        rule = next(b for b in self.batchings if repr(b) == batching)
        return rate(source, self._by_name[estimator], measure, rule)

    def tail_index(self, condition: Condition, key: ConvergenceKey, replicates: int) -> float:
        drawn = condition["population"], condition["batching"]
        if key.estimator in ORDERS:
            return _visible_index_of_values(*drawn, key.batch_size, replicates) / ORDERS[key.estimator]
        return _visible_tail_index(*drawn, self._by_name[key.estimator], key.batch_size, replicates)


def _takes_fresh(estimator: Estimator) -> bool:
    """Return True if the estimator is a function of a value that is not in the batch."""
    return not estimator.takes_values and estimator.averages == 0


class _Known(NamedTuple):
    """Target, exact errors and control variates of an estimate, known before anything is simulated."""

    target: float
    sampling: theory.Sampling
    controls: tuple[ConvergenceKey, ...]


@lru_cache(maxsize=4096)  # called for every number of a table, and for every block
def _known(population: Population, batching: Batching, estimator: Estimator, n: int) -> _Known:
    target = estimator.population_value(batching.source(population))
    sampling = theory.sampling(population, n, estimator, batching)
    unknown = math.isnan(sampling.bias) or math.isnan(sampling.se)
    controlled = unknown and 0 < batching.variance_of_mean(population, n) < math.inf
    controls = names(are_independent(batching), _takes_fresh(estimator)) if controlled else []
    return _Known(target, sampling, tuple(ConvergenceKey(name, n) for name in controls))


_visible_index_of_values = lru_cache(maxsize=4096)(visible_index_of_values)
_visible_tail_index = lru_cache(maxsize=4096)(finite_sample_tail_index)
