"""Figures of results, from their tables: error against batch size or steps, scores against batch size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bnstats._checks.arguments import checked
from bnstats._checks.values import choice
from bnstats.plots.arguments import named_table_with
from bnstats.plots.elements import (
    MARKERS,
    explain,
    log2_ticks,
    log_errors,
    panels,
    say_if_empty,
    series,
    shown_once,
    theme,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


ESTIMATES = ("value", "mcse", "exact")
MEASURES = {
    "bias": "bias",
    "se": "standard error",
    "rmse": "root mean squared error",
    "median_abs_error": "median absolute error",
}


@shown_once
@checked(table=named_table_with("population", "batching", "estimator", "measure", numbers=("batch_size", *ESTIMATES)))
def convergence(table: pd.DataFrame, measure: str = "rmse") -> Figure:
    """Draw error against batch size, with one panel per estimator and one color per population.

    Parameters
    ----------
    table : DataFrame
        Table of `bn.measure_convergence`.
    measure : str
        "bias", "se", "rmse" or "median_abs_error".

    Returns
    -------
    Figure
        Matplotlib figure.
    """
    rows = _rows_of(table, measure)
    series_of = ["population", "batching"] if rows["batching"].nunique() > 1 else ["population"]
    estimators = list(dict.fromkeys(rows["estimator"]))
    with theme() as palette:
        figure, axes = panels(len(estimators))
        for ax, estimator in zip(axes, estimators, strict=True):
            chosen = rows[rows["estimator"] == estimator]
            for i, (name, part) in enumerate(chosen.groupby(series_of, sort=False)):
                label = ", ".join(map(str, name))
                drawn = part.assign(value=part["value"].abs(), exact=part["exact"].abs())
                series(ax, drawn, "batch_size", color=palette[i % len(palette)], marker=MARKERS[i % 13], label=label)
            log2_ticks(ax, chosen["batch_size"].tolist())
            log_errors(ax)
            ax.set(title=estimator, xlabel="batch size")
            say_if_empty(ax, chosen)
        axes[0].set_ylabel(f"{MEASURES[measure]} (unit of the estimate)")
        explain(figure, axes)
    return figure


@shown_once
@checked(table=named_table_with(numbers=ESTIMATES))
def numbers(table: pd.DataFrame) -> Figure:
    """Draw the numbers of any tidy table against the parameter that takes most values.

    Parameters
    ----------
    table : DataFrame
        Columns that name a number, then `value`, `mcse` and `exact`. Each measure has a panel.

    Returns
    -------
    Figure
        Matplotlib figure.
    """
    names = list(table.columns[: table.columns.get_loc("value")])
    panel = next((name for name in ("measure", "metric") if name in names), None)
    numeric = [name for name in names if pd.api.types.is_numeric_dtype(table[name])]
    x = max(numeric, key=lambda name: table[name].nunique(), default=None)
    others = [name for name in names if name not in (x, panel) and table[name].nunique(dropna=False) > 1]
    parts = [("", table)] if panel is None else list(table.groupby(panel, sort=False))
    with theme() as palette:
        figure, axes = panels(len(parts))
        for ax, (title, part) in zip(axes, parts, strict=True):
            at = "place" if x is None else x
            part = part.assign(place=range(len(part)))
            lines = [((), part)] if not others else part.groupby(others, sort=False, dropna=False)
            for i, (values, one) in enumerate(lines):
                label = ", ".join(map(str, values)) or None
                series(ax, one, at, color=palette[i % len(palette)], marker=MARKERS[i % 13], label=label)
            if at == "batch_size":
                log2_ticks(ax, part[at].tolist())
            ax.set(title=MEASURES.get(str(title), str(title).replace("_", " ")), xlabel=at.replace("_", " "))
            say_if_empty(ax, part)
        explain(figure, axes)
    return figure


SCORES = {
    "accuracy": "accuracy",
    "nll": "negative log-likelihood (nats)",
    "ece": "expected calibration error",
    "disagreement": "proportion of predictions that differ from those with population statistics",
    "diverged": "proportion of networks that diverged",
}


@shown_once
@checked(
    table=named_table_with(
        "dataset", "statistics", "metric", numbers=("batch_size", "test_batch_size", *ESTIMATES, "best")
    )
)
def mismatch(table: pd.DataFrame, metric: str = "accuracy") -> Figure:
    """Draw a score against batch size, with one color per kind of statistics and one panel per condition.

    The horizontal axis is the size of test batches if the table has a single training batch size.

    Parameters
    ----------
    table : DataFrame
        Table of `bn.measure_mismatch`.
    metric : str
        Score to draw, a value of the column `metric`.

    Returns
    -------
    Figure
        Matplotlib figure.
    """
    choice("metric", metric, [known for known in SCORES if known in set(table["metric"])])
    rows = table[table["metric"] == metric]
    x = "batch_size" if rows["batch_size"].nunique() > 1 else "test_batch_size"
    conditions = list(rows.columns[: rows.columns.get_loc("statistics")])
    if (rows["test_batch_size"] == rows["batch_size"]).all():
        conditions.remove("test_batch_size")
    varied = [c for c in conditions if c != x and rows[c].nunique(dropna=False) > 1]
    parts = [((), rows)] if not varied else list(rows.groupby(varied, sort=False, dropna=False))
    kinds = {kind: i for i, kind in enumerate(dict.fromkeys(rows["statistics"]))}
    with theme() as palette:
        figure, axes = panels(len(parts), sharey=True)
        for ax, (values, part) in zip(axes, parts, strict=True):
            for name, one in part.groupby("statistics", sort=False):
                i = kinds[name]
                series(
                    ax, one, x, color=palette[i % len(palette)], marker=MARKERS[i % 13], label=str(name), joined=True
                )
            best = part["best"].max()
            if np.isfinite(best):
                ax.axhline(best, color="0.3", linestyle=":", label="best possible")
            log2_ticks(ax, part[x].tolist())
            title = ", ".join(f"{c.replace('_', ' ')} {v}" for c, v in zip(varied, values, strict=True))
            ax.set(title=wrapped(title or str(rows["dataset"].iloc[0]), 34), xlabel=x.replace("_", " "))
            say_if_empty(ax, part)
        axes[0].set_ylabel(wrapped(SCORES[metric], 34))
        explain(figure, axes, title="statistics of")
    return figure


@shown_once
@checked(table=named_table_with("statistic", "measure", "convention", numbers=("momentum", "step", *ESTIMATES)))
def running(table: pd.DataFrame, measure: str = "rmse") -> Figure:
    """Draw error against steps, with one panel per statistic and one color per convention.

    Parameters
    ----------
    table : DataFrame
        Table of `bn.measure_running`.
    measure : str
        "bias", "se", "rmse" or "median_abs_error".

    Returns
    -------
    Figure
        Matplotlib figure.
    """
    rows = _rows_of(table, measure)
    statistics = list(dict.fromkeys(rows["statistic"]))
    with theme() as palette:
        figure, axes = panels(len(statistics))
        for ax, statistic in zip(axes, statistics, strict=True):
            chosen = rows[rows["statistic"] == statistic].groupby(["convention", "momentum"], sort=False, dropna=False)
            for i, ((name, momentum), part) in enumerate(chosen):
                label = name if np.isnan(momentum) else f"{name}, momentum {momentum:.3g}"
                drawn = part.assign(value=part["value"].abs(), exact=part["exact"].abs())
                series(ax, drawn, "step", color=palette[i % len(palette)], marker=MARKERS[i % 13], label=label)
            ax.set(xscale="log", yscale="log", title=f"running {statistic}", xlabel="steps")
            say_if_empty(ax, rows[rows["statistic"] == statistic])
        axes[0].set_ylabel(f"{MEASURES[measure]} (unit of the statistic)")
        explain(figure, axes)
    return figure


@shown_once
@checked(
    table=named_table_with(
        "normalizer", "activation", "width", "depth", "step", numbers=("batch_size", "layer", *ESTIMATES)
    )
)
def gradients(table: pd.DataFrame) -> Figure:
    """Draw the squared gradient norm against the layer, with one line per batch size.

    Each other condition has a panel.

    Parameters
    ----------
    table : DataFrame
        Rows of the table of `bn.measure_gradients` whose measure is `squared_norm`.

    Returns
    -------
    Figure
        Matplotlib figure.
    """
    varied = [c for c in ("normalizer", "activation", "width", "depth", "step") if table[c].nunique() > 1]
    parts = list(table.groupby(varied, sort=False)) if varied else [((), table)]
    with theme() as palette:
        figure, axes = panels(len(parts), sharey=True)
        for ax, (values, part) in zip(axes, parts, strict=True):
            for i, (size, one) in enumerate(part.groupby("batch_size")):
                # The error of small batches is infinite, so their points have no bars.
                drawn = one.assign(mcse=one["mcse"].where(np.isfinite(one["mcse"]), 0.0))
                color, marker = palette[i % len(palette)], MARKERS[i % len(MARKERS)]
                series(ax, drawn, "layer", color=color, marker=marker, label=str(size), joined=True)
            title = ", ".join(f"{column} {value}" for column, value in zip(varied, values, strict=True))
            ax.set(title=title or str(part["normalizer"].iloc[0]), xlabel="hidden layer, from the input", yscale="log")
        axes[0].set_ylabel("squared norm of the weights' gradient")
        axes[-1].legend(fontsize=8, title="batch size")
    return figure


def _rows_of(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    choice("measure", measure, [known for known in MEASURES if known in set(table["measure"])])
    return table[table["measure"] == measure]
