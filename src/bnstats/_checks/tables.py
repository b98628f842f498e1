"""Tables and columns of pandas, polars and Arrow: conversion to arrays without loss, and back.

No library of tables is imported here: an object of pandas or polars exists only if its library is loaded.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray


def is_labeled(given: Any) -> bool:
    """Return True if rows have labels: for a Series or a DataFrame of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(given, (pandas.Series, pandas.DataFrame))


def columns_of(given: Any) -> list[Any] | None:
    """Return the names of a table's columns; None if the argument is no table.

    >>> import pandas as pd
    >>> columns_of(pd.DataFrame({"a": [1], "b": [2]})), columns_of([1, 2])
    (['a', 'b'], None)
    """
    if type(given) is np.ndarray:
        return None
    if is_labeled(given):
        return list(given.columns) if given.ndim == 2 else None
    if _is_of("polars", "DataFrame", given):
        return list(given.columns)
    return list(given.column_names) if _is_of("pyarrow", "Table", given) else None


def is_lazy(given: Any) -> bool:
    """Return True if a table of polars is still a query."""
    return _is_of("polars", "LazyFrame", given)


def readable(given: Any) -> Any:
    """Return an object that NumPy reads without loss.

    Nullable numbers become floats with NaN, and the columns of a table stand side by side.

    >>> import pandas as pd
    >>> readable(pd.Series([True, None], dtype="boolean"))
    array([ 1., nan])
    """
    if is_labeled(given):
        return _of_frame(given) if given.ndim == 2 else _of_series(given)
    return given


def one_column(given: Any) -> Any:
    """Return the column of a table with one column; return any other argument unchanged.

    >>> import pandas as pd
    >>> one_column(pd.DataFrame({"batch": ["a", "b"]})).tolist()
    ['a', 'b']
    """
    columns = columns_of(given)
    if columns is None or len(columns) != 1:
        return given
    return given.iloc[:, 0] if is_labeled(given) else given[columns[0]]


def like(given: Any, values: NDArray[Any]) -> Any:
    """Return values in the type of `given`: a pandas object with its labels, a polars object, or an array.

    `values` has the shape of `given`.

    >>> import pandas as pd
    >>> like(pd.Series([1, 2], index=["a", "b"], name="grade"), np.array([0.5, 1.5])).to_dict()
    {'a': 0.5, 'b': 1.5}
    """
    if type(given) is np.ndarray:
        return values
    if is_labeled(given):
        pandas = sys.modules["pandas"]
        if given.ndim == 2:
            return pandas.DataFrame(values, index=given.index, columns=given.columns)
        return pandas.Series(values, index=given.index, name=given.name)
    if _is_of("polars", "Series", given):
        return type(given)(given.name, values)
    if _is_of("polars", "DataFrame", given):
        return type(given)(dict(zip(given.columns, values.T, strict=True)))
    return values


def rows_like(given: Any, values: NDArray[Any], columns: list[Any] | None) -> Any:
    """Return values of each row of a labeled column, shape (rows,) or (rows, columns), with its labels."""
    if not is_labeled(given):
        return like(given, values) if values.ndim == 1 else values
    pandas = sys.modules["pandas"]
    if values.ndim == 1:
        return pandas.Series(values, index=given.index)
    return pandas.DataFrame(values, index=given.index, columns=columns)


def finite_only(name: str, given: Any, axes: int) -> str:
    """Return code that keeps the finite values of an argument, or its finite rows.

    >>> finite_only("x", np.zeros(3), 1), finite_only("each of x", [1.0], 1)
    ('x[np.isfinite(x)]', 'x[np.isfinite(x)] after x = np.asarray(x, float)')
    """
    x = variable(name)
    rows = ".all(axis=1)" if axes == 2 else ""
    if is_labeled(given):
        return f"{x}[np.isfinite({x}.astype(float)){rows}]"
    if _is_of("polars", "Series", given):
        return f"{x}.filter({x}.cast(float).is_finite())"
    if _is_of("polars", "DataFrame", given):
        return f"{x}.filter(pl.all_horizontal(pl.all().cast(float).is_finite()))"
    kept = f"{x}[np.isfinite({x}){rows}]"
    plain = isinstance(given, np.ndarray) and given.dtype.kind in "fiub"
    return kept if plain else f"{kept} after {x} = np.asarray({x}, float)"


def variable(name: str) -> str:
    """Return the argument's name if it can name a variable, else x.

    >>> variable("batch"), variable("y of dataset"), variable("a population")
    ('batch', 'y', 'x')
    """
    head = name.partition(" of ")[0]
    return head if head.isidentifier() and head != "each" else "x"


def wordy_columns(given: Any) -> list[Any]:
    """Return the names of a table's columns that hold no numbers."""
    columns = columns_of(given)
    if columns is None or len(set(map(repr, columns))) < len(columns):
        return []
    if is_labeled(given):
        return [c for c in columns if _of_series(given[c]).dtype.kind not in "biuf"]
    return [c for c in columns if np.asarray(given[c]).dtype.kind not in "biuf"]


def without(name: str, given: Any, columns: list[Any]) -> str:
    """Return code that drops columns of a table."""
    x = variable(name)
    if is_labeled(given):
        return f"{x}.drop(columns={columns!r})"
    return f"{x}.drop({columns!r})" if _is_of("polars", "DataFrame", given) else f"{x}.drop_columns({columns!r})"


def _of_series(series: Any) -> NDArray[Any]:
    kind = getattr(series.dtype, "kind", "O")
    if kind in "biuf" and not isinstance(series.dtype, np.dtype) and bool(series.isna().any()):
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(series)


def _of_frame(frame: Any) -> NDArray[Any]:
    if all(isinstance(kind, np.dtype) for kind in frame.dtypes):
        return np.asarray(frame)
    columns = [_of_series(frame.iloc[:, k]) for k in range(frame.shape[1])]
    numbers = all(column.dtype.kind in "biuf" for column in columns)
    return np.column_stack(columns) if columns and numbers else np.asarray(frame, dtype=object)


def _is_of(library: str, kind: str, given: Any) -> bool:
    """Return True for an object of a class of a library, if the library is loaded."""
    family = getattr(sys.modules.get(library), kind, None)
    return family is not None and isinstance(given, family)
