"""Rows and labels of the user's own, checked before anything is learned from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._arrays import FloatArray, IntArray
from bnstats._real_arrays import plain_array


def checked_rows(source: Any, test: Any) -> tuple[FloatArray, IntArray, tuple[FloatArray, IntArray] | None]:
    """Copies of the rows, their classes numbered from 0 in the order of the labels, and the test rows likewise.

    Raises
    ------
    ValueError
        For rows and labels that nothing can be learned from.

    Examples
    --------
    >>> checked_rows(([[1.0], [2.0], [3.0], [4.0]], ["b", "a", "b", "a"]), None)[1].tolist()
    [1, 0, 1, 0]
    """
    x, labels = _pair(source, "dataset")
    classes, y = _numbered(labels)
    constant = np.flatnonzero(np.ptp(x, axis=0) == 0)
    if constant.size:
        raise ValueError(
            f"{constant.size} columns of x are constant, the first is column {constant[0]}: drop them with "
            "x[:, np.ptp(x, axis=0) > 0]."
        )
    with np.errstate(over="ignore", under="ignore"):
        spread = x.std(axis=0)
    odd = np.flatnonzero((spread == 0) | ~np.isfinite(spread))
    if odd.size:
        raise ValueError(
            f"{odd.size} columns of x hold values too large or too close for a standard deviation, the first is column "
            f"{odd[0]}: give them in another unit."
        )
    if test is not None:
        return x, y, _test(*_pair(test, "test"), x.shape[1], classes)
    count = np.bincount(y)
    if count.min() < 2:
        raise ValueError(
            f"class {classes.tolist()[count.argmin()]!r} has 1 row, which cannot be split into training and test rows; "
            "drop it, or give test=."
        )
    return x, y, None


def _pair(source: Any, argument: str) -> tuple[FloatArray, NDArray[Any]]:
    """Finite rows and as many labels."""
    try:
        rows, labels = source
    except Exception:  # an object of the user's may raise anything when it is unpacked
        raise ValueError(
            f"{argument} is a pair (x, y): numbers of shape (rows, inputs) and labels of shape (rows,); "
            f"got {type(source).__name__}, which is none."
        ) from None
    x, y = plain_array(f"x of {argument}", rows), plain_array(f"y of {argument}", labels)
    if x.ndim != 2 or y.shape != x.shape[:1] or not x.size:
        raise ValueError(
            f"{argument} needs x of shape (rows, inputs) and a label for each row; got x {x.shape} and y {y.shape}."
        )
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{argument} needs x of real numbers; got {x.dtype}: convert it with x.astype(float).")
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{argument} holds finite values; {np.count_nonzero(bad)} rows have NaN or infinite ones: keep those with "
            "np.isfinite(x).all(axis=1)."
        )
    return x.astype(np.float64), y


def _numbered(y: NDArray[Any]) -> tuple[NDArray[Any], IntArray]:
    """The classes in increasing order, and the number of each row's class."""
    try:
        classes, numbers = np.unique(y, return_inverse=True)
    except TypeError:
        raise ValueError("labels y are of one kind, numbers or strings; got a mixture: is one missing?") from None
    if (classes != classes).any():
        raise ValueError("labels y hold NaN; drop the rows without a label.")
    if classes.size < 2:
        raise ValueError(f"labels y hold one class only, {classes.tolist()[0]!r}; give two or more to learn.")
    return classes, numbers.astype(np.int64)


def _test(x: FloatArray, y: NDArray[Any], inputs: int, classes: NDArray[Any]) -> tuple[FloatArray, IntArray]:
    if x.shape[1] != inputs:
        raise ValueError(f"test has {x.shape[1]} columns, the training rows {inputs}; give both the same columns.")
    known = classes.tolist()
    unknown = [label for label in y.tolist() if label not in known]
    if unknown:
        raise ValueError(f"test holds a class that no training row has, {unknown[0]!r}; drop its rows.")
    return x, np.searchsorted(classes, y).astype(np.int64)
