"""Estimates of batches, drawn some at a time, for assertions about one batch size."""

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
    """The estimates of so many batches, some at a time."""
    most = max(1, VALUES_AT_ONCE // batch_size)
    for start in range(0, replicates, most):
        batches = np.empty((min(most, replicates - start), batch_size))
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
