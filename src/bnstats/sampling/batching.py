"""Batching rules: how the values of a batch are drawn together from one population.

A rule fills a (batches, batch size) array and knows the variance of a batch mean in closed form; everything else in the
theory follows from that. All rules keep the population's own marginal distribution.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from scipy import special, stats

from bnstats._checks.arguments import CheckedMethods, checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import batches_buffer
from bnstats._checks.numbers import batch_size, interval, sample_size, share, whole
from bnstats._checks.values import generator, instance, optional
from bnstats._compiled import compiled
from bnstats.sampling.partial_shuffle import partial_shuffle
from bnstats.sampling.populations import Population, population_of


@dataclass(frozen=True)
class Batching(CheckedMethods, ABC):
    """What every batching rule offers."""

    checks: ClassVar = {
        "population": population_of,
        "rng": generator,
        "out": batches_buffer,
        "batch_size": sample_size,
        "chance": share,
    }

    @abstractmethod
    def fill(self, population: Population, rng: Generator, out: FloatArray) -> None:
        """Fill `out`, shape (batches, batch size), with batches that are independent of each other."""

    @abstractmethod
    def variance_of_mean(self, population: Population, batch_size: int) -> float:
        """Exact variance of a batch's mean; inf or nan as the population's own."""

    def chance_all_equal(self, population: Population, batch_size: int) -> float:
        """Chance of a batch of equal values, to the leading term; for independent values, that of the largest atom."""
        return population.largest_atom**batch_size

    def fewest_draws(self, batch_size: int, chance: float) -> int:
        """The fewest independent draws in a batch: there are fewer with a probability below `chance`."""
        return batch_size

    def independent_draws(self, population: Population, batch_size: int) -> float:
        """How many independent values would show as much of rare ones as a batch does."""
        with np.errstate(divide="ignore", invalid="ignore"):
            draws = np.divide(population.var, self.variance_of_mean(population, batch_size))
        return float(draws) if np.isfinite(draws) else float(batch_size)

    def source(self, population: Population) -> Population:
        """The population whose moments the batch statistics estimate."""
        return population

    def check(self, population: Population, batch_size: int) -> None:
        """Raise ValueError if no batch of this size can be drawn."""
        whole("batch_size", batch_size, minimum=2)


def rule(name: str, batching: Any) -> Batching:
    """A batching rule of values, and not its name or class."""
    given: Batching = instance(name, batching, Batching, "bn.IID() or bn.Clustered(icc=0.1)")
    return given


@dataclass(frozen=True)
class IID(Batching):
    """Independent values.

    >>> IID().variance_of_mean(Population.of("uniform"), 12) * 144
    1.0
    """

    def fill(self, population: Population, rng: Generator, out: FloatArray) -> None:
        population.fill(rng, out)

    def variance_of_mean(self, population: Population, batch_size: int) -> float:
        return population.var / batch_size


@checked(size=optional(batch_size))
@dataclass(frozen=True)
class WithoutReplacement(Batching):
    """Values drawn without replacement from a finite population.

    Parameters
    ----------
    size : int, optional
        Of an array population: nothing, or its own length. Of a distribution: how many values stand for it, the middles
        of `size` slices of equal probability.

    >>> pop = Population.of([1.0, 2.0, 3.0, 4.0])
    >>> WithoutReplacement().variance_of_mean(pop, 4)
    0.0
    """

    size: int | None = None

    def source(self, population: Population) -> Population:
        if population.values is None:
            if self.size is None:
                raise ValueError(
                    f"without replacement from {population.name}, a distribution, needs size=, as in "
                    "WithoutReplacement(size=1000)."
                )
            return _finite(population, self.size)
        if self.size not in (None, population.values.size):
            raise ValueError(
                f"{population.name} has {population.values.size} values, so size={self.size} cannot be; leave size out."
            )
        return population

    def check(self, population: Population, batch_size: int) -> None:
        super().check(population, batch_size)
        self._enough(population, batch_size)

    def _enough(self, population: Population, batch_size: int) -> FloatArray:
        """The values to draw from."""
        values = self.source(population).values
        assert values is not None
        if batch_size > values.size:
            raise ValueError(
                f"a batch of {batch_size} cannot be drawn without replacement from {values.size} values; "
                f"use batch sizes up to {values.size}."
            )
        return values

    def fill(self, population: Population, rng: Generator, out: FloatArray) -> None:
        values = self._enough(population, out.shape[1])  # the compiled loop checks no bounds
        partial_shuffle(rng.random(out.shape), values.copy(), out)

    def independent_draws(self, population: Population, batch_size: int) -> float:
        """Of a batch that leaves few values out, its error is that of these."""
        values = self._enough(population, batch_size)
        return float(min(batch_size, values.size - batch_size) or batch_size)

    def variance_of_mean(self, population: Population, batch_size: int) -> float:
        finite = self.source(population)
        assert finite.values is not None
        size = finite.values.size
        return finite.var * size / (size - 1) / batch_size * (1 - batch_size / size)


# Inverting a distribution function can take seconds, and every block asks for it.
_finite = lru_cache(maxsize=64)(Population.quantiles)


@checked(icc=share)
@dataclass(frozen=True)
class Clustered(Batching):
    """Each batch a cluster: a member takes the cluster's common value with probability sqrt(icc), else its own.

    Parameters
    ----------
    icc : float in [0, 1]
        Intraclass correlation, the correlation of any two members.

    >>> Clustered(icc=0.25).variance_of_mean(Population.of("normal"), 10**9) > 0.25
    True
    """

    icc: float

    def fill(self, population: Population, rng: Generator, out: FloatArray) -> None:
        population.fill(rng, out)
        common = np.empty((len(out), 1))
        population.fill(rng, common)
        np.copyto(out, common, where=rng.random(out.shape) < np.sqrt(self.icc))

    def chance_all_equal(self, population: Population, batch_size: int) -> float:
        chance = np.sqrt(self.icc) + (1 - np.sqrt(self.icc)) * population.largest_atom
        return float(max(chance**batch_size, super().chance_all_equal(population, batch_size)))

    def fewest_draws(self, batch_size: int, chance: float) -> int:
        own = int(stats.binom.ppf(chance, batch_size, 1 - np.sqrt(self.icc)))
        return min(own + 1, batch_size) if self.icc > 0 else batch_size

    def variance_of_mean(self, population: Population, batch_size: int) -> float:
        return population.var * (self.icc + (1 - self.icc) / batch_size)


@checked(phi=interval("[0, 1)", "a probability of repeating"))
@dataclass(frozen=True)
class Autocorrelated(Batching):
    """Each batch a stretch of a stationary series: a value repeats the previous one with probability phi.

    The discrete autoregressive process DAR(1) of Jacobs & Lewis (1978): the correlation at lag j is phi^j.

    >>> Autocorrelated(phi=0.5).variance_of_mean(Population.of("normal"), 2)
    0.75
    """

    phi: float

    def fill(self, population: Population, rng: Generator, out: FloatArray) -> None:
        population.fill(rng, out)
        _repeat(rng.random(out.shape), self.phi, out)

    def chance_all_equal(self, population: Population, batch_size: int) -> float:
        return (self.phi + (1 - self.phi) * population.largest_atom) ** (batch_size - 1)

    def fewest_draws(self, batch_size: int, chance: float) -> int:
        return 1 + int(stats.binom.ppf(chance, batch_size - 1, 1 - self.phi))

    def variance_of_mean(self, population: Population, batch_size: int) -> float:
        n, a = batch_size, 1 - self.phi
        # sum over lags j of (n - j) phi^(j - 1) = (n a - 1 + phi^n) / a²; where that cancels, its binomial series.
        if n * a < 0.01:
            lags = sum(special.comb(n, k + 2) * (-a) ** k for k in range(min(n - 1, 7)))
        else:
            with np.errstate(divide="ignore"):  # phi = 0
                lags = (n * a + np.expm1(n * np.log1p(-a))) / a**2
        return float(population.var / n * (1 + 2 * self.phi * lags / n))


@compiled
def _repeat(uniform: FloatArray, phi: float, out: FloatArray) -> None:
    for i in range(out.shape[0]):
        for j in range(1, out.shape[1]):
            if uniform[i, j] < phi:
                out[i, j] = out[i, j - 1]
