"""Reading of replicates from a user's table file, which is never evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bnstats._checks.values import shown
from bnstats.cli.column_file import TEXT, Options, decimal_mark, not_a_number, numbers_in
from bnstats.cli.text_table import TextTable, text_table

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
    if file.name.lower().endswith(".parquet"):
        try:
            return pd.read_parquet(file, engine="pyarrow")
        except ImportError:
            raise ImportError(f"{file}: a .parquet file needs pyarrow: python -m pip install pyarrow.") from None
    table = text_table(file, options.sep, header=True)
    cells = {name: _cells(file, table, name) for name in dict.fromkeys((*numbers, *others))}
    decimal = options.decimal or decimal_mark(file, [cells[name] for name in numbers])
    return pd.DataFrame({name: _values(file, name, cells[name], decimal, name in numbers, options) for name in cells})


def _cells(file: Path, table: TextTable, name: str) -> pd.Series:
    if table.names.count(name) != 1:
        listed = ", ".join(table.names[:12])
        raise ValueError(f"{file} has {table.names.count(name)} columns {shown(name)}; its columns: {listed}.")
    return table.cells[table.names.index(name)]


def _values(file: Path, name: str, cells: pd.Series, decimal: str, required: bool, options: Options) -> Any:
    read = numbers_in(name, cells, decimal, 1, options)
    if read.row is None:
        whole = not required and not read.left_out and (read.values == read.values.round()).all()
        return read.values.astype(int) if whole else read.values
    if required:
        raise ValueError(not_a_number(file, read))
    return cells.to_numpy()
