"""Should values be corrected for their batch? Where the batches' difference is nuisance, and where it is signal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.command_line import Options, run
from analyses.correction_names import correction_name
from analyses.exam_data import mathpnl, school_tests
from analyses.training_and_new import draw_training_and_new
from bnstats import plots
from bnstats.plots.comparisons import best_correction_map, intervals, signed
from bnstats.sampling.effects import Distinct
from bnstats.studies.batch_effects.leave_one_batch_out import leave_one_batch_out
from bnstats.studies.batch_effects.measure import Corrected, measure_correction

SHIFTS = ("none", "center", "shrink")
SCALES = ("none", "center", "standardize", "shrink", "shrink_scale")
SIZES, SIZES_QUICK = (2, 4, 8, 16, 32, 128, 512), (2, 8, 32)
SCALES_SIZES = (4, 8, 32, 128)
TAUS, TAUS_QUICK = (0.1, 0.2, 0.3, 0.5, 1.0, 2.0), (0.3, 1.0)
SHOWN_TAU, SHOWN_SIZE = 0.3, 32
STRENGTHS, STRENGTHS_QUICK = (0.25, 0.5, 1.0, 1.5, 2.0), (0.25, 1.0, 2.0)
SPREAD = 0.5
# Of districts over the years: each later one is predicted from each earlier one.
BY_YEAR = {"lunch": "poverty", "math4": "grade 4", "math7": "grade 7"}


def simulate(options: Options) -> pd.DataFrame:
    """Errors and winners over batch sizes and effect sizes, accuracies on new batches, and real pass rates in exams."""
    grids = (SIZES, TAUS, STRENGTHS), (SIZES_QUICK, TAUS_QUICK, STRENGTHS_QUICK)
    sizes, taus, strengths = grids[options.quick]
    nuisance = measure_correction(
        SHIFTS,
        batch_sizes=sizes,
        effect_size=taus,
        measures="rmse",
        **options.study("batch_effects-shifts", full=0.02, quick=0.04),
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
    precision = {"full": 0.01, "quick": 0.05}
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
        confounded.table.assign(panel="confounded"),
        _real(),
    ]
    frame = pd.concat(frames, ignore_index=True)
    return frame[["panel", *(column for column in frame if column != "panel")]]


def _map(measured: Corrected, panel: str) -> pd.DataFrame:
    return measured.regions("rmse").assign(panel=panel).astype({"clear": float})


def _real() -> pd.DataFrame:
    """Change of the squared error in a left-out batch, against no correction."""
    districts = mathpnl().dropna()
    given = {
        f"{BY_YEAR[outcome]} by {BY_YEAR[x]}, {{}} years": (districts[x], districts[outcome], districts["year"])
        for x, outcome in combinations(BY_YEAR, 2)
    }
    for year in (1995, 2001):
        schools = school_tests(year)
        name = f"math by reading {year}, {{}} districts"
        given[name] = (schools["read4"], schools["math4"], schools["district"])
    found = []
    for name, (x, outcome, batch) in given.items():
        table = leave_one_batch_out(x, outcome, batch, SHIFTS).table.rename(columns={"change": "value"})
        dataset = name.format(batch.nunique())
        found.append(table[1:].assign(panel="real", dataset=dataset, measure="change of squared error"))
    return pd.concat(found)


def plot(frame: pd.DataFrame) -> Figure:
    """Six panels: error over batch sizes, two maps of winners, accuracies, the confounded case, real pass rates."""
    with plots.theme() as palette:
        colors = dict(zip(SCALES, (palette[6], palette[0], palette[1], palette[2], palette[3]), strict=True))
        figure, axes = plots.panels(6, columns=3, width=5.4, height=4.2)
        drawn: dict[str, Callable[[Axes, pd.DataFrame, dict], None]] = {
            "nuisance": _draw_error,
            "shifts": _draw_map,
            "scales": _draw_map,
            "signal": _draw_signal,
            "confounded": _draw_confounded,
            "real": _draw_real,
        }
        for ax, (panel, draw) in zip(axes, drawn.items(), strict=True):
            draw(ax, frame[frame["panel"] == panel], colors)
        figure.suptitle(_headline(frame), fontweight="bold")
    return figure


def _headline(frame: pd.DataFrame) -> str:
    value = _accuracies(frame)
    gain, loss = (value.loc[(kind, 1.0), "center"] - value.loc[(kind, 1.0), "none"] for kind in ("nuisance", "signal"))
    return (
        "Centering batches whose means differ by one standard deviation changes accuracy on new batches\n"
        f"by {signed(100 * gain)} points where the difference is nuisance, by {signed(100 * loss)} where it is signal"
    )


def _accuracies(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per kind of labels and effect size, one column per correction."""
    rows = frame[(frame["panel"] == "signal") & (frame["measure"] == "accuracy")]
    return rows.pivot(index=["labels", "effect_size"], columns="correction", values="value")


def _draw_error(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    rows = rows[rows["effect_size"] == SHOWN_TAU]
    for i, (name, part) in enumerate(rows.groupby("correction", sort=False)):
        plots.series(ax, part, "batch_size", color=colors[name], marker=plots.MARKERS[i], label=correction_name(name))
    plots.log2_ticks(ax, rows["batch_size"].astype(int).tolist())
    plots.log_errors(ax)
    ax.axvline(SHOWN_TAU**-2, color="0.35", linestyle=":", linewidth=1.2)
    ax.text(SHOWN_TAU**-2 * 1.08, ax.get_ylim()[1] * 0.97, "n = σ²/τ²", fontsize=8, color="0.25", va="top")
    ax.set(xlabel="batch size n", ylabel="RMSE of corrected values (σ)")
    ax.set_title(
        f"Nuisance of {SHOWN_TAU} standard deviations: centering pays\n"
        f"from batches of {np.ceil(SHOWN_TAU**-2):.0f} on, shrinking sooner"
    )
    ax.legend(fontsize=8, title="correction", title_fontsize=8)


def _draw_map(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    best_correction_map(ax, rows, "batch_size", "effect_size", colors)
    wins = rows.loc[rows["clear"] == 1, "winner"].value_counts()
    kind = "their means" if rows["panel"].iloc[0] == "shifts" else "mean and scale"
    best = correction_name(wins.index[0]) if len(wins) else "nothing"
    count = wins.iloc[0] if len(wins) else len(rows)
    ax.set_title(f"Batches differ in {kind}:\n{best} is clearly the best in {count} of {len(rows)} cases")
    ax.set(
        xlabel="batch size n (+ %: second best; ≈: no clear winner)",
        ylabel="effect size τ/σ = √(ICC / (1 − ICC))",
    )


def _draw_signal(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    rows = rows[rows["measure"] == "accuracy"]
    for (name, labels), line in rows.groupby(["correction", "labels"], sort=False):
        percent = line.assign(**{c: 100 * line[c] for c in ("value", "mcse")})
        style, marker = {"nuisance": ("-", "o"), "signal": ("--", "D")}[labels]
        plots.series(ax, percent, "effect_size", color=colors[name], marker=marker)
        ax.plot(
            line["effect_size"], percent["value"], style, color=colors[name], label=f"{correction_name(name)}, {labels}"
        )
    value = 100 * _accuracies(rows)
    strongest = max(rows["effect_size"])
    kept, lost = value.loc[("signal", strongest), ["none", "center"]]
    ax.set(xlabel=f"effect size τ (σ), batches of {SHOWN_SIZE}", ylabel="accuracy on new batches (%)", ylim=(50, 100))
    ax.set_title(
        f"Where differences are signal (dashed), of {strongest:g} sd,\n"
        f"centering lowers accuracy from {kept:.0f} % to {lost:.0f} %"
    )
    ax.legend(fontsize=8, ncols=2, loc="lower left")


def _draw_confounded(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    wide = 100 * rows.pivot(index="correction", columns="measure", values="value").loc[list(SHIFTS)]
    mcse = 100 * rows[rows["measure"] == "accuracy"].set_index("correction")["mcse"]
    shown = wide.rename(columns={"accuracy": "new", "training_accuracy": "training"}).join(mcse)
    names = [correction_name(name) for name in shown.index]
    draw_training_and_new(ax, shown, names, [colors[name] for name in shown.index])
    ax.set(xlabel=f"accuracy (%), τ = σ, batches of {SHOWN_SIZE}", ylim=(-len(shown) + 0.4, 0.9))
    none, center = shown.loc["none"], shown.loc["center"]
    ax.set_title(
        f"Labels that go with batches: from training to new batches,\n{none['training']:.0f} to {none['new']:.0f} % "
        f"right uncorrected, {center['training']:.0f} to {center['new']:.0f} % centered"
    )
    ax.legend(fontsize=8, loc="upper left", ncols=2)


def _draw_real(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    percent = rows.assign(**{c: 100 * rows[c] for c in ("value", "low", "high")})
    labels = [
        row["dataset"] if row["correction"] == "center" else correction_name(row["correction"])
        for _, row in rows.iterrows()
    ]
    intervals(ax, percent, labels, [colors[name] for name in rows["correction"]])
    ax.set_xlabel("change of squared error, batch left out (%, 95 % intervals)")
    ax.set_title(_real_title(percent[percent["correction"] == "center"]), fontsize=9)


def _real_title(center: pd.DataFrame) -> str:
    """Return the title: the change by centering in each set of batches, from the smallest to the largest."""
    lines = []
    for where, rows in center.groupby(center["dataset"].str.split().str[-1], sort=False):
        said = [
            f"{signed(row['value'])} %" if row["low"] > 0 or row["high"] < 0 else "unclear"
            for _, row in rows.iterrows()
        ]
        lines.append(f"{', '.join(said)} by {where}")
    return f"Centering pass rates changes the error of predictions:\n{'; '.join(lines)}"


def main(argv: Sequence[str] | None = None) -> Path:
    return run("batch_effects", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
