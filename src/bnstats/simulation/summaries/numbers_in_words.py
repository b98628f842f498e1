"""Numbers and conditions in words, and how each measure of a table changes along a parameter."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bnstats._checks.terminal import plus_minus

MOST_LINES = 24
"""Lines of answers in a summary."""
ALL_OF = 4
"""Numbers along a parameter that are all named; of more, the first and the last."""


def with_error(value: float, mcse: float) -> str:
    """Return a number with its Monte Carlo standard error, to two digits of that error.

    >>> with_error(0.10312, 0.00042), with_error(0.5, 0.0), with_error(math.inf, math.nan), with_error(0.675, math.inf)
    ('0.10312 ± 0.00042', '0.5 exact', 'inf', '0.675 ± inf')
    """
    sign = plus_minus()
    if not (math.isfinite(value) and math.isfinite(mcse)):
        return f"{value:.4g} {sign} inf" if math.isinf(mcse) else f"{value:.4g}"
    if mcse == 0:
        return f"{value:.6g} exact"
    digits = 1 - math.floor(math.log10(mcse))
    if 0 <= digits <= 8:
        return f"{value:.{digits}f} {sign} {mcse:.{digits}f}"
    return f"{value:.6g} {sign} {mcse:.2g}"


def percent_with_error(value: float, mcse: float) -> str:
    """Return a proportion in percent with its Monte Carlo standard error.

    >>> percent_with_error(0.8394, 0.0023)
    '83.94 ± 0.23'
    """
    return with_error(100 * value, 100 * mcse)


def described(row: Any, columns: Sequence[str]) -> str:
    """Return the values of some columns in words, such as "normalizer batch, batch size 4".

    >>> described({"batch_size": 4}, ["batch_size"])
    'batch size 4'
    """
    return ", ".join(f"{column.replace('_', ' ')} {short(row[column])}" for column in columns)


def short(value: Any) -> str:
    """Return a parameter value as text, without digits that come from rounding.

    >>> short(1 - 0.99), short(0.1), short(100000.0), short(64), short("normal")
    ('0.01', '0.1', '100000', '64', 'normal')
    """
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def names_in(table: pd.DataFrame) -> list[str]:
    """Return the columns that name a number."""
    return list(table.columns[: table.columns.get_loc("value")])


def changes(table: pd.DataFrame) -> list[str]:
    """Return a line for each measure and condition: its numbers along the parameter that takes most values.

    >>> changes(pd.DataFrame({"batch_size": [2, 4], "measure": "rmse", "value": [0.7, 0.5], "mcse": 0.01}))
    ['rmse: 0.700 ± 0.010 at batch size 2, 0.500 ± 0.010 at batch size 4.']
    """
    names = [name for name in names_in(table) if table[name].nunique(dropna=False) > 1]
    kind = next((name for name in ("measure", "metric") if name in table), None)
    others = [name for name in names if name != kind]
    numeric = [name for name in others if pd.api.types.is_numeric_dtype(table[name])]
    x = max(numeric or others, key=lambda name: table[name].nunique(), default=None)
    others = [name for name in others if name != x]
    keys = [*([] if kind is None else [kind]), *others]
    groups: Iterable[Any] = table.groupby(keys, sort=False, dropna=False) if keys else [((), table)]
    return [_along(x, rows, kind, others, x in numeric) for _, rows in groups]


def _along(x: str | None, rows: pd.DataFrame, kind: str | None, others: Sequence[str], ordered: bool) -> str:
    """Return the line of one measure in one condition."""
    first = rows.iloc[0]
    subject = "the number" if kind is None else str(first[kind])
    head = ", ".join(filter(None, [subject, described(first, others)]))
    shown = rows.sort_values(x, kind="stable") if x is not None and ordered else rows
    if len(shown) > ALL_OF:
        shown = shown.iloc[[0, -1]] if ordered else shown.iloc[:ALL_OF]
    at = "" if x is None else x.replace("_", " ")
    numbers = [
        with_error(row["value"], row["mcse"]) + ("" if x is None else f" at {at} {short(row[x])}")
        for row in shown.to_dict("records")
    ]
    left = len(rows) - len(shown)
    more = f", and {left} {'between' if ordered else 'more'}" if left else ""
    return f"{head}: {', '.join(numbers)}{more}."
