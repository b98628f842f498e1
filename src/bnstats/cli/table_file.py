"""Tables in a user's files, which are never evaluated: text files and .parquet files.

Separator and header of a text file are detected, or named by the user.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from bnstats._checks.values import shown
from bnstats.cli.declared import option
from bnstats.cli.table import NUMBER, FileTable, looks_numeric

ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet")
# Maximum names in an error message.
LISTED = 12
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
NAMED = {name: mark for mark, name in SEPARATORS.items()} | {"\\t": "\t", "space": " "}
# Rows that decide the separator.
SAMPLE = 1000
# A character that no text contains: as separator, it makes a row a single cell.
NONE = "\x1f"
READING = (
    option("--sep", metavar="CHAR", help="separator of cells, or its name, such as tab (default: detected)"),
    option("--decimal", choices=(".", ","), metavar="MARK", help="decimal mark, . or , (default: detected)"),
    option("--missing", nargs="+", default=[], metavar="CELL", help="additional cells that mean a missing value"),
)


@dataclass(frozen=True)
class Options:
    """The user's options for reading a file; see `read_table`."""

    column: str | None = None
    sep: str | None = None
    decimal: str | None = None
    header: bool | None = None
    missing: tuple[str, ...] = ()

    @staticmethod
    def of(arguments: Any) -> Options:
        """Return the options among the arguments of a command."""
        return Options(**{f.name: getattr(arguments, f.name) for f in fields(Options) if f.name in arguments})


def ending_of(file: Path, endings: tuple[str, ...]) -> str:
    """Return the ending of a file; raise ValueError if it is no known one."""
    for ending in endings:
        if file.name.lower().endswith(ending):
            return ending
    raise ValueError(f"FILE ends in {', '.join(endings[:-1])} or {endings[-1]}; got {file}.")


def refuse(file: Path, options: Options, *names: str) -> None:
    """Raise ValueError for options that do not apply to this kind of file."""
    given = [f"--{name}" for name in names if getattr(options, name) not in (None, (), [])]
    if given:
        kind = f"{file.suffix.lower()} file"
        raise ValueError(f"{', '.join(given)} cannot be used with a {kind}, such as {file}; leave it out.")


def read_table(file: Path, options: Options, header: bool | None) -> FileTable:
    """Read a table.

    Parameters
    ----------
    file : path
        A text file, whose cells are text without surrounding spaces; or a .parquet file.
    options : Options
        The separator is a character or a name in `NAMED`. By default it is the comma, semicolon, tab or bar that makes
        rows of equal length; if several do, the separator that makes most cells look like numbers.
    header : bool, optional
        True if the first row of a text file names the columns. By default it does unless all of its cells are numbers.

    Raises
    ------
    ValueError
        If the file is no table, or can be read in several ways.
    OSError
        If the file cannot be opened.
    ImportError
        For a .parquet file without pyarrow.
    """
    if ending_of(file, ENDINGS) != ".parquet":
        return _text_table(file, options.sep, header)
    refuse(file, options, "sep", "decimal", "header")
    try:
        table = pd.read_parquet(file, engine="pyarrow")
    except ImportError:
        raise ImportError(f"{file}: a .parquet file needs pyarrow: python -m pip install pyarrow.") from None
    except ValueError as error:  # errors of Arrow are ValueErrors, too
        raise ValueError(f"{file} is no .parquet file, or a damaged one ({error}).") from None
    columns = [table.iloc[:, place] for place in range(table.shape[1])]
    return FileTable(file, [str(name) for name in table.columns], columns, [], typed=True)


def _text_table(file: Path, sep: str | None, header: bool | None) -> FileTable:
    """Read a table from a text file, which may be compressed by gzip.

    The file is in UTF-8, in UTF-16 with a byte order mark, or in Latin-1. Rows without any character are left out.
    """
    text = _text(file)
    if not text.strip():
        raise ValueError(f"{file} is empty.")
    mark = _separator(file, text) if sep is None else _named(sep)
    rows = _rows(file, text, mark)
    first = [str(cell) for cell in rows.iloc[0]]
    named = _is_header(file, first) if header is None else header
    names = [name if named and name else str(i + 1) for i, name in enumerate(first)]
    below = rows.iloc[int(named) :]
    how = [] if mark is None else [SEPARATORS.get(mark, f"separator {mark!r}")]
    return FileTable(file, names, [below[i] for i in range(len(first))], how, above=int(named))


def _text(file: Path) -> str:
    raw = file.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{file} is a damaged .gz file ({error}).") from None
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = raw.decode("utf-16", errors="replace")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
    if "\0" in text:
        raise ValueError(f"{file} is no text file: it holds zero bytes.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _named(sep: str) -> str:
    r"""Return the separator for a character or a name.

    >>> _named("tab"), _named(";")
    ('\t', ';')
    """
    mark = NAMED.get(sep, sep)
    if len(mark) != 1 or mark in '"\n\r\0':
        raise ValueError(f"--sep is one character, or one of {', '.join(NAMED)}; got {shown(sep)}.")
    return mark


def _separator(file: Path, text: str) -> str | None:
    """Return the separator that makes rows of equal length, of at least two cells; None if none does."""
    found = {}
    for mark in SEPARATORS:
        try:
            rows = list(islice(_split(text, mark), SAMPLE))
        except csv.Error:
            continue
        if rows and {len(row) for row in rows} == {len(rows[0])} != {1}:
            found[mark] = [cell.strip() for row in rows for cell in row]
    numeric = {mark: sum(map(looks_numeric, cells)) / len(cells) for mark, cells in found.items()}
    best = [mark for mark, proportion in numeric.items() if proportion == max(numeric.values())]
    if len(best) == 2 and best[0] == "," and _decimal_commas_alone(found[best[1]]):
        return best[1]
    if len(best) > 1:
        names = " and ".join(SEPARATORS[mark] for mark in best)
        raise ValueError(f"{file}: {names} both make rows of equal length; choose with --sep.")
    return best[0] if best else None


def _decimal_commas_alone(cells: list[str]) -> bool:
    """Return True if each comma in the cells is the decimal mark of a number."""
    return all(NUMBER[","].fullmatch(cell) for cell in cells if "," in cell)


def _rows(file: Path, text: str, mark: str | None) -> pd.DataFrame:
    sep = {None: NONE, " ": r"\s+"}.get(mark, mark)
    try:
        rows = pd.read_csv(io.StringIO(text), sep=sep, header=None, dtype=str, na_filter=False, engine="c")
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        said = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        raise ValueError(_unequal(file, said)) from None
    if rows.shape[1] > 1 and (rows.iloc[:, -1] == "").any():  # the end of a row may lack cells
        for row, cells in enumerate(_split(text, mark)):
            if len(cells) < rows.shape[1]:
                raise ValueError(_unequal(file, f"row {row + 1} has {len(cells)}, row 1 has {rows.shape[1]}"))
    stripped: pd.DataFrame = rows.apply(lambda cells: cells.str.strip())
    return stripped


def _split(text: str, mark: str | None) -> Iterator[list[str]]:
    """Return the cells of each row that has any, as written in the text."""
    lines = io.StringIO(text)
    rows = (line.split() for line in lines) if mark == " " else csv.reader(lines, delimiter=mark or NONE)
    return (row for row in rows if row)


def _unequal(file: Path, reason: str) -> str:
    return f"{file} is no table whose rows have equal numbers of cells ({reason}); correct it, or name another --sep."


def _is_header(file: Path, first: list[str]) -> bool:
    numbers = [cell for cell in first if looks_numeric(cell)]
    if numbers and len(numbers) < len(first):
        raise ValueError(
            f"the first row of {file} has numbers and other cells ({shown(first)}); add --header if it names the "
            "columns, and --no-header if it does not."
        )
    return not numbers
