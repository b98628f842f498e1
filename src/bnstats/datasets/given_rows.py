"""Checks of the user's rows and labels, before a network is trained on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray, IntArray
from bnstats._checks.arrays import LARGEST_INPUT, labels_of_rows, real_numbers
from bnstats._checks.labels import aligned, column_order
from bnstats._checks.tables import columns_of, finite_only


def checked_rows(source: Any, test: Any) -> tuple[FloatArray, IntArray, tuple[FloatArray, IntArray] | None]:
    """Return copies of the rows, their classes, and the test rows with their classes.

    Parameters
    ----------
    source : (x, y)
        Rows and labels as the user gave them.
    test : (x, y) or None
        Test rows and labels as the user gave them.

    Returns
    -------
    x : array, shape (rows, inputs)
        Inputs.
    y : array of int, shape (rows,)
        Classes, numbered from 0 in increasing order of the labels.
    test : (x, y) or None
        Test rows and their classes, in the same numbers.

    Raises
    ------
    ValueError
        If no classifier can be trained on the rows and labels.

    Examples
    --------
    >>> checked_rows(([[1.0], [2.0], [3.0], [4.0]], ["b", "a", "b", "a"]), None)[1].tolist()
    [1, 0, 1, 0]
    """
    x, labels, rows = _pair(source, "dataset")
    classes, y = _numbered(labels)
    constant = np.flatnonzero((x == x[0]).all(axis=0))
    if constant.size:
        raise ValueError(
            f"{constant.size} columns of x are constant, the first is column {constant[0]}: drop them with "
            f"{_varying(rows)}."
        )
    with np.errstate(over="ignore", under="ignore"):
        spread = x.std(axis=0)
    odd = np.flatnonzero((spread == 0) | ~np.isfinite(spread))
    if odd.size:
        raise ValueError(
            f"{odd.size} columns of x hold values too large or too close for a standard deviation, the first is column "
            f"{odd[0]}: change the unit of these columns."
        )
    if test is not None:
        tested, labels = _test(test, x.shape[1], columns_of(rows), classes)
        with np.errstate(over="ignore"):
            far = (np.abs((tested - x.mean(axis=0)) / spread) > LARGEST_INPUT).any(axis=0)
        if far.any():
            raise ValueError(
                f"column {np.argmax(far)} of test lies more than {LARGEST_INPUT:g} standard deviations from the "
                "training rows: give both in one unit."
            )
        return x, y, (tested, labels)
    count = np.bincount(y)
    if count.min() < 2:
        raise ValueError(
            f"class {classes.tolist()[count.argmin()]!r} has 1 row, which cannot be split into training and test rows; "
            "drop the row, or give test=."
        )
    return x, y, None


def _varying(rows: Any) -> str:
    """Return code that keeps the columns that vary."""
    return "x.loc[:, x.nunique() > 1]" if hasattr(rows, "loc") else "x[:, np.ptp(x, axis=0) > 0]"


def _pair(source: Any, argument: str) -> tuple[FloatArray, NDArray[Any], Any]:
    """Return finite rows, their labels, and the rows as the user gave them."""
    try:
        rows, labels = source
    except Exception:  # a user's object may raise any exception when it is unpacked
        raise ValueError(
            f"{argument} is a pair (x, y): numbers of shape (rows, inputs) and labels of shape (rows,); "
            f"got {type(source).__name__}."
        ) from None
    names = f"x of {argument}", f"y of {argument}"
    rows, labels = aligned(dict(zip(names, (rows, labels), strict=True))).values()
    x, y = real_numbers(names[0], rows), labels_of_rows(names[1], labels)
    if x.ndim != 2 or y.shape != x.shape[:1] or not x.size:
        raise ValueError(
            f"{argument} needs x of shape (rows, inputs) and a label for each row; got x {x.shape} and y {y.shape}."
        )
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{argument} holds finite values; {np.count_nonzero(bad)} rows of x have NaN or infinite values: keep the "
            f"others with {finite_only(names[0], rows, axes=2)}, and their y."
        )
    missing = np.count_nonzero(pd.isna(y))
    if missing:
        raise ValueError(f"labels y hold NaN; {missing} of {y.size} labels are missing: drop the rows without a label.")
    return x.astype(np.float64), y, rows


def _numbered(y: NDArray[Any]) -> tuple[NDArray[Any], IntArray]:
    """Return the classes in increasing order, and the number of each row's class."""
    try:
        classes, numbers = np.unique(y, return_inverse=True)
    except TypeError:
        raise ValueError(
            "labels y are all numbers or all strings; got a mixture: check whether a label is missing."
        ) from None
    if classes.size < 2:
        raise ValueError(f"labels y hold one class only, {classes.tolist()[0]!r}; give rows of two or more classes.")
    return classes, numbers.astype(np.int64)


def _test(test: Any, inputs: int, columns: list[Any] | None, classes: NDArray[Any]) -> tuple[FloatArray, IntArray]:
    x, y, rows = _pair(test, "test")
    order = column_order("x of test", rows, columns, "the training rows")
    x = x if order is None else x[:, order]
    if x.shape[1] != inputs:
        raise ValueError(f"test has {x.shape[1]} columns, the training rows {inputs}; give the same columns in both.")
    known = classes.tolist()
    unknown = [label for label in y.tolist() if label not in known]
    if unknown:
        raise ValueError(f"test holds a class that no training row has, {unknown[0]!r}; drop the rows of this class.")
    return x, np.searchsorted(classes, y).astype(np.int64)
