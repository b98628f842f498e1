"""Zip plot: many confidence intervals of one target, the worst on top (Morris, White & Crowther 2019)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from statsmodels.stats.proportion import proportion_confint

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import probability
from bnstats.plots.arguments import as_many, axes, color, literal, table_with
from bnstats.plots.figure import panels, shown_once, theme, wrapped

MOST_INTERVALS = 2000
"""Intervals that are drawn in a panel, at most."""

INTERVALS = table_with(numbers=("low", "high", "target"))


@checked(frame=INTERVALS)
def ranked(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the intervals sorted by their distance from the target, in units of their own half width.

    Parameters
    ----------
    frame : DataFrame
        One row per interval, with the columns `low`, `high` and `target`.

    Returns
    -------
    DataFrame
        Columns `low`, `high` and `target`; `centile`, the rank from 0 to 1; and `holds`, True if the interval covers
        its target.

    Raises
    ------
    ValueError
        If columns are missing, or columns of numbers hold something else.

    Examples
    --------
    >>> ranked(pd.DataFrame({"low": [0.5, -1.0], "high": [1.5, 1.0], "target": 0.0}))
       low  high  target  centile  holds
    0 -1.0   1.0     0.0     0.25   True
    1  0.5   1.5     0.0     0.75  False
    """
    half = (frame["high"] - frame["low"]) / 2
    away = np.abs((frame["high"] + frame["low"]) / 2 - frame["target"])
    order = np.argsort((away / half).to_numpy(), kind="stable")
    placed = frame[["low", "high", "target"]].iloc[order].reset_index(drop=True)
    holds = (placed["low"] <= placed["target"]) & (placed["target"] <= placed["high"])
    return placed.assign(centile=(np.arange(len(placed)) + 0.5) / len(placed), holds=holds)


@checked(ax=axes, frame=INTERVALS, level=probability)
def zip_plot(ax: Axes, frame: pd.DataFrame, *, level: float = 0.95, colors: tuple[Any, Any] = ("C0", "C3")) -> None:
    """Draw intervals as horizontal lines, sorted by `ranked`; the zip opens where they miss the target.

    With exact intervals it opens at `level`, the dotted line. With probability 95 % it then opens within the gray band.

    Parameters
    ----------
    ax : Axes
        Axes to draw on.
    frame : DataFrame
        One row per interval, with the columns `low`, `high` and `target`.
    level : float
        Nominal coverage.
    colors : two colors
        Colors of intervals that cover the target, and of intervals that miss it.

    Raises
    ------
    ValueError
        If columns are missing, the level is no probability, or there are not two colors.

    Examples
    --------
    >>> from bnstats.plots import panels
    >>> figure, (ax,) = panels(1)
    >>> zip_plot(ax, pd.DataFrame({"low": [0.5, -1.0], "high": [1.5, 1.0], "target": 0.0}))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['50.0 % hold it', '50.0 % miss it']
    """
    rows, pair = ranked(frame), [color("each of colors", one) for one in as_many("colors", colors, 2)]
    for holds, own in zip((True, False), pair, strict=True):
        part = rows[rows["holds"] == holds]
        label = f"{100 * len(part) / len(rows):.1f} % {'hold' if holds else 'miss'} it"
        ax.hlines(part["centile"], part["low"], part["high"], color=own, linewidth=0.7, label=label)
    low, high = proportion_confint(round(level * len(rows)), len(rows), method="beta")
    ax.axhspan(low, high, color="0.5", alpha=0.25, linewidth=0)
    ax.axhline(level, color="0.2", linewidth=1, linestyle=":")
    ax.axvline(float(rows["target"].iloc[0]), color="0.2", linewidth=1)
    ax.set(ylabel="intervals, the best at the bottom (centile)", ylim=(0, 1))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)


@shown_once
def zip_plots(frames: dict[str, pd.DataFrame], level: float) -> Figure:
    """Draw a zip plot of each frame; of many intervals, those at equal steps of their rank."""
    with theme():
        figure, places = panels(len(frames), sharey=True)
        for ax, (title, frame) in zip(places, frames.items(), strict=True):
            rows = ranked(frame)
            chosen = np.linspace(0, len(rows) - 1, min(len(rows), MOST_INTERVALS)).round().astype(int)
            zip_plot(ax, rows.iloc[chosen], level=level)
            ax.set_title(wrapped(literal(title), 34))
        for ax in places[1:]:
            ax.set_ylabel("")
    return figure
