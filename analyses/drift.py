"""What takes drift out: normalising by batch, or following it in time, as it goes from steps to a smooth curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.command_line import Options, run
from analyses.exam_data import mathpnl
from analyses.training_and_new import training_and_new
from bnstats import plots
from bnstats.corrections import (
    CORRECTIONS,
    exponential_average,
    lowess,
    moving_average,
    polynomial,
    spline,
)
from bnstats.plots.comparisons import intervals, signed, spoken, winner_map
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
STANDING = tuple(c for c in SIMULATED if c.along == "time" and c.transfers)
YEARLY = (CORRECTIONS["none"], CORRECTIONS["center"], polynomial(degree=1))
EXTRAPOLATED = (polynomial(degree=1), polynomial(degree=2), spline())
SIZES, SIZES_QUICK = (4, 16, 64), (4, 16)
SMOOTHNESS, SMOOTHNESS_QUICK = (0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 1.0)
TOLD = {"math4": "grade 4", "math7": "grade 7", "lunch": "poverty"}
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
    """Pass rates and poverty by year: each told from each in a year left out, and what fits say of the last year."""
    districts = mathpnl().dropna(subset="math7")
    rate, year = districts["math4"].to_numpy(), districts["year"].to_numpy()
    tables = []
    for x, outcome in permutations(TOLD, 2):
        table = leave_one_batch_out(districts[x], districts[outcome], year, YEARLY).table
        told = table[1:].rename(columns={"change": "value"})
        tables.append(told.assign(panel="years left out", dataset=f"{TOLD[outcome]} told from {TOLD[x]}"))
    past, years = year < year.max(), sorted(set(year))
    curves = [{"correction": "mean", "year": y, "value": rate[year == y].mean()} for y in years]
    for correction in EXTRAPOLATED:
        fitted = correction.fit(rate[past], year[past])
        said = fitted.level[0] + fitted.effect(years)
        curves += [{"correction": correction.name, "year": y, "value": v} for y, v in zip(years, said, strict=True)]
    return [*tables, pd.DataFrame(curves).assign(panel="the last year")]


def plot(frame: pd.DataFrame) -> Figure:
    """Six panels: error from steps to smooth, two maps of winners, new batches, years left out, the last year."""
    with plots.theme() as palette:
        order = (6, 0, 1, 2, 3, 4, 5)
        colors = {c.name: palette[i] for c, i in zip(SIMULATED, order, strict=True)}
        # Curves of one kind share a colour, whatever their degree.
        colors |= dict(zip([c.name for c in EXTRAPOLATED], (palette[2], palette[3], palette[4]), strict=True))
        figure, axes = plots.panels(6, columns=3, width=5.0, height=4.1)
        drawn: dict[str, Callable[[Axes, pd.DataFrame, dict], None]] = {
            "steps to smooth": _draw_error,
            "map of smoothness": _draw_smoothness,
            "map of kinds": _draw_kinds,
            "new batches": _draw_new,
            "the last year": _draw_last_year,
            "years left out": _draw_left_out,
        }
        for ax, (panel, draw) in zip(axes, drawn.items(), strict=True):
            draw(ax, frame[frame["panel"] == panel], colors)
        figure.suptitle(_headline(frame), fontweight="bold")
    return figure


def _headline(frame: pd.DataFrame) -> str:
    rows = frame[(frame["panel"] == "map of smoothness") & (frame["batch_size"] == SHOWN_SIZE)].set_index("smoothness")
    new = _deployed(frame[frame["panel"] == "new batches"]).drop(index="none")
    return (
        f"Batches of {SHOWN_SIZE} that differ by steps want {_best(rows.loc[0.0])}, by a smooth drift "
        f"{_best(rows.loc[1.0])};\non new batches all that go on tell {new['new'].min():.0f} to {new['new'].max():.0f} "
        f"% of labels, fits left standing {new['standing'].min():.0f} to {new['standing'].max():.0f} %"
    )


def _deployed(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each correction, the best on new batches first: accuracies in percent, and the standard error of `new`."""
    wide = 100 * rows.pivot(index="correction", columns="measure", values="value")
    mcse = 100 * rows[rows["measure"] == "accuracy"].set_index("correction")["mcse"]
    wide = wide.rename(columns={"accuracy": "new", "training_accuracy": "training"}).join(mcse)
    return wide.sort_values("new", ascending=False)


def _best(row: pd.Series) -> str:
    """The winner, and the second where Monte Carlo error does not tell them apart."""
    return f"'{spoken(row['winner'])}'" + ("" if row["clear"] else f" or '{spoken(row['runner_up'])}'")


def _draw_error(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    rows = rows[rows["batch_size"] == SHOWN_SIZE]
    for i, (name, part) in enumerate(rows.groupby("correction", sort=False)):
        plots.series(ax, part, "smoothness", color=colors[name], marker=plots.MARKERS[i], label=spoken(name))
        if part["exact"].isna().any():
            ax.plot(part["smoothness"], part["value"], ":", color=colors[name], linewidth=1)
    ax.set_ylim(bottom=0.6 * rows["value"].min())
    plots.log_errors(ax)
    ax.set(xlabel="smoothness: 0 steps by batch, 1 random walk", ylabel="RMSE of corrected values (σ)")
    value = rows.pivot(index="smoothness", columns="correction", values="value")
    (steps, smooth), (local_steps, local) = (value.loc[[0, 1], name] for name in ("center", LOCAL.name))
    ax.set_title(
        f"Batches of {SHOWN_SIZE}, τ = σ: from steps to smooth, centring\nleaves {steps:.2f} to {smooth:.2f} σ, "
        f"lowess {local_steps:.2f} to {local:.2f} σ"
    )
    ax.legend(fontsize=7.5, ncols=2, loc="lower left")


def _draw_smoothness(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    winner_map(ax, rows, "smoothness", "batch_size", colors)
    ax.set(xlabel="smoothness (+ %: by how much the second best is worse)", ylabel="batch size n")
    wins = ((rows["winner"] == "center") & (rows["clear"] == 1)).sum()
    ax.set_title(f"Random walk: centring by batch is\nclearly the best in {wins} of {len(rows)} cases")


def _draw_kinds(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    numbered = rows.assign(kind=rows["effect"].map({kind: i for i, kind in enumerate(KINDS)}))
    winner_map(ax, numbered, "kind", "batch_size", colors)
    ax.set_xticks(range(len(KINDS)), [kind.replace("_", " ") for kind in KINDS])
    ax.set(xlabel="drift (+ %: by how much the second best is worse)", ylabel="batch size n")
    trend = rows[rows["effect"] == "trend"].set_index("batch_size").loc[SHOWN_SIZE]
    others = rows.loc[rows["effect"] != "trend", "winner"].nunique()
    ax.set_title(f"A trend wants {_best(trend)};\nwalks and waves want {others}, by batch size")


def _draw_new(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    shown = _deployed(rows)
    training_and_new(ax, shown, [spoken(name) for name in shown.index], [colors[name] for name in shown.index])
    ax.set(xlabel=f"accuracy (%), random walk, batches of {SHOWN_SIZE}", ylim=(-len(shown) + 0.4, 1.6))
    worst = shown.loc[shown["standing"].idxmin()]
    ax.set_title(
        f"'{spoken(worst.name)}' has {worst['training']:.0f} % at training; on new batches\n{worst['new']:.0f} % if it "
        f"goes on with their rows, {worst['standing']:.0f} % if its fit stands"
    )
    ax.legend(fontsize=8, loc="upper left", ncols=2)


def _draw_last_year(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    last = rows["year"].max()
    wide = rows.pivot(index="year", columns="correction", values="value")
    ax.plot(wide.index, wide["mean"], "ko", markersize=6, label="mean of all districts", zorder=4)
    names = [c.name for c in EXTRAPOLATED]
    for name in names:
        label = f"{spoken(name)}, fitted before {last:.0f}"
        ax.plot(wide.index, wide[name], color=colors[name], linewidth=1.6, label=label)
    far = (wide.loc[last, names] - wide.loc[last, "mean"]).abs().idxmax()
    ax.set(xlabel="year", ylabel="fourth-graders who pass mathematics (%)")
    ax.set_title(
        f"Real trend: {wide.loc[last, 'mean']:.0f} % passed in {last:.0f};\n"
        f"'{spoken(far)}' fitted before said {wide.loc[last, far]:.0f} %"
    )
    ax.legend(fontsize=8, loc="upper left")


def _draw_left_out(ax: Axes, rows: pd.DataFrame, colors: dict) -> None:
    percent = rows.assign(**{c: 100 * rows[c] for c in ("value", "low", "high")})
    kinds = {"center": "centred", polynomial(degree=1).name: "line off"}
    labels = [f"{row['dataset']}: {kinds[row['correction']]}" for _, row in percent.iterrows()]
    intervals(ax, percent, labels, [colors[name] for name in percent["correction"]])
    center = percent[percent["correction"] == "center"]
    poverty = center["dataset"].str.contains(TOLD["lunch"])
    (best, least), (hurt, most) = (
        (signed(part["value"].min()), signed(part["value"].max())) for part in (center[poverty], center[~poverty])
    )
    ax.set_xlabel("squared error in a year left out: change (%, 95 %)")
    ax.set_title(
        f"All pairs: centring by year changes {best} to {least} %\nif one has the trend, {hurt} to {most} % "
        "if both have"
    )


def main(argv: Sequence[str] | None = None) -> Path:
    return run("drift", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
