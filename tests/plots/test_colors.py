"""One color for each mode and normalizer, in the figures of all results."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

import bnstats as bn
from bnstats import plots
from bnstats.networks.normalizers.registry import NORMALIZERS
from bnstats.plots import colors

ESTIMATE = {"mcse": 0.01, "exact": np.nan}


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def color_of(figure: Figure, label: str) -> set[str]:
    """Colors of all series with this label."""
    found = [(h, name) for ax in figure.axes for h, name in zip(*ax.get_legend_handles_labels(), strict=True)]
    return {to_hex(handle.lines[0].get_color(), keep_alpha=False).upper() for handle, name in found if name == label}


def test_every_normalizer_and_mode_has_a_color_of_its_own() -> None:
    assert set(colors.NORMALIZERS) == set(NORMALIZERS)
    assert colors.NORMALIZERS["batch"] == colors.STATISTICS["running"] == colors.EVALUATION
    assert colors.STATISTICS["batch"] == colors.TRAINING
    all_ = {*colors.NORMALIZERS.values(), *colors.STATISTICS.values()}
    assert len(all_) == len(colors.NORMALIZERS) + len(colors.STATISTICS) - 1
    for one, other in combinations(sorted(all_), 2):
        assert np.linalg.norm(np.subtract(to_rgb(one), to_rgb(other))) > 0.15


@pytest.mark.parametrize("order", [("running", "batch"), ("batch", "running", "mixed 16")])
def test_a_mode_has_its_color_whatever_stands_before_it(order: tuple[str, ...]) -> None:
    rows = [
        {"dataset": "d", "batch_size": n, "test_batch_size": n, "statistics": kind, "metric": "accuracy", "value": 0.5}
        for kind in order
        for n in (2, 4)
    ]
    figure = plots.mismatch(pd.DataFrame(rows).assign(**ESTIMATE, bayes_accuracy=np.nan))
    assert color_of(figure, "running") == {colors.EVALUATION}
    assert color_of(figure, "batch") == {colors.TRAINING}


def test_a_normalizer_with_parameters_has_the_color_of_its_kind() -> None:
    given = [repr(bn.normalizers.Ghost(5)), repr(bn.normalizers.Renorm()), "batch then group", "mine"]
    found = colors.colors_of(given, colors.NORMALIZERS)
    assert [found[name] for name in given[:3]] == [
        colors.NORMALIZERS[n] for n in ("ghost", "renorm", "batch then group")
    ]
    assert found["mine"] in colors.OTHERS
    assert len(set(found.values())) == 4


def test_a_line_has_one_color_and_marker_in_all_panels() -> None:
    """A population that the first panel lacks keeps its color in later panels, too."""
    rows = [("a", "mean"), ("b", "mean"), ("b", "var"), ("c", "var")]
    table = pd.DataFrame([{"population": p, "estimator": e} for p, e in rows])
    table = table.assign(batching="IID()", measure="rmse", batch_size=4, value=0.5, **ESTIMATE)
    assert len(color_of(plots.convergence(table), "b")) == 1


def test_a_table_in_which_one_column_varies_is_one_line() -> None:
    table = pd.DataFrame({"population": "a", "batch_size": [2, 4], "value": 0.5}).assign(**ESTIMATE)
    (ax,) = plots.numbers(table).axes
    assert len(ax.lines[0].get_xdata()) == 2
