"""On what grounds an interval for a quantity is valid: algebra, a count, a bound, or a moment."""

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
# Values that differ by less, relative to their size, are equal but for rounding.
ROUNDING = 16 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class IntervalMethod(CheckedMethods, ABC):
    """What every kind of grounds offers: its `name`, the range of the quantity, and an interval from its replicates."""

    checks: ClassVar = {"x": partial(real_array, axes=1, finite=False), "error": probability}

    name: ClassVar[str]
    any_look: ClassVar[bool] = False
    """Whether one error rate covers all looks together; otherwise it is split over them."""

    @property
    def range(self) -> Interval:
        """The quantity lies in it whatever is true."""
        return -math.inf, math.inf

    @abstractmethod
    def interval(self, x: FloatArray, error: float) -> Interval:
        """An interval that misses the expectation of the replicates x with a probability of at most `error`."""

    def needed(self, error: float) -> int:
        """The fewest replicates of which there is an interval at all."""
        return 1

    def check(self, x: FloatArray) -> None:
        """Raise ValueError for replicates that cannot be: an interval of them would mean nothing."""
        low, high = self.range
        if not (np.isfinite(x).all() and (x >= low - 1e-9).all() and (x <= high + 1e-9).all()):
            raise ValueError(
                f"replicates on the grounds {self.name!r} are finite and lie from {low:g} to {high:g}; got "
                f"{x.min():g} to {x.max():g}."
            )


@checked(rounding=interval("[0, inf)"))
@dataclass(frozen=True)
class Exact(IntervalMethod):
    """All cases are computed, by enumeration, quadrature or a formula; each is right to within `rounding`.

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
    """Replicates are 0 or 1: the interval of Clopper & Pearson (1934), valid for any number of replicates.

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
            raise ValueError(f"replicates on the grounds 'proportion' are 0 or 1; got {other[0]:g}.")


@checked(low=number, high=number)
@dataclass(frozen=True)
class Bounded(IntervalMethod):
    """Replicates lie between two bounds: a confidence sequence by betting, valid at all looks together.

    >>> low, high = Bounded(-1, 1).interval(np.zeros(1000), error=0.001)
    >>> bool(-0.03 < low < 0 < high < 0.03)
    True
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
    """Replicates have a finite third moment: the normal approximation, once there are enough for it.

    Far out, the chance that Student's statistic of n values exceeds z is (1 - Phi(z)) exp(-z³ skewness / (3 sqrt(n))),
    to the leading term (Jing, Shao & Wang 2003, Annals of Probability 31). So the error is at most twice the nominal
    one where n is at least (z³ skewness / (3 log 2))², and half of it is asked for. Replicates that are all equal, but
    for rounding, decide nothing: a spread of 0 says nothing about values that were not drawn.

    Parameters
    ----------
    skewness : float
        A bound for the size of the third standardized moment of a replicate, known beforehand and not estimated. For a
        value that is large once in k replicates, and else 0, it is about the root of k.

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
            raise ValueError("the spread of replicates takes two of them; got one.")
        if np.ptp(x) <= ROUNDING * abs(x).max():
            return -math.inf, math.inf
        mean, half = float(x.mean()), self._z(error) * float(x.std(ddof=1)) / math.sqrt(x.size)
        return mean - half, mean + half
