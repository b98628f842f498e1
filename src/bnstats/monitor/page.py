"""Page of a monitor's summary, picture and tables, which needs no other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Running statistics of batch norm while a network trains"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; color: #1b1b1b; }
img { max-width: 100%; height: auto; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; }
th, td { padding: 0.2rem 0.6rem; text-align: right; border-bottom: 1px solid #ddd; }
th { background: #f4f4f4; }
p { overflow-wrap: anywhere; }
"""


def page(summary: str, figure: Figure, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the whole page as HTML."""
    sections = [
        f"<h1>{TITLE}</h1>",
        in_html(summary),
        f'<p><img alt="Displacement of running statistics by layer over steps" src="data:image/png;base64,'
        f'{_picture(figure)}"></p>',
        *(f"<h2>{name}</h2>{_table(rows)}" for name, rows in tables.items()),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{TITLE}</title><style>{STYLE}</style></head><body>'
        + "\n".join(sections)
        + "</body></html>\n"
    )


def in_html(summary: str) -> str:
    """Return a summary as paragraphs."""
    return "".join(f"<p>{escape(line)}</p>" for line in summary.split("\n"))


def _table(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "<p>None.</p>"
    body = rows.to_html(index=False, float_format=lambda value: f"{value:.4g}", na_rep="", border=0)
    return f'<div class="table" tabindex="0">{body}</div>'


def _picture(figure: Figure) -> str:
    import matplotlib.pyplot as plt

    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=110)
    plt.close(figure)
    return base64.b64encode(held.getvalue()).decode()
