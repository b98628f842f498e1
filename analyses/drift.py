"""Corrections of drift, by batch or along time, as the drift goes from steps to a smooth curve."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.command_line import Options, run
from analyses.correction_names import best_correction, correction_name
from analyses.exam_data import mathpnl
from analyses.layout import beside, legend_below
from bnstats.corrections import (
    CORRECTIONS,
    exponential_average,
    lowess,
    moving_average,
    polynomial,
    spline,
)
from bnstats.plots.elements import MARKERS, log_errors, series
from bnstats.plots.figure import theme
from bnstats.studies.batch_effects.leave_one_batch_out import leave_one_batch_out
from bnstats.studies.batch_effects.measure import measure_correction

BATCHES, TICKS, SHOWN_SIZE = 12, 4, 16
LOCAL = lowess(proportion=0.2)
SIMULATED = (
    CORRECTIONS["none"],
    CORRECTIONS["center"],
    moving_average(window=9),
    exponential_average(weight=0.2),
    polynomial(degree=3),
    spline(),
    LOCAL,
)
STANDING = tuple(c for c in SIMULATED if c.along == "time" and c.applies_to_new)
YEARLY = (CORRECTIONS["none"], CORRECTIONS["center"], polynomial(degree=1))
EXTRAPOLATED = (polynomial(degree=1), polynomial(degree=2), spline())
SIZES, SIZES_QUICK = (4, 16, 64), (4, 16)
SMOOTHNESS, SMOOTHNESS_QUICK = (0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 1.0)
NAMED = {"math4": "grade 4", "math7": "grade 7", "lunch": "poverty"}
KINDS = ("random_walk", "sinusoid", "trend")


def simulate(options: Options) -> pd.DataFrame:
    """Errors and best corrections, from steps to smooth drift, accuracies on new batches, and a real trend."""
    sizes, shares = (SIZES_QUICK, SMOOTHNESS_QUICK) if options.quick else (SIZES, SMOOTHNESS)
    corrections = tuple(c for c in SIMULATED if not (options.quick and c.name == "spline"))
    common = {"corrections": corrections, "batches": BATCHES, "ticks": TICKS}
    # As many replicates of all corrections: every margin is paired in full.
    shown, others = ({"full": _replicates(count), "quick": _replicates(16)} for count in (192, 64))
    used = {"effect": "random_walk", "smoothness": shares, "measures": "rmse", **common}
    steps = [
        measure_correction(
            batch_sizes=n, **used, **options.study(f"drift-{n}", **(shown if n == SHOWN_SIZE else others))
        )
        for n in sizes
    ]
    kinds = measure_correction(
        effect=KINDS[1:], batch_sizes=sizes, measures="rmse", **common, **options.study("drift-kinds", **others)
    )
    used = {"effect": "random_walk", "batch_sizes": SHOWN_SIZE, "measures": ("accuracy", "training_accuracy")}
    use = measure_correction(
        **used, **common, **options.study("drift-use", full=_replicates(160), quick=_replicates(16))
    )
    standing = measure_correction(
        [c for c in corrections if c in STANDING],
        **used,
        refit=False,
        batches=BATCHES,
        ticks=TICKS,
        **options.study("drift-standing", full={"precision": 0.0125, "max_replicates": 1024}, quick=_replicates(16)),
    )
    maps = pd.concat([found.best_corrections() for found in steps])
    smooth = pd.concat([maps.query("smoothness == 1"), kinds.best_corrections()])
    frames = [
        *(found.table.assign(panel="steps to smooth") for found in steps),
        kinds.table.assign(panel="kinds"),
        maps.assign(panel="map of smoothness"),
        smooth.assign(panel="map of kinds"),
        use.table.assign(panel="new batches"),
        standing.table.query("measure == 'accuracy'").assign(panel="new batches", measure="standing"),
        *_real(),
    ]
    frame = pd.concat(frames, ignore_index=True).astype({"clear": float})
    return frame[["panel", *(column for column in frame if column != "panel")]]


def _replicates(count: int) -> dict[str, Any]:
    return {"precision": None, "max_replicates": count}


def _real() -> list[pd.DataFrame]:
    """Pass rates and poverty by year: each predicted from each in a year left out, and fits of the last year."""
    districts = mathpnl().dropna(subset="math7")
    rate, year = districts["math4"].to_numpy(), districts["year"].to_numpy()
    tables = []
    for x, outcome in permutations(NAMED, 2):
        table = leave_one_batch_out(districts[x], districts[outcome], year, YEARLY).table
        changes = table[1:].rename(columns={"change": "value"})
        tables.append(changes.assign(panel="years left out", dataset=f"{NAMED[outcome]} from {NAMED[x]}"))
    past, years = year < year.max(), sorted(set(year))
    curves = [{"correction": "mean", "year": y, "value": rate[year == y].mean()} for y in years]
    for correction in EXTRAPOLATED:
        fitted = correction.fit(rate[past], year[past])
        said = fitted.level[0] + fitted.effect(years)
        curves += [{"correction": correction.name, "year": y, "value": v} for y, v in zip(years, said, strict=True)]
    return [*tables, pd.DataFrame(curves).assign(panel="the last year")]


def plot(frame: pd.DataFrame) -> Figure:
    """Two panels: errors from steps to a smooth drift, and accuracy on new batches."""
    rows = frame[(frame["panel"] == "map of smoothness") & (frame["batch_size"] == SHOWN_SIZE)].set_index("smoothness")
    new = _deployed(frame[frame["panel"] == "new batches"])
    with theme() as palette:
        order = (6, 0, 1, 2, 3, 4, 5)
        colors = {c.name: palette[i] for c, i in zip(SIMULATED, order, strict=True)}
        figure, (errors, deployed) = beside(2, height=4.6)
        _draw_error(errors, frame[frame["panel"] == "steps to smooth"], colors)
        _draw_new(deployed, new, colors)
        legend_below(figure, errors)
        corrected = new.drop(index="none")
        figure.suptitle(
            f"Steps are best corrected by {best_correction(rows.loc[0.0])}, a smooth drift by "
            f"{best_correction(rows.loc[1.0])}. On new batches, updated corrections give an accuracy of "
            f"{corrected['new'].min():.0f} to {corrected['new'].max():.0f} %, fits that are not updated "
            f"{corrected['standing'].min():.0f} to {corrected['standing'].max():.0f} %"
        )
    return figure


def _deployed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies in percent, the best correction on new batches first, and the standard error of `new`."""
    wide = 100 * rows.pivot(index="correction", columns="measure", values="value")
    mcse = 100 * rows[rows["measure"] == "accuracy"].set_index("correction")["mcse"]
    wide = wide.rename(columns={"accuracy": "new", "training_accuracy": "training"}).join(mcse)
    return wide.sort_values("new", ascending=False)


def _draw_error(ax: Axes, rows: pd.DataFrame, colors: dict[str, Any]) -> None:
    rows = rows[rows["batch_size"] == SHOWN_SIZE]
    for i, (name, color) in enumerate(colors.items()):
        part = rows[rows["correction"] == name]
        if part.empty:  # a quick version lacks the slowest
            continue
        joined = bool(part["exact"].isna().any())
        style = {"color": color, "marker": MARKERS[i], "label": correction_name(name)}
        series(ax, part, "smoothness", joined=joined, **style)
    ax.set_ylim(0.2, 1.3)
    log_errors(ax)
    ax.set(xlabel="smoothness (0: steps by batch, 1: random walk)", ylabel="RMSE of corrected values (σ)")
    ax.set_title(f"On rows of the fit, batches of {SHOWN_SIZE}")


def _draw_new(ax: Axes, shown: pd.DataFrame, colors: dict[str, Any]) -> None:
    """Draw accuracies on new batches: of corrections that go on with their rows, and of fits that are kept."""
    place = -np.arange(len(shown))
    own = [colors[name] for name in shown.index]
    ax.hlines(place, shown["new"] - 2 * shown["mcse"], shown["new"] + 2 * shown["mcse"], color=own)
    ax.scatter(shown["new"], place, color=own, zorder=3, label="updated fit")
    ax.scatter(shown["standing"], place, marker="x", color=own, zorder=3, label="fit not updated")
    ax.set_yticks(place, [fill(correction_name(name), 21) for name in shown.index])
    ax.set(xlabel="accuracy (%)", xlim=(45, 100), title=f"On new batches of {SHOWN_SIZE} of a random walk")
    ax.set_ylim(-len(shown) + 0.5, 1.8)
    ax.legend(loc="upper left", ncols=2)


def main(argv: Sequence[str] | None = None) -> Path:
    return run("drift", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
