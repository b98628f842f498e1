"""Memory of one contradicting batch in a network: three grades of 60, in which a 0 stands for a D."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from analyses.layout import beside
from bnstats.claims.builtin.grades import STUDY, D
from bnstats.claims.grades import CUTS, GRADES
from bnstats.plots.colors import REFERENCE, TRAINING
from bnstats.plots.elements import in_percent, series
from bnstats.plots.figure import SMALL, theme
from bnstats.studies.steps.contradiction import CHANGE, WITHOUT, ContradictionStudy

LATER = (0, 1, 2, 3, 4, 6, 10, 16, 25, 40, 63, 100)
AGO = 10
NETWORKS = {"precision": None, "max_replicates": 256}


def simulate(options: Options) -> pd.DataFrame:
    """Probability of a D at a normalized 0, of networks that saw the batch and of the same networks without it.

    The networks are those of the ledger's claims about the batch.
    """
    study = ContradictionStudy(
        STUDY.dataset, STUDY.recipe, STUDY.values, D, 500 if options.quick else STUDY.steps, LATER
    )
    settings = options.study("memory", full=NETWORKS, quick={"precision": None, "max_replicates": 16})
    table = bn.run(study, **settings).table
    exact = float(bn.theory.class_given_normalized(GRADES, CUTS, 0.0, len(STUDY.values))[D])
    known = (table["measure"] == WITHOUT) & (table["summary"] == "mean")
    return table.assign(exact=table["exact"].where(~known, exact))


def plot(frame: pd.DataFrame) -> Figure:
    """One panel: what is left of the change, beside how much the probability varies by ordinary batches."""
    percent = in_percent(frame)
    mean, spread = (percent[percent["summary"] == name] for name in ("mean", "se"))
    change = mean[mean["measure"] == CHANGE].assign(exact=float("nan"))
    ordinary = float(spread.loc[spread["measure"] == WITHOUT, "value"].mean())
    left = change.set_index("later")["value"]
    with theme():
        figure, (ax,) = beside(1, height=3.6)
        ax.axhspan(-ordinary, ordinary, color=REFERENCE, alpha=0.12, linewidth=0)
        ax.text(99, -0.9 * ordinary, "how far ordinary batches move it: 1 sd", fontsize=SMALL, ha="right")
        series(ax, change, "later", color=TRAINING, label="with the batch less without it", joined=True)
        ax.axhline(0, color=REFERENCE, linewidth=1)
        ax.set(
            xlim=(-2, 102),
            ylim=(-1.15 * ordinary, 1.15 * max(left[0], ordinary)),
            xlabel="batches of 3 after the batch (60, 60, 60)",
            ylabel="change of P(D | normalized 0), points",
        )
        figure.suptitle(
            f"One contradicting batch moves the chance of a D at 0 by {left[0]:.1f} points; {left[AGO]:.1f} are left "
            f"after {AGO} batches, {left[LATER[-1]]:.1f} after {LATER[-1]}, and ordinary batches move it by "
            f"{ordinary:.1f} all the time"
        )
    return figure


def main(argv: Sequence[str] | None = None) -> Path:
    return run("memory", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
