"""Figures refuse, in one sentence, axes, tables, colors, markers and labels that they cannot draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import bnstats as bn

ROWS = pd.DataFrame({"n": [2, 4], "value": [1.0, 0.5], "mcse": 0.1, "exact": 1.0, "low": 0.0, "high": 2.0})
WINS = pd.DataFrame({"n": [2, 4], "size": 1, "best": "center", "clear": True, "value": 1.0, "margin": 0.1})


def ax() -> Any:
    return Figure().subplots()


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "axes": (lambda: bn.plots.log_errors("ax"), "ax is an object such as plt.gca"),
    "no table": (
        lambda: bn.plots.in_percent([1.0]),
        "rows is a DataFrame with rows and the columns value, mcse",
    ),
    "columns": (lambda: bn.plots.convergence(ROWS), "it lacks population"),
    "no rows": (lambda: bn.plots.numbers(ROWS[:0]), "it lacks rows"),
    "words": (lambda: bn.plots.numbers(ROWS.assign(value="a")), "value must hold numbers only"),
    "a column": (lambda: bn.plots.series(ax(), ROWS, "m", color="C0"), "x is one of n, value"),
    "a color": (lambda: bn.plots.series(ax(), ROWS, "n", color="no"), "color is a color of Matplotlib"),
    "a marker": (lambda: bn.plots.series(ax(), ROWS, "n", color="C0", marker="?"), "marker is one of"),
    "labels": (lambda: bn.plots.intervals(ax(), ROWS, ["a"], ["C0", "C1"]), "labels is a list of 2"),
    "colors": (lambda: bn.plots.intervals(ax(), ROWS, ["a", "b"], "C0"), "colors is a list of 2"),
    "a correction without a color": (
        lambda: bn.plots.best_correction_map(ax(), WINS, "n", "size", {"none": "C0"}),
        "Known: none",
    ),
    "no colors": (lambda: bn.plots.best_correction_map(ax(), WINS, "n", "size", 3), "colors is an object such as"),
    "two colors": (lambda: bn.plots.zip_plot(ax(), ROWS.assign(target=1.0), colors=["C0"]), "colors is a list of 2"),
    "panels": (lambda: bn.plots.panels(2**40), "count is a whole number from 1 to 256"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_drawn_is_refused(what: str) -> None:
    call, message = BAD[what]
    with pytest.raises(ValueError, match=message):
        call()


def test_a_size_may_be_an_array_without_axes() -> None:
    bn.plots.log2_ticks(ax(), [2, np.array(4)])  # type: ignore[list-item]


def test_a_color_may_have_a_name() -> None:
    bn.plots.best_correction_map(ax(), WINS, "n", "size", {"center": "C0"})
    bn.plots.series(ax(), ROWS, "n", color="C0")
    bn.plots.intervals(ax(), ROWS, ["a", "b"], ["C0", "C1"])


def test_a_logarithmic_axis_has_depths_and_scales_too() -> None:
    drawn = ax()
    bn.plots.log2_ticks(drawn, (0.25, 1, 2, 1, 2**20))
    assert [label.get_text() for label in drawn.get_xticklabels()] == ["0.25", "1", "2", "1048576"]
    with pytest.raises(ValueError, match="each of sizes is a number, above 0 and finite; got 0"):
        bn.plots.log2_ticks(drawn, [0])
