"""Figure of a plan: displacement of running statistics by noise against the momentum."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from bnstats.plots.figure import EXACT, panels, shown_once, theme


@shown_once
def displacement_by_momentum(table: pd.DataFrame, tolerance: float, momentum: float | None) -> Figure:
    """Draw a line for each bound, the tolerance, and a point at the plan's momentum.

    Parameters
    ----------
    table : DataFrame
        Columns bound, momentum and value, a displacement in standard deviations.
    tolerance : float
        Displacement that is tolerated.
    momentum : float or None
        Weight of a new batch in the plan; None for a cumulative average.

    Returns
    -------
    Figure
        One panel.
    """
    with theme() as palette:
        figure, (ax,) = panels(1, width=5.2)
        for (bound, rows), color in zip(table.groupby("bound", sort=False), palette, strict=False):
            ax.plot(rows["momentum"], rows["value"], color=color, label=bound, gid=EXACT)
        ax.axhline(tolerance, color="0.35", linestyle="--", label="tolerance")
        if momentum is not None:
            ax.axvline(momentum, color="0.6", linestyle=":", label="momentum of the plan")
        ax.set(xscale="log", yscale="log", xlabel="momentum (weight of a new batch)")
        ax.set(ylabel="displacement by noise (sd)")
        ax.legend()
    return figure
