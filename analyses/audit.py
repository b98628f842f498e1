"""What an audit says of a healthy model and of three broken ones, and what its mends bring. Needs PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from bnstats import plots

if TYPE_CHECKING:
    from torch import nn

NEEDS = "torch"
STEPS, QUICK_STEPS = 300, 60
# The kinds of statistics that are shown, and how.
SHOWN = {"running": "as found", "batch": "training mode", "mended": "after the mend"}


def simulate(options: Options) -> pd.DataFrame:
    """Scores of test rows before and after the mend that the first finding names, and each layer's distance."""
    import torch

    from analyses._audited_models import batches, digits, models

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    try:
        training, test = digits(options.seed)
        loader = batches(training)
        found = models(loader, QUICK_STEPS if options.quick else STEPS)
        return pd.concat(
            [_audited(name, model, loader, [test], options.seed) for name, model in found.items()], ignore_index=True
        )
    finally:
        torch.set_num_threads(threads)


def _audited(name: str, model: nn.Module, loader: Any, test: Any, seed: int) -> pd.DataFrame:
    before = bn.audit(model, loader, test=test, seed=seed, progress=False)
    first = before.findings[0]
    rows = before.explained().query("statistics in ['running', 'batch']")
    if first.cause != "nothing_wrong":
        mended = bn.recalibrate(model, loader, kind="population", seed=seed)
        after = bn.audit(mended, loader, test=test, seed=seed, progress=False)
        rows = pd.concat([rows, after.explained().query("statistics == 'running'").assign(statistics="mended")])
    rows = rows.query("metric == 'nll'")
    columns = ["statistics", "value", "low", "high"]
    distances = before.layers[["layer", "rms_z", "p"]].assign(panel="layers")
    both = pd.concat([rows[columns].assign(panel="scores"), distances], ignore_index=True)
    return both.assign(model=name, cause=first.cause, cost=first.cost)[
        ["panel", "model", "cause", "cost", *columns, "layer", "rms_z", "p"]
    ]


def plot(df: pd.DataFrame) -> Figure:
    """Left the score of each model before and after, right how far its layers' statistics are off."""
    with plots.theme() as palette:
        figure, axes = plots.panels(2, width=6.4, height=4.6)
        _scores(axes[0], df[df["panel"] == "scores"], palette)
        _distances(axes[1], df[df["panel"] == "layers"], palette)
        causes = df.groupby("model", sort=False)["cause"].first()
        broken = int((causes != "nothing_wrong").sum())
        figure.suptitle(f"An audit names what is wrong with {broken} of {len(causes)} models; recalibration mends it")
    return figure


def _scores(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    causes = rows.groupby("model", sort=False)["cause"].first()
    looks = zip(SHOWN.items(), ("X", "s", "o"), (palette[4], "0.45", palette[2]), (0.18, 0.0, -0.18), strict=True)
    for (statistics, label), marker, color, shift in looks:
        part = rows[rows["statistics"] == statistics]
        place = -causes.index.get_indexer(part["model"]) + shift
        ax.hlines(place, part["low"], part["high"], color=color, linewidth=2)
        ax.plot(part["value"], place, marker, color=color, label=label)
    names = [f"{fill(model, 28)}\n→ {cause.replace('_', ' ')}" for model, cause in causes.items()]
    ax.set_yticks(-np.arange(len(names)), names, fontsize=8)
    ax.set_xscale("log")
    ax.set_xlabel("negative log likelihood of test rows (nats, 95 % interval)")
    ax.set_title("What was done to the model → what the audit says")
    ax.legend(fontsize=8, loc="upper right")


def _distances(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    for i, (model, part) in enumerate(rows.groupby("model", sort=False)):
        known = part[part["rms_z"] > 0]  # a layer that was never updated has nothing to compare
        place = known["layer"].map(part["layer"].tolist().index) + 0.06 * i
        ax.plot(place, known["rms_z"], f"{plots.MARKERS[i]}-", color=palette[i], label=model)
    ax.set_xticks(range(len(part)), part["layer"])
    ax.axhline(1, color="0.35", linewidth=1)
    ax.set_yscale("log")
    ax.set_xlabel("batch-norm layer, from the input on")
    ax.set_ylabel("root mean square distance (standard errors)")
    ax.set_title("Running statistics against those of batches; chance: about 1")
    ax.legend(fontsize=8)


def main(argv: Sequence[str] | None = None) -> Path:
    return run("audit", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
