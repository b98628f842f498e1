"""How fast mini-batch statistics converge: error against batch size, light and heavy tails, and real activations."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from bnstats.datasets.loaders import hidden_preactivations, pixel_columns
from bnstats.plots.elements import MARKERS, log2_ticks, log_errors, panels, series, theme

LIGHT = ("normal", "uniform", "exponential", "laplace", "bernoulli")
HEAVY = ("t5", "t3", "pareto", "t2.5")
SMALL, USUAL = 4, 64
AT = "panel == 'light' and estimator == '{}' and measure == '{}' and population == '{}' and batch_size == {}"
ESTIMATORS = ("mean", "var", "var_unbiased", "std", "inv_std")


def simulate(options: Options) -> pd.DataFrame:
    """Errors in units of the population value (of the mean: of sigma), and the slopes of their logarithms."""
    frames = []
    groups = {
        "light": {name: name for name in (*LIGHT, "rectified", "mixture", "lognormal", "contaminated")},
        "heavy": {name: name for name in HEAVY},
        "real": {**pixel_columns(), **hidden_preactivations()},
    }
    for panel, populations in groups.items():
        full, quick = {"precision": 0.01, "max_replicates": 2**11}, {"precision": 0.04, "max_replicates": 2**10}
        settings = options.study(f"convergence-{panel}", full=full, quick=quick)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bn.exceptions.PrecisionWarning)  # inf in the table
            measured = bn.measure_convergence(populations, estimators=ESTIMATORS, **settings)
        unit = _units(populations, measured.table)
        scaled = measured.table[["value", "mcse", "exact"]].div(unit, axis=0)
        errors = measured.table.assign(panel=panel, kind="error", unit=unit, **scaled)
        frames += [errors, measured.rates().assign(panel=panel, kind="rate")]
    return pd.concat(frames, ignore_index=True)


def _units(populations: dict[str, object], table: pd.DataFrame) -> pd.Series:
    made = {name: bn.Population.of(source) for name, source in populations.items()}
    values = {
        (name, e): made[name].std if e == "mean" else bn.ESTIMATORS[e].population_value(made[name])
        for name in made
        for e in ESTIMATORS
    }
    return pd.Series([values[pair] for pair in zip(table["population"], table["estimator"], strict=True)], table.index)


def plot(frame: pd.DataFrame) -> Figure:
    """Five panels: the mean, the variance, heavy tails, real activations, and all slopes."""
    errors, rates = frame[frame["kind"] == "error"], frame[frame["kind"] == "rate"]
    with theme() as palette:
        figure, axes = panels(6, columns=3, width=4.6)
        mean, var, scale, heavy, real, slopes = axes

        def draw(ax: Axes, panel: str, estimator: str, measure: str, names: Sequence[str]) -> None:
            chosen = errors.loc[
                (errors["panel"] == panel) & (errors["estimator"] == estimator) & (errors["measure"] == measure)
            ]
            for i, name in enumerate(names):
                part = chosen[chosen["population"] == name]
                series(ax, part, "batch_size", color=palette[i], marker=MARKERS[i], label=name)
            log2_ticks(ax, chosen["batch_size"].astype(int).tolist())
            log_errors(ax)
            ax.set(xlabel="batch size")
            ax.legend(fontsize=7, loc="lower left")

        draw(mean, "light", "mean", "rmse", LIGHT)
        mean.set(title="The error of the mean is σ/√n,\nwhatever the population", ylabel="RMSE of mean (σ)")
        draw(var, "light", "var", "rmse", LIGHT)
        normal64 = float(errors.query(AT.format("var", "rmse", "normal", USUAL))["value"].iloc[0])
        var.set(title=f"The variance of 64 normal values\nis still {normal64:.0%} off", ylabel="RMSE of var (σ²)")
        draw(scale, "light", "inv_std", "bias", LIGHT[:4])
        scale4 = float(errors.query(AT.format("inv_std", "bias", "normal", SMALL))["value"].iloc[0])
        scale.set(
            title=f"The scale 1/s is too large in small batches:\nby {scale4:.0%} at {SMALL}, normal data",
            ylabel="bias of 1/s (1/σ)",
        )
        draw(heavy, "heavy", "var", "median_abs_error", HEAVY)
        heavy.set(
            title="Under heavy tails, the variance\nconverges more slowly than 1/√n", ylabel="median error of var (σ²)"
        )
        names = list(dict.fromkeys(errors[errors["panel"] == "real"]["population"]))
        draw(real, "real", "var", "rmse", names)
        real.set(title="Handwritten digits: the variance of sparse\npixels is known worst", ylabel="RMSE of var (σ²)")
        _slopes(slopes, rates, palette)
        figure.suptitle("Errors of batch statistics against batch size: lines are exact, points are measured")
    return figure


def _slopes(ax: Axes, rates: pd.DataFrame, palette: Sequence[object]) -> None:
    """Measured slopes of the variance's median error with their intervals, beside the theoretical ones."""
    chosen = rates.query("estimator == 'var' and measure == 'median_abs_error' and panel != 'real'")
    chosen = chosen[chosen["rate"].notna() & ~chosen["population"].isin(["lognormal", "contaminated"])].iloc[::-1]
    y = np.arange(len(chosen))
    bars = [chosen["rate"] - chosen["low"], chosen["high"] - chosen["rate"]]
    style = {"fmt": "o", "color": palette[0], "markersize": 4.5, "elinewidth": 1}
    ax.errorbar(chosen["rate"], y, xerr=bars, label="measured, 95 % jointly", **style)
    ax.plot(chosen["expected"], y, "|", color=palette[1], markersize=12, markeredgewidth=2, label="limit for n → ∞")
    ax.plot(chosen["exact"], y, "x", color=palette[2], markersize=6, label="exact at these batch sizes")
    ax.set_yticks(y, chosen["population"])
    ax.set_title("How fast the variance converges: slopes of −1/2,\nunder heavy tails slowly toward −(1 − 2/α)")
    ax.set(xlabel="slope of log median error on log batch size")
    ax.legend(fontsize=7, loc="upper right")


def main(argv: Sequence[str] | None = None) -> Path:
    return run("convergence", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
