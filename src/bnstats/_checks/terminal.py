"""Text for a terminal: names character by character, with control codes written out."""

from __future__ import annotations

import sys
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def escaped(text: str) -> str:
    r"""Return a text with its control codes written out.

    >>> escaped("\x1b[31mred\n"), escaped("naïve")
    ('\\x1b[31mred\\n', 'naïve')
    """
    if text.isprintable():
        return text
    spaces = {c for c in text if unicodedata.category(c) == "Zs"}
    return "".join(c if c.isprintable() or c in spaces else c.encode("unicode_escape").decode() for c in text)


def escaped_lines(text: str) -> str:
    """Return a text of several lines with its control codes, except line ends, written out."""
    return "\n".join(map(escaped, text.split("\n")))


def printable(text: str) -> str:
    """Return a text without control codes and without characters that standard output cannot show."""
    encoding = _encoding()
    return escaped(text).encode(encoding, "backslashreplace").decode(encoding)


def plus_minus() -> str:
    """Return the sign ±, or +/- if standard output cannot show ±."""
    return "±" if "±".encode(_encoding(), "ignore") else "+/-"


def _encoding() -> str:
    encoding = getattr(sys.stdout, "encoding", None)
    try:
        "".encode(encoding or "utf-8")
    except (LookupError, TypeError):
        return "utf-8"
    return encoding or "utf-8"


def printable_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose column names and text cells are printable."""
    texts = {
        column: [printable(cell) if isinstance(cell, str) else cell for cell in table[column]]
        for column in table.columns
        if getattr(table[column].dtype, "kind", "O") not in "fiubc"
    }
    return table.assign(**texts).rename(columns=lambda name: printable(str(name)))
