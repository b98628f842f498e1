"""Statistics of the test batch under shift: they help where inputs change, and harm where classes do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from bnstats.plots.comparisons import signed
from bnstats.plots.elements import MARKERS, in_percent, log2_ticks, panels, series, theme

SIZES = (2, 4, 8, 16, 32, 64, 128)
SMALL, USUAL = 8, 64
IID, STREAM = bn.Shuffled(), bn.Correlated(phi=0.9)
SHOWN = bn.shifts.Contrast(0.5)
CORRUPTIONS = {
    "gain": [bn.shifts.Gain(s) for s in (0.5, 1.0, 2.0)],
    "offset": [bn.shifts.Offset(s) for s in (0.5, 1.0, 2.0)],
    "contrast": [bn.shifts.Contrast(s) for s in (0.25, 0.5, 0.75)],
    "noise": [bn.shifts.Noise(s) for s in (0.5, 1.0, 2.0)],
}
SHIFTS = CORRUPTIONS | {"class mix": [bn.shifts.ClassMix(s) for s in (0.25, 0.5, 0.75)]}
KINDS = {
    "running": "running statistics",
    "batch": "test batch alone",
    "mixed 16": "test batch and 16 pseudo-rows",
    "mixed 64": "test batch and 64 pseudo-rows",
    "weighed 0.1": "running, a tenth of each row's own value",
}
CHANGE = "batch - running"
UNITS = {
    "gain": "gain (inputs times 1 + s)",
    "offset": "offset (by s standard deviations)",
    "contrast": "contrast (a share s of it is lost)",
    "noise": "noise (of s standard deviations)",
    "class mix": "class mix (a share s replaced by one class)",
}


def simulate(options: Options) -> pd.DataFrame:
    """Accuracies of the same networks under each shift and stream, and their changes by test-batch statistics."""
    runs = {
        "severity": {"shift": [s for severities in SHIFTS.values() for s in severities], "test_batch_sizes": USUAL},
        "small": {"shift": [s for severities in CORRUPTIONS.values() for s in severities], "test_batch_sizes": SMALL},
        "size": {"shift": SHOWN, "test_batch_sizes": SIZES},
    }
    frames = []
    for panel, given in runs.items():
        settings = options.study(f"shift-{panel}", full=_networks(160), quick=_networks(12))
        measured = bn.measure_mismatch(
            "digits",
            batch_sizes=32,
            learning_rate=0.3,
            steps=500,
            test_batching=(IID, STREAM),
            statistics=(
                "running",
                "batch",
                bn.adaptation.Mixed(16),
                bn.adaptation.Mixed(64),
                bn.adaptation.Weighed(0.1),
            ),
            **settings,
            **given,
        )
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
    """Four panels: all shifts; what mixing does to the severest; test batch sizes, shuffled and correlated."""
    panel = dict(list(frame.groupby("panel", sort=False)))
    with theme() as palette:
        figure, axes = panels(4, columns=2, width=6.2, height=4.4)
        _draw_severities(axes[0], panel["severity"], palette)
        _draw_mixed(axes[1], panel["severity"], palette)
        for ax, rule, name in ((axes[2], IID, "Shuffled"), (axes[3], STREAM, "Correlated")):
            rows = panel["size"][panel["size"]["test_batching"] == repr(rule)]
            _draw_sizes(ax, rows, palette)
            ax.set_title(f"{name} test rows, half the contrast:\n{_turning(rows)}")
        figure.suptitle(
            "Shifted digits: the statistics of the test batch help where inputs change and the batch is large,\n"
            "and harm where the mix of classes changes"
        )
    return figure


def _draw_severities(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    rows = in_percent(rows[(rows["statistics"] == CHANGE) & (rows["test_batching"] == repr(IID))])
    for i, (name, part) in enumerate(rows.groupby("kind", sort=False)):
        series(ax, part, "severity", color=palette[i], marker=MARKERS[i], label=UNITS[name], joined=True)
    ax.axhline(0, color="0.35", linewidth=1)
    most, least = (rows.loc[rows["value"].agg(which)] for which in ("idxmax", "idxmin"))
    said = " and ".join(
        f"{signed(row['value'])} points with {row['kind']} {row['severity']:g}" for row in (most, least)
    )
    log2_ticks(ax, (0.25, 0.5, 1, 2))
    ax.set(title=f"Statistics of test batches of {USUAL} instead of running ones:\n{said}")
    ax.set(xlabel="severity s of the shift", ylabel="change of test accuracy (points)", ylim=(-60, 125))
    ax.legend(fontsize=8, loc="upper left")


def _draw_mixed(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    """Draw the change by each kind of statistics at the severest shift of each kind."""
    rows = rows[rows["test_batching"] == repr(IID)]
    severest = in_percent(rows[rows["severity"] == rows.groupby("kind")["severity"].transform("max")])
    value = severest.pivot(index="kind", columns="statistics", values="value").loc[list(SHIFTS)]
    change = value[["batch", "mixed 16", "mixed 64"]].sub(value["running"], axis=0)
    for i, kind in enumerate(change):
        place = np.arange(len(change)) + 0.2 * (i - 1)
        ax.plot(place, change[kind], MARKERS[i + 1], color=palette[i + 1], markersize=7, label=KINDS[kind])
    ax.axhline(0, color="0.35", linewidth=1)
    ax.set_xticks(range(len(change)), [f"{kind}\n{max(s.severity for s in SHIFTS[kind]):g}" for kind in change.index])
    alone, mixed, more = change.loc["class mix"]
    ax.set_title(
        f"A changed class mix costs {-alone:.0f} points with the test batch alone,\n"
        f"{-mixed:.0f} with 16 pseudo-rows of training, {-more:.0f} with 64"
    )
    ax.set(
        xlabel=f"the severest shift of each kind, test batches of {USUAL}", ylabel="change of test accuracy (points)"
    )
    ax.legend(fontsize=8, loc="lower left")


def _draw_sizes(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    for i, (kind, label) in enumerate(KINDS.items()):
        part = in_percent(rows[rows["statistics"] == kind])
        beside = part.assign(test_batch_size=part["test_batch_size"] * 2 ** (0.1 * (i - 2)))
        series(ax, beside, "test_batch_size", color=palette[i], marker=MARKERS[i], label=label, joined=True)
    log2_ticks(ax, SIZES)
    ax.set(xlabel="test batch size", ylabel="test accuracy (%)", ylim=(0, 102))
    ax.legend(fontsize=8, loc="lower right")


def turning_sizes(rows: pd.DataFrame) -> tuple[float, float]:
    """Up to which size the change is for the worse, and from which for the better, beyond two standard errors.

    nan where there is none.
    """
    change = rows[rows["statistics"] == CHANGE]
    size, sure = change["test_batch_size"], change["value"].abs() > 2 * change["mcse"]
    return float(size[sure & (change["value"] < 0)].max()), float(size[sure & (change["value"] > 0)].min())


def _turning(rows: pd.DataFrame) -> str:
    harm, gain = turning_sizes(rows)
    said = [f"test batches of up to {harm:.0f} rows harm"] if harm == harm else []
    return ", ".join(said + ([f"those of {gain:.0f} or more help"] if gain == gain else []))


def main(argv: Sequence[str] | None = None) -> Path:
    return run("shift", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
