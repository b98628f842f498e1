"""Corrections with a label kept as a covariate and without, by the proportion of its variance between batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.command_line import Options, run
from analyses.correction_names import correction_name
from analyses.layout import beside, legend_below
from bnstats.plots.elements import MARKERS, series
from bnstats.plots.figure import theme
from bnstats.studies.batch_effects.measure import measure_correction

PROPORTIONS, QUICK = (0.0, 0.16, 0.36, 0.64, 0.81), (0.0, 0.36)
ROWS, BATCHES, NAMED = 32, 20, 0.36
CORRECTIONS = ("none", "center", "shrink")
LABELS = {"bias": "change of a difference of 1", "rmse": "RMSE of corrected rows"}


def simulate(options: Options) -> pd.DataFrame:
    """Bias of a difference between labels and error of corrected rows, with the label kept and without."""
    proportions = QUICK if options.quick else PROPORTIONS
    full, quick = ({"precision": None, "max_replicates": count} for count in (256, 16))
    found = measure_correction(
        CORRECTIONS,
        design=proportions,
        keep=[False, True],
        batch_sizes=ROWS,
        batches=BATCHES,
        measures=list(LABELS),
        **options.study("covariates", full=full, quick=quick),
    )
    columns = ["design", "correction", "measure", "value", "mcse", "mcse_df", "exact", "replicates"]
    return found.table[columns].rename(columns={"design": "between_batches"}).astype({"between_batches": float})


def plot(frame: pd.DataFrame) -> Figure:
    """Two panels: what becomes of a difference between labels, and errors of rows."""
    with theme() as palette:
        figure, axes = beside(2, height=4.4)
        for ax, measure in zip(axes, LABELS, strict=True):
            _draw(ax, frame[frame["measure"] == measure], palette)
            ax.set(xlabel="proportion of the label's variance between batches", ylabel=LABELS[measure])
        axes[1].set_ylim(bottom=0)
        legend_below(figure, axes[0])
        at = frame[(frame["between_batches"] == NAMED) & (frame["measure"] == "bias")].set_index("correction")["value"]
        figure.suptitle(
            f"Where {100 * NAMED:.0f} % of a label's variance lies between batches, centering removes "
            f"{-at['center']:.2f} of a difference of 1, and {abs(at['center, label kept']):.2f} with the label kept"
        )
    return figure


def _draw(ax: Axes, rows: pd.DataFrame, palette: Sequence[Any]) -> None:
    for i, name in enumerate(CORRECTIONS):
        for kept in (False, True):
            part = rows[rows["correction"] == (f"{name}, label kept" if kept else name)]
            if not part.empty:
                label = correction_name(name) + (", label kept" if kept else "")
                style = {"color": palette[i], "marker": MARKERS[2 * i + kept], "label": label, "joined": True}
                series(ax, part.assign(exact=float("nan")), "between_batches", **style)


def main(argv: Sequence[str] | None = None) -> Path:
    return run("covariates", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
