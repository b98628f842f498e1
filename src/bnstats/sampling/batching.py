"""Batching rules, which draw the values of a batch from one population.

A rule fills an array of shape (batches, batch size), and has the variance of a batch mean in closed form. The rest of
the theory follows from this variance. Under every rule, each value has the population's marginal distribution.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from scipy import special, stats

from bnstats._checks.arguments import CheckedMethods, checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import batches_buffer
from bnstats._checks.numbers import batch_size, interval, proportion, sample_size, whole
from bnstats._checks.user_code import overridden_below
from bnstats._checks.values import generator, instance, optional
from bnstats._compiled import compiled
from bnstats._families.docstrings import describe_parameters
from bnstats.sampling.partial_shuffle import partial_shuffle
from bnstats.sampling.populations import Population, population_of


@describe_parameters(
    population="Population\nLaw of the values.",
    rng="Generator\nSource of the draws.",
    out="array, shape (batches, batch size)\nChanged in place.",
    batch_size="int\nNumber of values in a batch.",
    chance="float\nProbability of fewer draws.",
)
@dataclass(frozen=True)
class Batching(CheckedMethods, ABC):
    """Base class of batching rules.

    A subclass that overrides `fill` of a rule states the variance of the batch mean, too; else the variance is nan. The
    same holds for `chance_all_equal` and `fewest_draws`, without which estimates that divide by a batch's spread have
    no standard error.
    `example` are the arguments of the rule's entry in the registry, by name.
    """

    example: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    checks: ClassVar = {
        "population": population_of,
        "rng": generator,
        "out": batches_buffer,
        "batch_size": sample_size,
        "chance": proportion,
    }

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        replaced = sum("fill" in vars(base) for base in cls.__mro__) > 2  # this one, and more than the abstract one
        for stated in ("variance_of_mean", *(("chance_all_equal", "fewest_draws") if replaced else ())):
            if overridden_below(cls, "fill", stated):
                setattr(cls, stated, _unknown)

    @abstractmethod
    def fill(self, population: Population, rng: Generator, out: FloatArray) -> None:
        """Fill an array with batches that are independent of each other."""

    @abstractmethod
    def variance_of_mean(self, population: Population, batch_size: int) -> float:
        """Return the exact variance of a batch's mean; inf or nan if the population's variance is.

        Returns
        -------
        float
            Variance, in the data's unit squared.
        """

    def chance_all_equal(self, population: Population, batch_size: int) -> float:
        """Return the leading term of the probability that all values of a batch are equal.

        For independent values, the leading term is the probability that all values are the largest atom.

        Returns
        -------
        float
            Probability.
        """
        return population.largest_atom**batch_size

    def fewest_draws(self, batch_size: int, chance: float) -> int:
        """Return a number of independent draws that a batch falls short of with a probability below `chance`.

        Returns
        -------
        int
            Number of draws; by default the batch size.
        """
        return batch_size

    def independent_draws(self, population: Population, batch_size: int) -> float:
        """Return the number of independent values that contain as much information on rare values as a batch.

        Returns
        -------
        float
            Number of values: the population's variance over the variance of a batch's mean.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            draws = np.divide(population.var, self.variance_of_mean(population, batch_size))
        return float(draws) if np.isfinite(draws) else float(batch_size)

    def source(self, population: Population) -> Population:
        """Return the population whose moments the batch statistics estimate.

        Returns
        -------
        Population
            By default the population itself.
        """
        return population

    def check(self, population: Population, batch_size: int) -> None:
        """Raise ValueError if no batch of this size can be drawn.

        Raises
        ------
        ValueError
            If the rule cannot draw a batch of this size from the population.
        """
        whole("batch_size", batch_size, minimum=2)


def _unknown(*_: Any) -> float:
    return np.nan


def rule(name: str, batching: Any) -> Batching:
    """Return the argument if it is a batching rule; refuse names and classes."""
    given: Batching = instance(name, batching, Batching, "bn.IID() or bn.Clustered(icc=0.1)")
    return given


@dataclass(frozen=True)
class IID(Batching):
    """Independent values.

    Examples
    --------
    >>> IID().variance_of_mean(Population.of("uniform"), 12) * 144
    1.0
    """

    def fill(self, population: Population, rng: Generator, out: FloatArray) -> None:
        population.fill(rng, out)

    def variance_of_mean(self, population: Population, batch_size: int) -> float:
        return population.var / batch_size


def are_independent(batching: Batching) -> bool:
    """Return whether the values of a batch are independent; a subclass of `IID` may draw otherwise.

    >>> are_independent(IID()), are_independent(Clustered(icc=0.0))
    (True, False)
    """
    return type(batching) is IID


@checked(size=optional(batch_size))
@dataclass(frozen=True)
class WithoutReplacement(Batching):
    """Values drawn without replacement from a finite population.

    Parameters
    ----------
    size : int, optional
        Number of values of the finite population. A distribution needs it: the finite population is then the midpoints
        of `size` intervals of equal probability. For an array population, None or its length.

    Examples
    --------
    >>> pop = Population.of([1.0, 2.0, 3.0, 4.0])
    >>> WithoutReplacement().variance_of_mean(pop, 4)
    0.0
    """

    example: ClassVar = {"size": 12}

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
                f"{population.name} has {population.values.size} values, which size={self.size} contradicts; "
                "leave size out."
            )
        return population

    def check(self, population: Population, batch_size: int) -> None:
        super().check(population, batch_size)
        self._enough(population, batch_size)

    def _enough(self, population: Population, batch_size: int) -> FloatArray:
        """Return the values to draw from; refuse a batch that is larger than their number."""
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
        """Return the smaller of the numbers of drawn and omitted values, which both have the same error."""
        values = self._enough(population, batch_size)
        return float(min(batch_size, values.size - batch_size) or batch_size)

    def variance_of_mean(self, population: Population, batch_size: int) -> float:
        finite = self.source(population)
        assert finite.values is not None
        size = finite.values.size
        return finite.var * size / (size - 1) / batch_size * (1 - batch_size / size)


# Inverting a distribution function can take seconds, and every block needs the result.
_finite = lru_cache(maxsize=64)(Population.quantiles)


@checked(icc=proportion)
@dataclass(frozen=True)
class Clustered(Batching):
    """Batches that are clusters: a value is the cluster's common value with probability sqrt(icc).

    Otherwise the value is drawn independently.

    Parameters
    ----------
    icc : float in [0, 1]
        Intraclass correlation, the correlation of any two values of a batch.

    Examples
    --------
    >>> Clustered(icc=0.25).variance_of_mean(Population.of("normal"), 10)
    0.325
    """

    example: ClassVar = {"icc": 0.25}

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
    """Batches from a stationary series, in which a value repeats the previous value with probability phi.

    The series is the discrete autoregressive process DAR(1) of Jacobs & Lewis (1978). The correlation at lag j is
    phi^j.

    Parameters
    ----------
    phi : float in [0, 1)
        Probability that a value repeats the previous value, and correlation of successive values.

    Examples
    --------
    >>> Autocorrelated(phi=0.5).variance_of_mean(Population.of("normal"), 2)
    0.75
    """

    example: ClassVar = {"phi": 0.6}

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
        # The sum over lags j of (n - j) phi^(j - 1) is (n a - 1 + phi^n) / a². For small n a, this difference loses
        # digits, and the binomial series is used.
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
