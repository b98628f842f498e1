"""Running statistics, which evaluation mode uses: their error over steps, and the error that remains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from analyses.digit_populations import hidden_preactivations
from analyses.layout import beside
from bnstats.plots.elements import MARKERS, log_errors, series
from bnstats.plots.figure import SMALL as SMALLEST
from bnstats.plots.figure import theme
from bnstats.statistics.running_conventions import Convention
from bnstats.studies.running_stats.measure import measure_running

UNIT = "hidden unit 2"
STEPS = 1000
SMALL, USUAL = 8, 32
MOMENTA = (0.5, 0.1, 0.01, None)
CONVENTIONS = ("torch", "keras", Convention.of("haiku", momentum=0.01), "cumulative")
TRAINING_SIZES = (100, 1000, None)


def simulate(options: Options) -> pd.DataFrame:
    """Errors of running statistics of a hidden unit's pre-activations, in units of its sigma or sigma²."""
    population = bn.Population.of(hidden_preactivations()[UNIT], UNIT)
    runs: list[dict[str, Any]] = [
        {"panel": "momentum", "batch_size": USUAL, "momentum": MOMENTA},
        {"panel": "convention", "batch_size": SMALL, "convention": CONVENTIONS},
        *(
            {"panel": "training set", "batch_size": USUAL, "convention": "cumulative", "training_size": size}
            for size in TRAINING_SIZES
        ),
    ]
    frames = []
    for given in runs:
        what = {"batch_size": given["batch_size"], "training_size": given.get("training_size")}
        name = "-".join(["running_stats", given["panel"].replace(" ", "_"), *map(str, what.values())])
        arguments = {key: value for key, value in given.items() if key != "panel"}
        measured = measure_running(population, steps=STEPS, **arguments, **options.study(name, full=0.015, quick=0.05))
        unit = measured.table["statistic"].map({"mean": population.std, "var": population.var})
        scaled = measured.table[["value", "mcse", "exact"]].div(unit, axis=0)
        labels = {"panel": given["panel"], "population": population.name, **what}
        frames.append(measured.table.assign(**labels, **scaled, unit=unit))
    frame = pd.concat(frames, ignore_index=True)
    first = ["panel", "population", "batch_size", "training_size"]
    return frame[[*first, *(column for column in frame if column not in first)]]


LABELS = {
    "torch": "torch: 0.1",
    "keras": "keras, flax: 0.01",
    "haiku": "haiku: 0.01",
    "cumulative": "cumulative: 1/t",
}


def plot(frame: pd.DataFrame) -> Figure:
    """Three panels of RMSE against steps: momenta, conventions, training sets."""
    rmse = frame[frame["measure"] == "rmse"]
    with theme() as palette:
        figure, (momenta, conventions, sets) = beside(3, height=4.4)
        chosen = rmse[(rmse["panel"] == "momentum") & (rmse["statistic"] == "var")]
        noise = _curves(momenta, chosen, "momentum", palette, _momentum)
        momenta.set(
            title=f"Momentum, batches of {USUAL}", ylabel="RMSE of running variance (σ²)", xlabel="training steps"
        )
        chosen = rmse[(rmse["panel"] == "convention") & (rmse["statistic"] == "var")]
        bias = _curves(conventions, chosen, "convention", palette, LABELS.__getitem__)
        _floor(conventions, 1, 1 / SMALL, f"bias 1/{SMALL}")
        conventions.set(
            title=f"Convention, batches of {SMALL}", ylabel="RMSE of running variance (σ²)", xlabel="training steps"
        )
        chosen = rmse[(rmse["panel"] == "training set") & (rmse["statistic"] == "mean")]
        _curves(sets, chosen, "training_size", palette, _training_set)
        for size in filter(None, TRAINING_SIZES):
            _floor(sets, STEPS, size**-0.5, f"σ/√{size}")
        sets.set(title="Training set, weights 1/t", ylabel="RMSE of running mean (σ)", xlabel="training steps")
        figure.suptitle(
            f"Running statistics never become exact: the variance stays off by {100 * noise[0.1]:.0f} % with momentum "
            f"0.1 ({100 * noise[0.01]:.1f} % with 0.01), by {100 * bias['haiku']:.0f} % if biased; the mean by σ/√M, "
            "in a training set of M rows"
        )
    return figure


def forgotten_after(rows: pd.DataFrame, momentum: float) -> int:
    """The first step shown from which on the error is within a tenth of where it ends: the start is forgotten."""
    curve = rows[rows["momentum"] == momentum].sort_values("step")
    late = curve["value"] > 1.1 * curve["value"].iloc[-1]
    return int(curve["step"][~late.iloc[::-1].cummax().iloc[::-1]].iloc[0])


def _curves(
    ax: Axes, rows: pd.DataFrame, by: str, palette: Sequence[Any], label: Callable[[Any], str]
) -> dict[Any, float]:
    """One curve for each value of `by`; returns where they end."""
    ends = {}
    for i, (given, part) in enumerate(rows.groupby(by, sort=False, dropna=False)):
        series(ax, part, "step", color=palette[i], marker=MARKERS[i], label=label(given))
        ends[given] = float(part.sort_values("step")["value"].iloc[-1])
    ax.set(xscale="log")
    log_errors(ax)
    ax.legend(loc="lower left")
    return ends


def _momentum(weight: float) -> str:
    return f"momentum {weight:g}" if weight > 0 else "1/t (cumulative)"


def _training_set(size: float) -> str:
    return f"training set of {size:g}" if size > 0 else "fresh batches"


def _floor(ax: Axes, step: int, height: float, text: str) -> None:
    """A dashed line where the error stops, with its name."""
    ax.axhline(height, color="0.35", linestyle="--", linewidth=1, zorder=1)
    side = "left" if step == 1 else "right"
    ax.text(step, height * 0.95, text, fontsize=SMALLEST, color="0.25", va="top", ha=side)


def main(argv: Sequence[str] | None = None) -> Path:
    return run("running_stats", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
