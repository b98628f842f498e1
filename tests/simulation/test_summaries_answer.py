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


def test_information_says_the_labels_and_the_bits_that_are_left() -> None:
    information = bn.measure_information("normal", labels=[0.0], batch_sizes=[2, 64], precision=None)
    assert line_with(information, "Guessing") == "Guessing predicts 50 % of labels; the raw value has 1 bits."
    for n in (2, 64):
        value = information.table.query("batch_size == @n").set_index("measure")["value"]
        line = line_with(information, f"batch size {n}:")
        right, _, bits, _, left = numbers_in(line.partition(":")[2])
        assert [right, bits, left] == pytest.approx([100 * value["accuracy"], value["bits"], 100 * value["bits"]], 1e-2)


def test_running_says_how_far_off_the_last_step_is() -> None:
    """With weights 1/t no step before the last has an error near the last one, so no step is named."""
    running = bn.measure_running(
        "normal", batch_size=8, momentum=[0.1, None], steps=100, precision=None, max_replicates=2048
    )
    last = running.table.query("step == 100 and momentum == 0.1").set_index(["statistic", "measure"])["value"]
    for statistic, name in (("mean", "mean is"), ("var", "variance is")):
        line = line_with(running, "momentum 0.1: after 100 steps, the RMSE of the running", name)
        error, _, bias, _ = numbers_in(line.partition(" is ")[2])[:4]
        expected = 100 * last[statistic, "rmse"], 100 * last[statistic, "bias"]
        assert (error, bias) == pytest.approx(expected, rel=0.02, abs=0.006)
    cumulative = line_with(running, "momentum 1/t", "running mean")
    assert "nan" not in cumulative
    assert "from step" not in cumulative
    heavy = bn.measure_running("t3", batch_size=8, steps=50, precision=None, max_replicates=2048)
    line = line_with(heavy, "running variance")
    assert "the median absolute error of the running variance" in line
    assert "bias" not in line
    errors = heavy.table.query("statistic == 'var' and measure == 'median_abs_error'").set_index("step")["value"]
    step = int(line.rpartition("from step ")[2].removesuffix(" on."))
    assert (errors.loc[step:] <= 1.1 * errors[50]).all()
    assert errors.loc[: step - 1].iloc[-1] > 1.1 * errors[50]


def test_steps_say_whether_the_mean_step_goes_downhill() -> None:
    rules = [bn.Shuffled(), bn.OneClass()]
    steps = bn.measure_steps(batching=rules, steps=[60], batches=64, training_batch_size=20, max_replicates=8)
    value = steps.table.set_index(["batching", "measure"])["value"]
    for rule, word in (("Shuffled()", "downhill"), ("OneClass()", "uphill")):
        line = line_with(steps, f"batching {rule}: the mean step goes {word}, cosine ")
        cosine, _, lower = numbers_in(line.partition("cosine")[2])[:3]
        assert cosine == pytest.approx(value[rule, "cosine"], abs=0.006)
        assert lower == pytest.approx(100 * value[rule, "downhill"], abs=0.6)
    start = bn.measure_steps(batching=bn.OneClass(), steps=60, batches=4, measures="cosine", max_replicates=2)
    assert "known" in line_with(start, "step 60: "), "two networks and four batches tell no direction"


def test_a_correction_says_the_best_one_and_its_margin() -> None:
    corrected = bn.measure_correction(["none", "center", "shrink"], batch_sizes=[4, 16], measures=["rmse", "bias"])
    for row in corrected.best_corrections().to_dict("records"):
        line = line_with(corrected, f"rmse, batch size {row['batch_size']}: {row['best']} is best, ")
        assert f"{row['value']:.4g}; {row['second_best']} is worse by {row['margin']:.2f}"[:-1] in line
        assert line.endswith("without correction.")
    many = bn.measure_correction(["none", "center"], batch_sizes=[2, 4, 8, 16, 32], measures=["rmse"])
    assert "best of 5 conditions is center in 5; beyond Monte Carlo error in 5" in line_with(many, "rmse:")
    assert "none" not in line_with(bn.measure_correction("center", batch_sizes=4, measures=["rmse"]), "rmse:")


def test_any_table_says_how_its_numbers_change_along_a_parameter() -> None:
    sizes = [2, 4, 8, 16, 32]
    b = np.random.default_rng(0).normal(0.5, 0.1, 200)
    frame = pd.DataFrame({"n": np.repeat(sizes, 40), "b": b, "who": ["a", "a", "b", "b"] * 50})
    found = bn.summarize(frame, estimate="b", truth=0.5, by=["n", "who"], measures=["bias", "rmse"])
    line = line_with(found, "rmse, who b:")
    ends = found.table.query("measure == 'rmse' and who == 'b' and n in (2, 32)")["value"]
    assert [float(value) for value in re.findall(r"(\S+) ±", line)] == pytest.approx(ends.tolist(), rel=0.05)
    assert line.endswith("at n 32, and 3 between.")
    words = bn.summarize(frame, estimate="b", truth=0.5, by="who", measures="bias")
    assert re.fullmatch(r"bias: \S+ ± \S+ at who a, \S+ ± \S+ at who b\.", line_with(words, "bias:"))


def test_many_lines_are_cut_but_not_what_failed() -> None:
    frame = pd.DataFrame(
        {"n": np.repeat(np.arange(60), 4), "who": np.repeat([f"w{i}" for i in range(60)], 4), "b": 0.5}
    )
    frame.loc[::9, "b"] = np.nan
    summary = bn.summarize(frame, estimate="b", truth=0.5, by=["n", "who"], measures="bias").summary()
    assert "27 of 240 replicates failed" in summary
    assert "... and " in summary
    assert len(summary.splitlines()) < 32


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
