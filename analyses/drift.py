"""Corrections of drift, by batch or along time, as the drift goes from steps to a smooth curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.command_line import Options, run
from analyses.correction_names import best_correction, correction_name
from analyses.exam_data import mathpnl
from analyses.training_and_new import draw_training_and_new
from bnstats import plots
from bnstats.corrections import (
    CORRECTIONS,
    exponential_average,
    lowess,
    moving_average,
    polynomial,
    spline,
)
from bnstats.plots.comparisons import best_correction_map, intervals
from bnstats.studies.batch_effects.leave_one_batch_out import leave_one_batch_out
from bnstats.studies.batch_effects.measure import measure_correction

BATCHES, TICKS, SHOWN_SIZE = 12, 4, 16
LOCAL = lowess(share=0.2)
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
    """Errors and winners from steps to smooth drift, accuracies on new batches, and a real trend."""
    sizes, shares = (SIZES_QUICK, SMOOTHNESS_QUICK) if options.quick else (SIZES, SMOOTHNESS)
    corrections = tuple(c for c in SIMULATED if not (options.quick and c.name == "spline"))
    common = {"corrections": corrections, "batches": BATCHES, "ticks": TICKS}
    # As many replicates of all corrections: every margin is paired in full.
    precision = {who: {"precision": None, "max_replicates": most} for who, most in (("full", 192), ("quick", 128))}
    steps = measure_correction(
        effect="random_walk",
        smoothness=shares,
        batch_sizes=sizes,
        measures="rmse",
        **common,
        **options.study("drift-steps", **precision),
    )
    kinds = measure_correction(
        effect=KINDS[1:], batch_sizes=sizes, measures="rmse", **common, **options.study("drift-kinds", **precision)
    )
    used = {"effect": "random_walk", "batch_sizes": SHOWN_SIZE, "measures": ("accuracy", "training_accuracy")}
    use = measure_correction(
        **used, **common, **options.study("drift-use", full={"precision": None, "max_replicates": 160}, quick=0.1)
    )
    standing = measure_correction(
        [c for c in corrections if c in STANDING],
        **used,
        refit=False,
        batches=BATCHES,
        ticks=TICKS,
        **options.study("drift-standing", full={"precision": 0.0125, "max_replicates": 1024}, quick=0.1),
    )
    smooth = pd.concat([steps.regions().query("smoothness == 1"), kinds.regions()])
    frames = [
        steps.table.assign(panel="steps to smooth"),
        kinds.table.assign(panel="kinds"),
        steps.regions().assign(panel="map of smoothness"),
        smooth.assign(panel="map of kinds"),
        use.table.assign(panel="new batches"),
        standing.table.query("measure == 'accuracy'").assign(panel="new batches", measure="standing"),
        *_real(),
    ]
    frame = pd.concat(frames, ignore_index=True).astype({"clear": float})
    return frame[["panel", *(column for column in frame if column != "panel")]]


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
    """Two panels of errors from steps to smooth, two maps of winners, new batches, the last year, years left out."""
    with plots.theme() as palette:
        order = (6, 0, 1, 2, 3, 4, 5)
        colors = {c.name: palette[i] for c, i in zip(SIMULATED, order, strict=True)}
        # Curves of one kind share a color, whatever their degree.
        colors |= dict(zip([c.name for c in EXTRAPOLATED], (palette[2], palette[3], palette[4]), strict=True))
        figure, axes = plots.panels(7, columns=4, width=4.8, height=4.2)
        drawn: tuple[tuple[str, Callable[[Axes, pd.DataFrame, dict], None]], ...] = (
            ("steps to smooth", _draw_averages),
            ("steps to smooth", _draw_curves),
            ("map of smoothness", _draw_smoothness),
            ("map of kinds", _draw_kinds),
            ("new batches", _draw_new),
            ("the last year", _draw_last_year),
            ("years left out", _draw_left_out),
        )
        for ax, (panel, draw) in zip(axes, drawn, strict=True):
            draw(ax, frame[frame["panel"] == panel], colors)
        figure.suptitle(_headline(frame), fontweight="bold")
    return figure


def _headline(frame: pd.DataFrame) -> str:
    rows = frame[(frame["panel"] == "map of smoothness") & (frame["batch_size"] == SHOWN_SIZE)].set_index("smoothness")
    new = _deployed(frame[frame["panel"] == "new batches"]).drop(index="none")
    return (
        f"Batches of {SHOWN_SIZE} that differ by steps are best corrected by {best_correction(rows.loc[0.0])}, "
        f"those of a smooth drift by {best_correction(rows.loc[1.0])};\n"
        "on new batches, corrections that go on with their rows name "
        f"{new['new'].min():.0f} to {new['new'].max():.0f} % of labels right, old fits "
        f"{new['standing'].min():.0f} to {new['standing'].max():.0f} %"
    )


def _deployed(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each correction, the best on new batches first: accuracies in percent, and the standard error of `new`."""
    wide = 100 * rows.pivot(index="correction", columns="measure", values="value")
    mcse = 100 * rows[rows["measure"] == "accuracy"].set_index("correction")["mcse"]
    wide = wide.rename(columns={"accuracy": "new", "training_accuracy": "training"}).join(mcse)
    return wide.sort_values("new", ascending=False)


def _draw_averages(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    names = ("none", "center", *(c.name for c in SIMULATED[2:4]))
    value = _draw_error(ax, rows, names, colors)
    steps, smooth = value.loc[[0, 1], "center"]
    ax.set_title(
        f"Batches of {SHOWN_SIZE} that differ by one standard deviation:\n"
        f"centering leaves {steps:.2f} of it for steps, "
        f"{smooth:.2f} for a random walk"
    )


def _draw_curves(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    value = _draw_error(ax, rows, ("center", *(c.name for c in SIMULATED[4:])), colors)
    steps, smooth = value.loc[[0, 1], LOCAL.name]
    ax.set_title(f"Curves along time: lowess leaves\n{steps:.2f} for steps, {smooth:.2f} for a random walk")


def _draw_error(ax: Axes, rows: pd.DataFrame, names: Sequence[str], colors: dict) -> pd.DataFrame:
    """Errors of some corrections; returns them all, one column per correction."""
    rows = rows[rows["batch_size"] == SHOWN_SIZE]
    for i, name in enumerate(names):
        part = rows[rows["correction"] == name]
        if len(part):
            marker = plots.MARKERS[i]
            plots.series(ax, part, "smoothness", color=colors[name], marker=marker, label=correction_name(name))
            if part["exact"].isna().any():
                ax.plot(part["smoothness"], part["value"], ":", color=colors[name], linewidth=1)
    ax.set_ylim(0.12, 1.3)
    plots.log_errors(ax)
    ax.set(xlabel="smoothness: 0 steps by batch, 1 random walk", ylabel="RMSE of corrected values (σ)")
    ax.legend(fontsize=8, ncols=2, loc="lower left")
    return rows.pivot(index="smoothness", columns="correction", values="value")


def _draw_smoothness(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    best_correction_map(ax, rows, "smoothness", "batch_size", colors)
    ax.set(xlabel="smoothness (+ %: second best; ≈: no clear winner)", ylabel="batch size n")
    wins = ((rows["winner"] == "center") & (rows["clear"] == 1)).sum()
    ax.set_title(f"Random walk: centering by batch is\nclearly the best in {wins} of {len(rows)} cases")


def _draw_kinds(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    numbered = rows.assign(kind=rows["effect"].map({kind: i for i, kind in enumerate(KINDS)}))
    best_correction_map(ax, numbered, "kind", "batch_size", colors)
    ax.set_xticks(range(len(KINDS)), [kind.replace("_", " ") for kind in KINDS])
    ax.set(xlabel="drift (+ %: second best; ≈: no clear winner)", ylabel="batch size n")
    trend = rows[rows["effect"] == "trend"].set_index("batch_size").loc[SHOWN_SIZE]
    others = rows[rows["effect"] != "trend"]
    ax.set_title(
        f"A trend: {best_correction(trend)};\n"
        f"of walks and waves, {others['clear'].sum():.0f} of {len(others)} have a clear winner"
    )


def _draw_new(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    shown = _deployed(rows)
    names = [correction_name(name) for name in shown.index]
    draw_training_and_new(ax, shown, names, [colors[name] for name in shown.index])
    ax.set(xlabel=f"accuracy (%), random walk, batches of {SHOWN_SIZE}", ylim=(-len(shown) + 0.4, 1.6))
    worst = shown.loc[shown["standing"].idxmin()]
    ax.set_title(
        f"After {correction_name(worst.name)}, {worst['training']:.0f} % right at training; on new\nbatches "
        f"{worst['new']:.0f} % if it goes on with their rows, {worst['standing']:.0f} % if not"
    )
    ax.legend(fontsize=8, loc="upper left", ncols=2)


def _draw_last_year(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    last = rows["year"].max()
    wide = rows.pivot(index="year", columns="correction", values="value")
    ax.plot(wide.index, wide["mean"], "ko", markersize=6, label="mean of all districts", zorder=4)
    names = [c.name for c in EXTRAPOLATED]
    for name in names:
        label = f"{correction_name(name)}, fitted before {last:.0f}"
        ax.plot(wide.index, wide[name], color=colors[name], linewidth=1.6, label=label)
    far = (wide.loc[last, names] - wide.loc[last, "mean"]).abs().idxmax()
    ax.set(xlabel="year", ylabel="fourth-graders who pass mathematics (%)")
    ax.set_title(
        f"Real trend: {wide.loc[last, 'mean']:.0f} % passed in {last:.0f};\n"
        f"{correction_name(far)} fitted before said {wide.loc[last, far]:.0f} %"
    )
    ax.legend(fontsize=8, loc="upper left")


def _draw_left_out(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    percent = rows.assign(**{c: 100 * rows[c] for c in ("value", "low", "high")})
    kinds = {"center": "centered", polynomial(degree=1).name: "line off"}
    labels = [f"{row['dataset']}: {kinds[row['correction']]}" for _, row in percent.iterrows()]
    intervals(ax, percent, labels, [colors[name] for name in percent["correction"]])
    center = percent[percent["correction"] == "center"]
    helps, hurts = (center["high"] < 0).sum(), (center["low"] > 0).sum()
    ax.set_xlabel("change of squared error, year left out (%, 95 % intervals)")
    unclear = len(center) - helps - hurts
    ax.set_title(
        f"Real years left out: centering lowers the error in {helps} of\n"
        f"{len(center)} pairs, raises it in {hurts}" + (f", unclear in {unclear}" if unclear else "")
    )


def main(argv: Sequence[str] | None = None) -> Path:
    return run("drift", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
