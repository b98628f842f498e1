"""The ledger of the last full run as a table; each row has the address of its claim."""

from __future__ import annotations

import html
from pathlib import Path

import pandas as pd

from bnstats.claims.ledger import counts
from docs.extensions.written import write

FIGURES = Path(__file__).resolve().parents[2] / "figures"
SHOWN = (
    *("verdict", "claim", "statement", "quantity", "scope", "interval_method"),
    *("region", "estimate", "interval", "replicates", "min_detectable"),
)


def write_ledger(path: Path) -> None:
    """Write the ledger as a table, or a sentence where there was no full run."""
    saved = FIGURES / "claims.csv"
    if not saved.exists():
        write(path, "<p>Run <code>python -m analyses claims</code> first.</p>\n")
        return
    table = pd.read_csv(saved)
    said = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in counts(table))
    table["interval"] = [f"{low:.4g} to {high:.4g}" for low, high in zip(table["low"], table["high"], strict=True)]
    head = "".join(f'<th scope="col"><button type="button">{name.replace("_", " ")}</button></th>' for name in SHOWN)
    rows = "\n".join(_row(row) for _, row in table.iterrows())
    write(
        path,
        f"<ul>{said}</ul>\n"
        '<p><label for="ledger-filter">Show rows that contain </label><input id="ledger-filter" type="search"></p>\n'
        f'<div class="wide" tabindex="0" role="region" aria-label="The ledger"><table id="ledger">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>\n",
    )


def _row(row: pd.Series) -> str:
    cells = []
    for name in SHOWN:
        value = row.get(name, "")  # a column that the last full run did not have yet
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        cells.append(f"<td>{html.escape(text)}</td>")
    return f'<tr id="{html.escape(row["claim"])}" class="{row["verdict"].split()[0]}">{"".join(cells)}</tr>'
