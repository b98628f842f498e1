"""What takes drift out: normalising by batch, or following it in time, as it goes from steps to a smooth curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.frame import Options, run
from bnstats import plots
from bnstats.comparisons import intervals, signed, spoken, training_and_new, winner_map
from bnstats.sampling.datasets import mathpnl
from bnstats.statistics.corrections import (
    CORRECTIONS,
    exponential_average,
    lowess,
    moving_average,
    polynomial,
    spline,
)
from bnstats.studies.batch_effects import measure_correction
from bnstats.studies.left_out import leave_one_batch_out

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
YEARLY = (
    CORRECTIONS["none"],
    CORRECTIONS["center"],
    moving_average(window=3),
    polynomial(degree=1),
    polynomial(degree=2),
    spline(),
    lowess(share=0.7),
)
EXTRAPOLATED = (polynomial(degree=1), polynomial(degree=2), spline())
SIZES, SIZES_QUICK = (4, 16, 64), (4, 16)
SMOOTHNESS, SMOOTHNESS_QUICK = (0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 1.0)
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
    use = measure_correction(
        effect="random_walk",
        batch_sizes=SHOWN_SIZE,
        measures=("accuracy", "training_accuracy"),
        **common,
        **options.study("drift-use", full={"precision": 0.01, "max_replicates": 1024}, quick=0.1),
    )
    smooth = pd.concat([steps.regions().query("smoothness == 1"), kinds.regions()])
    frames = [
        steps.table.assign(panel="steps to smooth"),
        kinds.table.assign(panel="kinds"),
        steps.regions().assign(panel="map of smoothness"),
        smooth.assign(panel="map of kinds"),
        use.table.assign(panel="new batches"),
        use.regions("accuracy").assign(panel="best on new batches"),
        *_real(),
    ]
    frame = pd.concat(frames, ignore_index=True).astype({"clear": float})
    return frame[["panel", *(column for column in frame if column != "panel")]]


def _real() -> list[pd.DataFrame]:
    """Pass rates by year: what predicts the share of poor pupils in a year left out, and what fits say of the last."""
    districts = mathpnl()
    rate, year = districts["math4"].to_numpy(), districts["year"].to_numpy()
    table = leave_one_batch_out(rate, districts["lunch"], year, YEARLY).table.rename(columns={"change": "value"})
    past, years = year < year.max(), sorted(set(year))
    curves = [{"correction": "mean", "year": y, "value": rate[year == y].mean()} for y in years]
    for correction in EXTRAPOLATED:
        fitted = correction.fit(rate[past], year[past])
        said = fitted.level[0] + fitted.effect(years)
        curves += [{"correction": correction.name, "year": y, "value": v} for y, v in zip(years, said, strict=True)]
    return [table[1:].assign(panel="years left out"), pd.DataFrame(curves).assign(panel="the last year")]


def plot(frame: pd.DataFrame) -> Figure:
    """Six panels: error from steps to smooth, two maps of winners, new batches, years left out, the last year."""
    with plots.theme() as palette:
        order = (6, 0, 1, 2, 3, 4, 5)
        colors = {c.name: palette[i] for group in (YEARLY, SIMULATED) for c, i in zip(group, order, strict=True)}
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
    new = frame[frame["panel"] == "best on new batches"].iloc[0]
    return (
        f"Batches of {SHOWN_SIZE} that differ by steps want {_best(rows.loc[0.0])}, by a smooth drift "
        f"{_best(rows.loc[1.0])}; new batches want {_best(new)}"
    )


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
    wide = 100 * rows.pivot(index="correction", columns="measure", values="value")
    mcse = 100 * rows[rows["measure"] == "accuracy"].set_index("correction")["mcse"]
    shown = wide.rename(columns={"accuracy": "new", "training_accuracy": "training"}).join(mcse)
    shown = shown.sort_values("new", ascending=False)
    training_and_new(ax, shown, [spoken(name) for name in shown.index], [colors[name] for name in shown.index])
    ax.set(xlabel=f"accuracy (%), random walk, batches of {SHOWN_SIZE}", ylim=(-len(shown) + 0.4, 1.1))
    best, worst = shown.iloc[0], shown.iloc[-1]
    ax.set_title(
        f"'{spoken(worst.name)}': {worst['training']:.0f} % at training, {worst['new']:.0f} % on new\nbatches; "
        f"'{spoken(best.name)}' sees them: {best['training']:.0f} and {best['new']:.0f} %"
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
    percent = rows.assign(**{c: 100 * rows[c] for c in ("value", "low", "high")}).sort_values("value")
    labels = [spoken(name) for name in percent["correction"]]
    intervals(ax, percent, labels, [colors[name] for name in percent["correction"]])
    best = percent.iloc[0]
    ax.set_xlabel("squared error in a year left out: change (%, 95 %)")
    ax.set_title(
        f"Poverty told from pass rates, {best['batches']:.0f} years: '{spoken(best['correction'])}'\nis the best, "
        f"{signed(best['value'])} % ({signed(best['low'])} to {signed(best['high'])})"
    )


def main(argv: Sequence[str] | None = None) -> Path:
    return run("drift", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
