"""Reading of one column of numbers from a user's array or table file, which is never evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats._checks.values import shown
from bnstats.cli import table_file
from bnstats.cli.table import FileTable, NumberColumn
from bnstats.cli.table_file import LISTED, Options, ending_of, read_table, refuse

ENDINGS = (*table_file.ENDINGS, ".npy")


@dataclass(frozen=True)
class Column:
    """Values of a column, without missing ones, and a sentence that names their file and column."""

    values: FloatArray
    described: str


def read_column(file: Path, options: Options = Options()) -> Column:
    """Read a column of numbers.

    Parameters
    ----------
    file : path
        A text file, a .parquet file, or a .npy file, whose values are all read.
    options : Options
        The column is required if at least half of the cells are numbers in several columns.

    Returns
    -------
    Column
        Values and their description.

    Raises
    ------
    ValueError
        If the file cannot be read as numbers, or can be read in several ways. The message names the option that
        decides.
    OSError
        If the file cannot be opened.
    ImportError
        For a .parquet file without pyarrow.
    """
    if ending_of(file, ENDINGS) == ".npy":
        return _array(file, options)
    table = read_table(file, options, options.header)
    chosen = [cells for name, cells in zip(table.names, table.cells, strict=True) if options.column in (None, name)]
    decimal = options.decimal or table.decimal(chosen or table.cells)
    columns = [table.read(place, decimal, options.missing) for place in range(len(table.names))]
    how = _how(table, decimal)
    column = _only(file, columns, how) if options.column is None else _named(file, columns, options.column)
    return _column(f"{file}, column {column.name}{how}", column.numbers(file), "choose another with --column")


def _how(table: FileTable, decimal: str) -> str:
    """Return how a file was read, in brackets."""
    parts = [*table.how, *(["decimal comma"] if decimal == "," else [])]
    parts += [] if table.above or table.typed else ["no header"]
    return f" ({', '.join(parts)})" if parts else ""


def _column(where: str, values: FloatArray, fix: str) -> Column:
    """Return the values that are present, if two of them differ."""
    present = values[~np.isnan(values)]
    if not present.size or (present == present[0]).all():
        found = f"all {present.size} are {present[0]:g}" if present.size else "none is a number"
        raise ValueError(f"{where}: two different values are needed, {found}; {fix}.")
    return Column(present, f"{where}: {present.size} values read, {values.size - present.size} missing left out.")


def _array(file: Path, options: Options) -> Column:
    refuse(file, options, "column", "sep", "decimal", "header", "missing")
    try:
        with file.open("rb") as opened:
            found = np.lib.format.read_array(opened, allow_pickle=False)
    except (ValueError, EOFError):
        found = None
    if found is None or found.dtype.kind not in "fiu":
        kind = "is damaged, or another file" if found is None else f"has type {found.dtype}"
        raise ValueError(f"a .npy file holds an array of real numbers; {file} {kind}.")
    values = found.astype(np.float64).ravel()
    if np.isinf(values).any():
        raise ValueError(f"{file} holds infinite values ({np.isinf(values).sum()} of {values.size}).")
    return _column(f"{file}, shape {found.shape}", values, "name another file")


def _named(file: Path, columns: Sequence[NumberColumn], requested: str) -> NumberColumn:
    """Return the column of this name, or of this number if no column has the name."""
    places = [place for place, column in enumerate(columns) if column.name == requested.strip()]
    if len(places) > 1:
        numbers = ", ".join(str(place + 1) for place in places)
        raise ValueError(f"{len(places)} columns of {file} are called {requested}; give --column as one of {numbers}.")
    if not places and requested.isascii() and requested.isdecimal() and 1 <= int(requested) <= len(columns):
        places = [int(requested) - 1]
    if not places:
        raise ValueError(f"--column is one of the columns of {file}: {_listed(columns)}; got {shown(requested)}.")
    return columns[places[0]]


def _only(file: Path, columns: Sequence[NumberColumn], how: str) -> NumberColumn:
    """Return the only column of numbers; raise ValueError if there are several or none."""
    found = [column for column in columns if column.mostly_numbers]
    if len(found) > 1:
        raise ValueError(
            f"{file} has {len(found)} columns of numbers{how}: {_listed(found)}; choose one with --column."
        )
    if not found:
        fix = "name another separator with --sep"
        if len(columns) == 1:
            unequal = "no comma, semicolon, tab or bar makes rows of equal length"
            fix = f"{unequal}: correct the rows, or name a separator with --sep"
        raise ValueError(f"{file} has no column of numbers{how}: {_listed(columns)}; {fix}.")
    return found[0]


def _listed(columns: Sequence[NumberColumn]) -> str:
    names = ", ".join(map(str, columns[:LISTED]))
    return names if len(columns) <= LISTED else f"{names} and {len(columns) - LISTED} more"
