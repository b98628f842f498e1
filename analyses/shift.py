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
from analyses.published import published, verdicts
from analyses.published_plot import compared
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
    "running": "running",
    "batch": "test batch",
    "mixed 16": "mixed, N = 16",
    "mixed 64": "mixed, N = 64",
    "weighed 0.1": "each row weighed 0.1",
}
CHANGE = "batch - running"


def simulate(options: Options) -> pd.DataFrame:
    """Accuracies of the same networks under each shift and stream, and their changes by test-batch statistics."""
    runs = {
        "severity": {"shift": [s for severities in SHIFTS.values() for s in severities], "test_batch_sizes": USUAL},
        "small": {"shift": [s for severities in CORRUPTIONS.values() for s in severities], "test_batch_sizes": SMALL},
        "size": {"shift": SHOWN, "test_batch_sizes": SIZES},
    }
    frames = []
    for panel, given in runs.items():
        settings = options.study(f"shift-{panel}", full=_networks(192), quick=_networks(12))
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
    kept = table[[*first, "value", "mcse", "exact", "replicates"]]
    return pd.concat([kept, _claims(table)], ignore_index=True)


def _networks(count: int) -> dict[str, Any]:
    return {"precision": None, "max_replicates": count}


def _claims(table: pd.DataFrame) -> pd.DataFrame:
    """Published changes against running statistics, in points of accuracy or mCE, beside those here.

    Means over all severities. The errors of what the same networks scored are added up, so they are rather too large.
    """
    table = table[table["panel"] != "size"]

    def here(statistics: str, batching: Any, size: int, *kinds: str) -> tuple[float, float]:
        alike = (table["test_batching"] == repr(batching)) & (table["test_batch_size"] == size)
        rows = table[alike & table["kind"].isin(kinds or list(CORRUPTIONS))]
        mean = 100 * rows.groupby("statistics")[["value", "mcse"]].mean()
        if statistics == "batch":
            return mean.loc[CHANGE, "value"], mean.loc[CHANGE, "mcse"]
        one, running = mean.loc[statistics], mean.loc["running"]
        return one["value"] - running["value"], one["mcse"] + running["mcse"]

    def there(reference: str, before: str, after: str) -> float:
        return published(reference, before)["value"].item() - published(reference, after)["value"].item()

    note = "iid test stream; running", "iid test stream; test-batch", "temporally correlated test stream; test-batch"
    claims = {
        "test batch, contrast\n(Wu & Johnson 2021)": (
            there("Wu & Johnson", "contrast corruption; clean", "contrast corruption; statistics"),
            here("batch", IID, USUAL, "contrast"),
        ),
        "test batch, noise\n(Wu & Johnson 2021)": (
            there("Wu & Johnson", "gaussian noise; clean", "gaussian noise; statistics"),
            here("batch", IID, USUAL, "noise"),
        ),
        "mixed, batches of 8\n(Schneider et al. 2020)": (
            there("Schneider", "no adaptation", "partial adaptation"),
            here("mixed 16", IID, SMALL),
        ),
        "test batch\n(Schneider et al. 2020)": (there("Schneider", "no adaptation", "full"), here("batch", IID, USUAL)),
        "test batch, iid stream\n(Gong et al. 2022)": (there("Gong", *note[:2]), here("batch", IID, USUAL)),
        "test batch, correlated\n(Gong et al. 2022)": (there("Gong", note[0], note[2]), here("batch", STREAM, USUAL)),
    }
    rows = [{"claim": c, "published": p, "value": value, "mcse": mcse} for c, (p, (value, mcse)) in claims.items()]
    return verdicts(pd.DataFrame(rows)).assign(panel="published")


def plot(frame: pd.DataFrame) -> Figure:
    """Four panels: all shifts; test batch sizes, iid and correlated; and published changes."""
    panel = dict(list(frame.groupby("panel", sort=False)))
    with theme() as palette:
        figure, axes = panels(4, columns=2, width=5.6, height=4.3)
        _draw_severities(axes[0], panel["severity"], palette)
        for ax, rule, name in ((axes[1], IID, "Iid"), (axes[2], STREAM, "Correlated")):
            rows = panel["size"][panel["size"]["test_batching"] == repr(rule)]
            _draw_sizes(ax, rows, palette)
            ax.set_title(f"{name}: test batches {_verdict(rows)} rows")
        claims = panel["published"]
        compared(axes[3], claims, palette)
        agree = (claims["verdict"] == "agrees").sum()
        axes[3].set(title=f"{agree} of {len(claims)} published signs are found here")
        axes[3].set(xlabel="change against running statistics (points)", xlim=(-45, 32))
        axes[3].legend(fontsize=8, loc="lower right")
        figure.suptitle("Shifted digits: normalising by the test batch helps if it is large and mixed as training was")
    return figure


def _draw_severities(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    rows = in_percent(rows[(rows["statistics"] == CHANGE) & (rows["test_batching"] == repr(IID))])
    for i, (name, part) in enumerate(rows.groupby("kind", sort=False)):
        series(ax, part, "severity", color=palette[i], marker=MARKERS[i], label=name, joined=True)
    ax.axhline(0, color="0.35", linewidth=1)
    most, least = (rows.loc[rows["value"].agg(which)] for which in ("idxmax", "idxmin"))
    said = ", ".join(f"{row['kind']} {row['value']:+.0f}" for row in (most, least))
    log2_ticks(ax, (0.25, 0.5, 1, 2))
    ax.set(title=f"Iid test batches of {USUAL}: {said} points")
    ax.set(xlabel="severity (in spreads, or as a share)", ylabel="test batch - running: change of accuracy (points)")
    ax.legend(fontsize=8, loc="upper left")


def _draw_sizes(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    for i, (kind, label) in enumerate(KINDS.items()):
        part = in_percent(rows[rows["statistics"] == kind])
        beside = part.assign(test_batch_size=part["test_batch_size"] * 2 ** (0.1 * (i - 2)))
        series(ax, beside, "test_batch_size", color=palette[i], marker=MARKERS[i], label=label, joined=True)
    log2_ticks(ax, SIZES)
    ax.set(xlabel="test batch size", ylabel=f"test accuracy under {SHOWN.name} (%)", ylim=(0, 102))
    ax.legend(fontsize=8, loc="lower right")


def _verdict(rows: pd.DataFrame) -> str:
    """Up to which size the change is for the worse, and from which for the better, beyond two standard errors."""
    change = rows[rows["statistics"] == CHANGE]
    size, sure = change["test_batch_size"], change["value"].abs() > 2 * change["mcse"]
    harm, gain = size[sure & (change["value"] < 0)], size[sure & (change["value"] > 0)]
    said = [f"harm up to {harm.max():.0f}"] if len(harm) else []
    return ", ".join(said + ([f"help from {gain.min():.0f}"] if len(gain) else []))


def main(argv: Sequence[str] | None = None) -> Path:
    return run("shift", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
