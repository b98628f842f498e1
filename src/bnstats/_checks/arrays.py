"""Checks of arrays: real, finite, of the right shape, and converted without loss of information."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import Float32Array, FloatArray, IntArray
from bnstats._checks.numbers import whole
from bnstats._checks.objects import fix_of, numbers_in
from bnstats._checks.tables import finite_only, is_lazy, one_column, readable, variable, without, wordy_columns
from bnstats._checks.values import require, shown

MOST_CLASSES = 1_000_000
AXES = {0: "no axes", 1: "one axis", 2: "two axes"}


def plain_array(name: str, given: Any) -> NDArray[Any]:
    """Return a NumPy array with all information of the argument; refuse masked arrays and ragged lists.

    Tables and columns of pandas, polars and Arrow are arrays, too. Nullable numbers become floats, with NaN for missing
    values.

    >>> plain_array("x", [[1, 2], [3]])
    Traceback (most recent call last):
        ...
    ValueError: x is an array; got [[1, 2], [3]], whose rows have different lengths or hold what is no number.
    """
    if type(given) is np.ndarray and given.dtype.isnative:  # the common case
        return given
    if isinstance(given, np.ma.MaskedArray):
        raise ValueError(f"{name} is a masked array, whose mask would be lost; give x.compressed(), or fill it.")
    if hasattr(given, "detach"):  # a tensor that takes part in automatic differentiation
        given = given.detach().cpu()
    if is_lazy(given):
        raise ValueError(f"{name} is a LazyFrame, which holds no values yet; give {variable(name)}.collect().")
    try:
        array = np.asarray(readable(given))
    except Exception as error:  # an object's own `__array__` may raise anything
        raise ValueError(
            f"{name} is an array; got {shown(given)}, whose rows have different lengths or hold what is no number."
        ) from error
    # pandas and compiled loops take arrays of this machine's byte order only.
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def real_array(
    name: str, given: Any, axes: int | None = None, minimum: int = 1, finite: bool = True, maximum: int | None = None
) -> FloatArray:
    """Return real numbers as floats of this machine's byte order, possibly the given array itself.

    Parameters
    ----------
    name : str
        Name of the argument.
    given : array_like
        Values to check.
    axes : int, optional
        Required number of axes; by default any number.
    minimum : int
        Minimum number of values.
    maximum : int, optional
        Maximum number of values.
    finite : bool
        True to refuse NaN and infinite values.

    Examples
    --------
    >>> real_array("x", np.array([1, 2], ">i4"))
    array([1., 2.])
    >>> real_array("x", [1 + 2j])
    Traceback (most recent call last):
        ...
    ValueError: x holds real numbers; got complex128: take its real part, or its size, with .real or abs.
    >>> real_array("x", np.array([0.0, np.nan]))
    Traceback (most recent call last):
        ...
    ValueError: x holds finite numbers; got 1 NaN or infinite of 2: keep the others with x[np.isfinite(x)].
    """
    given = one_column(given) if axes == 1 else given
    raw = real_numbers(name, given)
    values: FloatArray = raw
    if raw.dtype != np.float64:
        with np.errstate(over="ignore"):  # longer floats may overflow to infinity
            values = raw.astype(np.float64)
    if axes is not None and values.ndim != axes:
        raise ValueError(f"{name} has {AXES[axes]}; got shape {values.shape}.")
    if values.size < minimum:
        raise ValueError(f"{name} has at least {minimum} values; got {values.size}.")
    if maximum is not None and values.size > maximum:
        raise ValueError(f"{name} has at most {maximum} values; got {values.size}.")
    if finite and not np.isfinite(values).all():
        bad = np.count_nonzero(~np.isfinite(values))
        raise ValueError(
            f"{name} holds finite numbers; got {bad} NaN or infinite of {values.size}: "
            f"keep the others with {finite_only(name, given, values.ndim)}."
        )
    return values


def real_numbers(name: str, given: Any) -> NDArray[Any]:
    """Return an array of real numbers of any type, with NaN for missing values.

    >>> real_numbers("x", [1, None])
    array([ 1., nan])
    >>> real_numbers("x", ["1", "2"])
    Traceback (most recent call last):
        ...
    ValueError: x holds real numbers; got <U1: give numbers, as pd.to_numeric(x) makes of text.
    """
    raw = plain_array(name, given)
    if raw.dtype.kind == "O":
        numbers = numbers_in(raw)
        raw = raw if numbers is None else numbers
    if raw.dtype.kind in "biuf":
        return raw
    words = wordy_columns(given)
    if words:
        raise ValueError(
            f"{name} holds real numbers; got columns of other kinds, {shown(words)}: drop them with "
            f"{without(name, given, words)}."
        )
    raise ValueError(f"{name} holds real numbers; got {raw.dtype}: {fix_of(raw, variable(name))}.")


def labels_of_rows(name: str, given: Any) -> NDArray[Any]:
    """Return a label, or another value, of each row; a table with one column counts as that column.

    >>> import pandas as pd
    >>> labels_of_rows("batch", pd.DataFrame({"batch": ["a", "b"]})).tolist()
    ['a', 'b']
    """
    return plain_array(name, one_column(given))


def float_buffer(name: str, out: Any) -> FloatArray:
    """Return an array that can be filled in place: float64, contiguous, writable.

    >>> float_buffer("out", np.zeros(4)[::2])
    Traceback (most recent call last):
        ...
    ValueError: out is a contiguous, writable array of float64, as of np.empty; got array([0., 0.]).
    """
    fits = type(out) is np.ndarray and out.dtype == np.float64 and out.dtype.isnative
    fits = fits and out.flags.c_contiguous and out.flags.writeable
    require(fits, name, out, "a contiguous, writable array of float64, as of np.empty")
    filled: FloatArray = out
    return filled


def batches_buffer(name: str, out: Any) -> FloatArray:
    """Return an array of batches that can be filled in place, shape (batches, batch size)."""
    if np.ndim(float_buffer(name, out)) != 2:
        raise ValueError(f"{name} has two axes, batches and their values; got shape {out.shape}.")
    filled: FloatArray = out
    return filled


def classes_of_rows(name: str, y: Any) -> IntArray:
    """Return the class of each row: whole numbers from 0, one axis.

    >>> classes_of_rows("y", [0.0, 1.0])
    array([0, 1])
    >>> classes_of_rows("y", [-1, 0])
    Traceback (most recent call last):
        ...
    ValueError: y holds the class of each row, whole numbers from 0 to 1000000; got array([-1.,  0.]).
    """
    rows = type(y) is np.ndarray and y.dtype == np.int64 and y.ndim == 1 and y.size > 0
    if rows and y.min() >= 0 and y.max() <= MOST_CLASSES:  # as they are nearly always
        return np.asarray(y)
    values = real_array(name, y, axes=1)
    if not ((values >= 0) & (values <= MOST_CLASSES) & (values == np.floor(values))).all():
        raise ValueError(
            f"{name} holds the class of each row, whole numbers from 0 to {MOST_CLASSES}; got {shown(values)}."
        )
    return values.astype(np.int64)


LARGEST_INPUT = 1e30
"""Maximum size of an input: shifted by the largest factor, it is still a number in single precision."""


def rows_of_inputs(name: str, x: Any) -> Float32Array:
    """Return rows with the inputs of a network: finite, float32, shape (rows, inputs)."""
    values = x if getattr(x, "dtype", None) == np.float32 and type(x) is np.ndarray else real_array(name, x)
    if values.ndim != 2:
        raise ValueError(f"{name} has two axes, rows and inputs; got shape {values.shape}.")
    if values.size and not np.abs(values).max() <= LARGEST_INPUT:
        largest = np.abs(real_array(name, values)).max()
        raise ValueError(f"{name} holds numbers of at most {LARGEST_INPUT:g} in size; got {largest:g}: rescale x.")
    return values.astype(np.float32, copy=False)


def axes_of(name: str, given: Any, of: int) -> tuple[int, ...]:
    """Return the axes of an array with `of` axes, given one axis, different axes, or None for all.

    >>> axes_of("axis", (0, -1), of=3)
    (0, 2)
    """
    if of == 0:
        raise ValueError(f"{name} needs an array with axes; got one number.")
    if given is None:
        return tuple(range(of))
    listed = given if isinstance(given, tuple) else (given,)
    axes = tuple(whole(name, axis, minimum=-of, maximum=of - 1) % of for axis in listed)
    require(0 < len(axes) == len(set(axes)), name, given, "one or more different axes of the array")
    return axes
