"""Displacement of running statistics over the steps of a training, with what a monitor named."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bnstats.plots.arguments import literal
from bnstats.plots.figure import SMALL, panels, shown_once, theme

HIGHLIGHTED = 5
"""Layers with a color and a name; the others are gray."""


@shown_once
def displacement(history: pd.DataFrame, events: pd.DataFrame, border: float) -> Figure:
    """Plot the displacement of each layer against steps; vertical lines are events.

    Parameters
    ----------
    history : DataFrame
        `step`, `layer` and `displacement`, in standard deviations.
    events : DataFrame
        `step` and `code`.
    border : float
        Displacement that is marked.
    """
    known = history.dropna(subset=["displacement"])
    with theme() as palette:
        figure, (ax,) = panels(1, width=8.0, height=3.8)
        ends = known.groupby("layer", sort=False)["displacement"].last().sort_values(ascending=False)
        for layer, part in known.groupby("layer", sort=False):
            place = list(ends.index).index(layer)
            named = place < HIGHLIGHTED
            color = palette[place % len(palette)] if named else "0.75"
            label = literal(str(layer)) if named else None
            ax.plot(part["step"], part["displacement"], color=color, label=label, zorder=3 if named else 1)
        ax.axhline(border, color="0.35", linestyle="--", linewidth=1)
        if len(known):
            ax.set_yscale("log")
            _mark(ax, events)
            ax.legend(title="largest at the end", loc="upper left", bbox_to_anchor=(1.0, 1.0))
        ax.set(xlabel="steps", ylabel="displacement (sd of the normalized values)")
        figure.suptitle(_title(known, ends))
    return figure


def _mark(ax: Axes, events: pd.DataFrame) -> None:
    named: dict[int, list[str]] = {}
    for step, code in zip(events["step"], events["code"], strict=True):
        named.setdefault(int(step), []).append(code)
    for step, codes in named.items():
        ax.axvline(step, color="0.35", linewidth=0.8, zorder=0)
        text = ", ".join(code.replace("_", " ") for code in dict.fromkeys(codes))
        place = ax.get_xaxis_transform()
        ax.text(step, 0.98, f" {text}", transform=place, rotation=90, va="top", fontsize=SMALL)


def _title(known: pd.DataFrame, ends: pd.Series) -> str:
    if known.empty:
        return "No displacement was measured yet"
    last = int(np.max(known["step"]))
    return f"After {last} steps, running statistics are displaced by up to {ends.iloc[0]:.2f} standard deviations"
