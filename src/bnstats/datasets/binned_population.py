"""Data sets with one input whose class is the interval that it lies in, as grades and their letters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from bnstats._checks.array_types import Float32Array, IntArray
from bnstats.datasets.dataset import Dataset, Split
from bnstats.sampling.populations import Population


@dataclass(frozen=True, eq=False)
class BinnedPopulation(Dataset):
    """Values drawn from a population, labeled with the interval that each value lies in.

    Every replicate draws new rows. All rows are independent, so shuffled batches are independent draws too, in
    training and in testing. The input is the value less the population's mean, divided by its standard deviation. The
    Bayes classifier is always right.

    Parameters
    ----------
    name : str
        Name of the data set in tables and figures.
    population : Population
        Law of the values.
    cuts : tuple of float
        Increasing limits of the intervals; a value in class k is at least as large as exactly k cuts.
    rows, test_rows : int
        Number of training and of test rows.

    Examples
    --------
    >>> from scipy import stats
    >>> grades = BinnedPopulation("grades", Population.of(stats.norm(72, 10)), cuts=(60.0, 70.0, 80.0, 90.0))
    >>> split = grades.split(np.random.default_rng(0))
    >>> grades.classes, grades.inputs, split.x.shape, split.y_test.shape
    (5, 1, (8192, 1), (2048,))
    """

    population: Population
    cuts: tuple[float, ...]
    rows: int = 2**13
    test_rows: int = 2**11

    @property
    def classes(self) -> int:
        return len(self.cuts) + 1

    @property
    def inputs(self) -> int:
        return 1

    @property
    def bayes(self) -> float:
        return 1.0

    def split(self, rng: Generator) -> Split:
        return Split(*self._draw(rng, self.rows), *self._draw(rng, self.test_rows))

    def _draw(self, rng: Generator, rows: int) -> tuple[Float32Array, IntArray]:
        value = np.empty(rows)
        self.population.fill(rng, value)
        x = (value - self.population.mean) / self.population.std
        return x.astype(np.float32)[:, np.newaxis], np.searchsorted(self.cuts, value, side="right")
