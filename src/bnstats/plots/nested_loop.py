"""Nested loop plot: one measure in all conditions, side by side (Rücker & Schwarzer 2014)."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnstats.plots.arguments import literal
from bnstats.plots.colors import colors_of
from bnstats.plots.figure import shown_once, theme

FACTOR_HEIGHT = 0.45
"""Height of the steps of a factor, in inches."""


@shown_once
def nested_loop(table: pd.DataFrame, factors: list[Any], method: Any, label: str) -> Figure:
    """Draw `value` of a measure as a step line of each method, and the levels of the factors as steps below."""
    loops = table[factors].drop_duplicates().sort_values(factors, kind="stable", ignore_index=True)
    lines = (
        [("", table)] if method is None else [(literal(name), own) for name, own in table.groupby(method, sort=False)]
    )
    colors = colors_of([name for name, _ in lines], {})
    with theme():
        figure, (ax, *steps) = plt.subplots(
            1 + len(factors),
            1,
            sharex=True,
            layout="constrained",
            figsize=(7.0, 3.4 + FACTOR_HEIGHT * len(factors)),
            height_ratios=[3.4, *[FACTOR_HEIGHT] * len(factors)],
        )
        for name, own in lines:
            rows = loops.merge(own, on=factors, how="left")
            value, error = rows["value"].to_numpy(float), 2 * rows["mcse"].to_numpy(float)
            ends = np.arange(len(loops) + 1)
            ax.stairs(value, ends, color=colors[name], label=name or None, baseline=None)
            ax.errorbar(
                ends[:-1] + 0.5, value, yerr=np.where(np.isfinite(error), error, 0), fmt="none", ecolor=colors[name]
            )
        ax.set_ylabel(literal(label))
        for below, factor in zip(steps, factors, strict=True):
            _draw_levels(below, loops[factor], literal(factor))
        if method is not None:
            figure.legend(title=literal(method), fontsize=8, loc="outside right upper")
        steps[-1].set_xlabel("conditions, in the order of their factors; bars: 2 standard errors")
    return figure


def _draw_levels(ax: Axes, levels: pd.Series, name: str) -> None:
    """Draw the levels of a factor as steps, with each level's text where it begins."""
    codes, values = pd.factorize(levels)
    ax.stairs(codes, np.arange(len(codes) + 1), color="0.4", baseline=None)
    changes = np.flatnonzero(np.diff(codes, prepend=-1))
    for place in changes[: len(values)]:
        ax.annotate(
            literal(values[codes[place]]), (place, codes[place]), fontsize=7, xytext=(2, 2), textcoords="offset points"
        )
    ax.set(yticks=[], ylim=(-0.3, len(values) + 0.2), xlim=(0, len(codes)))
    ax.set_ylabel(name, rotation=0, ha="right", va="center")
    ax.grid(visible=False)
