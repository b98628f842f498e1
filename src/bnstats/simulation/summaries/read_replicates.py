"""Reading of a table of replicates: columns by name, conditions, pairs, and what each column must hold."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bnstats._checks.array_types import FloatArray, IntArray
from bnstats._checks.arrays import plain_array, real_array
from bnstats._checks.labels import framed
from bnstats._checks.numbers import number
from bnstats._checks.tables import columns_of
from bnstats._checks.terminal import escaped
from bnstats._checks.values import scalar, several, shown
from bnstats.simulation.replicates.sample import GROUPS
from bnstats.simulation.summaries.grouped_moments import IN_TURN
from bnstats.simulation.summaries.replicate_table import ReplicateTable

TAKEN = ("measure", "value", "mcse", "mcse_df", "replicates", "n_failed")
"""Columns of the result, which no column that names a condition may be called."""


def read(
    replicates: Any,
    numbers: Mapping[str, Any],
    truth: Any,
    by: Any,
    method: Any,
    dataset: Any,
    level: float,
    null: float,
) -> ReplicateTable:
    """Return the columns of a table of replicates; raise ValueError if a column is missing or cannot be right."""
    given = framed("replicates", replicates) if isinstance(replicates, Mapping) else replicates
    known = columns_of(given)
    if known is None:
        raise ValueError(f"replicates is a table of pandas, polars or Arrow, or a mapping; got {shown(replicates)}.")
    names = {name: column for name, column in numbers.items() if column is not None}
    factors = [] if isinstance(by, Sequence) and not len(by) else [*several("by", by)]
    named = [("by", name) for name in factors] + [("method", method)] * (method is not None)
    for argument, name in [*names.items(), *named, *([("dataset", dataset)] if dataset is not None else [])]:
        _check_name(argument, name, known)
    for argument, name in named:
        if name in TAKEN:
            raise ValueError(f"{argument} is a column {name!r}, which the result has, too; rename it in replicates.")
    columns = {
        argument: real_array(f"column {name}", given[name], axes=1, finite=False) for argument, name in names.items()
    }
    _check_numbers(names, columns)
    rows = len(given[known[0]])
    keys = list(dict.fromkeys([name for _, name in named]))
    codes, conditions = _conditions(given, keys, rows)
    parts = IN_TURN
    if dataset is not None:
        parts = _pairs(given, keys, method, dataset, codes, conditions) % GROUPS
    true = _truth(given, truth, known, codes, conditions)
    return ReplicateTable(conditions, codes, parts, columns, true, level, null)


def _check_name(argument: str, name: Any, known: list[Any]) -> None:
    comparable = isinstance(name, Hashable) and name is not pd.NA
    found = sum(comparable and column is not pd.NA and name == column for column in known)
    if found != 1:
        what = f"{found} columns of that name" if found else "no such column"
        listed = ", ".join(escaped(str(column)) for column in known[:12])
        raise ValueError(f"{argument} is the name of a column of replicates ({listed}); got {shown(name)}, {what}.")


def _check_numbers(names: Mapping[str, Any], columns: Mapping[str, FloatArray]) -> None:
    """Raise ValueError for numbers that a column cannot hold."""
    if ("low" in columns) != ("high" in columns):
        missing = "high" if "low" in columns else "low"
        raise ValueError(f"low and high are the two ends of an interval; {missing} is missing.")
    if "se" in columns and "estimate" not in columns:
        raise ValueError("se is the standard error of an estimate; name the column of the estimates with estimate=.")
    if not {"estimate", "low", "p"} & set(columns):
        raise ValueError("name the columns of the replicates: estimate=, low= and high=, or p=.")
    for name, held, most in (("se", "standard errors, at least 0", np.inf), ("p", "p-values, from 0 to 1", 1.0)):
        values = columns.get(name, np.empty(0))
        wrong = (values < 0) | (values > most)
        if wrong.any():
            first = int(np.argmax(wrong))
            raise ValueError(
                f"column {names[name]} holds {held}; {np.count_nonzero(wrong)} rows hold something else, first row "
                f"{first} with {values[first]:g}."
            )
    if "low" in columns and (columns["low"] > columns["high"]).any():
        upside_down = columns["low"] > columns["high"]
        raise ValueError(
            f"column {names['low']} holds the lower and column {names['high']} the upper ends of intervals; in "
            f"{np.count_nonzero(upside_down)} rows the lower end is above the upper end, first in row "
            f"{int(np.argmax(upside_down))}."
        )


def _factor(given: Any, name: Any) -> tuple[IntArray, Any]:
    """Return a number for each row and the distinct values, in the order of their first rows."""
    column = given[name]
    column = column if isinstance(column, pd.Series) else plain_array(f"column {name}", column)
    codes, values = pd.factorize(column, use_na_sentinel=False)
    return codes.astype(np.int64, copy=False), values


def _conditions(given: Any, keys: list[Any], rows: int) -> tuple[IntArray, pd.DataFrame]:
    """Return the condition of each row, and a table of the conditions."""
    if not rows:
        raise ValueError("replicates has no rows.")
    codes, parts = np.zeros(rows, np.int64), []
    for name in keys:
        own, values = _factor(given, name)
        parts.append((name, own, values))
        codes = own if len(parts) == 1 else codes * len(values) + own
        if len(parts) > 1:
            codes, _ = pd.factorize(codes)
    first = np.full(int(codes.max()) + 1, -1)
    first[codes[::-1]] = np.arange(rows - 1, -1, -1)
    # The values may be of an extension type, which keeps its own rows.
    return codes, pd.DataFrame(
        {name: pd.Series(values).iloc[own[first]].to_numpy() for name, own, values in parts}, index=range(first.size)
    )


def _pairs(
    given: Any, keys: list[Any], method: Any, dataset: Any, codes: IntArray, conditions: pd.DataFrame
) -> IntArray:
    """Return a number for the data set of each row; raise ValueError unless each method has each data set once.

    If several methods are compared, all methods of a condition have the same data sets.
    """
    sets, values = _factor(given, dataset)
    _, first, counts = np.unique(codes * len(values) + sets, return_index=True, return_counts=True)

    def where(row: int, names: list[Any]) -> str:
        return _said({**conditions.iloc[int(codes[row])][names].to_dict(), dataset: values[sets[row]]})

    if counts.max() > 1:
        raise ValueError(
            f"each data set has one row per condition{' and method' if method is not None else ''}; "
            f"{np.count_nonzero(counts > 1)} have several, the first is {where(first[np.argmax(counts > 1)], keys)}: "
            "add the column that distinguishes them to by=."
        )
    if method is None:
        return sets
    factors = [name for name in keys if name != method]
    condition = np.zeros(len(conditions), int)
    if factors:
        condition = conditions.groupby(factors, sort=False, dropna=False).ngroup().to_numpy()
    place = condition[codes[first]] * len(values) + sets[first]
    found, begin, methods = np.unique(place, return_index=True, return_counts=True)
    lacking = methods < np.bincount(condition)[found // len(values)]
    if lacking.any():
        raise ValueError(
            f"each data set has a row for each {method}; {np.count_nonzero(lacking)} data sets lack one, the first is "
            f"{where(first[begin[np.argmax(lacking)]], factors)}: give a row with a missing estimate for a replicate "
            "that failed."
        )
    return sets


def _said(where: Mapping[Any, Any]) -> str:
    return ", ".join(f"{escaped(str(name))}={shown(value)}" for name, value in where.items())


def _truth(given: Any, truth: Any, known: list[Any], codes: IntArray, conditions: pd.DataFrame) -> FloatArray:
    """Return the true value of each condition: one number for all, or those of a column."""
    if truth is None:
        return np.full(len(conditions), np.nan)
    constant = scalar(truth)
    if constant is not None and constant not in known:
        return np.full(len(conditions), number("truth", truth, "(-inf, inf)", "a number or the name of a column"))
    _check_name("truth", truth, known)
    values = real_array(f"column {truth}", given[truth], axes=1)
    first = np.empty(len(conditions))
    first[codes[::-1]] = values[::-1]
    other = values != first[codes]
    if other.any():
        where = conditions.iloc[int(codes[np.argmax(other)])].to_dict()
        raise ValueError(
            f"truth is one number in each condition; column {truth} has several "
            f"{f'where {_said(where)}' if where else 'in all'}: add the column that it depends on to by=."
        )
    return first
