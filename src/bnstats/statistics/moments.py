"""Count, mean and sum of squared deviations: the algebra that everything shares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnstats.compiled import compiled

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
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

    n: ArrayLike
    mean: Array
    m2: Array

    @staticmethod
    def of(x: ArrayLike, axis: int | tuple[int, ...] | None = -1) -> Moments:
        """Moments along `axis`; the sum of squares is taken of deviations, so a large mean costs no digits."""
        x = np.asarray(x, dtype=np.float64)
        mean = x.mean(axis=axis, keepdims=True)
        residual = x - mean
        # The mean is rounded, so the residuals do not quite sum to zero: put right what is left of both moments.
        slip = residual.mean(axis=axis)
        n = x.size / slip.size
        return Moments(n, mean.reshape(slip.shape) + slip, np.square(residual).sum(axis=axis) - n * slip**2)

    def merge(self, other: Moments) -> Moments:
        """Moments of the union of two disjoint batches (Chan, Golub & LeVeque 1979)."""
        n = np.add(self.n, other.n)
        delta = other.mean - self.mean
        share = np.divide(other.n, n)
        return Moments(n, self.mean + delta * share, self.m2 + other.m2 + delta**2 * np.multiply(self.n, share))

    def var(self, ddof: int = 0) -> Array:
        """Variance with the denominator n - ddof."""
        return np.asarray(self.m2 / np.subtract(self.n, ddof))


def pyramid(values: Array, most: int) -> Iterator[Moments]:
    """Moments of the batches of size 2, 4, 8, ... that one stream of draws holds, each level merged from the one before.

    Parameters
    ----------
    values : array, shape (2^k,)
        Independent draws.
    most : int
        How many batches of each level to hand out; all are merged upwards.

    Yields
    ------
    Moments
        Of batch sizes 2, 4, ..., 2^k. Batch i of size n is `values.reshape(n, -1)[:, i]`: contiguous halves are
        merged, so that the loop vectorises.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=64)
    >>> level = list(pyramid(x, most=4))[2]
    >>> level.n, np.allclose(level.var(), x.reshape(8, -1)[:, :4].var(axis=0))
    (8, True)
    """
    mean, m2 = _pairs(values)
    n = 2
    while True:
        yield Moments(n, mean[:most].copy(), m2[:most].copy())
        if mean.size == 1:
            return
        mean, m2 = _merge_halves(mean, m2, n)
        n *= 2


@compiled
def _pairs(x: Array) -> tuple[Array, Array]:
    half = x.size // 2
    mean, m2 = np.empty(half), np.empty(half)
    for i in range(half):
        delta = x[i + half] - x[i]
        mean[i] = x[i] + 0.5 * delta
        m2[i] = 0.5 * delta * delta
    return mean, m2


@compiled
def _merge_halves(mean: Array, m2: Array, n: int) -> tuple[Array, Array]:
    """`Moments.merge` of the two halves, in place in the first."""
    half = mean.size // 2
    weight = 0.5 * n
    for i in range(half):
        delta = mean[i + half] - mean[i]
        mean[i] += 0.5 * delta
        m2[i] += m2[i + half] + weight * delta * delta
    return mean[:half], m2[:half]
