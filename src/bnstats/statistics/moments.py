"""Count, mean and sum of squared deviations: the algebra that everything shares."""

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
from bnstats._checks.numbers import whole
from bnstats._checks.user_code import HoldsArrays
from bnstats._checks.values import instance, shown
from bnstats._compiled import compiled


def moments_of(name: str, given: Any) -> Moments:
    """Moments, and no values of which they could be taken."""
    moments: Moments = instance(name, given, Moments, "bn.Moments.of(x)")
    return moments


def _array(name: str, given: Any) -> FloatArray:
    return real_array(name, given, finite=False, minimum=0)


def _count(name: str, given: Any) -> Any:
    if type(given) in (int, float) and given >= 0:
        return given
    if not (_array(name, given) >= 0).all():
        raise ValueError(f"{name} counts values, at least 0; got {shown(given)}.")
    return given if np.ndim(given) == 0 else _array(name, given)


@aligned_by_label("n", "mean", "m2")
@checked(n=_count, mean=_array, m2=_array)
@dataclass(frozen=True)
class Moments(CheckedMethods, HoldsArrays):
    """Count, mean and sum of squared deviations from the mean, of one batch or an array of batches.

    Attributes
    ----------
    n : float or array
    mean, m2 : array
        In the data's unit and its square; `n` broadcasts against them.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 10.0])
    >>> merged = Moments.of(x[:1]).merge(Moments.of(x[1:]))
    >>> float(merged.mean), float(merged.var()), float(np.var(x))
    (4.0, 12.5, 12.5)
    """

    checks: ClassVar = {"other": moments_of, "ddof": partial(whole, minimum=0, maximum=2**53)}

    n: float | FloatArray
    mean: FloatArray
    m2: FloatArray

    @staticmethod
    @np.errstate(invalid="ignore", over="ignore")  # of infinite values, and of squares beyond all floats
    def of(x: ArrayLike, axis: int | tuple[int, ...] | None = -1) -> Moments:
        """Moments along `axis`; the sum of squares is taken of deviations, so a large mean costs no digits.

        Where values are infinite, or sums or squares of them beyond all floats, moments are infinite or NaN.
        """
        x = real_array("x", x, finite=False)
        along = axes_of("axis", axis, x.ndim)
        mean = x.mean(axis=along, keepdims=True)
        residual = x - mean
        # The mean is rounded, so the residuals do not quite sum to zero: put right what is left of both moments.
        slip = residual.mean(axis=along)
        n = x.size / slip.size
        return Moments(n, mean.reshape(slip.shape) + slip, np.square(residual).sum(axis=along) - n * slip**2)

    @np.errstate(invalid="ignore", over="ignore")
    def merge(self, other: Moments) -> Moments:
        """Moments of the union of two disjoint batches (Chan, Golub & LeVeque 1979); NaN where both are infinite.

        A count of 0 adds nothing, whatever mean and sum of squares stand beside it.
        """
        n = np.add(self.n, other.n)
        if not (np.all(self.n) and np.all(other.n)):
            return self._merged_with_empty(other, n)
        delta = other.mean - self.mean
        share = np.divide(other.n, n)
        return Moments(n, self.mean + delta * share, self.m2 + other.m2 + delta**2 * np.multiply(self.n, share))

    def _merged_with_empty(self, other: Moments, n: Any) -> Moments:
        """`merge` where some batches are empty: those are taken from the other side."""
        a, b = (m._without_empty() for m in (self, other))
        here, there = np.equal(self.n, 0), np.equal(other.n, 0)
        mean, m2 = np.where(here, b.mean, a.mean), np.where(here, b.m2, a.m2)
        both = Moments(np.where(here, 1, self.n), mean, m2).merge(
            Moments(np.where(there, 1, other.n), np.where(there, a.mean, b.mean), np.where(there, a.m2, b.m2))
        )
        some = here | there
        return Moments(n, np.where(some, mean, both.mean), np.where(some, m2, both.m2))

    def _without_empty(self) -> Moments:
        """The same with mean and sum of squares 0 where nothing was counted."""
        empty = np.equal(self.n, 0)
        return Moments(self.n, np.where(empty, 0.0, self.mean), np.where(empty, 0.0, self.m2))

    def var(self, ddof: int = 0) -> FloatArray:
        """Variance with the denominator n - ddof."""
        least = self.n if isinstance(self.n, int | float) else np.min(self.n)
        if ddof >= least:
            raise ValueError(f"ddof is below the number of values, {least:g}; got {ddof}.")
        return np.asarray(self.m2 / np.subtract(self.n, ddof))

    @cached_property
    def biased_var(self) -> FloatArray:
        """`var()`, computed once and read-only."""
        found = self.var()
        found.flags.writeable = False
        return found


def pyramid(fill: Callable[[FloatArray], None], sets: int, size: int, most: int, levels: int) -> list[Moments]:
    """Moments of batches of size 2, 4, 8, ... from one stream of draws, each level merged from the one before.

    Parameters
    ----------
    fill : callable (array) -> None
        Fills an array of `size` values with independent draws; called once for each set.
    sets, size : int
        How many sets of draws, one after the other in cache, and how many draws (a power of two) in each.
    most : int
        Of how many batches of a size to hand out the moments, in each set; all are merged upwards.
    levels : int
        Batch sizes 2, 4, ..., 2^levels.

    Returns
    -------
    list of Moments
        Of shape (sets, min(most, size / n)) each. Batch i of size n of a set is `values.reshape(n, -1)[:, i]`: halves
        are merged, not neighbors, so that the loop vectorizes.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=64)
    >>> level = pyramid(lambda out: np.copyto(out, x), sets=1, size=64, most=4, levels=3)[2]
    >>> level.n, np.allclose(level.var(), x.reshape(8, -1)[:, :4].var(axis=0))
    (8, True)
    """
    ends = np.cumsum([0, *(min(most, size >> level) for level in range(1, levels + 1))])
    mean, m2 = np.empty((sets, ends[-1])), np.empty((sets, ends[-1]))
    values, scratch = np.empty(size), np.empty((2, size // 2))
    for s in range(sets):
        fill(values)
        _climb(values, scratch, most, levels, mean[s], m2[s])
    return [Moments(2 ** (k + 1), mean[:, a:b], m2[:, a:b]) for k, (a, b) in enumerate(pairwise(ends.tolist()))]


@compiled
def _climb(
    values: FloatArray, scratch: FloatArray, most: int, levels: int, mean_out: FloatArray, m2_out: FloatArray
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
        width = min(most, half)
        # Number by number: a copy of slices takes seconds to compile, for its error messages.
        for i in range(width):
            mean_out[end + i], m2_out[end + i] = mean[i], m2[i]
        end += width
