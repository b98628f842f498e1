"""Tables of the last full run of the benchmarks and of each campaign of faults, as pages include them."""

from __future__ import annotations

import html
from pathlib import Path

import pandas as pd

from benchmarks.audits.judged import confusion, rates
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
    for name, summary in SUMMARIES.items():
        write(folder / f"{name}.html", _html(summary(BENCHMARKS), name.replace("_", " ")))


def _read(folder: Path, name: str) -> pd.DataFrame:
    saved = folder / f"{name}.csv"
    return pd.read_csv(saved, keep_default_na=False) if saved.exists() else pd.DataFrame()


def not_reached(folder: Path) -> pd.DataFrame:
    """Return what was measured and the target, of each comparison that missed its target."""
    speed = _read(folder, "speed")
    missed = speed[speed["reached"] == "no"]
    measured = [f"{value:.3g} {unit}" for value, unit in zip(missed["median"], missed["unit"], strict=True)]
    return missed[["comparison"]].assign(measured=measured, target=missed["target"])


def reached(folder: Path) -> pd.DataFrame:
    """Return how many comparisons of each benchmark reached their targets, and one of them with its target."""
    speed = _read(folder, "speed")
    rows = []
    for name, part in speed[speed["reached"] != ""].groupby("benchmark", sort=False):
        good = part[part["reached"] == "yes"]
        count = f"{len(good)} of {len(part)}"
        if len(good):
            one = good.iloc[0]
            said = f"{one['comparison']}: {one['median']:.3g} {one['unit']}, target {one['target']}"
            rows.append({"benchmark": name, "reached": count, "for example": said})
    return pd.DataFrame(rows)


def campaigns(folder: Path) -> pd.DataFrame:
    """Return how many faults each campaign made, and how many were answered wrongly."""
    rows = []
    for name in ("kills", "damage", "calls"):
        found = _read(folder, name)
        for fault, part in found.groupby("fault", sort=False):
            right = part["outcome"].str.startswith(RIGHT)
            wrong = part.loc[~right, "number"].sum()
            rows.append({"fault": fault, "times": f"{part['number'].sum():,}", "answered wrongly": f"{wrong:,}"})
    return pd.DataFrame(rows)


def intervals(folder: Path) -> pd.DataFrame:
    """Return the range of coverage of 95 % intervals, where replicates show the moment that the error needs or not."""
    found = _read(folder, "coverage")
    found = found[found["coverage"] != ""].astype({"coverage": float})
    groups = found.groupby(found["moment_shown"].astype(str).map({"True": "yes", "False": "no"}))["coverage"]
    table = groups.agg(["size", "median", "min"]).reset_index()
    table[["median", "min"]] = table[["median", "min"]].map("{:.1%}".format)
    names = {"moment_shown": "replicates show the moment", "size": "cases", "median": "median coverage"}
    return table.rename(columns=names | {"min": "lowest coverage"}).iloc[::-1]


def audited(folder: Path) -> pd.DataFrame:
    """Return how often audits of models that are broken in a known way were right, with the bounds."""
    rows = _rows_of_audits(folder)
    if rows.empty:
        return NOT_MEASURED
    found = [
        (name, f"{r.value:.1%}", f"{r.word} {r.bound:.0%}", "yes" if r.reached else "no", f"{r.audits:,}")
        for name, r in rates(rows).items()
    ]
    return pd.DataFrame(found, columns=["what", "measured", "bound", "reached", "audits"])


def answers(folder: Path) -> pd.DataFrame:
    """Return how often each cause was answered in each way."""
    rows = _rows_of_audits(folder)
    return NOT_MEASURED if rows.empty else confusion(rows).rename_axis(columns=None).reset_index()


def _rows_of_audits(folder: Path) -> pd.DataFrame:
    saved = folder / "audits.csv"
    return pd.read_csv(saved) if saved.exists() else pd.DataFrame()


NOT_MEASURED = pd.DataFrame({"audits": ["not measured with this version yet"]})
# How an outcome of a campaign begins that is allowed: the same numbers, a refusal, a call that works or refuses.
RIGHT = ("same", "refused", "run again: same", "killed with", "as it should")
SUMMARIES = {"not_reached": not_reached, "reached": reached, "campaigns": campaigns, "intervals": intervals}
SUMMARIES |= {"audited": audited, "answers": answers}


def _html(table: pd.DataFrame, label: str) -> str:
    shown = table.to_html(index=False, border=0, classes="summary")
    return f'<div class="wide" tabindex="0" role="region" aria-label="{label}">{shown}</div>\n'


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
