"""The zip plot: intervals in the order of how far they miss. Nothing is left to chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bnstats.plots.zip_plot import ranked, zip_plot


def intervals(count: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    center, half = rng.normal(3.0, 1.0, count), rng.uniform(0.5, 3.0, count)
    return pd.DataFrame({"low": center - half, "high": center + half, "target": 3.0})


def test_intervals_are_ranked_by_their_distance_in_units_of_their_width() -> None:
    frame = intervals()
    rows = ranked(frame)
    away = np.abs(rows["low"] + rows["high"] - 6.0) / (rows["high"] - rows["low"])
    assert away.is_monotonic_increasing
    assert sorted(rows["low"]) == sorted(frame["low"])
    assert (rows["holds"] == (away <= 1)).all()
    held = int(rows["holds"].sum())
    assert 0 < held < len(rows)
    assert rows["holds"].tolist() == [True] * held + [False] * (len(rows) - held)  # the zip opens once
    np.testing.assert_allclose(rows["centile"], (np.arange(200) + 0.5) / 200)


def test_every_interval_is_drawn_once_and_the_shares_are_said() -> None:
    ax = Figure().subplots()
    zip_plot(ax, intervals())
    holds, misses = (collection.get_segments() for collection in ax.collections[:2])
    assert len(holds) + len(misses) == 200
    share = len(holds) / 200
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        f"{100 * share:.1f} % hold it",
        f"{100 - 100 * share:.1f} % miss it",
    ]
