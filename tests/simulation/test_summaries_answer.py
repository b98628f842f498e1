"""Summaries answer what their study asks, in numbers of its tables."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import bnstats as bn
from bnstats.simulation.result import Result

pytestmark = pytest.mark.filterwarnings("ignore::bnstats.exceptions.PrecisionWarning")
NUMBER = r"-?\d+(?:\.\d+)?"


def numbers_in(line: str) -> list[float]:
    return [float(text) for text in re.findall(NUMBER, line)]


@pytest.fixture(scope="module")
def convergence() -> bn.results.Convergence:
    return bn.measure_convergence(["normal", "t3"], estimators=["mean", "var"], precision=0.05)


@pytest.fixture(scope="module")
def mismatch() -> bn.results.Mismatch:
    return bn.measure_mismatch("digits", batch_sizes=[4, 32], steps=20, precision=None, max_replicates=8)


def line_with(result: Result, *words: str) -> str:
    (found,) = (line for line in result.summary().splitlines() if all(word in line for word in words))
    return found


def test_convergence_says_rates_and_how_large_a_batch_gives_a_tenth(convergence: bn.results.Convergence) -> None:
    """By theory sigma/sqrt(n) is a tenth at 100; of normal values the RMSE of the variance, sqrt(2n - 1)/n, at 199.5.

    Errors of 5 % or less, and a line between sizes: the size is at most a tenth off. A false alarm needs 2 standard
    errors at the seed 0, which is fixed; the size of another estimator is twice as far.
    """
    line = line_with(convergence, "population normal, estimator mean:")
    rate = convergence.rates().query("population == 'normal' and estimator == 'mean' and measure == 'rmse'").iloc[0]
    assert f"RMSE falls as n^{rate['rate']:.3f} ({rate['low']:.3f} to {rate['high']:.3f}), by theory n^-0.5" in line
    assert float(line.rpartition("n = ")[2].strip(".")) == pytest.approx(100, rel=0.1)
    line = line_with(convergence, "population normal, estimator var:")
    assert float(line.rpartition("n = ")[2].strip(".")) == pytest.approx(199.5, rel=0.1)
    heavy = line_with(convergence, "population t3, estimator var:")
    assert "median absolute error falls as" in heavy
    assert "by theory n^-0.333" in heavy


def test_one_batch_size_has_no_rate() -> None:
    """A line through a single point has any slope: it had one of -0.33, with an interval."""
    single = bn.measure_convergence("normal", batch_sizes=[4], estimators=["mean"])
    assert single.rates()["rate"].isna().all()
    line = line_with(single, "estimator mean:")
    assert line == "estimator mean: RMSE is still 50 % of sigma at n = 4."


def test_a_value_of_zero_has_no_relative_error() -> None:
    estimator = bn.Estimator("middle", np.median, target=0.0)
    line = line_with(bn.measure_convergence("normal", batch_sizes=[3, 9], estimators=[estimator]), "estimator middle:")
    assert line.endswith("has no known relative size.")


def test_mismatch_says_the_modes_the_gap_and_its_parts(mismatch: bn.results.Mismatch) -> None:
    for n in (4, 32):
        line = line_with(mismatch, f"batch size {n}:")
        score = mismatch.table.query("metric == 'accuracy' and batch_size == @n").set_index("statistics")["value"]
        part = mismatch.gap().query("metric == 'accuracy' and batch_size == @n").set_index("part")["value"]
        found = numbers_in(line.partition(":")[2])
        assert found[0] == pytest.approx(100 * score["batch"], abs=0.06)
        assert found[2] == pytest.approx(100 * score["running"], abs=0.06)
        said = numbers_in(line.partition("In points:")[2])[::2]
        expected = [
            part[name]
            for name in ("batch - running", "batch - population", "population - precise", "precise - running")
        ]
        assert said == pytest.approx(100 * np.array(expected), abs=0.06)


def test_mismatch_of_one_mode_has_no_gap() -> None:
    only = bn.measure_mismatch("digits", batch_sizes=4, steps=5, statistics="running", precision=None, max_replicates=4)
    assert "In points" not in only.summary()
    assert "% in evaluation mode." in only.summary()


def test_gradients_say_their_factors() -> None:
    g = bn.measure_gradients(
        activations="linear", batch_sizes=[8, 32], depths=3, widths=16, precision=None, max_replicates=8
    )
    for row in g.factors().to_dict("records"):
        line = line_with(g, f"batch size {row['batch_size']}:")
        assert numbers_in(line)[1] == pytest.approx(row["factor"], abs=0.06)
        assert f"wide layers: {row['wide_limit']:.4g}" in line


def test_a_ledger_says_each_claim_its_estimate_interval_and_verdict() -> None:
    ledger = bn.check_claims(["zero-at-3", "same-as-whole-data-at-3"])
    lines = ledger.summary().splitlines()[-2:]
    for line, row in zip(lines, ledger.table.to_dict("records"), strict=True):
        assert line.startswith(f"{row['verdict']}: {row['statement']}")
        interval = "computed" if row["claim"] == "zero-at-3" else f"{row['low']:.4g} to {row['high']:.4g}"
        assert f"Estimate {row['estimate']:.4g} ({interval}); true if {row['region']}" in line
    assert len(repr(ledger).splitlines()) < len(ledger.summary().splitlines())


@pytest.mark.parametrize("length", [3, 30, 200])
def test_a_view_never_cuts_off_a_number(length: int) -> None:
    """However long the names that stand before it are, and without columns that are the same in all rows."""
    result = bn.measure_convergence(
        {"a" * length: "normal", "b" * length: "uniform"}, batch_sizes=[4], estimators=["mean", "var"], precision=0.1
    )
    rows = [line for line in repr(result).splitlines() if "±" in line and "MCSE" not in line]
    assert len(rows) == 10
    assert not any(line.endswith("...") for line in rows)
    assert "batching" not in repr(result).partition("\n\n")[0].splitlines()[2]


def test_the_command_line_prints_the_summary(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    from bnstats.cli.commands import main

    values = pd.DataFrame({"x": np.random.default_rng(0).normal(size=500)})
    values.to_csv(tmp_path / "x.csv", index=False)
    assert main(["convergence", str(tmp_path / "x.csv"), "--precision", "0.2", "--batch-sizes", "2", "8", "32"]) == 0
    printed = capsys.readouterr().out
    assert "estimator mean: RMSE falls as n^" in printed
    assert main(["mismatch", "digits", "--batch-sizes", "32", "--networks", "2", "--quiet"]) == 0
    assert "% in training mode" in capsys.readouterr().out
