"""Reading of one column of numbers from a user's array or table file, which is never evaluated."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bnstats._checks.array_types import FloatArray
from bnstats._checks.values import shown
from bnstats.cli.text_table import NUMBER, SEPARATORS, looks_numeric, text_table

TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
ENDINGS = (*TEXT, ".parquet", ".npy")
# Cells of missing values, in upper or lower case.
MISSING = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none"})
# Maximum names in an error message.
LISTED = 12

# 1,234 is more than a thousand in some countries, and less than two in others.
_PERHAPS_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}([.,' ][0-9]{3})+([.,][0-9]*)?")


@dataclass(frozen=True)
class Options:
    """The user's options for reading a file; see `text_table`."""

    column: str | None = None
    sep: str | None = None
    decimal: str | None = None
    header: bool | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """Values of a column, without missing ones, and a sentence that names their file and column."""

    values: FloatArray
    described: str


@dataclass(frozen=True)
class Read:
    """Column as numbers, NaN elsewhere, with the first cell that is neither a number nor missing."""

    name: str
    values: FloatArray
    left_out: int
    row: int | None = None
    cell: str = ""
    other_numbers: int = 0
    """Number of cells that look like numbers but are not read as numbers."""

    @property
    def mostly_numbers(self) -> bool:
        """True if at least half of the cells that are not missing are numbers."""
        numbers = int(np.isfinite(self.values).sum()) + self.other_numbers
        return numbers > 0 and 2 * numbers >= len(self.values) - self.left_out

    def __str__(self) -> str:
        return self.name if self.row is None else f"{self.name} (row {self.row} is {shown(self.cell)})"


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
    ending = next((ending for ending in ENDINGS if file.name.lower().endswith(ending)), None)
    if ending is None:
        raise ValueError(f"FILE ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}; got {file}.")
    if ending == ".npy":
        return _array(file, options)
    if ending == ".parquet":
        columns, how = _parquet(file, options), ""
    else:
        columns, how = _text(file, options)
    chosen = _named(file, columns, options.column) if options.column is not None else _only(file, columns, how)
    if chosen.row is not None:
        raise ValueError(not_a_number(file, chosen))
    return _column(f"{file}, column {chosen.name}{how}", chosen.values, "choose another with --column")


def _column(where: str, values: FloatArray, fix: str) -> Column:
    """Return the values that are present, if two of them differ."""
    present = values[~np.isnan(values)]
    if not present.size or (present == present[0]).all():
        found = f"all {present.size} are {present[0]:g}" if present.size else "none is a number"
        raise ValueError(f"{where}: two different values are needed, {found}; {fix}.")
    return Column(present, f"{where}: {present.size} values read, {values.size - present.size} missing left out.")


def _array(file: Path, options: Options) -> Column:
    _refuse(file, ".npy file", options, ("column", "sep", "decimal", "header", "missing"))
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


def _refuse(file: Path, kind: str, options: Options, names: tuple[str, ...]) -> None:
    """Raise ValueError for options that do not apply to this kind of file."""
    given = [f"--{name}" for name in names if getattr(options, name) not in (None, ())]
    if given:
        raise ValueError(f"{', '.join(given)} cannot be used with a {kind}, such as {file}; leave it out.")


def _parquet(file: Path, options: Options) -> list[Read]:
    table = parquet_table(file, options)
    return [of_type(str(table.columns[i]), table.iloc[:, i], options) for i in range(table.shape[1])]


def parquet_table(file: Path, options: Options) -> pd.DataFrame:
    """Read a .parquet file."""
    _refuse(file, ".parquet file", options, ("sep", "decimal", "header"))
    try:
        return pd.read_parquet(file, engine="pyarrow")
    except ImportError:
        raise ImportError(f"{file}: a .parquet file needs pyarrow: python -m pip install pyarrow.") from None
    except ValueError as error:  # errors of Arrow are ValueErrors, too
        raise ValueError(f"{file} is no .parquet file, or a damaged one ({error}).") from None


def of_type(name: str, cells: pd.Series, options: Options) -> Read:
    """Return a column with a type: numbers, or cells written as text."""
    kind = pd.api.types
    if kind.is_numeric_dtype(cells) and not kind.is_bool_dtype(cells) and not kind.is_complex_dtype(cells):
        values = cells.to_numpy(np.float64, na_value=np.nan)
        if not np.isinf(values).any():
            return Read(name, values, int(np.isnan(values).sum()))
    text = cells.astype(object).where(cells.notna(), "").map(str).str.strip()
    return numbers_in(name, text, ".", 0, options)


def _text(file: Path, options: Options) -> tuple[list[Read], str]:
    table = text_table(file, options.sep, options.header)
    chosen = [options.column in (None, name) for name in table.names]
    cells_of_interest = [cells for cells, used in zip(table.cells, chosen, strict=True) if used] or table.cells
    decimal = decimal_mark(file, cells_of_interest) if options.decimal is None else options.decimal
    columns = [
        numbers_in(name, cells, decimal, table.above, options)
        for name, cells in zip(table.names, table.cells, strict=True)
    ]
    parts = [] if table.sep is None else [SEPARATORS.get(table.sep, f"separator {table.sep!r}")]
    parts += [] if decimal == "." else ["decimal comma"]
    parts += [] if table.above else ["no header"]
    return columns, f" ({', '.join(parts)})" if parts else ""


def decimal_mark(file: Path, columns: list[pd.Series]) -> str:
    """Return the decimal mark of all columns: a comma if a comma is no thousands separator."""
    every = pd.concat([pd.Series(dtype=str), *columns])
    found = {}
    for mark in ".,":
        marked = every[every.str.contains(mark, regex=False)]
        found[mark] = marked[marked.str.fullmatch(NUMBER[mark]).astype(bool)]
    if found[","].empty:
        return "."
    row, cell = found[","].index[0] + 1, found[","].iloc[0]
    if not found["."].empty:
        other = f"row {found['.'].index[0] + 1} {found['.'].iloc[0]}"
        raise ValueError(
            f"row {row} of {file} has {cell} and {other}; say which is the mark: --decimal , or --decimal ."
        )
    if found[","].str.fullmatch(_PERHAPS_THOUSANDS).all():
        raise ValueError(
            f"row {row} of {file} has {cell}: with decimal commas, say --decimal ,; thousands separators are not read, "
            "remove them."
        )
    return ","


def numbers_in(name: str, cells: pd.Series, decimal: str, above: int, options: Options) -> Read:
    """Return the numbers in cells of text, and the first cell that is no number."""
    absent = MISSING | {word.strip().casefold() for word in options.missing}
    missing = cells.str.casefold().isin(absent).to_numpy(bool)
    values = np.full(len(cells), np.nan)
    right = ~missing & cells.str.fullmatch(NUMBER[decimal]).to_numpy(bool)
    values[right] = [float(cell.replace(",", ".")) for cell in cells[right]]
    values[np.isinf(values)] = np.nan
    wrong = np.flatnonzero(~missing & np.isnan(values))
    if not wrong.size:
        return Read(name, values, int(missing.sum()))
    other = sum(map(looks_numeric, cells.iloc[wrong]))
    return Read(name, values, int(missing.sum()), int(wrong[0]) + above + 1, str(cells.iloc[wrong[0]]), other)


def _named(file: Path, columns: list[Read], requested: str) -> Read:
    """Return the column of this name, or of this number if no column has the name."""
    found = [column for column in columns if column.name == requested.strip()]
    if len(found) > 1:
        places = ", ".join(str(i + 1) for i, column in enumerate(columns) if column.name == requested.strip())
        raise ValueError(f"{len(found)} columns of {file} are called {requested}; give --column as one of {places}.")
    if not found and requested.isascii() and requested.isdecimal() and 1 <= int(requested) <= len(columns):
        found = [columns[int(requested) - 1]]
    if not found:
        raise ValueError(f"--column is one of the columns of {file}: {_listed(columns)}; got {shown(requested)}.")
    return found[0]


def _only(file: Path, columns: list[Read], how: str) -> Read:
    """Return the only column of numbers; raise ValueError if there are several or none."""
    found = [column for column in columns if column.mostly_numbers]
    if len(found) > 1:
        raise ValueError(
            f"{file} has {len(found)} columns of numbers{how}: {_listed(found)}; choose one with --column."
        )
    if not found:
        raise ValueError(f"{file} has no column of numbers{how}: {_listed(columns)}; {_fix(columns)}.")
    return found[0]


def _fix(columns: list[Read]) -> str:
    if len(columns) > 1:
        return "name another separator with --sep"
    return (
        "no comma, semicolon, tab or bar makes rows of equal length: correct the rows, or name a separator with --sep"
    )


def _listed(columns: list[Read]) -> str:
    names = ", ".join(map(str, columns[:LISTED]))
    return names if len(columns) <= LISTED else f"{names} and {len(columns) - LISTED} more"


def not_a_number(file: Path, column: Read) -> str:
    """Return the error for a column with a cell that is no number."""
    said = f"row {column.row} of {file} has {shown(column.cell)} in column {column.name}, which is no number"
    if _THOUSANDS.fullmatch(column.cell):
        return f"{said} that is read: remove thousands separators, or say --decimal."
    return f"{said}; correct it, or leave such cells out with --missing {shlex.quote(column.cell)}."
