"""Estimates from batches that are drawn some at a time, for assertions about one batch size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.random import Generator

from bnstats._checks.array_types import FloatArray
from bnstats.sampling.batching import Batching
from bnstats.sampling.populations import Population
from bnstats.statistics.estimators import Estimator
from bnstats.statistics.moments import Moments

VALUES_AT_ONCE = 2**20


def estimates_of(
    estimator: Estimator, population: Population, batching: Batching, rng: Generator, replicates: int, batch_size: int
) -> Iterator[FloatArray]:
    """Yield the estimates of `replicates` batches, some at a time."""
    batches_at_once = max(1, VALUES_AT_ONCE // batch_size)
    for start in range(0, replicates, batches_at_once):
        batches = np.empty((min(batches_at_once, replicates - start), batch_size))
        batching.fill(population, rng, batches)
        yield _estimate(estimator, batching.source(population), rng, batches)


def _estimate(estimator: Estimator, source: Population, rng: Generator, batches: FloatArray) -> FloatArray:
    def fresh() -> FloatArray:
        values = np.empty(len(batches))
        source.fill(rng, values)
        return values

    if not estimator.takes_values:
        return estimator.from_moments(Moments.of(batches), fresh)
    return estimator(batches)
