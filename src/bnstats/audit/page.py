"""An audit as a page that needs no other file: findings, the picture, the tables."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import Any

import pandas as pd

from bnstats.audit.report import Audit, Finding, cost_in_words, shortened

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem; color: #1b1b1b; }
img { max-width: 100%; height: auto; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; }
th, td { padding: 0.2rem 0.6rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th { background: #f4f4f4; }
li { margin-bottom: 1rem; overflow-wrap: anywhere; }
code { background: #f4f4f4; padding: 0 0.2rem; }
"""


def page(report: Audit) -> str:
    """The whole page, as HTML."""
    sections = [
        f"<h1>{escape(report.title())}</h1>",
        findings_in_html(report),
        f'<p><img alt="{escape(_alternative_text(report))}" src="data:image/png;base64,{_picture(report)}"></p>',
        "<h2>Scores, with 95 % intervals</h2>",
        _table(report.scores),
        "<h2>The gap between training and evaluation mode, taken apart</h2>",
        _table(report.gap),
        "<h2>Layers</h2>",
        _table(report.layers),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(report.title())}</title><style>{STYLE}</style></head><body>'
        + "\n".join(sections)
        + "</body></html>\n"
    )


def findings_in_html(report: Audit) -> str:
    """The findings as a list, each with evidence, cost and mend."""
    return f"<h2>Findings</h2><ol>{''.join(map(_finding, report.findings))}</ol>"


def _finding(finding: Finding) -> str:
    where = f" in <code>{escape(shortened(finding.layers))}</code>" if finding.layers else ""
    evidence = ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in finding.evidence.items())
    parts = [
        f"<strong>{escape(finding.cause)}</strong>{where}: {escape(finding.text)}",
        f"Mend: {escape(finding.mend)}",
        f"Evidence: {escape(evidence or 'none beyond the text')}; {escape(cost_in_words(finding))}.",
    ]
    return f"<li>{'<br>'.join(parts)}</li>"


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _table(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "<p>None: there was nothing to measure.</p>"
    body = rows.to_html(index=False, float_format=lambda value: f"{value:.4g}", na_rep="", border=0)
    return f'<div class="table" tabindex="0">{body}</div>'


def _alternative_text(report: Audit) -> str:
    return f"{report.title()}. Distances of running statistics by layer, gains of mending one layer, and scores."


def _picture(report: Audit) -> str:
    import matplotlib.pyplot as plt

    figure, held = report.plot(), io.BytesIO()
    figure.savefig(held, format="png", dpi=110)
    plt.close(figure)
    return base64.b64encode(held.getvalue()).decode()
