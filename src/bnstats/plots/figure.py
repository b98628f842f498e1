"""Frame of a figure: its style, panels, legend and explanation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from textwrap import fill
from typing import Any, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import interval
from bnstats.plots.arguments import panel_count
from bnstats.plots.colors import OTHERS

P = ParamSpec("P")

LONG = 40
"""Maximum characters in a line of a legend."""
SMALL = 8.5
"""Size in points of the smallest text."""
EXACT = "exact"
"""Identifier of lines that show exact values."""


@contextmanager
def theme() -> Iterator[list[Any]]:
    """Apply the package's style in a context that yields the palette.

    The colors differ in hue and in lightness.

    Yields
    ------
    list of colors
        Colors of the palette.

    Examples
    --------
    >>> with theme() as palette:
    ...     figure, (ax,) = panels(1)
    >>> len(palette) > 5
    True
    """
    settings: dict[Any, Any] = {
        **{"axes.titlesize": 10, "axes.labelsize": 9, "figure.titlesize": 11},
        **{"xtick.labelsize": SMALL, "ytick.labelsize": SMALL, "legend.fontsize": SMALL, "font.size": 9},
        **{"legend.title_fontsize": SMALL, "figure.titleweight": "bold", "figure.dpi": 110, "savefig.dpi": 150},
    }
    before = {name: mpl.rcParams[name] for name in settings}
    with sns.axes_style("ticks", {"axes.grid": True, "grid.alpha": 0.3}):
        mpl.rcParams.update(settings)
        try:
            yield list(OTHERS)
        finally:
            # Only these settings: the first figure may load a notebook's backend, which makes the session interactive.
            mpl.rcParams.update(before)


def shown_once(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Show the figure that a function returns once in a notebook, as the value of its cell.

    The inline backend would show it again, at the end of the cell, as one of pyplot's open figures.
    """

    @wraps(draw)
    def drawing(*args: P.args, **kwargs: P.kwargs) -> Figure:
        figure = draw(*args, **kwargs)
        if "inline" in plt.get_backend():
            plt.close(figure)
        return figure

    return drawing


@checked(count=panel_count, width=interval("(0, 100]"), height=interval("(0, 100]"), columns=panel_count)
def panels(
    count: int, *, width: float = 4.2, height: float = 3.6, columns: int = 4, **kwargs: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels in rows of at most `columns`.

    Parameters
    ----------
    count : int
        Number of panels.
    width, height : float
        Size of a panel in inches.
    columns : int
        Maximum panels in a row.
    **kwargs
        Further arguments of `matplotlib.pyplot.subplots`.

    Returns
    -------
    figure : Figure
        Matplotlib figure.
    axes : list of Axes
        Axes of the panels, row by row.

    Raises
    ------
    ValueError
        If the number or the size of panels is out of range.

    Examples
    --------
    >>> figure, axes = panels(3, columns=2)
    >>> len(axes)
    3
    """
    wide = min(count, columns)
    rows = -(-count // wide)
    figure, axes = plt.subplots(
        rows, wide, figsize=(width * wide, height * rows), squeeze=False, layout="constrained", **kwargs
    )
    for ax in axes.flat[count:]:
        ax.set_visible(False)
    return figure, list(axes.flat[:count])


def say_if_empty(ax: Axes, rows: pd.DataFrame) -> None:
    """Write in a panel how many numbers cannot be drawn, since they are infinite or have no finite error."""
    finite = np.isfinite(rows["value"].to_numpy(float)) & np.isfinite(rows["mcse"].to_numpy(float))
    missing = int((~finite).sum())
    if missing:
        text = f"{missing} of {len(rows)} numbers are infinite\nor have no finite error"
        ax.text(0.03, 0.03, text, transform=ax.transAxes, fontsize=7, va="bottom", color="0.35")


def wrapped(text: str, width: int) -> str:
    r"""Return a text in lines of at most `width` characters; an escaped dollar sign is not split.

    >>> wrapped(r"ab\$", 3)
    'ab\n\\$'
    """
    return fill(text, width).replace("\\\n$", "\n\\$")


def explain(figure: Figure, axes: Sequence[Axes], title: str | None = None) -> None:
    """Draw one legend beside the panels, and below them the meaning of points and lines.

    The legend lies outside the panels, so that it covers nothing.
    """
    entries: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if entries:
        labels = [wrapped(label, LONG) for label in entries]
        figure.legend([*entries.values()], labels, fontsize=8, title=title, loc="outside right upper")
    exact = any(line.get_gid() == EXACT for ax in axes for line in ax.get_lines())
    lines = "lines: exact values" if exact else "no exact values are known"
    wide = figure.get_figwidth() * 13
    figure.supxlabel(
        fill(f"Points: simulated, with bars of 2 standard errors (by the t law); {lines}.", int(wide)), fontsize=8
    )
