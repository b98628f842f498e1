"""The directive `left_out`: folded tables of a figure's numbers that the figure does not show, one for each part."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pandas as pd
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

FIGURES = Path(__file__).resolve().parents[2] / "figures"
# Columns that say how a number was made; they stand in the file.
TECHNICAL = (
    "mcse_df",
    "precision_reached",
    "exact",
    "best",
    "bayes_accuracy",
    "variance_ratio",
    "kind",
    "metric",
    "dataset",
)


def part_of(table: pd.DataFrame, part: str) -> pd.DataFrame:
    """Return the rows of a part of a figure, without columns that are the same in all rows or empty.

    >>> rows = pd.DataFrame({"panel": ["a", "a", "b"], "n": [2, 4, 2], "of": "x", "value": [0.51234, 0.6, 0.7]})
    >>> part_of(rows, "a").to_dict("list")
    {'n': ['2', '4'], 'value': ['0.5123', '0.6']}
    """
    column = "panel" if "panel" in table else "question"
    rows = table[table[column] == part]
    if rows.empty:
        raise ValueError(f"the figure has no part {part!r}; there are: {', '.join(table[column].unique())}.")
    varied = [c for c in rows if rows[c].nunique(dropna=False) > 1 and c not in TECHNICAL]
    return rows[varied].map(
        lambda cell: "" if pd.isna(cell) else f"{cell:.4g}" if isinstance(cell, float) else str(cell)
    )


def folded(name: str, part: str) -> str:
    """Return a part of a figure as a folded table."""
    shown = part_of(pd.read_csv(FIGURES / f"{name}.csv"), part)
    table = shown.rename(columns=lambda column: column.replace("_", " ")).to_html(index=False, border=0)
    title = html.escape(part)
    return (
        f"<details><summary>{title} ({len(shown)} rows)</summary>\n"
        f'<div class="wide" tabindex="0" role="region" aria-label="{title}">{table}</div></details>\n'
    )


class LeftOut(SphinxDirective):
    """A folded table for each part of a figure's numbers that is named in a line of the content."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        self.env.note_dependency(str(FIGURES / f"{name}.csv"))
        parts = [line.strip() for line in self.content if line.strip()]
        return [nodes.raw("", "".join(folded(name, part) for part in parts), format="html")]


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what this file adds."""
    app.add_directive("left_out", LeftOut)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
