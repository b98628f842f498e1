"""Knowledge of a letter from a normalized grade: the loss of a network, beside the lowest possible loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import special

import bnstats as bn
from analyses.command_line import Options, run
from analyses.grades_network import TRAINING
from analyses.layout import beside
from bnstats.claims import letter_grades
from bnstats.claims.grades import CUTS, GRADES
from bnstats.plots.colors import REFERENCE
from bnstats.plots.colors import TRAINING as COLOR
from bnstats.plots.elements import log2_ticks, series
from bnstats.plots.figure import SMALL, theme

SIZES, QUICK = (2, 3, 4, 8, 16, 32, 64), (3, 8)
NAMED = 3


def simulate(options: Options) -> pd.DataFrame:
    """Mean loss of networks on grades in training mode, the exact entropy of a letter given its normalized grade.

    The networks are the first ones of the figure of networks on grades. A letter that is known without its grade has
    batch size 0.
    """
    sizes = QUICK if options.quick else SIZES
    full, quick = {"max_replicates": 32, "steps": 4000}, {"max_replicates": 4, "steps": 500}
    settings = options.study("floor", full=full, quick=quick) | {"precision": None}
    found = bn.measure_mismatch(letter_grades(GRADES), batch_sizes=sizes, **TRAINING, **settings).table
    rows = found[(found["metric"] == "nll") & (found["statistics"] == "batch")]
    floor = [bn.theory.entropy_given_normalized(GRADES, CUTS, n) for n in rows["batch_size"]]
    chance = np.diff(GRADES.law.cdf([-np.inf, *CUTS, np.inf]))
    alone = pd.DataFrame([{"batch_size": 0, "statistics": "none", "exact": float(special.entr(chance).sum())}])
    columns = ["batch_size", "statistics", "value", "mcse", "mcse_df", "exact", "replicates"]
    return pd.concat([rows.assign(exact=floor)[columns], alone], ignore_index=True)


def plot(frame: pd.DataFrame) -> Figure:
    """One panel: the loss against batch size, beside the floor."""
    rows, alone = frame[frame["batch_size"] > 0], frame.loc[frame["batch_size"] == 0, "exact"].item()
    with theme():
        figure, (ax,) = beside(1, height=3.6)
        points = rows.assign(exact=float("nan"))
        ax.plot(rows["batch_size"], rows["exact"], color=REFERENCE, label="lowest possible, exact")
        series(ax, points, "batch_size", color=COLOR, label="training mode")
        ax.axhline(alone, color=REFERENCE, linestyle=":", linewidth=1.2)
        above = {"transform": ax.get_yaxis_transform(), "fontsize": SMALL, "ha": "right", "va": "top"}
        ax.text(0.99, alone - 0.02, "the letters alone", **above)
        log2_ticks(ax, rows["batch_size"].astype(int).tolist())
        ax.set(ylim=(0, 1.05 * alone), xlabel="batch size", ylabel="mean loss of a letter, nats")
        ax.legend(loc="lower left")
        at = rows.set_index("batch_size").loc[NAMED]
        figure.suptitle(
            f"From a grade normalized in a batch of {NAMED}, the loss cannot fall below {at['exact']:.2f} nats; "
            f"networks reach {at['value']:.2f}, and guessing by frequency {alone:.2f}"
        )
    return figure


def main(argv: Sequence[str] | None = None) -> Path:
    return run("floor", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
