"""Results: the same doors for each, and paired differences."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import bnstats as bn
from bnstats.simulation.result import Result

QUICK = {"precision": None, "progress": False}


@pytest.fixture(scope="module")
def results():
    rows = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 2
    return {
        "convergence": bn.measure_convergence(
            "normal", batch_sizes=[4, 16], estimators=["mean", "var", "std"], max_replicates=64, **QUICK
        ),
        "running": bn.measure_running(
            "normal", batch_size=4, steps=8, convention=["torch", "keras"], max_replicates=2**12, **QUICK
        ),
        "information": bn.measure_information(
            "normal", labels=[0.0], batch_sizes=[2, 8], max_replicates=2**12, **QUICK
        ),
        "raw_given_normalized": bn.measure_raw_given_normalized(
            "normal", batch_sizes=[4, 8], max_replicates=2**12, **QUICK
        ),
        "mismatch": bn.measure_mismatch(
            rows, batch_sizes=[4, 8], hidden=(3,), steps=5, normalizers=["batch", "none"], max_replicates=64, **QUICK
        ),
        "correction": bn.measure_correction(
            ["none", "center"], batch_sizes=[2, 4], batches=4, effect_size=[0.5, 1], max_replicates=128, **QUICK
        ),
        "run": bn.measure_convergence("normal", batch_sizes=[4, 16], max_replicates=64, **QUICK).simulation,
    }


NAMES = ("convergence", "running", "information", "raw_given_normalized", "mismatch", "correction", "run")
each = pytest.mark.parametrize("name", NAMES)


def test_other_tables_of_results_have_degrees_of_freedom_beside_their_errors(results):
    compared = (
        results["convergence"].compare("var", "std"),
        results["mismatch"].gap(),
        results["correction"].best_corrections(),
    )
    for table in (*compared, results["convergence"].rates()):
        at = table.columns.get_loc("mcse")
        assert table.columns[at + 1] == "mcse_df"
        assert (table["mcse_df"].isna() | (table["mcse_df"] > 0)).all()


@each
def test_every_result_has_the_same_doors(name, results):
    result = results[name]
    assert isinstance(result, Result)
    at = result.table.columns.get_loc("value")
    assert list(result.table.columns[at : at + 3]) == ["value", "mcse", "mcse_df"]
    known = result.table[np.isfinite(result.table["mcse"]) & (result.table["mcse"] > 0)]
    assert len(known)
    assert ((known["mcse_df"] > 0) & (known["mcse_df"] < known["replicates"])).all()
    exact = result.table[result.table["mcse"] == 0]
    assert (exact["mcse_df"] == np.inf).all()
    assert result.table.loc[~np.isfinite(result.table["mcse"]), "mcse_df"].isna().all()
    lines = repr(result).splitlines()
    assert max(map(len, lines)) <= 80
    assert "±" in repr(result)
    assert "<table" in result._repr_html_()
    summary = result.summary()
    assert f"{len(result.table)} numbers" in summary
    assert "standard error" in summary
    figure = result.plot()
    assert figure.axes
    plt.close(figure)


def test_the_short_view_shows_the_numbers_of_the_table(results):
    result = results["convergence"]
    first = result.table.iloc[0]
    assert f"{first['value']:.3f}"[:5] in repr(result)
    assert ".table has all" in repr(result)


@pytest.mark.parametrize(
    ("name", "a", "b"),
    [
        ("convergence", "var", "std"),
        ("running", "torch", "keras"),
        ("mismatch", "batch", "running"),
        ("correction", "none", "center"),
    ],
)
def test_a_comparison_is_the_difference_of_two_numbers_of_the_table(name, a, b, results):
    """Of the same draws; a paired error is never larger than the sum of both, and most are smaller than unpaired."""
    result = results[name]
    found = result.compare(a, b)
    column = next(c for c in result.alternatives if a in set(result.table[c]))
    keys = [c for c in found.columns if c not in ("value", "mcse", "mcse_df", "paired")]
    sides = [result.table[result.table[column] == x].set_index(keys) for x in (a, b)]
    plain = (sides[0]["value"] - sides[1]["value"]).to_numpy()
    both = (sides[0]["mcse"] + sides[1]["mcse"]).to_numpy()
    assert len(found) == len(plain) > 0
    assert found["paired"].all()
    np.testing.assert_allclose(found["value"], plain, rtol=1e-12)
    sure = np.isfinite(both) & (both > 0)
    assert (found["mcse"].to_numpy()[sure] <= both[sure] * (1 + 1e-12)).all()
    reverse = result.compare(b, a)
    np.testing.assert_allclose(reverse["value"], -found["value"])
    np.testing.assert_allclose(reverse["mcse"], found["mcse"])


def test_the_parts_of_a_gap_have_the_same_errors_when_they_are_compared(results):
    """The frame computes the difference of each network itself; a jackknife over 16 groups is within 3 x 18 %."""
    result = results["mismatch"]
    found = result.compare("batch", "running").query("metric == 'nll' and normalizer == 'batch'")
    gap = result.gap().query("metric == 'nll' and part == 'batch - running' and normalizer == 'batch'")
    np.testing.assert_allclose(found["value"], gap["value"], rtol=1e-9)
    ratio = found["mcse"].to_numpy() / gap["mcse"].to_numpy()
    assert ((ratio > 0.4) & (ratio < 1.7)).all()


def test_numbers_of_other_draws_are_compared_without_pairs():
    two = bn.measure_convergence(["normal", "uniform"], batch_sizes=[4], estimators="mean", max_replicates=64, **QUICK)
    found = two.compare("normal", "uniform")
    assert not found["paired"].any()
    sides = [two.table[two.table["population"] == x]["mcse"].to_numpy() for x in ("normal", "uniform")]
    np.testing.assert_allclose(found["mcse"], np.hypot(*sides))


@pytest.mark.parametrize(("a", "b"), [("var", "var"), ("var", "no such"), (3, None), (np.zeros(2), "var")])
def test_what_cannot_be_compared_is_refused(a, b, results):
    with pytest.raises(
        ValueError, match=r"^a and b must be two different values of one column \(estimator: mean, var, std"
    ):
        results["convergence"].compare(a, b)


def test_a_figure_of_infinite_errors_says_so():
    """The variance of a Pareto law with tail index 3 has no finite error at any batch size."""
    c = bn.measure_convergence("pareto", estimators="var", batch_sizes=[8, 32], precision=None, max_replicates=64)
    figure = c.plot()
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert any("2 of 2 numbers are infinite" in text for text in texts)
    plt.close(figure)


def test_figures_say_what_is_exact_and_cover_no_data(results):
    figure = results["convergence"].plot()
    assert "lines: exact values" in figure.get_supxlabel()
    assert all(ax.get_legend() is None for ax in figure.axes)
    assert figure.legends
    plt.close(figure)


def test_titles_fit_their_figure(results):
    for name in ("correction", "mismatch"):
        figure = results[name].plot()
        figure.canvas.draw()
        width = figure.get_figwidth() * figure.dpi
        titles = [ax.title for ax in figure.axes] + ([figure._suptitle] if figure._suptitle else [])
        boxes = [title.get_window_extent() for title in titles]
        assert all(box.x0 >= 0 and box.x1 <= width for box in boxes)
        plt.close(figure)


def test_a_table_is_left_as_it_is(results):
    before = results["convergence"].table.copy()
    results["convergence"].summary(), repr(results["convergence"]), results["convergence"].compare("var", "std")
    pd.testing.assert_frame_equal(before, results["convergence"].table)
