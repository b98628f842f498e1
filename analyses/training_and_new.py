"""A picture of scores where a correction was fitted, beside those on new batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_training_and_new(ax: Axes, rows: pd.DataFrame, labels: Sequence[str], colors: Sequence[Any]) -> None:
    """One line per row from the top: an arrow from column `training` (open) to `new` (filled), bars of two `mcse`.

    A cross at column `standing`, where there is one.
    """
    for i, (color, (_, row)) in enumerate(zip(colors, rows.iterrows(), strict=True)):
        ax.annotate(
            "", (row["new"], -i), (row["training"], -i), arrowprops={"arrowstyle": "->", "color": color, "lw": 1.5}
        )
        names = {"training": "where it was fitted", "new": "on new batches"} if i == 0 else {}
        ax.plot(row["training"], -i, "o", color="0.3", mfc="white", markersize=7, label=names.get("training"), zorder=3)
        ax.errorbar(
            row["new"], -i, xerr=2 * row["mcse"], fmt="o", color=color, markersize=7, label=names.get("new"), zorder=4
        )
    if "standing" in rows:
        ax.scatter(rows["standing"], -np.arange(len(rows)), marker="x", color=colors, label="new, the old fit kept")
    ax.set_yticks(-np.arange(len(rows)), labels, fontsize=8)
