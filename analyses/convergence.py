"""Convergence of mini-batch statistics: error against batch size, light and heavy tails, and real activations."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bnstats as bn
from analyses.command_line import Options, run
from analyses.digit_populations import hidden_preactivations, pixel_columns
from analyses.layout import beside
from bnstats.plots.elements import MARKERS, log2_ticks, log_errors, series
from bnstats.plots.figure import theme

LIGHT = ("normal", "uniform", "exponential", "laplace", "bernoulli")
HEAVY = ("t5", "t3", "pareto", "t2.5")
USUAL = 64
AT = "panel == 'light' and estimator == '{}' and measure == '{}' and population == '{}' and batch_size == {}"
ESTIMATORS = ("mean", "var", "var_unbiased", "std", "inv_std")


def simulate(options: Options) -> pd.DataFrame:
    """Errors in units of the population value (of the mean: of sigma), and the slopes of their logarithms.

    What the figure shows has the precision asked for, all else a third of it.
    """
    light, heavy = ({name: name for name in names} for names in (LIGHT, HEAVY))
    more = {name: name for name in ("rectified", "mixture", "lognormal", "contaminated")}
    real = {**pixel_columns(), **hidden_preactivations()}
    shown = ("mean", "var")
    runs = (
        ("light", light, shown, 0.01),
        ("light", light, ESTIMATORS[2:], 0.03),
        ("light", more, ESTIMATORS, 0.03),
        ("heavy", heavy, ("var",), 0.01),
        ("heavy", heavy, tuple(name for name in ESTIMATORS if name != "var"), 0.03),
        ("real", real, ESTIMATORS, 0.02),
    )
    if options.quick:
        runs = (runs[0], runs[3])  # what the figure shows
    frames = []
    for number, (panel, populations, estimators, precision) in enumerate(runs):
        full, quick = {"precision": precision, "max_replicates": 2**11}, {"precision": 0.04, "max_replicates": 2**10}
        settings = options.study(f"convergence-{number}", full=full, quick=quick)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bn.exceptions.PrecisionWarning)  # inf in the table
            measured = bn.measure_convergence(populations, estimators=estimators, **settings)
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
    """Three panels: the mean, the variance of light tails, and that of heavy tails."""
    errors = frame[frame["kind"] == "error"]
    with theme() as palette:
        figure, (mean, var, heavy) = beside(3, height=4.2)

        def draw(ax: Axes, panel: str, estimator: str, measure: str, names: Sequence[str]) -> None:
            chosen = errors[
                (errors["panel"] == panel) & (errors["estimator"] == estimator) & (errors["measure"] == measure)
            ]
            for i, name in enumerate(names):
                part = chosen[chosen["population"] == name]
                series(ax, part, "batch_size", color=palette[i], marker=MARKERS[i], label=name)
            log2_ticks(ax, chosen["batch_size"].astype(int).tolist())
            log_errors(ax)
            ax.set(xlabel="batch size n")
            ax.legend(loc="lower left")

        draw(mean, "light", "mean", "rmse", LIGHT)
        mean.set(title="The mean: σ/√n for every population", ylabel="RMSE of the mean (σ)")
        draw(var, "light", "var", "rmse", LIGHT)
        var.set(title="The variance: as 1/√n, too, but larger", ylabel="RMSE of the variance (σ²)")
        draw(heavy, "heavy", "var", "median_abs_error", HEAVY)
        rate = frame.query("kind == 'rate' and estimator == 'var' and measure == 'median_abs_error'")
        slowest = rate[rate["panel"] == "heavy"].set_index("population")["rate"]
        slow = f"as $n^{{{slowest.max():.2f}}}$ for {slowest.idxmax()}"
        heavy.set(title=f"The variance under heavy tails: {slow}", ylabel="median error of the variance (σ²)")
        at = errors.query(AT.format("var", "rmse", "normal", USUAL))["value"].item()
        figure.suptitle(
            f"Errors of batch statistics fall as 1/√n, under heavy tails more slowly: the variance of {USUAL} normal "
            f"values is {100 * at:.0f} % off (lines exact, points measured)"
        )
    return figure


def main(argv: Sequence[str] | None = None) -> Path:
    return run("convergence", simulate, plot, argv, __doc__)


if __name__ == "__main__":
    main()
