"""Arrays of Python objects: their numbers or dates, and advice on values that are no numbers."""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray

_DATES = ("datetime", "datetime64", "date")


def numbers_in(objects: NDArray[Any]) -> FloatArray | None:
    """Return the real numbers among objects, NaN for missing values; None if there are other objects.

    >>> numbers_in(np.array([1, None, 2.5], dtype=object))
    array([1. , nan, 2.5])
    """
    import pandas as pd  # imported late, so that importing this package does not load it

    missing = pd.isna(objects)
    if not objects.ndim or not all(isinstance(value, Real) for value in objects[~missing]):
        return None
    found = np.full(objects.shape, np.nan)
    try:
        found[~missing] = objects[~missing].astype(np.float64)
    except OverflowError:  # whole numbers may exceed the largest float
        return None
    return found


def dates_in(objects: NDArray[Any]) -> NDArray[np.datetime64] | None:
    """Return dates, times (in UTC) and starts of periods as dates of NumPy; None for other objects.

    >>> import pandas as pd
    >>> dates_in(np.array([pd.Period("2024-02"), pd.NaT], dtype=object)).astype("M8[D]").astype(str).tolist()
    ['2024-02-01', 'NaT']
    """
    import pandas as pd

    kind = pd.api.types.infer_dtype(objects, skipna=True)
    try:
        if kind == "period":
            return np.asarray(pd.PeriodIndex(objects).to_timestamp().to_numpy())
        if kind in _DATES:
            return np.asarray(pd.to_datetime(objects, utc=True).tz_localize(None).to_numpy())
    except (TypeError, ValueError):  # frequencies may differ, and dates be out of bounds
        return None
    return None


def fix_of(values: NDArray[Any], x: str) -> str:
    """Return advice on an argument, the variable x, that holds these values where numbers are required."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(values.ravel(), skipna=True)
    dates = {"period": f"pd.PeriodIndex({x}).to_timestamp()", **dict.fromkeys(_DATES, f"pd.to_datetime({x})")}
    if kind in dates:
        return f"give days, (t - t.min()) / pd.Timedelta(1, 'D') with t = {dates[kind]}"
    if kind in ("timedelta", "timedelta64"):
        return f"give days, pd.to_timedelta({x}) / pd.Timedelta(1, 'D')"
    if kind == "string":
        return f"give numbers, as pd.to_numeric({x}) makes of text"
    if values.dtype.kind != "O":
        return "take its real part, or its size, with .real or abs" if kind == "complex" else "give numbers"
    if any(isinstance(value, Decimal) for value in values.flat):
        return f"give floats, np.asarray({x}, float)"
    return "give numbers, as many in each row"
