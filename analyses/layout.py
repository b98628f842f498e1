"""Widths of figures: panels beside each other for the site, and below each other for a phone."""

from __future__ import annotations

import re
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.text import Text

from bnstats.plots.figure import SMALL, panels

# In inches of 96 pixels: the site is 896 pixels wide, and a phone 358, where a figure is shown at 0.8 of its size.
WIDE, NARROW = 896 / 96, 358 / 96 / 0.8
MOST_PANELS = 3
# Characters, on a phone, in a legend of two columns, and in a line of a name beside a panel.
LONG, NAME = 22, 30


def beside(count: int, height: float = 3.9, **options: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure as wide as the site, with its panels beside each other.

    Parameters
    ----------
    count : int
        Number of panels, at most three.
    height : float
        Height of the figure in inches.
    **options
        Further arguments of `matplotlib.pyplot.subplots`.
    """
    if count > MOST_PANELS:
        raise ValueError(f"a figure has at most {MOST_PANELS} panels, of one message; got {count}.")
    return panels(count, width=WIDE / count, height=height, columns=count, **options)


def legend_below(figure: Figure, ax: Axes, columns: int = 4) -> None:
    """Draw the legend of a panel below the figure, where it covers nothing."""
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=columns, fontsize=SMALL)


def panels_of(figure: Figure) -> list[Axes]:
    """Return the panels of a figure, without axes inside of them."""
    return [ax for ax in figure.axes if ax.get_subplotspec() is not None and ax.get_visible()]


def fit_titles(figure: Figure) -> None:
    """Break titles and labels into lines that are as long as their panels, and those of the figure as it is wide."""
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    for ax in panels_of(figure):
        size = ax.get_window_extent()
        _break(ax.title, size.width)
        _break(ax.xaxis.label, size.width)
        _break(ax.yaxis.label, size.height, along="height")
    for text in figure.texts:
        if text.get_text() == figure.get_suptitle():
            _break(text, 0.98 * figure.bbox.width)


def _break(text: Text, most: float, along: str = "width") -> None:
    """Break a text into lines of at most this many pixels."""
    lines = [""]
    for word in re.split(r"\s+(?!%)", text.get_text()):
        longer = f"{lines[-1]} {word}".strip()
        text.set_text(longer)
        if lines[-1] and getattr(text.get_window_extent(), along) > most:
            lines.append(word)
        else:
            lines[-1] = longer
    text.set_text("\n".join(lines))


def _refill(ax: Axes) -> bool:
    """Break long names beside a panel into shorter lines; return True if there were any."""
    names = [" ".join(text.get_text().split()) for text in ax.get_yticklabels()]
    if max(map(len, names), default=0) <= NAME:
        return False
    ax.set_yticks(ax.get_yticks(), [fill(name, NAME) for name in names])
    return True


def stack(figure: Figure) -> None:
    """Put the panels of a figure below each other, in the width of a phone."""
    axes = panels_of(figure)
    if not axes:
        return
    rows = axes[0].get_subplotspec().get_gridspec().nrows
    taller = 1.4 if max(map(_refill, axes)) else 1.0
    figure.set_size_inches(NARROW, figure.get_figheight() * len(axes) / rows * taller + 0.5)
    for ax, place in zip(axes, GridSpec(len(axes), 1, figure=figure), strict=True):
        ax.set_subplotspec(place)
        ax.tick_params(labelleft=True)
        if not ax.get_ylabel() and axes[0].get_shared_y_axes().joined(ax, axes[0]):
            ax.set_ylabel(axes[0].get_ylabel())
    for legend in list(figure.legends):
        legend.remove()
        _, labels = axes[0].get_legend_handles_labels()
        columns = 1 if max(map(len, labels)) > LONG else 2
        legend_below(figure, axes[0], columns)
        figure.set_figheight(figure.get_figheight() + 0.2 * len(labels) / columns)
