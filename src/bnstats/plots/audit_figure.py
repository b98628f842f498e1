"""Figure of an audit: how far each layer's statistics are off, the steps of the gap, and scores."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import NDArray

from bnstats.plots.arguments import literal
from bnstats.plots.colors import STATISTICS, colors_of
from bnstats.plots.comparisons import intervals
from bnstats.plots.figure import shown_once, theme, wrapped

RARE = 0.002
"""A layer is off by more than chance if its p is at most this; so is a healthy layer in five hundred."""
MOST_LAYERS = 40
"""Layers that are drawn: of more layers, those that are farthest off."""
NULLS = ("p_running", "p_averaged", "p_pooled", "p_population")


@shown_once
def audit_figure(layers: pd.DataFrame, gap: pd.DataFrame, scores: pd.DataFrame, title: str, unit: str) -> Figure:
    """Draw distances of running statistics, steps of the gap, and scores by kind of statistics.

    Parameters
    ----------
    layers : DataFrame
        One row per layer, in the order of the forward pass, with the columns `layer`, `distance` (from the population
        statistics, in standard deviations of normalized values) and `p_...`, one for each null hypothesis.
    gap : DataFrame
        One row per step from running to batch statistics: `step`, `gain`, `low`, `high`.
    scores : DataFrame
        One row per kind of statistics: `statistics`, `metric`, `value`, `low`, `high`, of one metric.
    title : str
        Title of the figure.
    unit : str
        Unit of the gains.

    Returns
    -------
    Figure
        Matplotlib figure.
    """
    layers = _farthest(layers)
    with theme() as palette:
        height = 2.0 + 0.28 * max(len(layers), len(gap), len(scores), 5)
        figure, axes = plt.subplots(1, 3, figsize=(13, height), layout="constrained")
        _distances(axes[0], layers, palette)
        steps = gap.rename(columns={"gain": "value"})
        _bars(axes[1], steps, "step", [palette[0]] * len(gap), about=0.0)
        axes[1].set(title="The gap, step by step", xlabel=literal(f"gain ({unit}, 95 % interval)"))
        kinds: list[Any] = scores["statistics"].tolist() if len(scores) else []
        colors = colors_of(kinds, STATISTICS)
        _bars(axes[2], scores, "statistics", [colors[kind] for kind in kinds], about=None)
        metric = literal(scores["metric"].iloc[0]) if len(scores) else "score"
        axes[2].set(title="Score by the statistics that normalize", xlabel=f"{metric} (95 % interval)")
        figure.suptitle(wrapped(literal(title), 130))
    return figure


def _farthest(layers: pd.DataFrame) -> pd.DataFrame:
    """Return the layers to draw, in their order."""
    if len(layers) <= MOST_LAYERS or "distance" not in layers:
        return layers.head(MOST_LAYERS)
    return layers.loc[layers["distance"].astype(float).nlargest(MOST_LAYERS, keep="first").index].sort_index()


def _bars(ax: Axes, rows: pd.DataFrame, label: str, colors: list[Any], about: float | None) -> None:
    """Draw intervals, each beside its name; rows whose value is not finite are named and not drawn."""
    if rows.empty:
        _nothing(ax)
    else:
        numbers = rows[["value", "low", "high"]].astype(float).replace([np.inf, -np.inf], np.nan)
        intervals(ax, numbers, [_end(name) for name in rows[label]], colors, about=about)


def _nothing(ax: Axes) -> None:
    ax.text(0.5, 0.5, "there was nothing to measure", transform=ax.transAxes, ha="center", color="0.35")
    ax.set_yticks([])


def _distances(ax: Axes, layers: pd.DataFrame, palette: list[Any]) -> None:
    """Draw the distance of each layer, filled if no null hypothesis explains it."""
    ax.set(title="Running statistics of each layer", xlabel="distance from population statistics (sd)")
    if layers.empty or "distance" not in layers:
        _nothing(ax)
        return
    place, distance = -np.arange(len(layers)), layers["distance"].to_numpy(float)
    shown = np.isfinite(distance) & (distance > 0)
    off = _rejected(layers)
    for chosen, face, label in (
        (shown & off, palette[4], f"off by more than chance (p ≤ {RARE})"),
        (shown & ~off, "white", "within chance, or not tested"),
    ):
        ax.plot(distance[chosen], place[chosen], "o", color=palette[4], markerfacecolor=face, label=label)
    for y, at in zip(place[~shown], distance[~shown], strict=True):
        text = "0" if at == 0 else "no distance"
        ax.text(0.03, y, text, transform=ax.get_yaxis_transform(), va="center", fontsize=8, color="0.35")
    ax.set_xscale("log")
    if shown.any():
        ax.set_xlim(distance[shown].min() / 3, distance[shown].max() * 3)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yticks(place, [_end(name) for name in layers["layer"]], fontsize=8)
    ax.legend(fontsize=8, loc="best")


def _rejected(layers: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which layers no null hypothesis explains: the largest p is small."""
    tested = layers[[name for name in NULLS if name in layers]].astype(float)
    return np.asarray(tested.max(axis=1).to_numpy() <= RARE) if tested.shape[1] else np.zeros(len(layers), bool)


def _end(name: Any) -> str:
    """Return a name; of a long name only the end, which differs from layer to layer."""
    text = str(name)
    return literal(text if len(text) <= 24 else f"…{text[-23:]}")
