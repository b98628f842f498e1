"""Reading of replicates from a user's table file, which is never evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bnstats._checks.array_types import FloatArray
from bnstats._checks.values import shown
from bnstats.cli.column_file import (
    TEXT,
    Options,
    Read,
    decimal_mark,
    not_a_number,
    numbers_in,
    of_type,
    parquet_table,
)
from bnstats.cli.text_table import text_table

ENDINGS = (*TEXT, ".parquet")


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
    if not file.name.lower().endswith(ENDINGS):
        raise ValueError(f"FILE ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}; got {file}.")
    requested = list(dict.fromkeys((*numbers, *others)))
    if file.name.lower().endswith(".parquet"):
        table = parquet_table(file, options)
        columns = _named(
            file, list(map(str, table.columns)), [table.iloc[:, k] for k in range(table.shape[1])], requested
        )
        return pd.DataFrame(
            {
                name: _numbers(file, of_type(name, column, options)) if name in numbers else column
                for name, column in columns.items()
            }
        )
    text = text_table(file, options.sep, header=True)
    cells = _named(file, text.names, text.cells, requested)
    decimal = options.decimal or decimal_mark(file, [cells[name] for name in numbers])
    read = {name: numbers_in(name, cells[name], decimal, 1, options) for name in requested}
    return pd.DataFrame(
        {
            name: _numbers(file, read[name]) if name in numbers else _labels(read[name], cells[name])
            for name in requested
        }
    )


def _named(file: Path, names: list[str], columns: list[pd.Series], requested: list[str]) -> dict[str, pd.Series]:
    """Return the requested columns, by name."""
    for name in requested:
        if names.count(name) != 1:
            listed = ", ".join(names[:12])
            raise ValueError(f"{file} has {names.count(name)} columns {shown(name)}; its columns: {listed}.")
    return {name: columns[names.index(name)] for name in requested}


def _numbers(file: Path, read: Read) -> FloatArray:
    if read.row is not None:
        raise ValueError(not_a_number(file, read))
    return read.values


def _labels(read: Read, cells: pd.Series) -> Any:
    """Return cells of text as numbers if all of them are numbers."""
    if read.row is not None:
        return cells.to_numpy()
    whole = not read.left_out and (read.values == read.values.round()).all()
    return read.values.astype(int) if whole else read.values
