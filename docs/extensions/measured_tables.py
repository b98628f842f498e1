"""Tables of the last full run of the benchmarks and of each campaign of faults, as pages include them."""

from __future__ import annotations

import html
from pathlib import Path

import pandas as pd

from docs.extensions.written import write

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks" / "measured"
COUNTS = ("fault", "outcome", "number")
COVERAGE = (
    *("law", "summary", "control_variate", "replicates", "runs", "infinite", "coverage", "by_the_normal_law"),
    "moment_shown",
)
SPEED = ("what", "unit", "median", "minimum", "maximum", "target", "reached")
MEASURED = {
    "speed": SPEED,
    "kills": COUNTS,
    "damage": COUNTS,
    "calls": COUNTS,
    "left_out_coverage": ("shift", "batches", "correction", "data_sets", "change", "coverage", "mcse"),
    "tails": ("law", "what", "expected", "found", "p_value"),
    "coverage": COVERAGE,
}


def write_measured(folder: Path) -> None:
    """Write a table for each file of measurements."""
    folder.mkdir(exist_ok=True)
    for name, columns in MEASURED.items():
        write(folder / f"{name}.html", _measured(BENCHMARKS / f"{name}.csv", columns))


def _measured(saved: Path, columns: tuple[str, ...]) -> str:
    if not saved.exists():
        return "<p>Not measured with this version yet.</p>\n"
    table = pd.read_csv(saved, keep_default_na=False)
    made = "".join(f"<p><code>{html.escape(c)}</code></p>" for c in table.get("command", pd.Series()).drop_duplicates())
    numbers = table.select_dtypes("number").columns
    table[numbers] = table[numbers].map("{:.4g}".format)
    headings = {name: name.replace("_", " ") for name in columns}
    shown = table[list(columns)].rename(columns=headings).to_html(index=False, border=0)
    return f'{made}<div class="wide" tabindex="0" role="region" aria-label="{saved.stem}">{shown}</div>\n'
