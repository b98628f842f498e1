"""Batching rules of labeled rows, which choose the rows of each batch, in training and in testing.

A rule turns the labels of all rows into row numbers of shape (steps, batch size).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from bnstats._checks.arguments import CheckedMethods, checked
from bnstats._checks.array_types import IntArray
from bnstats._checks.arrays import classes_of_rows
from bnstats._checks.numbers import batch_size, count, interval
from bnstats._checks.values import generator
from bnstats.sampling.partial_shuffle import partial_shuffle


@dataclass(frozen=True)
class RowBatching(CheckedMethods, ABC):
    """Base class of batching rules of labeled rows.

    `example` are the arguments of a rule's entry in the registry, by name; it draws batches of 4. `unbiased` is True if
    each row is equally likely at each place of a batch.
    """

    example: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    unbiased: ClassVar[bool] = True
    checks: ClassVar = {"rng": generator, "y": classes_of_rows, "batch_size": batch_size, "steps": count}

    @abstractmethod
    def rows(self, rng: Generator, y: IntArray, batch_size: int, steps: int) -> IntArray:
        """Draw the row numbers of batches.

        Parameters
        ----------
        rng : Generator
            Source of the random choices.
        y : array of int, shape (rows,)
            Class of each row, numbered from 0.
        batch_size : int
            Number of rows in a batch.
        steps : int
            Number of batches.

        Returns
        -------
        array of int, shape (steps, batch_size)
            Row numbers of each batch.
        """

    def check(self, y: IntArray, batch_size: int) -> None:
        """Raise ValueError if no batch of this size can be drawn from rows with these labels.

        Parameters
        ----------
        y : array of int, shape (rows,)
            Class of each row, numbered from 0.
        batch_size : int
            Number of rows in a batch.

        Raises
        ------
        ValueError
            If the rule cannot fill a batch of this size.
        """
        if batch_size > y.size:
            raise ValueError(
                f"batch_size is from 2, as one row has no variance, to {y.size}, the number of rows; got {batch_size}."
            )


@dataclass(frozen=True)
class Shuffled(RowBatching):
    """Shuffled epochs: each row occurs at most once an epoch, in a new random order.

    The last batch of an epoch is dropped if it is short.

    Examples
    --------
    >>> labels = np.array([0, 0, 1, 1, 2, 2])
    >>> np.sort(Shuffled().rows(np.random.default_rng(0), labels, batch_size=3, steps=2).ravel()).tolist()
    [0, 1, 2, 3, 4, 5]
    """

    def rows(self, rng: Generator, y: IntArray, batch_size: int, steps: int) -> IntArray:
        self.check(y, batch_size)
        return _epochs(rng, np.arange(y.size), batch_size, steps)


@dataclass(frozen=True)
class WithReplacement(RowBatching):
    """Rows drawn independently, with replacement: a row may occur twice in a batch.

    Examples
    --------
    >>> WithReplacement().rows(np.random.default_rng(0), np.array([0, 1, 1]), batch_size=2, steps=5).shape
    (5, 2)
    """

    def rows(self, rng: Generator, y: IntArray, batch_size: int, steps: int) -> IntArray:
        self.check(y, batch_size)
        return rng.integers(y.size, size=(steps, batch_size))


@dataclass(frozen=True)
class OneClass(RowBatching):
    """Batches of one class, drawn with probability proportional to its number of rows.

    The rows of a class come in shuffled epochs.

    Examples
    --------
    >>> labels = np.array([0, 0, 1, 1, 1])
    >>> batches = OneClass().rows(np.random.default_rng(0), labels, batch_size=2, steps=4)
    >>> labels[batches].tolist()
    [[1, 1], [1, 1], [1, 1], [0, 0]]
    """

    def rows(self, rng: Generator, y: IntArray, batch_size: int, steps: int) -> IntArray:
        self.check(y, batch_size)
        return _of_classes(rng, y, y[rng.integers(y.size, size=steps)], batch_size)

    def check(self, y: IntArray, batch_size: int) -> None:
        super().check(y, batch_size)
        _check_smallest(y, batch_size)


@checked(classes=count, rows_per_class=count)
@dataclass(frozen=True)
class ClassBalanced(RowBatching):
    """Batches of `classes` different random classes, with `rows_per_class` rows of each class.

    The rows of a class come in shuffled epochs.

    Parameters
    ----------
    classes : int
        Number of classes in a batch.
    rows_per_class : int
        Number of rows of each class in a batch.

    Examples
    --------
    >>> labels = np.repeat(np.arange(4), 5)
    >>> rule = ClassBalanced(classes=2, rows_per_class=3)
    >>> batches = rule.rows(np.random.default_rng(0), labels, batch_size=6, steps=2)
    >>> labels[batches].tolist()
    [[3, 3, 3, 2, 2, 2], [2, 2, 2, 3, 3, 3]]
    """

    example: ClassVar = {"classes": 2, "rows_per_class": 2}
    unbiased: ClassVar[bool] = False

    classes: int
    rows_per_class: int

    def rows(self, rng: Generator, y: IntArray, batch_size: int, steps: int) -> IntArray:
        self.check(y, batch_size)
        present = np.unique(y)
        drawn = rng.random((steps, present.size)).argsort(axis=1)[:, : self.classes]
        return _of_classes(rng, y, present[drawn].ravel(), self.rows_per_class).reshape(steps, batch_size)

    def check(self, y: IntArray, batch_size: int) -> None:
        super().check(y, batch_size)
        if batch_size != self.classes * self.rows_per_class:
            raise ValueError(
                f"batch_size is {self.classes * self.rows_per_class} for {self.classes} classes with "
                f"{self.rows_per_class} rows of each; got {batch_size}."
            )
        present = np.unique(y).size
        if self.classes > present:
            raise ValueError(f"classes is at most {present}, the number of classes in y; got {self.classes}.")
        _check_smallest(y, self.rows_per_class)


@dataclass(frozen=True)
class Sorted(RowBatching):
    """Rows sorted by class, in the same order in every epoch.

    A batch may hold the end of an epoch and the start of the next epoch. The first batch starts at a random row:
    otherwise a few batches, or the last batches of a training, would always have the same classes.

    Examples
    --------
    >>> Sorted().rows(np.random.default_rng(0), np.array([1, 0, 1, 0]), batch_size=3, steps=2).tolist()
    [[2, 1, 3], [0, 2, 1]]
    """

    def rows(self, rng: Generator, y: IntArray, batch_size: int, steps: int) -> IntArray:
        self.check(y, batch_size)
        return np.resize(np.roll(y.argsort(kind="stable"), -rng.integers(y.size)), (steps, batch_size))


@checked(phi=interval("[0, 1)", "a probability of repeating the class"))
@dataclass(frozen=True)
class Correlated(RowBatching):
    """A stream through all batches, in which the class of a row repeats with probability phi.

    Otherwise a new class is drawn, with probability proportional to its number of rows. The classes are thus the
    discrete autoregressive process DAR(1) of Jacobs & Lewis (1978). The row is drawn from its class independently.

    Parameters
    ----------
    phi : float in [0, 1)
        Probability that a row repeats the class of the row before it.

    Examples
    --------
    The expected proportion of repeated classes is 0.9 + 0.1 / 10 = 0.91:

    >>> labels = np.repeat(np.arange(10), 10)
    >>> stream = labels[Correlated(phi=0.9).rows(np.random.default_rng(0), labels, batch_size=50, steps=20)].ravel()
    >>> round(float(np.mean(stream[1:] == stream[:-1])), 2)
    0.91
    """

    example: ClassVar = {"phi": 0.7}

    phi: float

    def rows(self, rng: Generator, y: IntArray, batch_size: int, steps: int) -> IntArray:
        self.check(y, batch_size)
        length = steps * batch_size
        fresh = rng.random(length) >= self.phi
        source = np.maximum.accumulate(np.where(fresh, np.arange(length), 0))
        label = y[rng.integers(y.size, size=length)[source]]
        counts = np.bincount(y)
        within = (rng.random(length) * counts[label]).astype(np.int64)
        by_class = y.argsort(kind="stable")
        rows: IntArray = by_class[(counts.cumsum() - counts)[label] + within]
        return rows.reshape(steps, batch_size)


def _epochs(rng: Generator, members: IntArray, batch_size: int, steps: int) -> IntArray:
    """Draw batches of `members` in shuffled epochs."""
    whole = members.size // batch_size
    epochs = np.empty((-(-steps // whole), whole * batch_size))
    partial_shuffle(rng.random(epochs.shape), members.astype(np.float64), epochs)
    return epochs.reshape(-1, batch_size)[:steps].astype(np.int64)


def _of_classes(rng: Generator, y: IntArray, drawn: IntArray, rows_per_class: int) -> IntArray:
    """Return the next `rows_per_class` rows of each drawn class, shape (draws, rows_per_class)."""
    rows = np.empty((drawn.size, rows_per_class), dtype=np.int64)
    for label in np.unique(drawn):
        here = drawn == label
        rows[here] = _epochs(rng, np.flatnonzero(y == label), rows_per_class, int(np.count_nonzero(here)))
    return rows


def _check_smallest(y: IntArray, rows_per_class: int) -> None:
    counts = np.bincount(y)
    smallest = int(counts[counts > 0].min())
    if rows_per_class > smallest:
        raise ValueError(
            f"a batch needs {rows_per_class} rows of one class, and the smallest class has {smallest}; "
            f"take at most {smallest}."
        )
