"""Checks of the arguments of figures: axes, tables with certain columns, colors and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like
from matplotlib.markers import MarkerStyle

from bnstats._checks.arguments import Check
from bnstats._checks.numbers import number, whole
from bnstats._checks.terminal import escaped
from bnstats._checks.values import choice, each, instance, require, shown

MOST_PANELS = 256


def axes(name: str, given: Any) -> Any:
    """Return Matplotlib axes; raise ValueError for anything else."""
    return instance(name, given, Axes, "plt.gca()")


def positive(name: str, given: Any) -> tuple[float, ...]:
    """Return numbers above 0, unchanged: batch sizes, depths or scales for a logarithmic axis.

    >>> positive("sizes", [0.25, 1])
    (0.25, 1)
    """

    def checked(value: Any) -> Any:
        number(f"each of {name}", value, "(0, inf)")
        return value.item() if isinstance(value, np.ndarray) else value

    return each(name, given, checked)


def table(name: str, given: Any, columns: Sequence[str] = (), numbers: Sequence[str] = ()) -> pd.DataFrame:
    """Return a table that has these columns, some of them numeric, and at least one row.

    >>> table("table", pd.DataFrame({"value": [1.0]}), numbers=("value", "mcse"))
    Traceback (most recent call last):
        ...
    ValueError: table is a DataFrame with rows and the columns value, mcse; it lacks mcse.
    """
    required = f"{name} is a DataFrame with rows and the columns {', '.join([*columns, *numbers])}"
    if not isinstance(given, pd.DataFrame):
        raise ValueError(f"{required}; got {shown(given)}.")
    missing = [column for column in (*columns, *numbers) if column not in given]
    if missing or given.empty:
        raise ValueError(f"{required}; it lacks {', '.join(missing) or 'rows'}.")
    words = [column for column in numbers if not pd.api.types.is_numeric_dtype(given[column])]
    if words:
        raise ValueError(f"{required}; {', '.join(words)} must hold numbers only.")
    return given


def literal(text: Any) -> str:
    r"""Return a name so that figures and legends show it character by character, not as a formula.

    >>> literal("$x$"), literal("_hidden"), literal("\x1b[31mred")
    ('\\$x\\$', ' _hidden', '\\x1b[31mred')
    """
    plain = escaped(str(text)).replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain


def named_table_with(*columns: str, numbers: Sequence[str] = ()) -> Check:
    """Return a check for tables with these columns that makes the names literal for a figure."""
    return lambda name, given: literal_names(table(name, given, columns, numbers))


def literal_names(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose column names and text cells are literal."""
    shown = rows.copy()
    for column in rows:
        if not pd.api.types.is_numeric_dtype(rows[column]):
            shown[column] = [literal(cell) if isinstance(cell, str) else cell for cell in rows[column]]
    return shown.rename(columns=lambda name: literal(name) if isinstance(name, str) else name)


def table_with(*columns: str, numbers: Sequence[str] = ()) -> Check:
    """Return a check for tables with these columns."""
    return partial(table, columns=columns, numbers=numbers)


def color(name: str, given: Any) -> Any:
    """Return a color of Matplotlib; raise ValueError for anything else."""
    try:
        known = is_color_like(given)
    except Exception:  # an object's own methods may raise anything
        known = False
    require(known, name, given, "a color of Matplotlib, such as 'C0'")
    return given


def marker(name: str, given: Any) -> str:
    """Return the name of a Matplotlib marker; raise ValueError for anything else."""
    return choice(name, given, [known for known in MarkerStyle.markers if isinstance(known, str)])


def column(name: str, given: Any, rows: pd.DataFrame) -> str:
    """Return the name of a column of the table; raise ValueError for any other name."""
    return choice(name, given, [str(known) for known in rows.columns])


def as_many(name: str, given: Any, count: int) -> list[Any]:
    """Return a list of `count` items, such as one label for each row."""
    listed = isinstance(given, Sequence) and not isinstance(given, str | Mapping)
    require(listed and len(given) == count, name, given, f"a list of {count}")
    return list(given)


panel_count = partial(whole, minimum=1, maximum=MOST_PANELS)
"""Check for a number of panels."""
