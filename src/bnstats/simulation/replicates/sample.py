"""Replicates of one measure in the form that summaries need: all of them, or without one group."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._checks.user_code import HoldsArrays
from bnstats.simulation.precision.degrees_of_freedom import of_mean
from bnstats.simulation.replicates.central_moments import merge_groups
from bnstats.simulation.replicates.control_variates import LEAST_PER_SLOPE, Controlled, halves
from bnstats.simulation.replicates.histogram import Histogram

# A power of two, so that groups merge as a tree.
GROUPS = 16
# If the variance is a smaller part of the mean square, the difference of mean squares has too few digits.
SMALLEST_SPREAD = 1e-6


@dataclass(frozen=True)
class Sample:
    """Replicates of one measure, in up to GROUPS independent groups.

    Attributes
    ----------
    moments : array, shape (GROUPS, 5)
        Moments of each group, as in `Tally`.
    missing : int array, shape (2,)
        Numbers of replicates that are NaN, and infinite.
    events : bool
        True if replicates are True or False.
    bins : int array, shape (B,)
        Nonempty bins of the histogram; none if only moments are kept.
    counts : int array, shape (GROUPS, B)
        Counts in the bins, of the smallest type that holds them.
    low, high : array, shape (B,)
        Smallest and largest value - origin in each bin.
    atoms : array, shape (A,)
        Repeated values, in increasing order.
    atom_counts : int array, shape (GROUPS, A)
        Counts of the repeated values.
    joint : array, shape (GROUPS, D + 1, D)
        Joint moments with control variates, see `bnstats.simulation.replicates.control_variates`; D = 0 without them.
    value_range : float
        Largest possible difference between two replicates: 0 if all are known to be equal, inf if it is unknown.
    model_se : Sample, optional
        Standard errors by a model of these estimates.
    target : float
        True value of the estimates, see `Study.target`.
    """

    moments: FloatArray
    missing: NDArray[np.int64]
    events: bool
    bins: NDArray[np.int64]
    counts: NDArray[Any]
    low: FloatArray
    high: FloatArray
    atoms: FloatArray
    atom_counts: NDArray[np.int64]
    joint: FloatArray = field(default_factory=partial(np.zeros, (GROUPS, 1, 0)))
    value_range: float = math.inf
    model_se: Sample | None = field(default=None, repr=False)
    target: float = 0.0

    @property
    def origin(self) -> float:
        """Number that moments and histogram are about."""
        return origin_of(self.target, self.events)

    @property
    def groups(self) -> int:
        """Number of groups that hold replicates."""
        return int(np.count_nonzero(self.moments[:, 0]))

    @property
    def controlled(self) -> bool:
        """True if control variates are used."""
        return self.joint.size > 0

    def without_controls(self) -> Sample:
        """Return the same replicates without control variates."""
        return replace(self, joint=np.zeros((len(self.moments), 1, 0))) if self.controlled else self

    def whole(self) -> Replicates:
        """Return all replicates."""
        counts = self.counts.sum(axis=0, dtype=np.int64)
        model_se = self.model_se.whole() if self.model_se else None
        held = halves(self.moments[:, 0], self.joint) if self.controlled else None
        return self._replicates(merge_groups(self.moments.T), counts, self.atom_counts.sum(axis=0), held, model_se)

    def counts_of(self, groups: int) -> FloatArray:
        """Return the number of replicates in each of `groups` groups; later groups join the first in turn."""
        return np.bincount(np.arange(len(self.moments)) % groups, self.moments[:, 0], groups).astype(np.float64)

    @property
    def left_out(self) -> list[Replicates]:
        """All replicates without each group in turn."""
        return self.without_each_of(len(self.moments))

    def without_each_of(self, groups: int) -> list[Replicates]:
        """Return all replicates without each of `groups` groups in turn; later groups join the first in turn."""
        kept = np.arange(len(self.moments)) % groups != np.arange(groups)[:, None]
        moments = np.where(kept[..., None], self.moments, 0.0)
        merged = merge_groups(moments.transpose(2, 0, 1)).T
        held: Iterable[Any] = [None] * groups
        if self.controlled:
            held = map(halves, moments[..., 0], np.where(kept[..., None, None], self.joint, 0.0))
        counts, atoms = (kept.astype(np.int64) @ x.astype(np.int64) for x in (self.counts, self.atom_counts))
        models = self.model_se.without_each_of(groups) if self.model_se else [None] * groups
        return [self._replicates(*parts) for parts in zip(merged, counts, atoms, held, models, strict=True)]

    def _replicates(
        self,
        moments: FloatArray,
        counts: NDArray[np.int64],
        atom_counts: NDArray[np.int64],
        halves: tuple[FloatArray, FloatArray] | None,
        model_se: Replicates | None,
    ) -> Replicates:
        histogram = Histogram(self.bins, counts, self.low, self.high, self.atoms, atom_counts)
        value_range = min(self.value_range, 1.0) if self.events else self.value_range
        nans = int(self.missing[0])
        return Replicates(moments, histogram, halves, value_range, model_se, self.target, self.origin, nans)


@dataclass(frozen=True)
class Replicates(HoldsArrays):
    """Replicates of one measure in the form that summaries take.

    Attributes
    ----------
    moments : array, shape (5,)
        Moments of value - origin, as in `Tally`.
    values : Histogram
        Histogram of value - origin; empty if only moments are kept.
    halves : pair of arrays, shapes (2,) and (2, D + 1, D), optional
        Counts and joint moments of the blocks with even and odd numbers, with control variates; see
        `bnstats.simulation.replicates.control_variates`.
    value_range : float
        As in `Sample`; at most 1 for events.
    model_se : Replicates, optional
        As in `Sample`.
    target, origin : float
        As in `Sample`.
    nans : int
        Number of all replicates that are NaN, including those of a group that is left out.

    Examples
    --------
    A user's summary is a function of the replicates:

    >>> import bnstats as bn
    >>> mcse = lambda replicates: 2 * (replicates.central(2) / replicates.n) ** 0.5
    >>> bn.summaries.Summary("twice the mean", lambda replicates: 2 * replicates.mean, mcse, order=2).name
    'twice the mean'
    """

    moments: FloatArray
    values: Histogram
    halves: tuple[FloatArray, FloatArray] | None = None
    value_range: float = math.inf
    model_se: Replicates | None = None
    target: float = 0.0
    origin: float = 0.0
    nans: int = 0

    @property
    def n(self) -> float:
        """Number of replicates."""
        return np.float64(self.moments[0])

    @property
    def from_origin(self) -> float:
        """Mean of value - origin."""
        return np.float64(self.moments[1])

    @property
    def mean(self) -> float:
        """Mean of the values."""
        return self.from_origin + self.origin

    @property
    def bias(self) -> float:
        """Mean of the errors, value - target; NaN if the target is unknown."""
        return self.from_origin + (self.origin - self.target)

    def central(self, order: int) -> float:
        """Return the central moment of order 2, 3 or 4, with denominator n.

        Parameters
        ----------
        order : int
            Order of the moment, from 2 to 4.

        Returns
        -------
        float
            Moment, in the unit of the values to this order.
        """
        return np.float64(self.moments[order] / self.moments[0])

    @property
    def skewness(self) -> float:
        """Skewness of the values; NaN if all are equal."""
        with np.errstate(all="ignore"):
            return float(self.central(3) / self.central(2) ** 1.5)

    @property
    def kurtosis(self) -> float:
        """Kurtosis of the values, 3 for normal values; NaN if all are equal."""
        with np.errstate(all="ignore"):
            return float(self.central(4) / self.central(2) ** 2)

    @property
    def extremes(self) -> tuple[float, float]:
        """Smallest and largest value - origin; NaN if only moments are kept."""
        held = self.values.counts > 0
        if not held.any():
            return math.nan, math.nan
        return float(self.values.low[held].min()), float(self.values.high[held].max())

    @property
    def enough_for_slopes(self) -> bool:
        """True if both halves of the blocks have enough replicates for the slopes on control variates.

        Skewed and heavy-tailed replicates count as the number of normal replicates that equals the degrees of freedom
        of their mean: the error of an adjusted number is not better known than that of the plain number.
        """
        if self.halves is None:
            return False
        n, joint = self.halves
        worth = of_mean(float(self.n), self.skewness, self.kurtosis) / self.n
        return bool(n.min() * worth >= LEAST_PER_SLOPE * (joint.shape[-1] - 2))

    @property
    def mean_square(self) -> float:
        """Mean of the squared values."""
        return self.central(2) + self.mean**2

    @property
    def mean_squared_error(self) -> float:
        """Mean of the squared errors."""
        return self.central(2) + self.bias**2

    @cached_property
    def controlled(self) -> tuple[Replicates, FloatArray] | None:
        """Replicates with control variates, and the covariance of mean and mean square; None without a gain.

        Its count n is the number of replicates without control variates that would know the mean as well. So the
        variance with denominator n - 1 is unbiased, too. It has no moments of orders 3 and 4.
        """
        found = None if self.halves is None or self.all_equal else Controlled.of(*self.halves)
        if found is None:
            return None
        second = found.mean_square - found.mean**2
        if not second > SMALLEST_SPREAD * found.mean_square:
            return None
        n = 1 + second / found.covariance[0, 0]
        moments = np.array([n, found.mean, n * second, np.nan, np.nan])
        return replace(self, moments=moments, halves=None), found.covariance

    @property
    def all_equal(self) -> bool:
        """True if all simulated replicates are equal, except for rounding."""
        return bool(self.moments[2] == 0)

    @property
    def missed(self) -> float:
        """Largest probability, at 95 % confidence, of an event without a replicate: 3 / n.

        The formula is that of Hanley & Lippman-Hand (1983).
        """
        return float(min(1.0, 3 / self.n))

    @cached_property
    def magnitudes(self) -> Histogram:
        """Histogram of the absolute errors."""
        moved = self.origin - self.target
        return self.values.moved(moved if math.isfinite(moved) else 0.0).magnitudes()


def origin_of(target: float, events: bool) -> float:
    """Return the number that replicates are tallied about, so that sums of estimates lose no digits.

    It is the target if there is one, and 0 for events, which are counted unchanged.

    >>> origin_of(3.5, events=False), origin_of(3.5, events=True), origin_of(math.nan, events=False)
    (3.5, 0.0, 0.0)
    """
    return 0.0 if events or not math.isfinite(target) else target
