"""Displacement that the monitor reads while networks train, beside what running statistics cost. Needs PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from analyses.command_line import Options, run
from analyses.layout import beside, legend_below
from bnstats import plots

NEEDS = "torch"
STEPS, QUICK_STEPS = 600, 50
NETWORKS, QUICK_NETWORKS = 12, 2
QUANTITIES = {
    "displacement": "displacement that the monitor reads (sd)",
    "cost": "cost of running statistics (nats)",
}


def simulate(options: Options) -> pd.DataFrame:
    """Means over networks at each check, with their standard errors."""
    import torch

    from analyses._audited_models import digits
    from analyses._watched_trainings import SETUPS, watched

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        x, y = digits(options.seed)[0]
        flat = x.reshape(len(x), -1), y
        steps = QUICK_STEPS if options.quick else STEPS
        rows = [
            (name, seed, *read)
            for name, setup in SETUPS.items()
            for seed in range(QUICK_NETWORKS if options.quick else NETWORKS)
            for read in watched(setup, 1000 * options.seed + seed, steps, flat)
        ]
    finally:
        torch.set_num_threads(threads)
    found = pd.DataFrame(rows, columns=["training", "network", "step", *QUANTITIES])
    long = found.melt(["training", "network", "step"], list(QUANTITIES), "quantity")
    of = long.groupby(["training", "quantity", "step"], sort=False)["value"]
    table = of.agg(value="mean", mcse="sem", replicates="size").reset_index()
    return table.assign(mcse_df=table["replicates"] - 1)


def plot(df: pd.DataFrame) -> Figure:
    """Draw displacement and cost against steps, a line for each training."""
    with plots.theme() as palette:
        figure, axes = beside(2, height=3.9)
        for ax, (quantity, label) in zip(axes, QUANTITIES.items(), strict=True):
            for (name, rows), color, marker in zip(
                df[df["quantity"] == quantity].groupby("training", sort=False), palette, "osD", strict=False
            ):
                half = stats.t.isf(0.025, rows["mcse_df"]) * rows["mcse"]
                ax.errorbar(rows["step"], rows["value"], half, color=color, marker=marker, markersize=3, label=name)
            ax.set(xlabel="training steps", ylabel=label)
        axes[0].set_ylim(bottom=0)
        axes[1].set_yscale("symlog", linthresh=0.01)
        legend_below(figure, axes[0], columns=3)
        last = df[df["step"] == df["step"].max()].pivot(index="training", columns="quantity", values="value")
        best, worst = last["cost"].idxmin(), last["cost"].idxmax()
        figure.suptitle(
            f"The monitor reads {last.loc[best, 'displacement']:.2f} sd of displacement at the end where running "
            f"statistics cost {_nats(last.loc[best, 'cost'])}, and {last.loc[worst, 'displacement']:.2f} sd where they "
            f"cost {_nats(last.loc[worst, 'cost'])}"
        )
    return figure


def _nats(cost: float) -> str:
    return f"{np.round(cost, 2) + 0.0:.2f} nats"


def main(argv: Sequence[str] | None = None) -> Path:
    return run("monitor", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
