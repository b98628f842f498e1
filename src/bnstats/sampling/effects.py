"""Batch effects: random shifts of rows by batch or over time, independent of the signal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from bnstats._checks.arguments import CheckedMethods, checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import count, interval, proportion, whole
from bnstats._checks.user_code import overridden_below
from bnstats._checks.values import generator, instance, named

MAX_BATCHES = 2**20
"""Maximum number of batches, and of rows in a batch; a root has up to the square of their product elements."""

EFFECTS: dict[str, Effect] = {}
"""Effects with the arguments of their `example`, by name; `bnstats.sampling.registry` fills it."""


def stretches(effect: Effect) -> bool:
    """Return whether an effect stretches values: it says so, or a subclass overrides the factors."""
    return effect.scales or overridden_below(type(effect), "factor", "scales")


class Effect(CheckedMethods, ABC):
    """Base class of batch effects: random shifts of rows that are in order of time, batch after batch.

    Shifts have mean 0, and an average variance of 1 over the rows of the first `batches`. A subclass is a frozen
    dataclass with `shift` and `root`. `example` are the arguments of its entry in `EFFECTS`, None for no entry.
    """

    example: ClassVar[Mapping[str, Any] | None] = MappingProxyType({})
    checks: ClassVar = {
        "rng": generator,
        "size": count,
        "batches": partial(whole, minimum=2, maximum=MAX_BATCHES),
        "n": partial(whole, minimum=1, maximum=MAX_BATCHES),
        "n_new_batches": partial(whole, minimum=0, maximum=MAX_BATCHES),
    }

    @property
    def name(self) -> str:
        """Name of the effect in tables and figures."""
        known = [name for name, effect in EFFECTS.items() if effect == self]
        return known[0] if known else repr(self)

    @property
    def scales(self) -> bool:
        """True if the effect also multiplies the values of a batch by a random factor."""
        return False

    @abstractmethod
    def shift(self, rng: Generator, size: int, batches: int, n: int, n_new_batches: int = 0) -> FloatArray:
        """Draw independent replicates of the shifts.

        Parameters
        ----------
        rng : Generator
            Source of the draws.
        size : int
            Number of replicates.
        batches, n : int
            Number of batches, and of rows in a batch.
        n_new_batches : int
            Number of batches that follow the first `batches` in time.

        Returns
        -------
        array, shape (size, batches + n_new_batches, n)
            Shift of each row.
        """

    @abstractmethod
    def root(self, batches: int, n: int) -> FloatArray:
        """Return a root of the covariance matrix of the shifts.

        Parameters
        ----------
        batches, n : int
            Number of batches, and of rows in a batch.

        Returns
        -------
        array, shape (batches * n, any)
            Matrix L, where L L' is the covariance matrix of the rows, up to a shift that is common to all rows.
        """

    def factor(self, rng: Generator, size: int, batches: int) -> FloatArray:
        """Draw the factors by which the values of each batch are multiplied.

        Parameters
        ----------
        rng : Generator
            Source of the draws.
        size : int
            Number of replicates.
        batches : int
            Number of batches.

        Returns
        -------
        array, shape (size, batches, 1)
            Factor of each batch, 1 unless `scales`.
        """
        return np.ones((size, batches, 1))

    @staticmethod
    def of(source: Any) -> Effect:
        """Return the effect of a name in `EFFECTS`, or a given effect.

        Parameters
        ----------
        source : str or Effect
            Name of an effect, or an effect.

        Returns
        -------
        Effect
            The effect.

        Raises
        ------
        ValueError
            If the name is unknown, or the argument is neither a name nor an effect.

        Examples
        --------
        >>> Effect.of("trend"), Effect.of(Sinusoid(2.0)).name
        (Trend(), 'Sinusoid(periods=2.0)')
        """
        if isinstance(source, Effect):
            return source
        return named("effect", source, EFFECTS, "a bn.effects.Effect")


@checked(spread=interval("[0, 10]"))
@dataclass(frozen=True)
class Distinct(Effect):
    """Independent shifts N(0, 1) of the batches, and factors exp(N(0, spread²)) of their values.

    Parameters
    ----------
    spread : float
        Standard deviation of the logarithm of the factor, from 0 to 10.

    Examples
    --------
    Rows of a batch have the same shift:

    >>> Distinct().shift(np.random.default_rng(0), size=1, batches=3, n=2).round(2).tolist()
    [[[0.13, 0.13], [-0.13, -0.13], [0.64, 0.64]]]
    """

    spread: float = 0.0

    @property
    def scales(self) -> bool:
        return self.spread > 0

    def shift(self, rng: Generator, size: int, batches: int, n: int, n_new_batches: int = 0) -> FloatArray:
        return np.repeat(rng.normal(size=(size, batches + n_new_batches, 1)), n, axis=2)

    def root(self, batches: int, n: int) -> FloatArray:
        return np.repeat(np.eye(batches), n, axis=0)

    def factor(self, rng: Generator, size: int, batches: int) -> FloatArray:
        return np.exp(self.spread * rng.normal(size=(size, batches, 1)))


@dataclass(frozen=True)
class RandomWalk(Effect):
    """A random walk with an independent normal step at each row.

    The average variance of 1 is the variance about the mean of the rows.

    Examples
    --------
    >>> RandomWalk().shift(np.random.default_rng(0), size=1, batches=2, n=2).round(2).tolist()
    [[[-0.31, -0.48], [0.33, 0.46]]]
    """

    def shift(self, rng: Generator, size: int, batches: int, n: int, n_new_batches: int = 0) -> FloatArray:
        walk: FloatArray = np.cumsum(rng.normal(size=(size, (batches + n_new_batches) * n)), axis=1) * self._step(
            batches * n
        )
        walk -= walk[:, : batches * n].mean(axis=1, keepdims=True)
        return walk.reshape(size, -1, n)

    def root(self, batches: int, n: int) -> FloatArray:
        return np.asarray(self._step(batches * n) * np.tri(batches * n), dtype=np.float64)

    @staticmethod
    def _step(rows: int) -> float:
        """Return the step's standard deviation, from E mean((W - mean W)²) = step² (rows² - 1) / (6 rows) = 1."""
        return float(np.sqrt(6 * rows / (rows**2 - 1)))


@checked(periods=interval("(0, inf)"))
@dataclass(frozen=True)
class Sinusoid(Effect):
    """A sinusoid with amplitude sqrt(2) and a random phase.

    Parameters
    ----------
    periods : float
        Number of periods over the first `batches`, above 0.

    Examples
    --------
    >>> Sinusoid().shift(np.random.default_rng(0), size=1, batches=2, n=2).round(2).tolist()
    [[[-0.92, 1.07], [0.92, -1.07]]]
    """

    periods: float = 1.0

    def shift(self, rng: Generator, size: int, batches: int, n: int, n_new_batches: int = 0) -> FloatArray:
        phase = rng.uniform(0, 2 * np.pi, size=(size, 1))
        wave: FloatArray = np.sqrt(2) * np.cos(self._angle(batches * n, (batches + n_new_batches) * n) + phase)
        return wave.reshape(size, -1, n)

    def root(self, batches: int, n: int) -> FloatArray:
        angle = self._angle(batches * n, batches * n)
        return np.column_stack([np.cos(angle), np.sin(angle)])

    def _angle(self, period_rows: int, rows: int) -> FloatArray:
        return np.arange(rows, dtype=np.float64) * (2 * np.pi * self.periods / period_rows)


@dataclass(frozen=True)
class Trend(Effect):
    """A straight line, increasing or decreasing with equal probability.

    Examples
    --------
    >>> Trend().shift(np.random.default_rng(0), size=1, batches=2, n=2).round(2).tolist()
    [[[-1.34, -0.45], [0.45, 1.34]]]
    """

    def shift(self, rng: Generator, size: int, batches: int, n: int, n_new_batches: int = 0) -> FloatArray:
        sign = rng.choice([-1.0, 1.0], size=(size, 1))
        line: FloatArray = sign * self._line(batches * n, (batches + n_new_batches) * n)
        return line.reshape(size, -1, n)

    def root(self, batches: int, n: int) -> FloatArray:
        return self._line(batches * n, batches * n)[:, None]

    @staticmethod
    def _line(unit_rows: int, rows: int) -> FloatArray:
        line: FloatArray = (np.arange(rows) - (unit_rows - 1) / 2) * np.sqrt(12 / (unit_rows**2 - 1))
        return line


@checked(
    smooth=lambda _, given: Effect.of(given),
    smoothness=proportion,
    distinct=partial(instance, required=Distinct, example="bn.effects.Distinct(spread=0.1)"),
)
@dataclass(frozen=True)
class Mixture(Effect):
    """A sum of a distinct effect and a smooth effect, which divide the variance.

    Parameters
    ----------
    smooth : Effect or str
        Effect that changes smoothly over time, or its name.
    smoothness : float in [0, 1]
        Proportion of the variance of the shifts that `smooth` has; `distinct` has the rest.
    distinct : Distinct
        Effect with independent shifts of the batches.

    Examples
    --------
    >>> shift = Mixture(Trend(), smoothness=0.5).shift(np.random.default_rng(0), size=10_000, batches=20, n=2)
    >>> round(float(shift.var()), 1)
    1.0
    """

    example: ClassVar = None

    smooth: Effect
    smoothness: float = 0.5
    distinct: Distinct = Distinct()

    @property
    def scales(self) -> bool:
        return stretches(self.distinct) and self.smoothness < 1

    def shift(self, rng: Generator, size: int, batches: int, n: int, n_new_batches: int = 0) -> FloatArray:
        steps = self.distinct.shift(rng, size, batches, n, n_new_batches)
        drift = self.smooth.shift(rng, size, batches, n, n_new_batches)
        mixed: FloatArray = np.sqrt(1 - self.smoothness) * steps + np.sqrt(self.smoothness) * drift
        return mixed

    def root(self, batches: int, n: int) -> FloatArray:
        steps, drift = self.distinct.root(batches, n), self.smooth.root(batches, n)
        return np.hstack([np.sqrt(1 - self.smoothness) * steps, np.sqrt(self.smoothness) * drift])

    def factor(self, rng: Generator, size: int, batches: int) -> FloatArray:
        factor: FloatArray = self.distinct.factor(rng, size, batches) ** np.sqrt(1 - self.smoothness)
        return factor
