"""Pages that are made from the package itself: the reference of every public name, and the ledger's table."""

from __future__ import annotations

import html
from pathlib import Path
from types import ModuleType

import pandas as pd

import bnstats as bn
from bnstats.claims.counts import counts

FIGURES = Path(__file__).resolve().parent.parent / "figures"
BENCHMARKS = FIGURES.parent / "benchmarks" / "measured"
COUNTS = ("fault", "outcome", "number")
COVERAGE = (
    *("law", "summary", "control_variate", "replicates", "runs", "infinite", "coverage", "by_the_normal_law"),
    "moment_shown",
)
MEASURED = {
    "speed": ("what", "unit", "median", "minimum", "maximum", "target", "reached"),
    "kills": COUNTS,
    "damage": COUNTS,
    "calls": COUNTS,
    "left_out_coverage": ("shift", "batches", "correction", "data_sets", "change", "coverage", "mcse"),
    "tails": ("law", "what", "expected", "found", "p_value"),
    "coverage": COVERAGE,
}
SHOWN = (
    "verdict",
    "claim",
    "statement",
    "quantity",
    "scope",
    "interval_method",
    "region",
    "estimate",
    "interval",
    "replicates",
    "min_detectable",
)


def spaces() -> dict[str, ModuleType]:
    """The public namespaces by name."""
    return {name: space for name in dir(bn) if isinstance(space := getattr(bn, name), ModuleType)}


def write_api(folder: Path) -> None:
    """One page for `bnstats` and one for each namespace, each name with its signature and docstring."""
    folder.mkdir(exist_ok=True)
    flat = [name for name in dir(bn) if name not in spaces() and not name.startswith("_")]
    _write(folder / "bnstats.rst", _page("bnstats", flat))
    for name, space in spaces().items():
        _write(folder / f"{name}.rst", _page(f"bnstats.{name}", sorted(n for n in space.__all__ if n[0] != "_")))
    pages = ["bnstats", *spaces()]
    lines = ["API reference", "=============", "", ".. toctree::", "   :maxdepth: 1", "", *(f"   {p}" for p in pages)]
    _write(folder / "index.rst", "\n".join(lines) + "\n")


def _page(module: str, names: list[str]) -> str:
    lines = [module, "=" * len(module), "", f".. currentmodule:: {module}", ""]
    for name in names:
        kind = _kind(module, name)
        lines += [name, "-" * len(name), "", f".. {kind}:: {module}.{name}", ""]
        lines += ["   :members:", ""] if kind == "autoclass" else []
    return "\n".join(lines)


def _kind(module: str, name: str) -> str:
    space = bn if module == "bnstats" else getattr(bn, module.partition(".")[2])
    value = getattr(space, name)
    if isinstance(value, type):
        return "autoexception" if issubclass(value, Exception) else "autoclass"
    return "autofunction" if callable(value) else "autodata"


def write_ledger(path: Path) -> None:
    """The ledger of the last full run as a table, or a sentence where there was none."""
    saved = FIGURES / "claims.csv"
    if not saved.exists():
        _write(path, "<p>Run <code>python -m analyses claims</code> first.</p>\n")
        return
    table = pd.read_csv(saved)
    said = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in counts(table))
    table["interval"] = [f"{low:.4g} to {high:.4g}" for low, high in zip(table["low"], table["high"], strict=True)]
    head = "".join(f'<th scope="col"><button type="button">{name.replace("_", " ")}</button></th>' for name in SHOWN)
    rows = "\n".join(_row(row) for _, row in table.iterrows())
    _write(
        path,
        f"<ul>{said}</ul>\n"
        '<p><label for="ledger-filter">Show rows that contain </label><input id="ledger-filter" type="search"></p>\n'
        f'<div class="wide" tabindex="0" role="region" aria-label="The ledger"><table id="ledger">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>\n",
    )


def write_measured(folder: Path) -> None:
    """The tables of the last full run of the benchmarks and of each campaign of faults, as pages include them."""
    folder.mkdir(exist_ok=True)
    for name, columns in MEASURED.items():
        _write(folder / f"{name}.html", _measured(BENCHMARKS / f"{name}.csv", columns))


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


def _row(row: pd.Series) -> str:
    cells = []
    for name in SHOWN:
        value = row.get(name, "")  # a column that the last full run did not have yet
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        cells.append(f"<td>{html.escape(text)}</td>")
    return f'<tr class="{row["verdict"].split()[0]}">{"".join(cells)}</tr>'


def _write(path: Path, text: str) -> None:
    """Only where it changes anything, so that Sphinx builds no page twice."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
