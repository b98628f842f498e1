"""Batch effects: what shifts rows by batch or over time, drawn independently of the signal to which it is added."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from bnstats._checks.arguments import CheckedMethods, checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import count, interval, share, whole
from bnstats._checks.values import generator, instance, named

MOST_BATCHES = 2**20
"""Batches, and rows in one, at most: a root has the square of their product in it."""


def _effect_of(_: str, source: Any) -> Effect:
    return Effect.of(source)


class Effect(CheckedMethods, ABC):
    """A random shift of each row; rows come in time order, batch after batch.

    Shifts have mean 0, and an average variance of 1 over the rows of the first `batches`. A subclass is a frozen
    dataclass with `shift` and `root`.
    """

    checks: ClassVar = {
        "rng": generator,
        "size": count,
        "batches": partial(whole, minimum=2, maximum=MOST_BATCHES),
        "n": partial(whole, minimum=1, maximum=MOST_BATCHES),
        "further": partial(whole, minimum=0, maximum=MOST_BATCHES),
    }

    @property
    def name(self) -> str:
        """What tables and figures call it."""
        known = [name for name, effect in EFFECTS.items() if effect == self]
        return known[0] if known else repr(self)

    @property
    def scales(self) -> bool:
        """Whether it stretches values as well."""
        return False

    @abstractmethod
    def shift(self, rng: Generator, size: int, batches: int, n: int, n_new_batches: int = 0) -> FloatArray:
        """Independent draws, shape (size, batches + further, n); `further` batches go on after the first ones."""

    @abstractmethod
    def root(self, batches: int, n: int) -> FloatArray:
        """A matrix L, shape (batches n, any), with L L' the covariance of the rows, up to a shift common to all."""

    def factor(self, rng: Generator, size: int, batches: int) -> FloatArray:
        """By what the values of a batch are stretched about 0, shape (size, batches, 1)."""
        return np.ones((size, batches, 1))

    @staticmethod
    def of(source: Any) -> Effect:
        """The effect of that name in `EFFECTS`, or the effect itself.

        >>> Effect.of("trend"), Effect.of(Sinusoid(2.0)).name
        (Trend(), 'Sinusoid(periods=2.0)')
        """
        if isinstance(source, Effect):
            return source
        return named("effect", source, EFFECTS, "a bn.effects.Effect")


@checked(spread=interval("[0, 10]"))
@dataclass(frozen=True)
class Distinct(Effect):
    """Each batch has its own shift, N(0, 1), and stretches its values by exp(N(0, spread²)).

    Examples
    --------
    >>> shift = Distinct().shift(np.random.default_rng(0), size=1, batches=3, n=4)
    >>> shift.shape, bool((shift == shift[:, :, :1]).all())
    ((1, 3, 4), True)
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
    """Each row shifts by an independent normal step; its average variance 1 is that about the mean of the rows."""

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
        """E mean((W - mean W)²) = step² (rows² - 1) / (6 rows)."""
        return float(np.sqrt(6 * rows / (rows**2 - 1)))


@checked(periods=interval("(0, inf)"))
@dataclass(frozen=True)
class Sinusoid(Effect):
    """A wave with this many periods over the batches, amplitude sqrt(2) and a random phase."""

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
    """A straight line, up or down with equal chances."""

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


def _distinct(name: str, given: Any) -> Distinct:
    effect: Distinct = instance(name, given, Distinct, "bn.effects.Distinct(spread=0.1)")
    return effect


@checked(smooth=_effect_of, smoothness=share, distinct=_distinct)
@dataclass(frozen=True)
class Mixture(Effect):
    """Between distinct and continuous: shares 1 - smoothness and smoothness of the variance.

    Examples
    --------
    >>> shift = Mixture(Trend(), smoothness=0.5).shift(np.random.default_rng(0), size=10_000, batches=20, n=2)
    >>> round(float(shift.var()), 1)
    1.0
    """

    smooth: Effect
    smoothness: float = 0.5
    distinct: Distinct = Distinct()

    @property
    def scales(self) -> bool:
        return self.distinct.scales and self.smoothness < 1

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


EFFECTS: dict[str, Effect] = {
    "distinct": Distinct(),
    "random_walk": RandomWalk(),
    "sinusoid": Sinusoid(),
    "trend": Trend(),
}
