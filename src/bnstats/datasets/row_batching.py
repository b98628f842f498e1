"""Batching rules of labeled rows: which rows a network gets together, in training or in testing.

A rule turns the labels of all rows into row numbers, shape (steps, batch size); the same rules serve training and test
batches.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

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
    """What every batching rule of labeled rows offers."""

    checks: ClassVar = {"rng": generator, "y": classes_of_rows, "batch_size": batch_size, "steps": count}

    @abstractmethod
    def rows(self, rng: Generator, y: IntArray, batch_size: int, steps: int) -> IntArray:
        """Row numbers of the batches, shape (steps, batch size); `y` holds the class of each row, whole, from 0."""

    def check(self, y: IntArray, batch_size: int) -> None:
        """Raise ValueError if no batch of this size can be made of rows with these labels."""
        if batch_size > y.size:
            raise ValueError(
                f"a batch of these {y.size} rows has from 2 to {y.size} of them, one has no variance; "
                f"got batch size {batch_size}."
            )


@dataclass(frozen=True)
class Shuffled(RowBatching):
    """Epochs: each row at most once an epoch, in a fresh random order; the last short batch of an epoch is dropped.

    >>> labels = np.array([0, 0, 1, 1, 2, 2])
    >>> np.sort(Shuffled().rows(np.random.default_rng(0), labels, batch_size=3, steps=2).ravel()).tolist()
    [0, 1, 2, 3, 4, 5]
    """

    def rows(self, rng: Generator, y: IntArray, batch_size: int, steps: int) -> IntArray:
        self.check(y, batch_size)
        return _epochs(rng, np.arange(y.size), batch_size, steps)


@dataclass(frozen=True)
class WithReplacement(RowBatching):
    """Independent rows: one may come twice in a batch.

    >>> WithReplacement().rows(np.random.default_rng(0), np.array([0, 1, 1]), batch_size=2, steps=5).shape
    (5, 2)
    """

    def rows(self, rng: Generator, y: IntArray, batch_size: int, steps: int) -> IntArray:
        self.check(y, batch_size)
        return rng.integers(y.size, size=(steps, batch_size))


@dataclass(frozen=True)
class OneClass(RowBatching):
    """Each batch of one class, which is drawn with its frequency; the rows of a class come in shuffled epochs.

    >>> labels = np.array([0, 0, 1, 1, 1])
    >>> batches = OneClass().rows(np.random.default_rng(0), labels, batch_size=2, steps=100)
    >>> bool((labels[batches][:, 0] == labels[batches][:, 1]).all())
    True
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
    """Each batch of `classes` different classes, drawn at random, with `each` rows of each.

    The rows of a class come in shuffled epochs.

    >>> labels = np.repeat(np.arange(4), 5)
    >>> batches = ClassBalanced(classes=2, each=3).rows(np.random.default_rng(0), labels, batch_size=6, steps=100)
    >>> sorted(np.bincount(labels[batches[0]], minlength=4).tolist())
    [0, 0, 3, 3]
    """

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
                f"{self.classes} classes with {self.rows_per_class} rows each make a batch of "
                f"{self.classes * self.rows_per_class}; got "
                f"batch size {batch_size}."
            )
        present = np.unique(y).size
        if self.classes > present:
            raise ValueError(f"classes is at most {present}, as many as there are; got {self.classes}.")
        _check_smallest(y, self.rows_per_class)


@dataclass(frozen=True)
class Sorted(RowBatching):
    """Rows by class, in the same order epoch after epoch; a batch may hold the end of one and the start of the next.

    It starts at a random row: else a few batches, or the last ones of a training, would always be of the same classes.

    >>> Sorted().rows(np.random.default_rng(0), np.array([1, 0, 1, 0]), batch_size=3, steps=2).tolist()
    [[2, 1, 3], [0, 2, 1]]
    """

    def rows(self, rng: Generator, y: IntArray, batch_size: int, steps: int) -> IntArray:
        self.check(y, batch_size)
        return np.resize(np.roll(y.argsort(kind="stable"), -rng.integers(y.size)), (steps, batch_size))


@checked(phi=interval("[0, 1)", "a probability of repeating the class"))
@dataclass(frozen=True)
class Correlated(RowBatching):
    """A stream through all batches: with probability phi a row has the class of the one before it, else a fresh class.

    A fresh class is drawn with its frequency, so that the classes are the discrete autoregressive process DAR(1) of
    Jacobs & Lewis (1978); which row of its class comes is independent.

    >>> labels = np.repeat(np.arange(10), 10)
    >>> stream = labels[Correlated(phi=0.9).rows(np.random.default_rng(0), labels, batch_size=50, steps=20)].ravel()
    >>> bool(np.mean(stream[1:] == stream[:-1]) > 0.8)     # 0.91 expected
    True
    """

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
    """Batches of `members` in shuffled epochs."""
    whole = members.size // batch_size
    epochs = np.empty((-(-steps // whole), whole * batch_size))
    partial_shuffle(rng.random(epochs.shape), members.astype(np.float64), epochs)
    return epochs.reshape(-1, batch_size)[:steps].astype(np.int64)


def _of_classes(rng: Generator, y: IntArray, drawn: IntArray, rows_per_class: int) -> IntArray:
    """For each class drawn, its next `each` rows, shape (draws, each)."""
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
            f"a batch asks for {rows_per_class} rows of one class, of which the smallest has {smallest}; ask for "
            "at most that."
        )
