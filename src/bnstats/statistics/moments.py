"""Count, mean and sum of squared deviations of batches, and their merging."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from bnstats._checks.arguments import CheckedMethods, aligned_by_label, checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import axes_of, real_array
from bnstats._checks.numbers import LARGEST_COUNT, whole
from bnstats._checks.user_code import HoldsArrays
from bnstats._checks.values import instance, shown
from bnstats._compiled import compiled


def moments_of(name: str, given: Any) -> Moments:
    """Return the argument if it is a `Moments` object; refuse values."""
    moments: Moments = instance(name, given, Moments, "bn.Moments.of(x)")
    return moments


def _array(name: str, given: Any) -> FloatArray:
    return real_array(name, given, finite=False, minimum=0)


def _count(name: str, given: Any) -> Any:
    if type(given) in (int, float) and 0 <= given <= LARGEST_COUNT:  # the fast way of the inner loops
        return given
    counts = given if type(given) in (int, float) else _array(name, given)
    if not np.all((counts >= 0) & (counts <= LARGEST_COUNT)):
        raise ValueError(f"{name} counts values, from 0 to {LARGEST_COUNT}; got {shown(given)}.")
    return given if np.ndim(given) == 0 else counts


def _shape_of_all(what: str, *parts: Any) -> None:
    """Raise ValueError for arrays that do not broadcast against each other."""
    shapes = [np.shape(part) for part in parts]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise ValueError(f"{what} have shapes that fit each other; got {', '.join(map(str, shapes))}.") from None


@aligned_by_label("n", "mean", "m2")
@checked(n=_count, mean=_array, m2=_array)
@dataclass(frozen=True)
class Moments(CheckedMethods, HoldsArrays):
    """Count, mean and sum of squared deviations from the mean, of one batch or an array of batches.

    Attributes
    ----------
    n : float or array
        Number of values, at most 2^53, which broadcasts against `mean` and `m2`.
    mean : array
        Mean, in the data's unit.
    m2 : array
        Sum of squared deviations from the mean, in the data's unit squared.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 10.0])
    >>> merged = Moments.of(x[:1]).merge(Moments.of(x[1:]))
    >>> float(merged.mean), float(merged.var()), float(np.var(x))
    (4.0, 12.5, 12.5)
    """

    checks: ClassVar = {"other": moments_of, "ddof": partial(whole, minimum=0, maximum=LARGEST_COUNT)}

    n: float | FloatArray
    mean: FloatArray
    m2: FloatArray

    def __post_init__(self) -> None:
        if self.mean.shape != self.m2.shape or np.ndim(self.n):
            _shape_of_all("n, mean and m2", self.n, self.mean, self.m2)

    @staticmethod
    @np.errstate(invalid="ignore", over="ignore")  # for infinite values, and for squares that overflow
    def of(x: ArrayLike, axis: int | tuple[int, ...] | None = -1) -> Moments:
        """Return the moments along an axis.

        The squares are squares of deviations, so a large mean loses no digits.

        Parameters
        ----------
        x : array_like
            Values.
        axis : int, tuple of int or None
            Axes along which the values of a batch are; None for all axes.

        Returns
        -------
        Moments
            Moments of each batch. If values are infinite, or their sums or squares overflow, moments are inf or nan.

        Examples
        --------
        >>> Moments.of([1.0, 2.0, 6.0])
        Moments(n=3.0, mean=array(3.), m2=array(14.))
        """
        x = real_array("x", x, finite=False)
        along = axes_of("axis", axis, x.ndim)
        mean = x.mean(axis=along, keepdims=True)
        residual = x - mean
        # The mean is rounded, so the residuals do not sum to exactly zero; both moments are corrected for it.
        slip = residual.mean(axis=along)
        n = x.size / slip.size
        return Moments(n, mean.reshape(slip.shape) + slip, np.square(residual).sum(axis=along) - n * slip**2)

    @np.errstate(invalid="ignore", over="ignore")
    def merge(self, other: Moments) -> Moments:
        """Return the moments of the union of disjoint batches (Chan, Golub & LeVeque 1979).

        A batch with a count of 0 has no effect, for any mean and sum of squares.

        Parameters
        ----------
        other : Moments
            Moments of the other batches.

        Returns
        -------
        Moments
            Moments of each union; NaN if both means are infinite.

        Examples
        --------
        >>> merged = Moments.of([1.0]).merge(Moments.of([2.0, 6.0]))
        >>> float(merged.n), float(merged.mean), float(merged.m2)
        (3.0, 3.0, 14.0)
        """
        if self.mean.shape != other.mean.shape:
            _shape_of_all("moments that are merged", self.n, self.mean, self.m2, other.n, other.mean, other.m2)
        n = np.add(self.n, other.n)
        if not (np.all(self.n) and np.all(other.n)):
            return self._merged_with_empty(other, n)
        delta = other.mean - self.mean
        weight = np.divide(other.n, n)
        return Moments(n, self.mean + delta * weight, self.m2 + other.m2 + delta**2 * np.multiply(self.n, weight))

    def _merged_with_empty(self, other: Moments, n: Any) -> Moments:
        """Merge batches of which some are empty, by taking the other batch's moments there."""
        a, b = (m._without_empty() for m in (self, other))
        here, there = np.equal(self.n, 0), np.equal(other.n, 0)
        mean, m2 = np.where(here, b.mean, a.mean), np.where(here, b.m2, a.m2)
        both = Moments(np.where(here, 1, self.n), mean, m2).merge(
            Moments(np.where(there, 1, other.n), np.where(there, a.mean, b.mean), np.where(there, a.m2, b.m2))
        )
        some = here | there
        return Moments(n, np.where(some, mean, both.mean), np.where(some, m2, both.m2))

    def _without_empty(self) -> Moments:
        """Return the moments with mean and sum of squares 0 where the count is 0."""
        empty = np.equal(self.n, 0)
        return Moments(self.n, np.where(empty, 0.0, self.mean), np.where(empty, 0.0, self.m2))

    def var(self, ddof: int = 0) -> FloatArray:
        """Return the variance with the denominator n - ddof.

        Parameters
        ----------
        ddof : int
            0 for the biased variance, 1 for the unbiased variance.

        Returns
        -------
        array
            Variance of each batch, in the data's unit squared.

        Raises
        ------
        ValueError
            If `ddof` is not below the number of values.

        Examples
        --------
        >>> Moments.of([1.0, 2.0, 6.0]).var(ddof=1).tolist()
        7.0
        """
        fewest = self.n if isinstance(self.n, int | float) else np.min(self.n) if np.size(self.n) else np.inf
        if ddof >= fewest:
            raise ValueError(f"ddof is below the number of values, {fewest:g}; got {ddof}.")
        with np.errstate(over="ignore"):  # of a count near 0, as weights may give it
            return np.asarray(self.m2 / np.subtract(self.n, ddof))

    @cached_property
    def biased_var(self) -> FloatArray:
        """Biased variance of each batch, computed once and read-only."""
        found = self.var()
        found.flags.writeable = False
        return found


def pyramid(fill: Callable[[FloatArray], None], sets: int, size: int, max_batches: int, levels: int) -> list[Moments]:
    """Return moments of batches of sizes 2, 4, 8, ... of the same draws, each merged from half the size.

    Parameters
    ----------
    fill : callable (array) -> None
        Fills an array of `size` values with independent draws; called once for each set.
    sets : int
        Number of sets of draws; each set fits in the cache.
    size : int
        Number of draws in a set, a power of two.
    max_batches : int
        Maximum number of batches of a size whose moments are returned, in each set; all batches are merged into larger
        batches.
    levels : int
        Number of batch sizes 2, 4, ..., 2^levels.

    Returns
    -------
    list of Moments
        Moments of shape (sets, min(max_batches, size / n)) for each batch size n. Batch i of a set is
        `values.reshape(n, -1)[:, i]`: halves are merged, not neighbors, so that the loop vectorizes.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=64)
    >>> level = pyramid(lambda out: np.copyto(out, x), sets=1, size=64, max_batches=4, levels=3)[2]
    >>> level.n, level.var().round(3).tolist(), x.reshape(8, -1)[:, :4].var(axis=0).round(3).tolist()
    (8, [[0.828, 0.722, 0.611, 0.57]], [0.828, 0.722, 0.611, 0.57])
    """
    ends = np.cumsum([0, *(min(max_batches, size >> level) for level in range(1, levels + 1))])
    mean, m2 = np.empty((sets, ends[-1])), np.empty((sets, ends[-1]))
    values, scratch = np.empty(size), np.empty((2, size // 2))
    for s in range(sets):
        fill(values)
        _climb(values, scratch, max_batches, levels, mean[s], m2[s])
    return [Moments(2 ** (k + 1), mean[:, a:b], m2[:, a:b]) for k, (a, b) in enumerate(pairwise(ends.tolist()))]


@compiled
def _climb(
    values: FloatArray, scratch: FloatArray, max_batches: int, levels: int, mean_out: FloatArray, m2_out: FloatArray
) -> None:
    mean, m2 = scratch[0], scratch[1]
    half = values.size // 2
    for i in range(half):
        delta = values[i + half] - values[i]
        mean[i] = values[i] + 0.5 * delta
        m2[i] = 0.5 * delta * delta
    end = 0
    weight = 1.0  # n_a n_b / (n_a + n_b) of the batches merged next
    for level in range(levels):
        if level > 0:
            half //= 2
            for i in range(half):
                delta = mean[i + half] - mean[i]
                mean[i] += 0.5 * delta
                m2[i] += m2[i + half] + weight * delta * delta
            weight *= 2
        width = min(max_batches, half)
        # This copies number by number: Numba takes seconds to compile the error messages of a copy of slices.
        for i in range(width):
            mean_out[end + i], m2_out[end + i] = mean[i], m2[i]
        end += width
