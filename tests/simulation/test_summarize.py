"""`bn.summarize`: every number against an independent script, pairs against simulation, and refusals in a sentence."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bnstats as bn

DATA = Path(__file__).parents[1] / "data"
COLUMNS = {"estimate": "b", "se": "se", "truth": 0.5, "by": "n", "method": "method", "dataset": "i"}


def replicates() -> pd.DataFrame:
    return pd.read_csv(DATA / "replicates.csv")


def summarized(frame: pd.DataFrame | None = None, **changes: object) -> bn.results.Summarized:
    return bn.summarize(replicates() if frame is None else frame, **(COLUMNS | changes))


def test_every_number_is_that_of_the_independent_script() -> None:
    reference = json.loads((DATA / "replicates_reference.json").read_text())
    table = summarized().table
    assert len(table) == sum(map(len, reference.values())) == 60
    for row in table.itertuples():
        expected = reference[f"{row.n} {row.method}"][row.measure]
        assert row.value == pytest.approx(expected["value"], rel=1e-9, abs=1e-12), row
        assert row.mcse == pytest.approx(expected["mcse"], rel=1e-9), row


def test_errors_of_standard_errors_agree_with_table_6_for_normal_estimates() -> None:
    """The fourth moment of n normal values is off by sqrt(24 / n) of 3, six times that is a false alarm of 1e-8."""
    rng, n = np.random.default_rng(3), 100_000
    frame = {"b": rng.normal(2.0, 3.0, n), "s": np.sqrt(rng.uniform(5.0, 9.0, n))}
    table = bn.summarize(frame, estimate="b", se="s").table.set_index("measure")
    emp, mod, v = frame["b"].std(ddof=1), math.sqrt((frame["s"] ** 2).mean()), (frame["s"] ** 2).var(ddof=1)
    expected = {
        "se": emp / math.sqrt(2 * (n - 1)),
        "model_se": math.sqrt(v / (4 * n * mod**2)),
        "relative_error_of_model_se": mod / emp * math.sqrt(v / (4 * n * mod**4) + 1 / (2 * (n - 1))),
    }
    for measure, mcse in expected.items():
        assert table.loc[measure, "mcse"] == pytest.approx(mcse, rel=6 * math.sqrt(24 / n) / 4), measure


def test_pairs_have_the_error_of_their_differences() -> None:
    """Over 400 studies the paired errors are as large as the spread of the differences; independent ones are not.

    Squares of t values with 15 degrees of freedom have mean 15 / 13 and standard deviation 1.84: the mean of 400 lies
    within 0.57 of it, 6.2 of its standard errors, false alarms below 1e-8. With the error of independent numbers, four
    times the size, the mean is below 0.3, as is seen.
    """
    x = np.random.default_rng(4).normal(0.5, 1.0, (400, 160, 9))
    study, i = np.divmod(np.arange(400 * 160), 160)
    estimates = {"mean": x.mean(axis=2), "trimmed": np.sort(x, axis=2)[:, :, 1:-1].mean(axis=2)}
    frame = pd.concat(pd.DataFrame({"study": study, "i": i, "m": m, "b": b.ravel()}) for m, b in estimates.items())
    found = bn.summarize(frame, estimate="b", truth=0.5, by="study", method="m", dataset="i", measures="bias")
    paired = found.compare("mean", "trimmed")
    assert abs(np.mean((paired["value"] / paired["mcse"]) ** 2) - 15 / 13) < 0.57
    alone = found.table.groupby("study")["mcse"].agg(lambda mcse: math.hypot(*mcse)).to_numpy()
    assert np.mean((paired["value"] / alone) ** 2) < 0.3


def test_methods_on_the_same_data_are_paired_and_others_are_not_compared() -> None:
    compared = summarized().compare("mean", "trimmed")
    assert compared["paired"].all()
    assert list(compared.columns[:2]) == ["n", "measure"]
    with pytest.raises(ValueError, match="methods are compared on the same data sets; name method= and dataset="):
        summarized(dataset=None).compare("mean", "trimmed")


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "mapping", "categorical"])
def test_tables_of_all_kinds_give_the_same_numbers(library: str) -> None:
    frame = replicates()
    given = frame
    if library == "polars":
        given = pytest.importorskip("polars").DataFrame({name: frame[name].to_numpy() for name in frame})
    elif library == "pyarrow":
        given = pytest.importorskip("pyarrow").Table.from_pandas(frame)
    elif library == "mapping":
        given = {name: frame[name].to_list() for name in frame}
    elif library == "categorical":
        given = frame.astype({"method": "category", "n": "Int64"}).set_index(np.arange(len(frame))[::-1])
    found, expected = summarized(given).table, summarized().table
    np.testing.assert_array_equal(found.iloc[:, 3:].to_numpy(float), expected.iloc[:, 3:].to_numpy(float))
    for name in ("n", "method", "measure"):
        assert found[name].astype(str).tolist() == expected[name].astype(str).tolist()


def test_the_order_of_rows_changes_rounding_at_most() -> None:
    mixed = replicates().sample(frac=1, random_state=1)
    keys = ["n", "method", "measure"]
    one, other = (x.table.set_index(keys).sort_index() for x in (summarized(), summarized(mixed)))
    np.testing.assert_allclose(one[["value", "mcse"]], other[["value", "mcse"]], rtol=1e-9, atol=1e-15)


def test_the_same_summaries_serve_a_study() -> None:
    """A study and `summarize` of its replicates give the same bits of value and error, but for the order of sums."""
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Mean(bn.Study):
        summaries = ("bias", "relative_bias", "se", "mse", "rmse", "model_se", "relative_error_of_model_se")

        def conditions(self):
            return [{"n": 10}]

        def simulate(self, condition, rng, size):
            x = rng.normal(0.5, 1.0, (size, condition["n"]))
            return {"b": x.mean(axis=1), "s": x.std(axis=1, ddof=1) / 10**0.5}

        def summaries_of(self, condition, key):
            return self.summaries if key == "b" else self.summaries[2:3]

        def target(self, condition, key):
            return 0.5 if key == "b" else 0.0

        def model_se(self, condition, key):
            return "s" if key == "b" else None

    table = bn.run(Mean(), max_replicates=4000).table.query("measure == 'b'").set_index("summary")
    blocks = [bn.run_block(Mean(), condition=0, block=k) for k in range(4)]
    frame = {name: np.concatenate([block[name] for block in blocks]) for name in ("b", "s")}
    own = bn.summarize(frame, estimate="b", se="s", truth=0.5).table.set_index("measure")
    np.testing.assert_allclose(own.loc[table.index, ["value", "mcse"]], table[["value", "mcse"]], rtol=1e-9)


def test_type_s_and_type_m_errors_are_those_of_gelman_and_carlin() -> None:
    """Of an effect of 0.1 standard errors, by the normal law. Bounds of 5 MCSE: false alarms below 1e-6 each."""
    rng, n = np.random.default_rng(5), 400_000
    frame = {"b": rng.normal(0.1, 1.0, n), "s": np.ones(n)}
    table = bn.summarize(frame, estimate="b", se="s", truth=0.1).table.set_index("measure")
    from scipy import stats

    z = stats.norm.isf(0.025)
    high, low = stats.norm.sf(z - 0.1), stats.norm.cdf(-z - 0.1)
    mean_size = stats.norm.pdf(z - 0.1) + 0.1 * high + stats.norm.pdf(-z - 0.1) - 0.1 * low
    expected = {
        "rejection_rate": high + low,
        "type_s_error": low / (high + low),
        "type_m_error": mean_size / (high + low) / 0.1,
    }
    for measure, exact in expected.items():
        assert abs(table.loc[measure, "value"] - exact) < 5 * table.loc[measure, "mcse"], measure


def test_p_values_and_intervals_of_ones_own_are_used() -> None:
    frame = {"p": [0.01, 0.2, 0.049], "low": [0.1, -1.0, 0.2], "high": [0.3, 1.0, 0.9]}
    table = bn.summarize(frame, p="p", low="low", high="high", truth=0.25).table.set_index("measure")
    assert table["value"].round(6).to_dict() == {
        "coverage": 1.0,
        "width": round((0.2 + 2 + 0.7) / 3, 6),
        "rejection_rate": round(2 / 3, 6),
        "failure_rate": 0.0,
    }
    assert table.loc["coverage", "mcse"] == 1.0  # three of three decide nothing


def test_nothing_that_cannot_be_known_has_a_value() -> None:
    """One replicate, none that rejects, and infinite ones; a truth of 0 has no relative bias."""
    one = bn.summarize({"b": [1.0], "s": [1.0]}, estimate="b", se="s", truth=0.5).table.set_index("measure")
    assert np.isinf(one.loc[["se", "bias", "type_s_error"], "mcse"]).all()
    assert np.isnan(one.loc[["se", "type_s_error", "type_m_error"], "value"]).all()
    with pytest.warns(bn.exceptions.NotFiniteWarning, match="2 of 3 numbers have replicates, but no value"):
        infinite = bn.summarize({"b": [1.0, math.inf]}, estimate="b").table.set_index("measure")
    assert np.isnan(infinite.loc["mean", "value"])
    at_zero = bn.summarize({"b": [1.0, 2.0], "s": [1.0, 1.0]}, estimate="b", se="s", truth=0.0).table["measure"]
    assert not {"relative_bias", "type_s_error", "type_m_error"} & set(at_zero)


@pytest.mark.parametrize(
    ("change", "without"),
    [
        (lambda t: t.assign(b=t["b"].mask(t.index == 0, -math.inf)), {"mean", "width", "bias_eliminated_coverage"}),
        (lambda t: t.assign(s=t["s"].mask(t.index == 0, math.inf)), {"model_se", "width"}),
        (lambda t: t.assign(b=math.inf, s=math.inf), {"mean", "model_se", "width", "bias_eliminated_coverage"}),
        (lambda t: t * 1e200, {"se", "mse", "model_se"}),
        (lambda t: t * 1e-200, {"relative_error_of_model_se"}),
    ],
    ids=["an infinite estimate", "an infinite error", "all infinite", "huge", "tiny"],
)
def test_what_infinite_or_extreme_replicates_leave_without_a_value_is_said(change, without: set[str]) -> None:
    """Intervals are not said to miss a mean that is infinite, and no other warning is given: warnings are errors."""
    rng = np.random.default_rng(0)
    frame = change(pd.DataFrame({"b": rng.normal(size=40), "s": 1.0}))
    with pytest.warns(bn.exceptions.NotFiniteWarning, match="numbers have replicates, but no value"):
        table = bn.summarize(frame, estimate="b", se="s", truth=0.0).table.set_index("measure")
    assert np.isnan(table.loc[[*without], "value"]).all()
    assert np.isinf(table.loc[[*without], "mcse"]).all()


def test_standard_errors_of_zero_are_too_small_by_all() -> None:
    table = bn.summarize({"b": [1.0, 2.0, 4.0], "s": [0.0] * 3}, estimate="b", se="s").table.set_index("measure")
    assert table.loc["relative_error_of_model_se", ["value", "mcse"]].tolist() == [-1.0, math.inf]


def test_labels_of_columns_that_are_given_one_by_one_are_kept() -> None:
    """Matching by position would pair estimates with other standard errors; a union of labels would make half fail."""
    labels = [f"replicate {k}" for k in range(40)]
    b = pd.Series(np.random.default_rng(0).normal(size=40), labels)
    s = b.abs() + 0.1
    order = np.random.default_rng(1).permutation(40)
    named = {"estimate": "b", "se": "s", "truth": 0.0}
    expected = bn.summarize({"b": b, "s": s}, **named).table
    pd.testing.assert_frame_equal(bn.summarize({"b": b, "s": s.iloc[order]}, **named).table, expected)
    with pytest.raises(ValueError, match=r"column 'b' of replicates and column 's' of replicates have labels that do"):
        bn.summarize({"b": b, "s": s.set_axis(range(40))}, **named)
    with pytest.raises(ValueError, match="each column of replicates has one value per row; got columns of different"):
        bn.summarize({"b": b, "s": [0.1, 0.2]}, **named)


FRAME = pd.DataFrame({"b": [0.1, 0.2, 0.3, 0.4], "s": 0.1, "m": list("aabb"), "i": [0, 1, 0, 1], "t": [1.0, 1, 1, 2]})


@pytest.mark.parametrize(
    ("frame", "named", "message"),
    [
        (
            FRAME,
            {"estimate": "c"},
            r"estimate is the name of a column of replicates \(b, s, m, i, t\); got 'c', no such",
        ),
        (FRAME, {}, "name the columns of the replicates: estimate=, low= and high=, or p="),
        (FRAME, {"estimate": "m"}, "column m holds real numbers"),
        (FRAME, {"se": "s"}, "se is the standard error of an estimate"),
        (FRAME, {"estimate": "b", "measures": "coverage"}, "coverage needs low= and high="),
        (FRAME, {"estimate": "b", "measures": "model_se"}, "model_se needs se="),
        (FRAME, {"estimate": "b", "measures": "bias"}, "bias needs truth="),
        (FRAME, {"estimate": "b", "measures": "coverag"}, "measures is one of mean, bias"),
        (FRAME.assign(s=-1.0), {"estimate": "b", "se": "s"}, "column s holds standard errors, at least 0; 4 rows"),
        (
            FRAME.assign(p=1.5),
            {"p": "p"},
            "column p holds p-values, from 0 to 1; 4 rows hold something else, first row 0",
        ),
        (FRAME, {"low": "b"}, "low and high are the two ends of an interval; high is missing"),
        (FRAME, {"estimate": "b", "low": pd.NA, "high": "t"}, "low is the name of a column of replicates"),
        (FRAME, {"low": "t", "high": "b"}, "in 4 rows the lower end is above the upper end, first in row 0"),
        (FRAME, {"estimate": "b", "truth": "t"}, "truth is one number in each condition; column t has several in all"),
        (FRAME, {"estimate": "b", "truth": "t", "by": "m"}, "column t has several where m='b'"),
        (FRAME, {"estimate": "b", "truth": math.inf}, "truth is a number or the name of a column, finite"),
        (FRAME, {"estimate": "b", "truth": 10**400}, "truth is a number or the name of a column, finite"),
        (
            FRAME,
            {"estimate": "b", "dataset": "i"},
            r"each data set has one row per condition; 2 have several, the first",
        ),
        (FRAME.assign(i=0), {"estimate": "b", "dataset": "i", "method": "m"}, "2 have several, the first is m='a', i="),
        (FRAME[:3], {"estimate": "b", "dataset": "i", "method": "m"}, "1 data sets lack one, the first is i="),
        (
            FRAME.rename(columns={"m": "value"}),
            {"estimate": "b", "by": "value"},
            "by is a column 'value', which the result",
        ),
        (FRAME[:0], {"estimate": "b"}, "column b has at least 1 values"),
        ([1.0, 2.0], {"estimate": "b"}, "replicates is a table of pandas, polars or Arrow, or a mapping"),
        (pd.concat([FRAME, FRAME], axis=1), {"estimate": "b"}, "2 columns of that name"),
        (FRAME, {"estimate": "b", "level": 1.0}, "level is a probability"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(frame: object, named: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        bn.summarize(frame, **named)
    assert "\n" not in str(refused.value)


def test_required_replicates_reach_the_error() -> None:
    """Each number of replicates brings the formula of the summary to the error that was asked for."""
    assert bn.required_replicates("coverage", mcse=0.005, probability=0.95) == 1900  # Morris et al., Section 5.3
    assert bn.required_replicates("coverage", mcse=0.005) == 10_000
    assert bn.required_replicates("bias", mcse=0.01, se=0.2) == 400
    n = bn.required_replicates("se", mcse=0.01, se=0.2)
    assert 0.2 / math.sqrt(2 * (n - 1)) <= 0.01 < 0.2 / math.sqrt(2 * (n - 2))
    with pytest.raises(ValueError, match="se is needed for bias"):
        bn.required_replicates("bias", mcse=0.01)
    with pytest.raises(ValueError, match="measure is one of mean"):
        bn.required_replicates("biass", mcse=0.01)


def test_plots_show_each_condition_and_method() -> None:
    found = summarized()
    nested = found.nested_loop_plot("coverage")
    assert [ax.get_ylabel() for ax in nested.axes] == ["coverage", "n"]
    assert [text.get_text() for text in nested.legends[0].get_texts()] == ["mean", "trimmed"]
    zipped = found.zip_plot(n=8)
    assert [ax.get_title() for ax in zipped.axes] == ["n 8, method mean", "n 8, method trimmed"]
    coverage = found.table.query("n == 8 and measure == 'coverage'")["value"].tolist()
    legends = [ax.get_legend().get_texts()[0].get_text() for ax in zipped.axes]
    assert legends == [f"{100 * value:.1f} % hold it" for value in coverage]
    assert sum(ax.get_visible() for ax in found.plot().axes) == 15
    with pytest.raises(ValueError, match="choose by n, method"):
        found.zip_plot(n=9)
    with pytest.raises(ValueError, match="name their factors in by="):
        summarized(by=(), dataset=None).nested_loop_plot()
    with pytest.raises(ValueError, match="truth was not given"):
        summarized(truth=None).zip_plot()
    with pytest.raises(ValueError, match="x names no condition; known: n, method"):
        found.zip_plot(x=1)


def test_the_summary_says_how_many_failed() -> None:
    failed = int(replicates()["b"].isna().sum())
    assert f"{failed} of 800 replicates failed" in summarized().summary()
    assert "failed" not in summarized(replicates().dropna(), dataset=None, measures="bias").summary()
