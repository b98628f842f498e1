"""Populations: the laws that values are drawn from, with their exact moments."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from scipy import stats

from bnstats._checks.arguments import CheckedMethods
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import float_buffer, real_array
from bnstats._checks.numbers import batch_size, probability
from bnstats._checks.values import generator, named, optional, require, word
from bnstats.sampling.generators.samplers import Fill, array_filler, generator_by, law_filler, sampler_of
from bnstats.sampling.law_moments import atoms_of_law, largest_atom_of_law, law_mean, law_median, law_moments
from bnstats.sampling.named_laws import NAMED, family, parameters
from bnstats.sampling.population_sources import (
    checked_law,
    checked_values,
    digest,
    given_values,
    identity_of,
    is_law,
    label,
)
from bnstats.sampling.tails import binned, law_tail_index, slope_at, visible_order

# Number of quantiles that represent a distribution in computations of the proportion of nearly equal values.
N_QUANTILES = 2**11


@dataclass(frozen=True, eq=False)
class Population(CheckedMethods):
    """A source of independent real values with known moments, made by `Population.of`.

    Attributes
    ----------
    name : str
        Name of the population in tables and figures.
    law : frozen SciPy distribution, or None
        Law of the values; exactly one of `law` and `values` is not None.
    values : 1-D float array, or None
        A finite population, of which each value is equally likely.
    sampler : "numpy" or "compiled"
        "compiled" turns NumPy's uniform numbers into normal, exponential, t and other values by compiled loops: it is
        faster (`python -m benchmarks compiled`), and rounds alike on every processor. Its values differ from NumPy's,
        except where only uniform numbers are needed, as for arrays.

    Examples
    --------
    >>> from scipy import stats
    >>> pop = Population.of(stats.lognorm(1))
    >>> round(pop.mean, 4), round(pop.var, 4)
    (1.6487, 4.6708)
    >>> Population.of("t3").excess_kurtosis, Population.of("t3").tail_index
    (inf, 3.0)
    >>> Population.of([1.0, 2.0, 6.0]).mean
    3.0
    """

    checks: ClassVar = {
        "name": optional(word),
        "sampler": optional(sampler_of),
        "rng": generator,
        "out": float_buffer,
        "probability": probability,
        "size": batch_size,
    }

    name: str
    law: Any = field(default=None, repr=False)
    values: FloatArray | None = field(default=None, repr=False)
    sampler: str = field(default="numpy", repr=False)

    def __post_init__(self) -> None:
        word("name", self.name)
        object.__setattr__(self, "sampler", sampler_of("sampler", self.sampler))
        if (self.law is None) == (self.values is None):
            given = "neither" if self.law is None else "both"
            raise ValueError(f"a population has a law or values, and not both; got {given}: use bn.Population.of.")
        if self.values is None:
            object.__setattr__(self, "law", checked_law(self.law))
        else:
            object.__setattr__(self, "values", given_values(self.values))
        self._make_read_only()

    @staticmethod
    def of(source: Any, name: str | None = None, *, sampler: str | None = None) -> Population:
        """Return the population of a frozen SciPy distribution, a 1-D array of real values, or a name.

        Parameters
        ----------
        source : frozen SciPy distribution, array, str or Population
            Law of the values; an array is a finite population of equally likely values, a name is in `POPULATIONS`.
        name : str, optional
            Name in tables and figures; by default it is made from `source`.
        sampler : {"numpy", "compiled"}, optional
            Method of drawing, see `Population`; by default that of `source`, or "numpy".

        Returns
        -------
        Population
            The population.

        Raises
        ------
        ValueError
            If the name or the sampler is unknown, or the source is not valid. An array is 1-D, finite and real, and has
            at least two different values; the parameters of a distribution are single valid numbers.

        Examples
        --------
        >>> Population.of([1.0, 2.0, 6.0], name="grades").var
        4.666666666666667
        """
        if sampler is not None:
            return replace(Population.of(source, name), sampler=sampler)
        if isinstance(source, Population):
            return source if name is None else replace(source, name=name)
        if isinstance(source, str):
            return Population(name or source, law=named("population", source, NAMED, "a distribution or an array"))
        if isinstance(source, stats.rv_continuous | stats.rv_discrete) or is_law(source):
            law = checked_law(source)
            return Population(name or label(law), law=law)
        values = given_values(source)
        return of_values(word("name", name or f"array[{values.size}]-{digest(values)[:6]}"), values)

    @cached_property
    def identity(self) -> tuple[Any, ...]:
        """Identity of the draws: the law, the sampler if it is not NumPy's, and the class if it is a subclass."""
        own = () if type(self) is Population else (f"own {type(self).__qualname__}",)
        sampler = () if self.sampler == "numpy" else (self.sampler,)
        return (*own, *sampler, *self.law_identity)

    @cached_property
    def law_identity(self) -> tuple[Any, ...]:
        """Identity of the law: the family and its parameters, or a digest of the values."""
        return identity_of(self.law) if self.values is None else ("array", self.values.size, digest(self.values))

    @property
    def family(self) -> str | None:
        """Name of the family in SciPy; None for an array, a user's own family of any name, and a subclass.

        >>> Population.of("normal").family
        'norm'
        """
        return None if self.values is not None or type(self) is not Population else family(self.law)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Population):
            return False
        return (type(self), self.name, self.identity) == (type(other), other.name, other.identity)

    def __hash__(self) -> int:
        return hash((self.name, self.identity))

    @cached_property
    def _fill(self) -> Fill:
        return array_filler(self.values) if self.values is not None else law_filler(self.law)

    def fill(self, rng: Generator, out: FloatArray) -> None:
        """Fill an array with independent draws.

        Parameters
        ----------
        rng : Generator
            Source of the draws.
        out : array
            Contiguous array of float64 and any shape, changed in place.
        """
        self._fill(generator_by(self.sampler, rng), out)

    def __getstate__(self) -> dict[str, Any]:
        return {key: self.__dict__[key] for key in ("name", "law", "values", "sampler")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_read_only()

    def _make_read_only(self) -> None:
        """Make the values read-only, as estimators and rules use the same array."""
        if isinstance(self.values, np.ndarray):
            view = self.values.view()
            view.flags.writeable = False
            object.__setattr__(self, "values", view)

    @cached_property
    def tail_index(self) -> float:
        """Order below which all moments exist: 3 for t(3); inf if all moments exist."""
        if self.values is not None:
            return np.inf
        return law_tail_index(self.law.dist, parameters(self.law)[0], family(self.law))

    def local_tail_index(self, probability: float) -> float:
        """Return the finite-sample tail index, for a simulation of 1 / `probability` draws.

        A lognormal population has all moments, and yet a finite sample looks like a power law. The index is the slope
        ``-d log P(|X - median| > x) / d log x`` at the x where P is `probability`. For arrays and discrete laws, the
        index is at most the order up to which so many draws determine the moments.

        Parameters
        ----------
        probability : float in (0, 1)
            The reciprocal of the number of draws.

        Returns
        -------
        float
            Finite-sample tail index, at most `tail_index`; inf for bounded tails.

        Examples
        --------
        >>> lognormal = Population.of("lognormal")
        >>> lognormal.tail_index, round(lognormal.local_tail_index(1e-7), 2)
        (inf, 5.13)
        >>> round(Population.of([0.0] * 999 + [1.0]).local_tail_index(1e-4), 2)
        0.89
        """
        visible = np.inf if self._atoms is None else visible_order(*self._atoms, 1 / probability)
        if self.values is not None:
            return visible
        return min(_slope(self, probability), self.tail_index, visible)

    @cached_property
    def _atoms(self) -> tuple[FloatArray, FloatArray] | None:
        """Sizes of deviations from the mean, and their probabilities; None if the law is not discrete."""
        if self.values is not None:
            return binned(self.values - self.mean, np.ones(self.values.size))
        return atoms_of_law(self.law)

    @cached_property
    def ordered(self) -> FloatArray:
        """Values of an array population in increasing order, or quantiles that represent a distribution."""
        values = self.values if self.values is not None else self.quantiles(N_QUANTILES).values
        assert values is not None
        ordered = np.sort(values)
        ordered.flags.writeable = False
        return ordered

    @cached_property
    def largest_atom(self) -> float:
        """Probability of the most frequent value, 0 for a continuous law.

        >>> Population.of([1.0, 1.0, 2.0, 3.0]).largest_atom, Population.of("rectified").largest_atom
        (0.5, 0.5)
        """
        if self.values is not None:
            return float(np.unique(self.values, return_counts=True)[1].max() / self.values.size)
        return largest_atom_of_law(self.law)

    @cached_property
    def mean(self) -> float:
        """Expected value, in the data's unit; nan if it does not exist."""
        if self.values is not None:
            return float(self.values.mean())
        return law_mean(self.law) if self.tail_index > 1 else np.nan

    @cached_property
    def _central(self) -> tuple[float, float, float]:
        """Central moments of order 2, 3, 4; inf or nan if they do not exist."""
        if self.values is not None:
            deviation = self.values - self.mean
            deviation -= deviation.mean()  # the mean is rounded
            return float(np.mean(deviation**2)), float(np.mean(deviation**3)), float(np.mean(deviation**4))
        return law_moments(self.law, self.tail_index)

    @property
    def var(self) -> float:
        """Variance, of a finite population with ddof 0; nan if the mean does not exist."""
        return self._central[0]

    @property
    def std(self) -> float:
        """Standard deviation, in the data's unit."""
        return float(np.sqrt(self.var))

    @property
    def third_moment(self) -> float:
        """Third central moment; nan if it does not exist."""
        return self._central[1]

    @property
    def fourth_moment(self) -> float:
        """Fourth central moment; inf if it is infinite, nan if the variance is not finite."""
        return self._central[2]

    @property
    def skewness(self) -> float:
        """Third standardized moment; nan if it does not exist."""
        return self.third_moment / self.var**1.5 if np.isfinite(self.var) else np.nan

    @property
    def excess_kurtosis(self) -> float:
        """Fourth standardized moment less 3; inf if the fourth moment is infinite, nan if the variance is."""
        return self.fourth_moment / self.var**2 - 3 if np.isfinite(self.var) else np.nan

    def quantile(self, q: ArrayLike) -> FloatArray:
        """Return the quantile of each probability q, the smallest value x with P(X <= x) >= q.

        Parameters
        ----------
        q : array_like
            Probabilities from 0 to 1.

        Returns
        -------
        array
            Quantiles, in the shape of `q` and the data's unit.

        Raises
        ------
        ValueError
            If a probability is not from 0 to 1.

        Examples
        --------
        >>> Population.of([1.0, 2.0, 6.0, 7.0]).quantile([0.25, 0.26, 1.0]).tolist()
        [1.0, 2.0, 7.0]
        >>> Population.of("exponential").quantile([0.0, 0.5]).round(4).tolist()
        [0.0, 0.6931]
        """
        chance = real_array("q", q)
        require(bool(((chance >= 0) & (chance <= 1)).all()), "q", q, "a probability from 0 to 1")
        if self.values is not None:
            return np.asarray(np.quantile(self.values, chance, method="inverted_cdf"))
        return np.asarray(self.law.ppf(chance))

    @cached_property
    def median(self) -> float:
        """Median, the mean of the two middle values of an even number of values, as in `np.median`.

        >>> Population.of([1.0, 2.0, 6.0, 7.0]).median, Population.of(stats.bernoulli(0.5)).median
        (4.0, 0.5)
        """
        return law_median(self.law) if self.values is None else float(np.median(self.values))

    @cached_property
    def support(self) -> tuple[float, float]:
        """Smallest and largest value; -inf or inf if the values are unbounded."""
        low, high = self.law.support() if self.values is None else (self.values.min(), self.values.max())
        return float(low), float(high)

    def quantiles(self, size: int) -> Population:
        """Return a finite population: the midpoints, in probability, of intervals of equal probability.

        Parameters
        ----------
        size : int
            Number of values.

        Returns
        -------
        Population
            The quantiles of (i + 1/2) / size, for i from 0 to size - 1.

        Examples
        --------
        >>> Population.of("uniform").quantiles(4).values.tolist()
        [0.125, 0.375, 0.625, 0.875]
        """
        chance = (np.arange(size) + 0.5) / size
        values = np.quantile(self.values, chance) if self.values is not None else self.law.ppf(chance)
        return of_values(f"{self.name}[{size}]", checked_values(values))


def of_values(name: str, values: FloatArray) -> Population:
    """Return the finite population of float64 values that are known to be finite; they are not copied, nor checked.

    >>> of_values("a set", np.zeros(2)).var
    0.0
    """
    population = object.__new__(Population)
    population.__setstate__({"name": name, "law": None, "values": values, "sampler": "numpy"})
    return population


@lru_cache(maxsize=1024)
def _slope(population: Population, probability: float) -> float:
    """Return the slope of the tail, cached as all estimators need the same slope."""
    return slope_at(population.law.dist, parameters(population.law)[0], probability)


def population_of(_: str, source: Any) -> Population:
    """Return the population of an argument, by `Population.of`."""
    return Population.of(source)


POPULATIONS: dict[str, Population] = {name: Population.of(name) for name in NAMED}
