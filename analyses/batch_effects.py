"""Should values be corrected for their batch? Where the batches' difference is nuisance, and where it is signal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analyses.command_line import Options, run
from analyses.exam_data import mathpnl, school_tests
from analyses.layout import beside
from bnstats.plots.colors import REFERENCE
from bnstats.plots.comparisons import signed
from bnstats.plots.elements import MARKERS, series
from bnstats.plots.figure import theme
from bnstats.sampling.effects import Distinct
from bnstats.studies.batch_effects.leave_one_batch_out import leave_one_batch_out
from bnstats.studies.batch_effects.measure import Corrected, measure_correction

SHIFTS = ("none", "center", "shrink")
SCALES = ("none", "center", "standardize", "shrink", "shrink_scale")
SIZES, SIZES_QUICK = (2, 4, 8, 16, 32, 128, 512), (2, 8, 32)
SCALES_SIZES = (4, 8, 32, 128)
TAUS, TAUS_QUICK = (0.1, 0.2, 0.3, 0.5, 1.0, 2.0), (0.3, 1.0)
SHOWN_SIZE = 32
STRENGTHS, STRENGTHS_QUICK = (0.25, 0.5, 1.0, 1.5, 2.0), (0.25, 1.0, 2.0)
SPREAD = 0.5
QUICK_DISTRICTS = 30
# Of districts over the years: each later one is predicted from each earlier one.
BY_YEAR = {"lunch": "poverty", "math4": "grade 4", "math7": "grade 7"}


def simulate(options: Options) -> pd.DataFrame:
    """Errors and best corrections by batch size and effect size, accuracies on new batches, pass rates in exams."""
    grids = (SIZES, TAUS, STRENGTHS), (SIZES_QUICK, TAUS_QUICK, STRENGTHS_QUICK)
    sizes, taus, strengths = grids[options.quick]
    nuisance = measure_correction(
        SHIFTS,
        batch_sizes=sizes,
        effect_size=taus,
        measures="rmse",
        **options.study("batch_effects-shifts", full=0.02, quick=0.2),
    )
    scales = measure_correction(
        SCALES,
        effect=Distinct(spread=SPREAD),
        batch_sizes=[n for n in sizes if n in SCALES_SIZES],
        effect_size=taus,
        measures="rmse",
        **options.study("batch_effects-scales", full=0.03, quick=0.2),
    )
    used = {"measures": ("accuracy", "training_accuracy"), "batch_sizes": SHOWN_SIZE}
    precision = {"full": 0.01, "quick": 0.2}
    signal = measure_correction(
        SHIFTS[:2],
        effect_size=strengths,
        labels=("nuisance", "signal"),
        **used,
        **options.study("batch_effects-use", **precision),
    )
    confounded = measure_correction(
        SHIFTS, effect_size=1.0, design="confounded", **used, **options.study("batch_effects-confounded", **precision)
    )
    frames = [
        nuisance.table.assign(panel="nuisance"),
        _map(nuisance, "shifts"),
        _map(scales, "scales"),
        signal.table.assign(panel="signal"),
        _gains(signal),
        confounded.table.assign(panel="confounded"),
        _real(QUICK_DISTRICTS if options.quick else None),
    ]
    frame = pd.concat(frames, ignore_index=True)
    return frame[["panel", *(column for column in frame if column != "panel")]]


def _gains(measured: Corrected) -> pd.DataFrame:
    """The paired change of accuracy by centering."""
    change = measured.compare("center", "none").query("measure == 'accuracy'")
    return change.drop(columns="paired").assign(panel="gain", exact=np.nan)


def _map(measured: Corrected, panel: str) -> pd.DataFrame:
    return measured.best_corrections("rmse").assign(panel=panel).astype({"clear": float})


def _real(most: int | None) -> pd.DataFrame:
    """Change of the squared error in a left-out batch, against no correction; in at most so many school districts."""
    districts = mathpnl().dropna()
    given = {
        f"{BY_YEAR[outcome]} by {BY_YEAR[x]}, {{}} years": (districts[x], districts[outcome], districts["year"])
        for x, outcome in combinations(BY_YEAR, 2)
    }
    for year in (1995, 2001):
        schools = school_tests(year)
        schools = schools[schools["district"].isin(schools["district"].unique()[:most])]
        name = f"math by reading {year}, {{}} districts"
        given[name] = (schools["read4"], schools["math4"], schools["district"])
    found = []
    for name, (x, outcome, batch) in given.items():
        table = leave_one_batch_out(x, outcome, batch, SHIFTS).table.rename(columns={"change": "value"})
        dataset = name.format(batch.nunique())
        found.append(table[1:].assign(panel="real", dataset=dataset, measure="change of squared error"))
    return pd.concat(found)


def plot(frame: pd.DataFrame) -> Figure:
    """One panel: what centering changes against the effect size, where the difference is nuisance and where signal."""
    rows = frame[frame["panel"] == "gain"]
    points = rows.assign(value=100 * rows["value"], mcse=100 * rows["mcse"])
    with theme() as palette:
        figure, (ax,) = beside(1)
        for i, (labels, part) in enumerate(points.groupby("labels", sort=False)):
            color, marker = palette[2 * i + 2], MARKERS[i]
            label = f"difference between batches is {labels}"
            series(ax, part, "effect_size", color=color, marker=marker, label=label, joined=True)
        ax.axhline(0, color=REFERENCE, linewidth=1)
        ax.set(
            xlabel="standard deviation of batch means (σ within batches)",
            ylabel="accuracy on new batches, centered less uncorrected (points)",
        )
        ax.legend(loc="lower left")
        at = points[points["effect_size"] == 1].set_index("labels")["value"]
        figure.suptitle(
            f"Centering batches of {SHOWN_SIZE} whose means differ by one standard deviation changes accuracy by "
            f"{signed(at['nuisance'])} points where the difference is nuisance, by {signed(at['signal'])} where it is "
            "signal"
        )
    return figure


def main(argv: Sequence[str] | None = None) -> Path:
    return run("batch_effects", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
