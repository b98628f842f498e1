"""Estimators based on sorted values: median, midrange, trimmed mean, median absolute deviation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import integrate, optimize, stats

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import interval
from bnstats.sampling.populations import Population
from bnstats.statistics.estimator_theory import Batches, Theory
from bnstats.statistics.estimators.estimator import Estimator

# A smaller probability is not an atom, but that of an interval between two adjacent floats at the end of the support.
TINY = 1e-12


@dataclass(frozen=True)
class OrderStatistic:
    """The law of the k-th smallest of n independent values, from F(X_(k)) ~ Beta(k, n - k + 1).

    >>> median = OrderStatistic(Population.of("uniform"), k=2, n=3)
    >>> round(median.mean(), 9), round(median.std() ** 2, 9)
    (0.5, 0.05)
    """

    source: Population
    k: int
    n: int

    def cdf(self, x: ArrayLike) -> FloatArray:
        """Return the probability of a value of at most x."""
        return np.asarray(self._probability.cdf(self.source.law.cdf(x)))

    def ppf(self, q: ArrayLike) -> FloatArray:
        """Return the quantile, which is exceeded with probability 1 - q."""
        return np.asarray(self.source.law.ppf(self._probability.ppf(q)))

    def mean(self) -> float:
        """Return the expectation; nan if it does not exist."""
        return self._expectation(lambda x: x) if self._exists(1) else math.nan

    def std(self) -> float:
        """Return the standard deviation; inf if it is infinite."""
        if not self._exists(2):
            return math.inf
        middle = self.mean()
        return math.sqrt(self._expectation(lambda x: (x - middle) ** 2))

    @cached_property
    def _probability(self) -> Any:
        """Law of F(X_(k)); to make it takes SciPy longer than all that is asked of it."""
        return stats.beta(self.k, self.n - self.k + 1)

    def _exists(self, order: int) -> bool:
        """Return whether the moment of this order exists.

        The tail index is the population's, times the number of values that are extreme if the order statistic is.
        """
        return order < self.source.tail_index * min(self.k, self.n - self.k + 1)

    def _expectation(self, function: Callable[[float], float]) -> float:
        chance = self._probability
        ends = [0.0, *chance.ppf([1e-12, 1e-6, 0.01, 0.5, 0.99]), *chance.isf([1e-6, 1e-12]), 1.0]

        def integrand(u: float) -> float:
            return function(float(self.source.law.ppf(u))) * float(self._probability.pdf(u))

        return float(
            sum(integrate.quad(integrand, a, b, epsabs=0, epsrel=1e-9, full_output=1)[0] for a, b in pairwise(ends))
        )


def median_of(population: Population) -> float:
    """Return the population's median."""
    return population.median


def _is_continuous(source: Population) -> bool:
    return source.law is not None and source.largest_atom < TINY


def _rate_between_atoms(source: Population) -> float:
    """Return -1/2, the rate of sample quantiles where the density is positive; nan for a law with atoms."""
    return -0.5 if _is_continuous(source) else math.nan


def _law_of_median(batches: Batches) -> Any:
    """Return the law of an order statistic, if n is odd and no two values are equal; else None."""
    source, n = batches.source, batches.size
    known = batches.independent and n % 2 and _is_continuous(source)
    return OrderStatistic(source, (n + 1) // 2, n) if known else None


def middle(x: FloatArray, axis: int) -> FloatArray:
    """Return the median along an axis, the mean of the two middle values of an even number of values."""
    return np.asarray(np.median(x, axis=axis))


MEDIAN = Theory(median_of, law=_law_of_median, rate=_rate_between_atoms)


def midrange_of(population: Population) -> float:
    """Return the middle of the support, or the median if the support is unbounded.

    Both are the center of a symmetric population.
    """
    low, high = population.support
    return (low + high) / 2 if np.isfinite([low, high]).all() else population.median


def _bias_of_midrange(batches: Batches) -> float:
    return 0.0 if batches.independent and batches.source.family in ("uniform", "norm") else math.nan


def _se_of_midrange(batches: Batches) -> float:
    """Return (b - a) / sqrt(2 (n + 1) (n + 2)) for uniform values between a and b; else nan."""
    if not batches.independent or batches.source.family != "uniform":
        return math.nan
    return float(np.ptp(batches.source.support)) / math.sqrt(2 * (batches.size + 1) * (batches.size + 2))


def mid(x: FloatArray, axis: int) -> FloatArray:
    """Return the mean of the smallest and the largest value along an axis."""
    return np.asarray((np.min(x, axis=axis) + np.max(x, axis=axis)) / 2)


def _rate_of_midrange(source: Population) -> float:
    return -1.0 if source.family == "uniform" else math.nan


MIDRANGE = Theory(midrange_of, _bias_of_midrange, _se_of_midrange, rate=_rate_of_midrange)


def trimmed_mean_of(population: Population, proportion: float) -> float:
    """Return the mean of the quantiles between the probabilities proportion and 1 - proportion."""
    if population.values is not None:
        ordered, n = population.ordered, population.values.size
        weight = np.clip(np.arange(1, n + 1), proportion * n, (1 - proportion) * n) - np.clip(
            np.arange(n), proportion * n, (1 - proportion) * n
        )
        return float(ordered @ weight / weight.sum())
    inside = integrate.quad(
        lambda p: float(population.quantile(p)), proportion, 1 - proportion, limit=500, full_output=1
    )[0]
    return float(inside) / (1 - 2 * proportion)


def cut_mean(x: FloatArray, axis: int, proportion: float) -> FloatArray:
    """Return the mean along an axis without a proportion of values, rounded down, at either end."""
    return np.asarray(stats.trim_mean(x, proportion, axis=axis))


def mad_of(population: Population) -> float:
    """Return the population's median distance from the median."""
    middle = population.median
    if population.values is not None:
        return float(np.median(np.abs(population.values - middle)))
    law, far = population.law, float(np.abs(population.law.ppf([0.01, 0.99]) - middle).max())

    def missing(distance: float) -> float:
        return float(law.cdf(middle + distance) - law.cdf(middle - distance)) - 0.5

    if float(law.cdf(middle) - law.cdf(np.nextafter(middle, -np.inf))) >= 0.5:
        return 0.0
    found = float(optimize.brentq(missing, 0.0, far, xtol=1e-14 * far, rtol=1e-12))
    return round(found, 9) if hasattr(law, "pmf") else found  # at a jump, the last digit of the root is wrong


def mad(x: FloatArray, axis: int) -> FloatArray:
    """Return the median distance from the median along an axis."""
    return np.asarray(stats.median_abs_deviation(x, axis=axis))


MAD = Theory(mad_of, rate=_rate_between_atoms)


def _rate_of_trimmed_mean(_: Population) -> float:
    return -0.5


@checked(proportion=interval("[0, 0.5)", "the part of the values cut off at either end"))
def trimmed_mean(proportion: float = 0.1) -> Estimator:
    """Return the mean without a proportion of the smallest and of the largest values, as an estimator.

    Parameters
    ----------
    proportion : float in [0, 0.5)
        Proportion of the values that is cut off at either end, rounded down to whole values.

    Returns
    -------
    Estimator
        The estimator, in the data's unit.

    Raises
    ------
    ValueError
        If the proportion is out of range.

    Examples
    --------
    >>> trimmed_mean(proportion=0.25)(np.array([1.0, 2.0, 4.0, 90.0])).tolist()
    3.0
    """
    name = "trimmed_mean" if proportion == 0.1 else f"trimmed_mean(proportion={proportion:g})"
    limit = partial(trimmed_mean_of, proportion=proportion)
    theory = Theory(limit, rate=_rate_of_trimmed_mean if proportion > 0 else None)
    return Estimator(name, partial(cut_mean, proportion=proportion), limit, theory=theory)


ESTIMATORS = (
    Estimator("median", middle, median_of, theory=MEDIAN),
    Estimator("midrange", mid, midrange_of, order=1, theory=MIDRANGE),
    trimmed_mean(),
    Estimator("mad", mad, mad_of, theory=MAD),
)
