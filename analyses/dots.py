"""A dot plot: a line for each of several ways, on it a mark for each of several answers."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.layout import legend_below


def draw_dots(figure: Figure, ax: Axes, rows: pd.DataFrame, marks: Mapping[str, tuple[str, str, Any]]) -> None:
    """Draw columns `value` and `mcse` at column `way`, from the top, with the look of column `mark`.

    Parameters
    ----------
    figure, ax : Figure, Axes
    rows : DataFrame
        One row for each way and mark.
    marks : mapping
        Label, marker and color of each mark.
    """
    ways = list(dict.fromkeys(rows["way"]))
    for y in range(len(ways)):
        ax.axhline(-y, color="0.85", linewidth=1, zorder=0)
    for i, (mark, (label, marker, color)) in enumerate(marks.items()):
        part = rows[rows["mark"] == mark]
        place = -part["way"].map(ways.index) + 0.14 * ((len(marks) - 1) / 2 - i)
        ax.errorbar(
            part["value"], place, xerr=2 * part["mcse"], fmt=marker, color=color, label=label, markersize=6, zorder=3
        )
    ax.set_yticks(-np.arange(len(ways)), [fill(way, 24) for way in ways])
    ax.set_ylim(-len(ways) + 0.5, 0.5)
    ax.grid(visible=False, axis="y")
    legend_below(figure, ax)
