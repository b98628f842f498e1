"""Interval methods: an interval for a quantity is valid by algebra, a count, a bound or a moment."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from bnstats._checks.arguments import CheckedMethods, checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import real_array
from bnstats._checks.numbers import interval, number, probability
from bnstats.claims import betting

Interval = tuple[float, float]
BY_ALGEBRA = "by algebra"
# Values whose relative difference is smaller are equal up to rounding.
ROUNDING = 16 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class IntervalMethod(CheckedMethods, ABC):
    """Base class of interval methods, with a `name`, a range and an interval from replicates."""

    checks: ClassVar = {"x": partial(real_array, axes=1, finite=False), "error": probability}

    name: ClassVar[str]
    any_look: ClassVar[bool] = False
    """True if one error rate covers all looks together; if False, the error rate is split over the looks."""

    @property
    def range(self) -> Interval:
        """Smallest and largest possible value of the quantity."""
        return -math.inf, math.inf

    @abstractmethod
    def interval(self, x: FloatArray, error: float) -> Interval:
        """Return an interval that misses the expectation of the replicates with probability `error` or less.

        Parameters
        ----------
        x : array, shape (replicates,)
            Independent replicates of the quantity.
        error : float
            Error rate of the interval.

        Returns
        -------
        low : float
            Lower end of the interval, in the unit of the replicates.
        high : float
            Upper end, in the same unit.

        Raises
        ------
        ValueError
            If the method does not allow these replicates, see `check`.
        """

    def needed(self, error: float) -> int:
        """Return the smallest number of replicates for which the interval is valid.

        Parameters
        ----------
        error : float
            Error rate of the interval.

        Returns
        -------
        int
            Number of replicates; by default 1.
        """
        return 1

    def check(self, x: FloatArray) -> None:
        """Raise ValueError for replicates that are not finite or lie outside the method's range.

        Parameters
        ----------
        x : array, shape (replicates,)
            Replicates of the quantity.
        """
        low, high = self.range
        if not (np.isfinite(x).all() and (x >= low - 1e-9).all() and (x <= high + 1e-9).all()):
            raise ValueError(
                f"replicates for interval method {self.name!r} are finite and lie from {low:g} to {high:g}; got "
                f"{x.min():g} to {x.max():g}."
            )


@checked(rounding=interval("[0, inf)"))
@dataclass(frozen=True)
class Exact(IntervalMethod):
    """Interval from smallest to largest of all cases, computed by enumeration, quadrature or a formula.

    Parameters
    ----------
    rounding : float
        Upper bound of the numerical error of each case, in the unit of the quantity.

    Examples
    --------
    >>> Exact().interval(np.array([1.0, 3.0]), error=0.001)
    (1.0, 3.0)
    """

    name = BY_ALGEBRA
    any_look = True
    rounding: float = 0.0

    def interval(self, x: FloatArray, error: float) -> Interval:
        self.check(x)
        return float(x.min()) - self.rounding, float(x.max()) + self.rounding


@dataclass(frozen=True)
class Proportion(IntervalMethod):
    """Interval of Clopper & Pearson (1934) for replicates of 0 or 1, valid for any number of replicates.

    Examples
    --------
    >>> Proportion().interval(np.array([0.0, 1.0, 1.0, 1.0]), error=0.1)
    (0.2486..., 0.987...)
    """

    name = "proportion"

    @property
    def range(self) -> Interval:
        return 0.0, 1.0

    def interval(self, x: FloatArray, error: float) -> Interval:
        self.check(x)
        low, high = proportion_confint(int(x.sum()), x.size, alpha=error, method="beta")
        return float(low), float(high)

    def check(self, x: FloatArray) -> None:
        other = x[~np.isin(x, (0.0, 1.0))]
        if other.size:
            raise ValueError(f"replicates for interval method 'proportion' are 0 or 1; got {other[0]:g}.")


@checked(low=number, high=number)
@dataclass(frozen=True)
class Bounded(IntervalMethod):
    """Confidence sequence by betting for replicates between two bounds, valid at all looks together.

    Parameters
    ----------
    low, high : float
        Bounds of a replicate, in its unit.

    Examples
    --------
    >>> [round(end, 3) for end in Bounded(-1, 1).interval(np.zeros(1000), error=0.001)]
    [-0.008, 0.008]
    """

    name = "bounded"
    any_look = True
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"replicates lie from low to high, low below high; got {self.low:g} and {self.high:g}.")

    @property
    def range(self) -> Interval:
        return self.low, self.high

    def interval(self, x: FloatArray, error: float) -> Interval:
        self.check(x)
        width = self.high - self.low
        scaled = np.clip((x - self.low) / width, 0.0, 1.0)
        low, high = betting.interval(scaled, error)
        return self.low + width * low, self.low + width * high


@checked(skewness=interval("[0, 1e6]"))
@dataclass(frozen=True)
class Moment(IntervalMethod):
    """Normal approximation for replicates with a finite third moment, from `needed` replicates on.

    In the far tail, Student's statistic of n values exceeds z with a probability of
    (1 - Phi(z)) exp(-z³ skewness / (3 sqrt(n))), to the leading term. The source is Jing, Shao & Wang (2003, Annals of
    Probability 31). If n is at least (z³ skewness / (3 log 2))², the error rate is at most twice the nominal rate. The
    nominal rate is therefore set to half of `error`. Replicates that are all equal, up to rounding, decide nothing,
    because a spread of 0 does not exclude values that were not drawn.

    Parameters
    ----------
    skewness : float
        Upper bound of the absolute third standardized moment of a replicate, known beforehand and not estimated. For a
        value that is large once in k replicates and otherwise 0, it is about the square root of k.

    Examples
    --------
    >>> Moment(skewness=8**0.5).needed(error=1e-5)          # squares of normal values
    16739
    """

    name = "moment"
    skewness: float

    def _z(self, error: float) -> float:
        return float(stats.norm.isf(error / 4))

    def needed(self, error: float) -> int:
        z = self._z(error)
        return max(math.ceil((z**3 * self.skewness / (3 * math.log(2))) ** 2), math.ceil(z**4))

    @np.errstate(over="ignore", invalid="ignore")
    def interval(self, x: FloatArray, error: float) -> Interval:
        self.check(x)
        if x.size < 2:
            raise ValueError("an interval by moments takes at least two replicates; got one.")
        if np.ptp(x) <= ROUNDING * abs(x).max():
            return -math.inf, math.inf
        mean, half = float(x.mean()), self._z(error) * float(x.std(ddof=1)) / math.sqrt(x.size)
        return mean - half, mean + half
