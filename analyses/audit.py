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
    "batch": ("statistics of each batch", "s", TRAINING),
    "recalibrated": ("evaluation mode, recalibrated", "o", STATISTICS["population"]),
}


def simulate(options: Options) -> pd.DataFrame:
    """Scores of test rows before and after the fix that the audit advises, and each layer's distance."""
    import torch

    from analyses._audited_models import batches, digits, models

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    try:
        training, test = digits(options.seed)
        loader = batches(training)
        found = models(loader, QUICK_STEPS if options.quick else STEPS)
        rows = [tuple(part[i : i + 32] for part in test) for i in range(0, len(test[0]), 32)]
        return pd.concat(
            [_audited(name, model, loader, rows, options.seed) for name, model in found.items()], ignore_index=True
        )
    finally:
        torch.set_num_threads(threads)


def _audited(name: str, model: nn.Module, loader: Any, test: Any, seed: int) -> pd.DataFrame:
    before = bn.audit(model, loader, test=test, seed=seed)
    rows = before.scores.query("statistics in ['running', 'batch']")
    if before.verdict == "off":
        after = bn.audit(bn.recalibrate(model, loader, seed=seed), loader, test=test, seed=seed)
        fixed = after.scores.query("statistics == 'running'")
        rows = pd.concat([rows, fixed.assign(statistics="recalibrated")])
    rows = rows.query("metric == 'nll'")[["statistics", "value", "low", "high"]].assign(panel="scores")
    distances = before.layers[["layer", "distance"]].assign(panel="layers")
    return pd.concat([rows, distances], ignore_index=True).assign(
        model=name, verdict=before.verdict, cause=before.cause or ""
    )[["panel", "model", "verdict", "cause", "statistics", "value", "low", "high", "layer", "distance"]]


def plot(df: pd.DataFrame) -> Figure:
    """Draw the score of each model in evaluation mode, with the statistics of each batch, and recalibrated."""
    with plots.theme():
        figure, (ax,) = beside(1, height=3.6)
        rows = df[df["panel"] == "scores"]
        _scores(ax, rows)
        legend_below(figure, ax)
        verdicts = rows.groupby("model", sort=False)["verdict"].first()
        named = rows.loc[rows["cause"].fillna("") != "", "model"].nunique()
        value = rows.pivot(index="model", columns="statistics", values="value")
        worst = (value["running"] - value["recalibrated"]).idxmax()
        figure.suptitle(
            f"An audit names what is wrong with {named} of {len(verdicts)} models. Recalibration lowers the test loss, "
            f"of the worst from {value.loc[worst, 'running']:.2f} to {value.loc[worst, 'recalibrated']:.2f} nats"
        )
    return figure


def _scores(ax: Axes, rows: pd.DataFrame) -> None:
    models = rows.groupby("model", sort=False)[["verdict", "cause"]].first()
    found = [cause.replace("_", " ") if isinstance(cause, str) and cause else v for v, cause in models.to_numpy()]
    for i, (statistics, (label, marker, color)) in enumerate(SHOWN.items()):
        part = rows[rows["statistics"] == statistics]
        place = -models.index.get_indexer(part["model"]) + 0.18 * (1 - i)
        ax.hlines(place, part["low"], part["high"], color=color, linewidth=2)
        ax.plot(part["value"], place, marker, color=color, label=label)
    names = [f"{fill(model, 26)}\n→ {fill(said, 26)}" for model, said in zip(models.index, found, strict=True)]
    ax.set_yticks(-np.arange(len(names)), names)
    ax.set_xscale("log")
    ax.set_xlabel("loss of test rows (nats, 95 % interval)")


def main(argv: Sequence[str] | None = None) -> Path:
    return run("audit", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
