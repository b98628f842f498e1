"""Pages with a text, a figure and tables, which need no other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bnstats._checks import values as check
from bnstats._checks.terminal import escaped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NO_MARKUP = "tex2jax_ignore"
"""CSS class that keeps notebooks from reading a name with dollar signs as a formula."""
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; color: #1b1b1b; }
h1, p, li { overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; }
th, td { padding: 0.2rem 0.6rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th { background: #f4f4f4; }
pre { background: #f4f4f4; padding: 0.5rem; overflow-x: auto; }
"""
MOST_ROWS = 1000
"""Rows of a table on a page."""


def page(title: str, text: str, figure: Figure, shows: str, tables: Mapping[str, pd.DataFrame], empty: str) -> str:
    """Return a page, and close the figure that is drawn on it.

    Parameters
    ----------
    title : str
        Title, in plain text.
    text : str
        What stands above the figure, as HTML.
    figure : Figure
        The figure.
    shows : str
        What the figure shows, for those who do not see it.
    tables : dict of str to DataFrame
        Tables by their headings.
    empty : str
        Sentence in place of a table without rows.
    """
    heading = safe(title)
    sections = [
        f"<h1>{heading}</h1>",
        text,
        f'<p><img alt="{safe(shows)}" src="data:image/png;base64,{_picture(figure)}"></p>',
    ]
    for name, rows in tables.items():
        sections += [f"<h2>{safe(name)}</h2>", _table(rows, empty)]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{heading}</title><style>{STYLE}</style></head><body>'
        + "\n".join(sections)
        + "</body></html>\n"
    )


def write_page(path: str | Path, overwrite: bool, made: Callable[[], str]) -> Path:
    """Write a page, which is made once the path was checked, and return the path.

    Raises
    ------
    ValueError
        If a file exists and `overwrite` is False.
    OSError
        If the page cannot be written.
    """
    target, replaces = check.path("path", path), check.flag("overwrite", overwrite)
    if target.is_file() and not replaces:
        raise ValueError(f"path {str(target)!r} exists; give another path, or overwrite=True.")
    target.write_text(made(), encoding="utf-8")
    return target


def safe(text: Any) -> str:
    """Return a text for HTML, with its control codes written out."""
    return escape(escaped(str(text)))


def _table(rows: pd.DataFrame, empty: str) -> str:
    """Return the first rows of a table; names are written out."""
    if rows.empty:
        return f"<p>{empty}</p>"
    shown = rows.head(MOST_ROWS).rename(columns=lambda name: escaped(str(name)))
    shown = shown.map(lambda cell: escaped(cell) if isinstance(cell, str) else cell)
    body = shown.to_html(index=False, float_format=lambda value: f"{value:.4g}", na_rep="", border=0)
    more = f"<p>{len(rows) - MOST_ROWS:,} more rows are not shown.</p>" if len(rows) > MOST_ROWS else ""
    return f'<div class="table {NO_MARKUP}" tabindex="0">{body}</div>{more}'


def _picture(figure: Figure) -> str:
    """Return the figure in the letters of base64."""
    import matplotlib.pyplot as plt

    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=110)
    plt.close(figure)
    return base64.b64encode(held.getvalue()).decode()
