"""Estimators from the sorted values of a batch: median, midrange, trimmed mean, median absolute deviation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import integrate, optimize, stats

from bnstats._checks.array_types import FloatArray
from bnstats.sampling.populations import Population
from bnstats.statistics.estimator_theory import Batches, Theory

# A smaller chance is not that of an atom, but of a number next to the end of the support.
TINY = 1e-12


@dataclass(frozen=True)
class OrderStatistic:
    """The law of the k-th smallest of n independent values: F(X_(k)) has the law Beta(k, n - k + 1).

    >>> median = OrderStatistic(Population.of("uniform"), k=2, n=3)
    >>> round(median.mean(), 9), round(median.std() ** 2, 9)
    (0.5, 0.05)
    """

    source: Population
    k: int
    n: int

    def cdf(self, x: ArrayLike) -> FloatArray:
        """Chance of a value of at most x."""
        return np.asarray(self._share.cdf(self.source.law.cdf(x)))

    def ppf(self, q: ArrayLike) -> FloatArray:
        """The value that is exceeded with probability 1 - q."""
        return np.asarray(self.source.law.ppf(self._share.ppf(q)))

    def mean(self) -> float:
        """Expectation; nan where it does not exist."""
        return self._expectation(lambda x: x) if self._exists(1) else math.nan

    def std(self) -> float:
        """Standard deviation; inf where it is infinite."""
        if not self._exists(2):
            return math.inf
        middle = self.mean()
        return math.sqrt(self._expectation(lambda x: (x - middle) ** 2))

    @property
    def _share(self) -> Any:
        return stats.beta(self.k, self.n - self.k + 1)

    def _exists(self, order: int) -> bool:
        """It is large only if so many values are: its tail is that many times as light as one value's."""
        return order < self.source.tail_index * min(self.k, self.n - self.k + 1)

    def _expectation(self, function: Callable[[float], float]) -> float:
        ends = [0.0, *self._share.ppf([1e-12, 1e-6, 0.01, 0.5, 0.99]), *self._share.isf([1e-6, 1e-12]), 1.0]

        def integrand(u: float) -> float:
            return function(float(self.source.law.ppf(u))) * float(self._share.pdf(u))

        return float(
            sum(integrate.quad(integrand, a, b, epsabs=0, epsrel=1e-9, full_output=1)[0] for a, b in pairwise(ends))
        )


def median_of(population: Population) -> float:
    """The population's median."""
    return population.median


def _is_continuous(source: Population) -> bool:
    return source.law is not None and source.largest_atom < TINY


def _rate_between_atoms(source: Population) -> float:
    """Sample quantiles err as 1/sqrt(n) where the density is positive; where there are atoms it depends on these."""
    return -0.5 if _is_continuous(source) else math.nan


def _law_of_median(batches: Batches) -> Any:
    """An order statistic, where n is odd and no two values are equal."""
    source, n = batches.source, batches.size
    known = batches.independent and n % 2 and _is_continuous(source)
    return OrderStatistic(source, (n + 1) // 2, n) if known else None


def middle(x: FloatArray, axis: int) -> FloatArray:
    """Median of the batches along an axis; the mean of the two middle values of an even number."""
    return np.asarray(np.median(x, axis=axis))


MEDIAN = Theory(median_of, law=_law_of_median, rate=_rate_between_atoms)


def midrange_of(population: Population) -> float:
    """The middle of the support; the median where that is unbounded, which is the center of a symmetric population."""
    low, high = population.support
    return (low + high) / 2 if np.isfinite([low, high]).all() else population.median


def _bias_of_midrange(batches: Batches) -> float:
    return 0.0 if batches.independent and batches.source.family in ("uniform", "norm") else math.nan


def _se_of_midrange(batches: Batches) -> float:
    """Of uniform values between a and b the variance is (b - a)² / (2 (n + 1) (n + 2))."""
    if not batches.independent or batches.source.family != "uniform":
        return math.nan
    return float(np.ptp(batches.source.support)) / math.sqrt(2 * (batches.size + 1) * (batches.size + 2))


def mid(x: FloatArray, axis: int) -> FloatArray:
    """Mean of the smallest and the largest value of the batches along an axis."""
    return np.asarray((np.min(x, axis=axis) + np.max(x, axis=axis)) / 2)


def _rate_of_midrange(source: Population) -> float:
    return -1.0 if source.family == "uniform" else math.nan


MIDRANGE = Theory(midrange_of, _bias_of_midrange, _se_of_midrange, rate=_rate_of_midrange)


def trimmed_mean_of(population: Population, share: float) -> float:
    """Mean of the quantiles between the probabilities share and 1 - share."""
    if population.values is not None:
        ordered, n = population.ordered, population.values.size
        weight = np.clip(np.arange(1, n + 1), share * n, (1 - share) * n) - np.clip(
            np.arange(n), share * n, (1 - share) * n
        )
        return float(ordered @ weight / weight.sum())
    inside = integrate.quad(lambda p: float(population.quantile(p)), share, 1 - share, limit=500, full_output=1)[0]
    return float(inside) / (1 - 2 * share)


def cut_mean(x: FloatArray, axis: int, share: float) -> FloatArray:
    """Mean of the batches along an axis, with the share of values cut off at either end rounded down to whole ones."""
    return np.asarray(stats.trim_mean(x, share, axis=axis))


def mad_of(population: Population) -> float:
    """Median of the distances from the median."""
    middle = population.median
    if population.values is not None:
        return float(np.median(np.abs(population.values - middle)))
    law, far = population.law, float(np.abs(population.law.ppf([0.01, 0.99]) - middle).max())

    def missing(distance: float) -> float:
        return float(law.cdf(middle + distance) - law.cdf(middle - distance)) - 0.5

    if float(law.cdf(middle) - law.cdf(np.nextafter(middle, -np.inf))) >= 0.5:
        return 0.0
    found = float(optimize.brentq(missing, 0.0, far, xtol=1e-14 * far, rtol=1e-12))
    return round(found, 9) if hasattr(law, "pmf") else found  # a root at a jump is off by a last digit


def mad(x: FloatArray, axis: int) -> FloatArray:
    """Median of the distances from the median of the batches along an axis."""
    return np.asarray(stats.median_abs_deviation(x, axis=axis))


MAD = Theory(mad_of, rate=_rate_between_atoms)


def trimmed_mean_theory(share: float) -> Theory:
    """What is known of a mean of the inner values: what it tends to."""
    return Theory(partial(trimmed_mean_of, share=share), rate=_rate_of_trimmed_mean if share > 0 else None)


def _rate_of_trimmed_mean(_: Population) -> float:
    return -0.5
