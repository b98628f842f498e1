"""A picture of published differences beside those measured here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def compared(ax: Axes, claims: pd.DataFrame, palette: Sequence[Any]) -> None:
    """A line a claim from the top: `published` open, `value` filled with bars of two `mcse`, by its `verdict`."""
    looks = {"agrees": (palette[2], "o"), "undecided": ("0.45", "s"), "disagrees": (palette[3], "X")}
    ax.axvline(0, color="0.35", linewidth=1, zorder=1)
    place = -np.arange(len(claims))
    ax.plot(claims["published"], place, "D", color="0.2", markerfacecolor="white", markersize=6, label="published")
    for verdict, (color, marker) in looks.items():
        here = (claims["verdict"] == verdict).to_numpy()
        if here.any():
            rows = claims[here]
            ax.errorbar(
                rows["value"], place[here], xerr=2 * rows["mcse"], fmt=marker, color=color, label=f"here: {verdict}"
            )
    ax.set_yticks(place, claims["claim"].tolist(), fontsize=8)
    ax.set_ylim(-len(claims) + 0.4, 0.6)
