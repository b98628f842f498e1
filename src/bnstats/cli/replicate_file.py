"""Reading of replicates from a user's table file, which is never evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bnstats._checks.values import shown
from bnstats.cli.table import FileTable, NumberColumn
from bnstats.cli.table_file import LISTED, Options, read_table


def read_replicates(file: Path, numbers: Sequence[str], others: Sequence[str], options: Options) -> Any:
    """Read columns of a file: those in `numbers` as numbers, those in `others` as numbers if all cells are.

    Raises
    ------
    ValueError
        If the file is no table, lacks a column, or holds a cell in `numbers` that is no number.
    OSError
        If the file cannot be opened.
    ImportError
        For a .parquet file without pyarrow.
    """
    table = read_table(file, options, header=True)
    places = {name: _place(table, name) for name in (*numbers, *others)}
    decimal = options.decimal or table.decimal([table.cells[places[name]] for name in numbers])
    read = {name: table.read(place, decimal, options.missing) for name, place in places.items()}
    return pd.DataFrame(
        {
            name: read[name].numbers(file) if name in numbers else _labels(table, read[name], table.cells[place])
            for name, place in places.items()
        }
    )


def _place(table: FileTable, name: str) -> int:
    count = table.names.count(name)
    if count != 1:
        listed = ", ".join(table.names[:LISTED])
        raise ValueError(f"{table.file} has {count} columns {shown(name)}; its columns: {listed}.")
    return table.names.index(name)


def _labels(table: FileTable, read: NumberColumn, cells: pd.Series) -> Any:
    """Return cells of a type as they are, and cells of text as numbers if all of them are numbers."""
    if table.typed:
        return cells
    if read.row is not None:
        return cells.to_numpy()
    whole = not read.left_out and (read.values == read.values.round()).all()
    return read.values.astype(int) if whole else read.values
