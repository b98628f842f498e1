"""Checks of arrays: real, finite, of the shape that is wanted; what would lose information is refused."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._arrays import FloatArray
from bnstats._validation import shown

_MENDS = {
    "c": "take its real part, or its size, with .real or abs",
    "O": "give numbers, as many in each row",
    "M": "give numbers, as (t - t[0]) / np.timedelta64(1, 'D')",
    "m": "give numbers, as t / np.timedelta64(1, 'D')",
}
AXES = {0: "no axes", 1: "one axis", 2: "two axes"}


def plain_array(name: str, given: Any) -> NDArray[Any]:
    """What was given as a NumPy array that lost nothing on the way: masked arrays and ragged lists are refused.

    >>> plain_array("x", [[1, 2], [3]])
    Traceback (most recent call last):
        ...
    ValueError: x is an array; got [[1, 2], [3]], whose rows have different lengths or hold what is no number.
    """
    if isinstance(given, np.ma.MaskedArray):
        raise ValueError(f"{name} is a masked array, whose mask would be lost; give x.compressed(), or fill it.")
    if hasattr(given, "detach"):  # a tensor that takes part in automatic differentiation
        given = given.detach().cpu()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return np.asarray(given)
    except Exception as error:  # an object's own `__array__` may raise anything
        raise ValueError(
            f"{name} is an array; got {shown(given)}, whose rows have different lengths or hold what is no number."
        ) from error


def real_array(name: str, given: Any, axes: int | None = None, least: int = 1, finite: bool = True) -> FloatArray:
    """Real numbers as floats of this machine's byte order, perhaps the array that was given itself.

    Parameters
    ----------
    name : str
    given : array_like
    axes : int, optional
        How many axes it has; by default any number.
    least : int
        Values in it, at least.
    finite : bool
        Whether NaN and infinite values are refused.

    Examples
    --------
    >>> real_array("x", np.array([1, 2], ">i4"))
    array([1., 2.])
    >>> real_array("x", [1 + 2j])
    Traceback (most recent call last):
        ...
    ValueError: x holds real numbers; got complex128: take its real part, or its size, with .real or abs.
    >>> real_array("x", [0.0, np.nan])
    Traceback (most recent call last):
        ...
    ValueError: x holds finite numbers; got 1 NaN or infinite of 2: drop them with x[np.isfinite(x)].
    """
    raw = plain_array(name, given)
    if raw.dtype.kind not in "biuf":
        mend = _MENDS.get(raw.dtype.kind, "give numbers")
        raise ValueError(f"{name} holds real numbers; got {raw.dtype}: {mend}.")
    with np.errstate(over="ignore"):  # of a longer float, which is then infinite
        values = raw.astype(np.float64, copy=False)
    if axes is not None and values.ndim != axes:
        raise ValueError(f"{name} has {AXES[axes]}; got shape {values.shape}.")
    if values.size < least:
        raise ValueError(f"{name} has at least {least} values; got {values.size}.")
    if finite and not np.isfinite(values).all():
        bad = np.count_nonzero(~np.isfinite(values))
        raise ValueError(
            f"{name} holds finite numbers; got {bad} NaN or infinite of {values.size}: "
            "drop them with x[np.isfinite(x)]."
        )
    return values
