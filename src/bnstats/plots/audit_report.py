"""Figure of an audit: deviation of each layer's statistics, gain per recalibrated layer, and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bnstats.plots.arguments import literal
from bnstats.plots.comparisons import intervals
from bnstats.plots.elements import shown_once, theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A layer is off by more than chance if its p is at most this; so is one healthy layer in a thousand.
RARE = 0.001


@shown_once
def audit_report(layers: pd.DataFrame, scores: pd.DataFrame, title: str) -> Figure:
    """Draw deviations of running statistics, gains of layers, and scores by kind of statistics.

    Parameters
    ----------
    layers : DataFrame
        One row per layer, in the order of the forward pass, with the columns `layer`, `rms_z` (deviation in standard
        errors), `p`, `gain`, `gain_low`, `gain_high` (change of the score, with its 95 % interval).
    scores : DataFrame
        Scores of one set of rows, with the columns `statistics`, `metric`, `value`, `low`, `high`. The first metric is
        drawn.
    title : str
        Title of the figure.

    Returns
    -------
    Figure
        Matplotlib figure.
    """
    import matplotlib.pyplot as plt

    with theme() as palette:
        height = 2.0 + 0.28 * max(len(layers), 5)
        figure, axes = plt.subplots(1, 3, figsize=(13, height), layout="constrained")
        names = [_shown(name) for name in layers["layer"]]
        _distances(axes[0], layers, names, palette)
        if "gain" in layers and layers["gain"].notna().any():
            rows = layers.rename(columns={"gain": "value", "gain_low": "low", "gain_high": "high"})
            intervals(axes[1], rows, names, [palette[0]] * len(rows))
        axes[1].set(title="Gain of population statistics in one layer", xlabel="change of the score (95 % interval)")
        if len(scores):
            metric = scores["metric"].iloc[0]
            rows = scores[scores["metric"] == metric]
            intervals(axes[2], rows, rows["statistics"].map(literal).tolist(), [palette[1]] * len(rows), about=None)
            axes[2].set(title="Score by the statistics that normalize", xlabel=f"{literal(metric)} (95 % interval)")
        figure.suptitle(literal(title))
    return figure


def _distances(ax: Axes, layers: pd.DataFrame, names: list[str], palette: list[Any]) -> None:
    """Draw the root mean square z of each layer, filled if it is rarely as large by chance."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    place, z = -np.arange(len(layers)), layers["rms_z"].to_numpy(float)
    rare = (layers["p"].to_numpy(float) <= RARE) & np.isfinite(z)
    finite = np.where(np.isfinite(z) & (z > 0), z, np.nan)
    for chosen, face, label in (
        (rare, palette[4], f"off by more than chance (p ≤ {RARE})"),
        (~rare, "white", "as chance has it"),
    ):
        ax.plot(finite[chosen], place[chosen], "o", color=palette[4], markerfacecolor=face, label=label)
    for y in place[np.isnan(finite)]:
        ax.text(1.1, y, "nothing to compare with", va="center", fontsize=8, color="0.35")
    ax.axvline(1, color="0.35", linewidth=1, zorder=1)
    ax.set_xscale("log")
    ax.set_xlim(min(0.3, np.nanmin([0.5, *finite / 2])), max(10.0, np.nanmax([1.0, *finite * 2])))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yticks(place, names, fontsize=8)
    ax.set(
        title="Running statistics against those of the batches", xlabel="root mean square distance (standard errors)"
    )
    ax.legend(fontsize=8, loc="best")


def _shown(name: str) -> str:
    """Return a layer's name; of a long name only the end, which differs from layer to layer."""
    return literal(name if len(name) <= 24 else f"…{name[-23:]}")
