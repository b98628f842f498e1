"""Figures of results, from their tables: error against batch size or steps, scores against batch size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnstats._checks.arguments import checked
from bnstats._checks.values import choice
from bnstats.plots.arguments import named_table_with
from bnstats.plots.colors import REFERENCE, STATISTICS, colors_of, shades
from bnstats.plots.elements import ESTIMATES, MARKERS, log2_ticks, log_errors, series
from bnstats.plots.figure import explain, panels, say_if_empty, shown_once, theme, wrapped

MEASURES = {
    "bias": "bias",
    "se": "standard error",
    "rmse": "root mean squared error",
    "median_abs_error": "median absolute error",
}


def _drawn(
    rows: pd.DataFrame,
    x: str,
    panel: Sequence[str],
    line: Sequence[str],
    ylabel: str = "",
    fixed: Mapping[str, Any] = MappingProxyType({}),
    *,
    legend: str | None = None,
    log2: bool = False,
    finish: Callable[[Axes, pd.DataFrame], object] = lambda *_: None,
    **settings: Any,
) -> Figure:
    """Draw rows against column `x`, in the panel and the line that are named for each row.

    A line has the same color and marker in all panels, and its fixed color if there is one. If the legend has a title,
    points are joined, and panels share an axis. With `log2`, x is a size on a logarithmic axis. `settings` are those of
    each panel's axes, and `finish` gets the axes of a panel with its rows.
    """
    colors = colors_of(line, fixed)
    markers = {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(colors)}
    joined = legend is not None
    with theme():
        figure, axes = panels(len(set(panel)), sharey=joined)
        place = dict(zip(dict.fromkeys(panel), axes, strict=True))
        for (where, name), one in rows.groupby([np.asarray(panel), np.asarray(line)], sort=False):
            ax, name = place[str(where)], str(name)
            series(ax, one, x, color=colors[name], marker=markers[name], label=name or None, joined=joined)
        for where, ax in place.items():
            part = rows[np.asarray(panel) == where]
            ax.set(**{"title": wrapped(where, 34), "xlabel": x.replace("_", " "), **settings})
            if log2:
                log2_ticks(ax, part[x].tolist())
            finish(ax, part)
            say_if_empty(ax, part)
        axes[0].set_ylabel(wrapped(ylabel, 34))
        explain(figure, axes, title=legend)
    return figure


def _labels(rows: pd.DataFrame, columns: Sequence[str], *, named: bool = False) -> list[str]:
    """Return the values of some columns as one text a row, each with the name of its column if asked."""
    names = [f"{column.replace('_', ' ')} " if named else "" for column in columns]
    texts = [[f"{name}{value}" for value in rows[column]] for name, column in zip(names, columns, strict=True)]
    return [", ".join(parts) for parts in zip(*texts, strict=True)] or [""] * len(rows)


def _varied(rows: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    return [column for column in columns if rows[column].nunique(dropna=False) > 1]


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

    Raises
    ------
    ValueError
        If columns are missing, or the table has no such measure.

    Examples
    --------
    >>> import bnstats as bn
    >>> table = bn.measure_convergence("normal", batch_sizes=[4, 8], estimators=["mean"]).table
    >>> figure = convergence(table)
    >>> figure.axes[0].get_xlabel()
    'batch size'
    """
    rows = _errors(table, measure)
    titles, lines = rows["estimator"].tolist(), _labels(rows, ["population", *_varied(rows, ["batching"])])
    ylabel = f"{MEASURES[measure]} (unit of the estimate)"
    return _drawn(rows, "batch_size", titles, lines, ylabel, log2=True, finish=lambda ax, _: log_errors(ax))


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

    Raises
    ------
    ValueError
        If columns are missing, or columns of numbers hold something else.

    Examples
    --------
    >>> table = pd.DataFrame({"batch_size": [2, 4], "value": [0.7, 0.5], "mcse": 0.01, "exact": [0.71, 0.5]})
    >>> figure = numbers(table)
    >>> figure.axes[0].get_xlabel()
    'batch size'
    """
    names = list(table.columns[: table.columns.get_loc("value")])
    panel = next((name for name in ("measure", "metric") if name in names), None)
    numeric = [name for name in names if pd.api.types.is_numeric_dtype(table[name])]
    x = max(numeric, key=lambda name: table[name].nunique(), default="place")
    titles = [""] * len(table) if panel is None else [str(name) for name in table[panel]]
    rows = table if numeric else table.assign(place=table.groupby(titles).cumcount())
    lines = _labels(rows, _varied(table, [name for name in names if name not in (x, panel)]))
    titles = [MEASURES.get(title, title.replace("_", " ")) for title in titles]
    return _drawn(rows, x, titles, lines, log2=x == "batch_size")


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
        "dataset", "statistics", "metric", numbers=("batch_size", "test_batch_size", *ESTIMATES, "bayes_accuracy")
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

    Raises
    ------
    ValueError
        If columns are missing, or the table has no such metric.

    Examples
    --------
    >>> import bnstats as bn
    >>> options = {"steps": 4, "precision": None, "max_replicates": 4}
    >>> table = bn.measure_mismatch("gaussians", batch_sizes=[4, 8], **options).table
    >>> figure = mismatch(table)
    >>> figure.axes[0].get_xlabel()
    'batch size'
    """
    choice("metric", metric, [known for known in SCORES if known in set(table["metric"])])
    rows = table[table["metric"] == metric]
    x = "batch_size" if rows["batch_size"].nunique() > 1 else "test_batch_size"
    conditions = list(rows.columns[: rows.columns.get_loc("statistics")])
    if (rows["test_batch_size"] == rows["batch_size"]).all():
        conditions.remove("test_batch_size")
    varied = _varied(rows, [column for column in conditions if column != x])
    titles = _labels(rows, varied, named=True) if varied else [str(rows["dataset"].iloc[0])] * len(rows)
    lines, ylabel = rows["statistics"].tolist(), SCORES[metric]
    return _drawn(rows, x, titles, lines, ylabel, STATISTICS, legend="statistics of", log2=True, finish=_draw_bayes)


def _draw_bayes(ax: Axes, part: pd.DataFrame) -> None:
    bayes = part["bayes_accuracy"].max()
    if np.isfinite(bayes):
        ax.axhline(bayes, color=REFERENCE, linestyle=":", label="Bayes accuracy")


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

    Raises
    ------
    ValueError
        If columns are missing, or the table has no such measure.

    Examples
    --------
    >>> import bnstats as bn
    >>> table = bn.measure_running("normal", steps=8, precision=None, max_replicates=512).table
    >>> figure = running(table)
    >>> figure.axes[0].get_xlabel()
    'steps'
    """
    rows = _errors(table, measure)
    lines = [
        name if np.isnan(momentum) else f"{name}, momentum {momentum:.3g}"
        for name, momentum in zip(rows["convention"], rows["momentum"], strict=True)
    ]
    titles = [f"running {statistic}" for statistic in rows["statistic"]]
    ylabel = f"{MEASURES[measure]} (unit of the statistic)"
    return _drawn(rows, "step", titles, lines, ylabel, xscale="log", yscale="log", xlabel="steps")


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

    Raises
    ------
    ValueError
        If columns are missing, or columns of numbers hold something else.

    Examples
    --------
    >>> import bnstats as bn
    >>> table = bn.measure_gradients(batch_sizes=[8], widths=16, depths=3, max_replicates=8).table
    >>> figure = gradients(table.query("measure == 'squared_norm'"))
    >>> figure.axes[0].get_xlabel()
    'hidden layer, from the input'
    """
    varied = _varied(table, ["normalizer", "activation", "width", "depth", "step"])
    # The error of small batches is infinite, so their points have no bars.
    rows = table.assign(mcse=table["mcse"].where(np.isfinite(table["mcse"]), 0.0)).sort_values("batch_size")
    lines = rows["batch_size"].astype(str).tolist()
    sizes = dict.fromkeys(lines)
    colors = dict(zip(sizes, shades(len(sizes)), strict=True))
    titles = _labels(rows, varied or ["normalizer"], named=bool(varied))
    xlabel, ylabel = "hidden layer, from the input", "squared norm of the weights' gradient"
    return _drawn(rows, "layer", titles, lines, ylabel, colors, legend="batch size", xlabel=xlabel, yscale="log")


def _errors(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the rows of a measure, with the sizes of its values."""
    choice("measure", measure, [known for known in MEASURES if known in set(table["measure"])])
    rows = table[table["measure"] == measure]
    return rows.assign(value=rows["value"].abs(), exact=rows["exact"].abs())
