"""The findings of an audit as HTML: in a notebook, and as a page that needs no other file."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from bnstats._checks.terminal import escaped
from bnstats.audit.core.findings import Findings
from bnstats.audit.reports.plain import plain
from bnstats.audit.reports.text import sentences, title, trial
from bnstats.simulation.result import NO_MARKUP

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


def page(found: Findings, figure: Figure) -> str:
    """Return the whole page, and close the figure that is drawn on it."""
    heading = _safe(title(found))
    evidence = pd.DataFrame({"evidence": [*found.evidence], "value": [str(plain(v)) for v in found.evidence.values()]})
    sections = [
        f"<h1>{heading}</h1>",
        findings_in_html(found),
        f'<p><img alt="{heading}. Layers, steps of the gap, and scores." src="{_picture(figure)}"></p>',
        "<h2>Scores, with 95 % intervals</h2>",
        _table(found.scores),
        "<h2>The gap between running and batch statistics, step by step</h2>",
        _table(found.gap),
        "<h2>Layers</h2>",
        _table(found.layers),
        "<h2>Evidence</h2>",
        _table(evidence),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{heading}</title><style>{STYLE}</style></head><body>'
        + "\n".join(sections)
        + "</body></html>\n"
    )


def findings_in_html(found: Findings) -> str:
    """Return the report in words, with the fix as code."""
    lead, *rest = filter(None, sentences(found))
    parts = [f"<p><strong>{_safe(lead)}</strong></p>", *(f"<p>{_safe(text)}</p>" for text in rest)]
    if found.fix is not None:
        parts += [f"<pre><code>{_safe(found.fix.text)}</code></pre>", f"<p>{_safe(trial(found))}</p>"]
    if found.notes:
        parts.append(f"<ul>{''.join(f'<li>{_safe(note)}</li>' for note in found.notes)}</ul>")
    return f'<div class="{NO_MARKUP}">{"".join(parts)}</div>'


def _safe(text: Any) -> str:
    return escape(escaped(str(text)))


def _table(rows: pd.DataFrame) -> str:
    """Return the first rows of a table; names are written out."""
    if rows.empty:
        return "<p>There was nothing to measure.</p>"
    shown = rows.head(MOST_ROWS).rename(columns=lambda name: escaped(str(name)))
    shown = shown.map(lambda cell: escaped(cell) if isinstance(cell, str) else cell)
    body = shown.to_html(index=False, float_format=lambda value: f"{value:.4g}", na_rep="", border=0)
    more = f"<p>{len(rows) - MOST_ROWS:,} more rows are not shown.</p>" if len(rows) > MOST_ROWS else ""
    return f'<div class="table {NO_MARKUP}" tabindex="0">{body}</div>{more}'


def _picture(figure: Figure) -> str:
    """Return the figure as an address that holds the picture itself."""
    import matplotlib.pyplot as plt

    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=110)
    plt.close(figure)
    return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"
