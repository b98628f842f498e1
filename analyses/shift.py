"""Statistics of the test batch under shift: they help where inputs change, and harm where classes do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from analyses.layout import beside
from bnstats.plots.colors import REFERENCE
from bnstats.plots.comparisons import signed
from bnstats.plots.elements import MARKERS, in_percent, log2_ticks, series
from bnstats.plots.figure import theme

SIZES = (2, 4, 8, 16, 32, 64, 128)
SMALL, USUAL = 8, 64
MANY, FEW = 160, 32
IID, STREAM = bn.Shuffled(), bn.Correlated(phi=0.9)
SHOWN = bn.shifts.Contrast(0.5)
CORRUPTIONS = {
    "gain": [bn.shifts.Gain(s) for s in (0.5, 1.0, 2.0)],
    "offset": [bn.shifts.Offset(s) for s in (0.5, 1.0, 2.0)],
    "contrast": [bn.shifts.Contrast(s) for s in (0.25, 0.5, 0.75)],
    "noise": [bn.shifts.Noise(s) for s in (0.5, 1.0, 2.0)],
}
SHIFTS = CORRUPTIONS | {"class mix": [bn.shifts.ClassMix(s) for s in (0.25, 0.5, 0.75)]}
CHANGE = "batch - running"
CHANGED = "change of test accuracy (points)"
UNITS = {
    "gain": "gain (inputs times 1 + s)",
    "offset": "offset (s deviations)",
    "contrast": "contrast (share s lost)",
    "noise": "noise (s deviations)",
    "class mix": "class mix (share s replaced)",
}


def simulate(options: Options) -> pd.DataFrame:
    """Accuracies of the same networks under each shift and stream, and their changes by test-batch statistics.

    The figure shows test batches alone, of many networks; what mixes or weighs statistics is measured with fewer.
    """
    severities = {"shift": [s for of_kind in SHIFTS.values() for s in of_kind], "test_batch_sizes": USUAL}
    small = {"shift": [s for of_kind in CORRUPTIONS.values() for s in of_kind], "test_batch_sizes": SMALL}
    sizes = {"shift": SHOWN, "test_batch_sizes": SIZES}
    alone, both = ("running", "batch"), (IID, STREAM)
    mixed = (*alone, bn.adaptation.Mixed(16), bn.adaptation.Mixed(64), bn.adaptation.Weighed(0.1))
    runs = (
        ("severity", MANY, severities | {"test_batching": IID, "statistics": alone}),
        ("size", MANY, sizes | {"test_batching": both, "statistics": alone}),
        ("mixed severity", FEW, severities | {"test_batching": both, "statistics": mixed}),
        ("mixed small", FEW, small | {"test_batching": both, "statistics": mixed}),
        ("mixed size", FEW, sizes | {"test_batching": both, "statistics": mixed}),
    )
    frames = []
    for number, (panel, count, given) in enumerate(runs):
        settings = options.study(f"shift-{number}", full=_networks(count), quick=_networks(3))
        measured = bn.measure_mismatch("digits", batch_sizes=32, learning_rate=0.3, steps=500, **settings, **given)
        tables = [measured.table, measured.parts.rename(columns={"part": "statistics"})]
        frames += [t[t["metric"] == "accuracy"].assign(panel=panel) for t in tables]
    table = pd.concat(frames, ignore_index=True)
    kind = table["shift"].str.rsplit(n=1, expand=True)
    table = table.assign(kind=kind[0], severity=kind[1].astype(float))
    first = ["panel", "kind", "severity", "test_batching", "test_batch_size", "statistics"]
    return table[[*first, "value", "mcse", "exact", "replicates"]]


def _networks(count: int) -> dict[str, Any]:
    return {"precision": None, "max_replicates": count}


def plot(frame: pd.DataFrame) -> Figure:
    """Two panels: the change by statistics of test batches, of each kind of shift and of each test batch size."""
    with theme() as palette:
        figure, (severities, sizes) = beside(2, height=4.6)
        most, least = _draw_severities(severities, frame[frame["panel"] == "severity"], palette)
        _draw_sizes(sizes, frame[frame["panel"] == "size"], palette)
        figure.suptitle(
            f"Statistics of test batches of {USUAL} change accuracy by {_points(most)}, by {_points(least)}: they help "
            "where inputs change, and harm where the mix of classes does"
        )
    return figure


def _points(row: pd.Series) -> str:
    return f"{signed(row['value'])} points with {row['kind']} {row['severity']:g}"


def _draw_severities(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> tuple[pd.Series, pd.Series]:
    """Draw the change against the severity of each shift; return the rows of the largest and of the smallest."""
    rows = in_percent(rows[(rows["statistics"] == CHANGE) & (rows["test_batching"] == repr(IID))])
    for i, (name, part) in enumerate(rows.groupby("kind", sort=False)):
        series(ax, part, "severity", color=palette[i], marker=MARKERS[i], label=UNITS[name], joined=True)
    ax.axhline(0, color=REFERENCE, linewidth=1)
    log2_ticks(ax, (0.25, 0.5, 1, 2))
    ax.set(title=f"Test batches of {USUAL} shuffled rows", ylim=(-60, 130))
    ax.set(xlabel="severity s of the shift", ylabel=CHANGED)
    ax.legend(loc="upper left")
    return rows.loc[rows["value"].idxmax()], rows.loc[rows["value"].idxmin()]


def _draw_sizes(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    for i, (rule, label) in enumerate(((IID, "shuffled"), (STREAM, "classes in runs"))):
        part = rows[rows["test_batching"] == repr(rule)]
        change = in_percent(part[part["statistics"] == CHANGE])
        harm, gain = turning_sizes(part)
        said = [f"harm up to {harm:.0f}"] * (harm == harm) + [f"gain from {gain:.0f}"] * (gain == gain)
        label = f"{label}: {', '.join(said)}"
        series(ax, change, "test_batch_size", color=palette[i + 5], marker=MARKERS[i], label=label, joined=True)
    ax.axhline(0, color=REFERENCE, linewidth=1)
    log2_ticks(ax, SIZES)
    ax.set(
        title="Half the contrast lost, shuffled rows or classes in runs",
        xlabel="test batch size",
        ylabel=CHANGED,
        ylim=(-80, 70),
    )
    ax.legend(loc="upper left")


def turning_sizes(rows: pd.DataFrame) -> tuple[float, float]:
    """Up to which size the change is for the worse, and from which for the better, beyond two standard errors.

    nan where there is none.
    """
    change = rows[rows["statistics"] == CHANGE]
    size, sure = change["test_batch_size"], change["value"].abs() > 2 * change["mcse"]
    return float(size[sure & (change["value"] < 0)].max()), float(size[sure & (change["value"] > 0)].min())


def main(argv: Sequence[str] | None = None) -> Path:
    return run("shift", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
