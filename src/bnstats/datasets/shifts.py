"""Shifts: differences between the test rows and the training rows of a network, each with a severity.

Severity 0 changes no row. A spread is the root mean square of the columns' standard deviations over the given rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from bnstats._checks.arguments import CheckedMethods
from bnstats._checks.array_types import Float32Array, IntArray
from bnstats._checks.arrays import classes_of_rows, rows_of_inputs
from bnstats._checks.numbers import number
from bnstats._checks.user_code import is_own
from bnstats._checks.values import generator
from bnstats.datasets.dataset import chosen

Rows = tuple[Float32Array, IntArray]


def _of_same_rows(apply: Callable[..., Rows]) -> Callable[..., Rows]:
    """Check that there is a class for each row."""

    @wraps(apply)
    def checked_call(self: Shift, rng: Generator, x: Float32Array, y: IntArray) -> Rows:
        if len(x) != len(y):
            raise ValueError(f"y contains the class of each row of x; got {len(y)} classes of {len(x)} rows.")
        return apply(self, rng, x, y)

    return checked_call


@dataclass(frozen=True)
class Shift(CheckedMethods, ABC):
    """Base class of shifts.

    Parameters
    ----------
    severity : float
        Size of the shift, at least 0; its unit is that of the subclass.
    """

    checks: ClassVar = {"rng": generator, "x": rows_of_inputs, "y": classes_of_rows}
    per_row: ClassVar = ("x", "y")
    gives_back: ClassVar = ("x", "y")

    severity: float

    label: ClassVar[str]
    max_severity: ClassVar[float] = 1e6
    changes_classes: ClassVar[bool] = False
    """True if the shift may replace rows by rows of another class."""

    def __init_subclass__(cls) -> None:
        if "apply" in vars(cls) and not is_own(cls):
            cls.apply = _of_same_rows(cls.apply)  # type: ignore[method-assign]
        super().__init_subclass__()

    def __post_init__(self) -> None:
        severity = number(f"the severity of a {self.label} shift", self.severity, f"[0, {self.max_severity:g}]")
        object.__setattr__(self, "severity", severity)

    @property
    def name(self) -> str:
        """Label and severity, as in "noise 0.5"."""
        return f"{self.label} {self.severity:.15g}"

    @abstractmethod
    def apply(self, rng: Generator, x: Float32Array, y: IntArray) -> tuple[Float32Array, IntArray]:
        """Return shifted rows and their labels, without changing `x` and `y` in place.

        Parameters
        ----------
        rng : Generator
            Source of random shifts.
        x : array, shape (rows, inputs)
            Test rows.
        y : array of int, shape (rows,)
            Class of each row, numbered from 0.

        Returns
        -------
        x : array, shape (rows, inputs)
            Shifted rows, in pandas or polars if the given `x` is.
        y : array of int, shape (rows,)
            Class of each shifted row, in pandas or polars if the given `y` is.
        """


@dataclass(frozen=True)
class Gain(Shift):
    """All inputs multiplied by 1 + severity.

    Examples
    --------
    >>> Gain(0.5).apply(np.random.default_rng(0), np.ones((1, 2), np.float32), np.array([0]))[0].tolist()
    [[1.5, 1.5]]
    """

    label = "gain"

    def apply(self, rng: Generator, x: Float32Array, y: IntArray) -> tuple[Float32Array, IntArray]:
        return x * np.float32(1 + self.severity), y


@dataclass(frozen=True)
class Offset(Shift):
    """All inputs plus `severity` spreads.

    Examples
    --------
    >>> x = np.array([[-1.0], [1.0]], np.float32)
    >>> Offset(2.0).apply(np.random.default_rng(0), x, np.array([0, 1]))[0].tolist()
    [[1.0], [3.0]]
    """

    label = "offset"

    def apply(self, rng: Generator, x: Float32Array, y: IntArray) -> tuple[Float32Array, IntArray]:
        return x + np.float32(self.severity) * _spread(x), y


@dataclass(frozen=True)
class Contrast(Shift):
    """Deviations of each row from its own mean multiplied by 1 - severity; at 1, a row is constant.

    Examples
    --------
    >>> Contrast(0.5).apply(np.random.default_rng(0), np.array([[0.0, 4.0]], np.float32), np.array([0]))[0].tolist()
    [[1.0, 3.0]]
    """

    label = "contrast"
    max_severity = 1.0

    def apply(self, rng: Generator, x: Float32Array, y: IntArray) -> tuple[Float32Array, IntArray]:
        return x + np.float32(self.severity) * (x.mean(axis=1, keepdims=True) - x), y


@dataclass(frozen=True)
class Noise(Shift):
    """Independent normal noise with a standard deviation of `severity` spreads.

    Examples
    --------
    >>> Noise(0.5).name
    'noise 0.5'
    """

    label = "noise"

    def apply(self, rng: Generator, x: Float32Array, y: IntArray) -> tuple[Float32Array, IntArray]:
        return x + np.float32(self.severity) * _spread(x) * rng.standard_normal(x.shape, dtype=np.float32), y


@dataclass(frozen=True)
class ClassMix(Shift):
    """A proportion `severity` of the rows of each class replaced by rows of a random favored class.

    Each call draws a favored class. The proportion p of another class becomes (1 - severity) p, up to half a row. The
    favored class has all other rows: at 1, all rows.

    Examples
    --------
    >>> y = np.repeat(np.arange(3), 4)
    >>> np.unique(ClassMix(1.0).apply(np.random.default_rng(0), np.zeros((12, 2), np.float32), y)[1]).size
    1
    """

    label = "class mix"
    max_severity = 1.0
    changes_classes = True

    def apply(self, rng: Generator, x: Float32Array, y: IntArray) -> tuple[Float32Array, IntArray]:
        members = np.flatnonzero(y == rng.choice(np.unique(y)))
        replaced = chosen(rng, y, np.rint(self.severity * np.bincount(y)).astype(np.int64))
        rows = np.where(replaced, rng.choice(members, y.size), np.arange(y.size))
        return x[rows], y[rows]


def _spread(x: Float32Array) -> np.float32:
    return np.float32(np.sqrt(x.var(axis=0, dtype=np.float64).mean()))
