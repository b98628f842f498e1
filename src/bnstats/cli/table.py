"""Numbers in the columns of a table: in cells of text as people of any country write them, or of a type."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bnstats._checks.array_types import FloatArray
from bnstats._checks.values import shown

# Cells of missing values, in upper or lower case.
MISSING = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none"})
# Patterns of numbers with a decimal point or comma.
NUMBER = {
    mark: re.compile(rf"[+-]?([0-9]+{re.escape(mark)}?[0-9]*|{re.escape(mark)}[0-9]+)([eE][+-]?[0-9]+)?")
    for mark in ".,"
}
# Pattern of numbers in the notation of any country.
_NUMERIC = re.compile(r"[+-]?[0-9.,' ]*[0-9][0-9.,' ]*([eE][+-]?[0-9]+)?")
# 1,234 is more than a thousand in some countries, and less than two in others.
_PERHAPS_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}([.,' ][0-9]{3})+([.,][0-9]*)?")


def looks_numeric(cell: str) -> bool:
    """Return True if a cell is a number, with or without decimal or thousands marks.

    >>> looks_numeric("1.234,5"), looks_numeric("-3e5"), looks_numeric("2nd"), looks_numeric("")
    (True, True, False, False)
    """
    return _NUMERIC.fullmatch(cell) is not None


@dataclass(frozen=True)
class NumberColumn:
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

    def numbers(self, file: Path) -> FloatArray:
        """Return the values; raise ValueError if a cell is neither a number nor missing."""
        if self.row is None:
            return self.values
        said = f"row {self.row} of {file} has {shown(self.cell)} in column {self.name}, which is no number"
        if _THOUSANDS.fullmatch(self.cell):
            raise ValueError(f"{said} that is read: remove thousands separators, or say --decimal.")
        raise ValueError(f"{said}; correct it, or leave such cells out with --missing {shlex.quote(self.cell)}.")


@dataclass(frozen=True)
class FileTable:
    """Columns of a file.

    Attributes
    ----------
    cells : list of Series
        Cells of each column below the header, as text, or of a type. The index of text counts rows of the file from 0.
    how : list of str
        Words on how the file was read.
    above : int
        Rows above the first cell: 1 with a header, else 0.
    typed : bool
        True if columns have types.
    """

    file: Path
    names: list[str]
    cells: list[pd.Series]
    how: list[str]
    above: int = 0
    typed: bool = False

    def decimal(self, columns: list[pd.Series]) -> str:
        """Return the decimal mark of these columns: a comma if a comma is no thousands separator."""
        if self.typed:
            return "."
        every = pd.concat([pd.Series(dtype=str), *columns])
        found = {}
        for mark in ".,":
            marked = every[every.str.contains(mark, regex=False)]
            found[mark] = marked[marked.str.fullmatch(NUMBER[mark]).astype(bool)]
        if found[","].empty:
            return "."
        said = f"row {found[','].index[0] + 1} of {self.file} has {found[','].iloc[0]}"
        if not found["."].empty:
            other = f"row {found['.'].index[0] + 1} {found['.'].iloc[0]}"
            raise ValueError(f"{said} and {other}; say which is the mark: --decimal , or --decimal .")
        if found[","].str.fullmatch(_PERHAPS_THOUSANDS).all():
            raise ValueError(
                f"{said}: with decimal commas, say --decimal ,; thousands separators are not read, remove them."
            )
        return ","

    def read(self, place: int, decimal: str, missing: tuple[str, ...]) -> NumberColumn:
        """Return the numbers of a column, and its first cell that is no number."""
        name, cells = self.names[place], self.cells[place]
        if cells.dtype.kind in "iuf":
            values = cells.to_numpy(np.float64, na_value=np.nan)
            if not np.isinf(values).any():
                return NumberColumn(name, values, int(np.isnan(values).sum()))
        if self.typed:
            cells = cells.astype(object).where(cells.notna(), "").map(str).str.strip()
        absent = cells.str.casefold().isin(MISSING | {word.strip().casefold() for word in missing}).to_numpy(bool)
        values = np.full(len(cells), np.nan)
        right = ~absent & cells.str.fullmatch(NUMBER[decimal]).to_numpy(bool)
        values[right] = [float(cell.replace(",", ".")) for cell in cells[right]]
        values[np.isinf(values)] = np.nan
        wrong = np.flatnonzero(~absent & np.isnan(values))
        if not wrong.size:
            return NumberColumn(name, values, int(absent.sum()))
        row, cell = int(wrong[0]) + self.above + 1, str(cells.iloc[wrong[0]])
        return NumberColumn(name, values, int(absent.sum()), row, cell, sum(map(looks_numeric, cells.iloc[wrong])))
