"""The picture of a ledger: nothing hides a claim."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from bnstats.plots.ledger import CLAIMS, SIGNS, ledger


def table(rows: int) -> pd.DataFrame:
    """Claims of all verdicts, whose estimates come to lie all over the picture, the lowest of them at the left."""
    at = np.linspace(1, -1, rows) if rows > 1 else np.array([-0.5])
    verdicts = [*CLAIMS, *SIGNS]
    return pd.DataFrame(
        {
            "claim": [f"claim-{i}" for i in range(rows)],
            "region": "at least 0",
            "estimate": at,
            "low": at - 0.1,
            "high": at + 0.1,
            "verdict": [verdicts[i % len(verdicts)] for i in range(rows)],
        }
    )


@pytest.mark.parametrize("rows", [1, 3, 12, 100])
def test_the_legend_covers_no_point_and_no_label(rows: int) -> None:
    figure = ledger(table(rows))
    try:
        figure.canvas.draw()
        (ax,) = figure.axes
        legends = [*figure.legends, *filter(None, [ax.get_legend()])]
        assert len(legends) == 1
        box = legends[0].get_window_extent()
        points = np.concatenate(
            [ax.transData.transform(line.get_xydata()) for line in ax.lines if line.get_marker() != "None"]
        )
        assert len(points) == rows
        assert not any(box.contains(x, y) for x, y in points)
        assert not box.overlaps(ax.get_tightbbox())
        assert figure.bbox.contains(box.x0, box.y0)
        assert figure.bbox.contains(box.x1, box.y1)
    finally:
        plt.close(figure)
