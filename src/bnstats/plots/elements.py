"""Elements of a figure: exact values as lines, estimates as points with bars of two standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from scipy import stats

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import interval
from bnstats._checks.values import flag, optional, word
from bnstats.plots.arguments import axes, color, column, marker, positive, table_with
from bnstats.plots.figure import EXACT

MARKERS = "osD^vPX*<>hdp"
ESTIMATES = ("value", "mcse", "exact")
POINTS: dict[str, Any] = {"linewidth": 1, "markersize": 4.5, "elinewidth": 1, "zorder": 3}
"""Style of points and their error bars."""


@checked(
    ax=axes,
    frame=table_with(numbers=ESTIMATES),
    x=word,
    color=color,
    marker=marker,
    label=optional(word),
    bars=interval("[0, inf)"),
    joined=flag,
)
def series(
    ax: Axes,
    frame: pd.DataFrame,
    x: str,
    *,
    color: Any,
    marker: str = "o",
    label: str | None = None,
    bars: float = 2.0,
    joined: bool = False,
) -> None:
    """Draw one series: column `value` as points with error bars, column `exact` as a line.

    If the line and the points disagree, theory and simulation do.

    Parameters
    ----------
    ax : Axes
        Axes to draw on.
    frame : DataFrame
        Columns named by `x`, and `value`, `mcse` and `exact`. With a column `mcse_df` bars are wider, by the t law, so
        that they cover the true value as often as with a known error.
    x : str
        Column on the horizontal axis.
    color : color
        Color of points and line.
    marker : str
        Marker of Matplotlib.
    label : str, optional
        Label in the legend.
    bars : float
        Length of a bar to either side, in standard errors.
    joined : bool
        True to connect the points, which helps if there is no exact line.

    Raises
    ------
    ValueError
        If columns are missing, or an option is out of range.

    Examples
    --------
    >>> from bnstats.plots import panels
    >>> figure, (ax,) = panels(1)
    >>> rows = pd.DataFrame({"batch_size": [2, 4], "value": [0.7, 0.5], "mcse": 0.01, "exact": [0.71, 0.5]})
    >>> series(ax, rows, "batch_size", color="C0")
    >>> ax.get_lines()[-1].get_ydata()
    array([0.71, 0.5 ])
    """
    frame = frame.sort_values(column("x", x, frame))
    value, error = frame["value"].to_numpy(float), _half_width(frame, bars)
    shown = np.isfinite(value) & np.isfinite(error)
    size, fmt = frame[x].to_numpy()[shown], f"{marker}-" if joined else marker
    ax.errorbar(size, value[shown], error[shown], fmt=fmt, color=color, label=label, **POINTS)
    known = np.isfinite(frame["exact"].to_numpy(float))
    if known.any():
        ax.plot(frame[x][known], frame["exact"][known], color=color, linewidth=1.2, alpha=0.8, zorder=2, gid=EXACT)


def _half_width(frame: pd.DataFrame, bars: float) -> FloatArray:
    """Return the length of the bars, by the t law if the degrees of freedom are known."""
    mcse = frame["mcse"].to_numpy(float)
    df = frame["mcse_df"].to_numpy(float) if "mcse_df" in frame else np.full(mcse.shape, np.inf)
    df = np.where(np.isnan(df), np.inf, df)
    return np.asarray(mcse * stats.t.isf(stats.norm.sf(bars), df))


@checked(rows=table_with(numbers=ESTIMATES))
def in_percent(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with `value`, `mcse` and `exact` in percent.

    Parameters
    ----------
    rows : DataFrame
        Columns `value`, `mcse` and `exact`, as proportions.

    Returns
    -------
    DataFrame
        The same rows, with the three columns multiplied by 100.

    Raises
    ------
    ValueError
        If columns are missing, or columns of numbers hold something else.

    Examples
    --------
    >>> in_percent(pd.DataFrame({"value": [0.25], "mcse": [0.01], "exact": [0.24]}))
       value  mcse  exact
    0   25.0   1.0   24.0
    """
    return rows.assign(**{column: 100 * rows[column] for column in ESTIMATES})


@checked(ax=axes, sizes=positive)
def log2_ticks(ax: Axes, sizes: Sequence[float]) -> None:
    """Set a logarithmic horizontal axis of batch sizes, depths or scales, with ticks at some of them.

    Parameters
    ----------
    ax : Axes
        Axes to change.
    sizes : list of float
        Sizes, at most six of which get a tick.

    Raises
    ------
    ValueError
        If sizes are not above 0.

    Examples
    --------
    >>> from bnstats.plots import panels
    >>> figure, (ax,) = panels(1)
    >>> log2_ticks(ax, [2, 8, 32])
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['2', '8', '32']
    """
    ax.set_xscale("log", base=2)
    marks = sorted(set(sizes))
    step = -(-len(marks) // 6)
    ax.set_xticks(marks[::step], [f"{m}" for m in marks[::step]])
    ax.xaxis.set_minor_locator(NullLocator())


@checked(ax=axes)
def log_errors(ax: Axes) -> None:
    """Set a logarithmic vertical axis of errors, with plain numbers as labels.

    Parameters
    ----------
    ax : Axes
        Axes to change.

    Raises
    ------
    ValueError
        If `ax` is not an Axes.

    Examples
    --------
    >>> from bnstats.plots import panels
    >>> figure, (ax,) = panels(1)
    >>> points = ax.plot([1, 2], [0.1, 0.2])
    >>> log_errors(ax)
    >>> ax.get_yscale()
    'log'
    """
    if not ax.has_data() or not np.isfinite(ax.dataLim.get_points()).all():
        return
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())
