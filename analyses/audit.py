"""Audits of a healthy model and of three broken ones, and the gain of each fix. Needs PyTorch."""

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
from analyses.layout import beside, legend_below
from bnstats import plots
from bnstats.plots.colors import EVALUATION, STATISTICS, TRAINING

if TYPE_CHECKING:
    from torch import nn

NEEDS = "torch"
STEPS, QUICK_STEPS = 300, 60
# The kinds of statistics that are shown, and how.
SHOWN = {
    "running": ("evaluation mode, as found", "X", EVALUATION),
    "batch": ("training mode", "s", TRAINING),
    "mended": ("evaluation mode, after the mend", "o", STATISTICS["population"]),
}


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
    """One panel: the score of each model as found, in training mode, and after the mend."""
    with plots.theme():
        figure, (ax,) = beside(1, height=3.6)
        rows = df[df["panel"] == "scores"]
        _scores(ax, rows)
        legend_below(figure, ax)
        first = rows.groupby("model", sort=False)[["cause", "cost"]].first()
        broken = first[first["cause"] != "nothing_wrong"]
        value = rows.set_index(["model", "statistics"])["value"]
        worst = broken["cost"].idxmax()
        figure.suptitle(
            f"An audit names what is wrong with {len(broken)} of {len(first)} models. Recalibration lowers the test "
            f"loss, of the worst from {value[worst, 'running']:.2f} to {value[worst, 'mended']:.2f} nats"
        )
    return figure


def _scores(ax: Axes, rows: pd.DataFrame) -> None:
    causes = rows.groupby("model", sort=False)["cause"].first()
    for i, (statistics, (label, marker, color)) in enumerate(SHOWN.items()):
        part = rows[rows["statistics"] == statistics]
        place = -causes.index.get_indexer(part["model"]) + 0.18 * (1 - i)
        ax.hlines(place, part["low"], part["high"], color=color, linewidth=2)
        ax.plot(part["value"], place, marker, color=color, label=label)
    names = [f"{fill(model, 26)}\n→ {fill(cause.replace('_', ' '), 26)}" for model, cause in causes.items()]
    ax.set_yticks(-np.arange(len(names)), names)
    ax.set_xscale("log")
    ax.set_xlabel("negative log-likelihood of test rows (nats, 95 % interval)")


def main(argv: Sequence[str] | None = None) -> Path:
    return run("audit", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
