"""Replicates that fail: counted by reason, stored and resumed, and all other numbers are of the rest."""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import bnstats as bn
from bnstats.exceptions import BlockError, ReplicateFailed, TooManyFailures
from bnstats.simulation.replicates.failure_reasons import MOST_REASONS, counted


@dataclass(frozen=True)
class Ratio(bn.Study):
    """The ratio of two means, which fails if the denominator is near 0, and a measure that never fails beside it."""

    summaries = ("mean", "median_abs_error")
    border: float = 0.3
    fails: bool = True

    def conditions(self):
        return [{"n": n} for n in (2, 8)]

    def simulate(self, condition, rng, size):
        x = rng.normal(1.0, 1.0, (size, condition["n"])).mean(axis=1)
        y = rng.normal(1.0, 1.0, (size, condition["n"])).mean(axis=1)
        failed = np.abs(x) < self.border
        found = {"ratio": np.where(failed, np.nan, y / x), "positive": x > 0}
        return (
            {**found, "failure_reason": np.where(failed, np.where(x < 0, "below", "above"), "")}
            if self.fails
            else found
        )

    def size(self, condition):
        return 100


@dataclass(frozen=True)
class OneByOne(bn.Study):
    """The same, a replicate at a time."""

    border: float = 0.3

    def conditions(self):
        return [{"n": 2}]

    def simulate_one(self, condition, rng):
        x, y = rng.normal(1.0, 1.0, (2, condition["n"])).mean(axis=1)
        if abs(x) < self.border:
            raise ReplicateFailed(f"denominator near 0, {'below' if x < 0 else 'above'}")
        return {"ratio": y / x, "positive": x > 0}

    def size(self, condition):
        return 50


def raw(study: bn.Study, blocks: int, condition: int = 0) -> dict[str, np.ndarray]:
    found = [bn.run_block(study, condition=condition, block=block) for block in range(blocks)]
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


@pytest.mark.parametrize("study", [Ratio(), OneByOne()])
def test_numbers_are_of_the_replicates_that_did_not_fail(study: bn.Study) -> None:
    blocks = 3000 // study.size({})
    result = bn.run(study, max_replicates=3000)
    x = raw(study, blocks)
    failed = x["failure_reason"] != ""
    assert 0.05 < failed.mean() < 0.4
    rows = result.table.query("n == 2")
    ratio = rows.query("measure == 'ratio'").iloc[0]
    assert ratio["value"] == pytest.approx(x["ratio"][~failed].mean(), rel=1e-9)
    assert rows.query("measure == 'positive'")["value"].iloc[0] == pytest.approx(x["positive"][~failed].mean())
    rate = rows.query("measure == 'failure_rate'").iloc[0]
    assert rate["value"] == pytest.approx(failed.mean(), rel=1e-14)
    assert rate["mcse"] == pytest.approx(math.sqrt(failed.mean() * (1 - failed.mean()) / 3000))
    assert (rate["replicates"], ratio["replicates"], ratio["n_failed"]) == (3000, (~failed).sum(), failed.sum())
    reasons = result.failures.query("n == 2").set_index("reason")["n_failed"]
    names, counts = np.unique(x["failure_reason"][failed], return_counts=True)
    assert reasons.sort_index().to_dict() == dict(zip(names, counts.tolist(), strict=True))
    assert f"{result.failures['n_failed'].sum()} replicates failed: " in result.summary()


def test_a_study_without_failures_has_the_same_bits_with_reasons_that_are_all_empty() -> None:
    """Removing nothing changes nothing; the columns of a study that reports none are as before."""
    plain, empty = bn.run(Ratio(0.0, fails=False), max_replicates=2000), bn.run(Ratio(0.0), max_replicates=2000)
    assert "n_failed" not in plain.table
    assert plain.failures.empty
    own = empty.table.query("measure != 'failure_rate'").reset_index(drop=True)
    assert own[plain.table.columns].equals(plain.table)
    rate = empty.table.query("measure == 'failure_rate'")
    assert (rate["value"] == 0).all()
    assert rate["mcse"].tolist() == [3 / 2000] * 2


@pytest.mark.parametrize("study", [Ratio(), OneByOne()])
def test_store_processes_and_resumption_keep_the_failures(study: bn.Study, tmp_path: Path) -> None:
    expected = bn.run(study, max_replicates=4800)
    bn.run(study, max_replicates=800, store=tmp_path / "s.sqlite")
    resumed = bn.run(study, max_replicates=4800, store=tmp_path / "s.sqlite")
    read = bn.run(study, max_replicates=4800, store=tmp_path / "s.sqlite")
    with ProcessPoolExecutor(2) as pool:
        elsewhere = bn.run(study, max_replicates=4800, executor=pool)
    for result in (resumed, read, elsewhere):
        assert result.table.equals(expected.table)
        assert result.failures.equals(expected.failures)


def test_precision_and_pairs_leave_failures_out() -> None:
    precise = bn.run(Ratio(), precision=0.05, max_replicates=20_000)
    rate = precise.table.query("measure == 'failure_rate'")
    assert rate["precision_reached"].all()
    assert (rate["replicates"] - rate["n_failed"] > 0).all()


def test_a_block_of_failures_alone_is_no_error() -> None:
    """With NaN from simulate, all replicates of a condition may fail: then no number is known, and the rate is 1."""
    result = bn.run(Ratio(1e9), max_replicates=400)
    assert (result.table.query("measure == 'failure_rate'")["value"] == 1).all()
    ratio = result.table.query("measure == 'ratio'")
    assert ratio["value"].isna().all()
    assert np.isinf(ratio["mcse"]).all()
    assert (ratio["replicates"] == 0).all()
    with pytest.raises(BlockError, match="all 50 replicates of a block failed, the first because: denominator near 0"):
        bn.run(OneByOne(1e9), max_replicates=50)


@pytest.mark.parametrize("study", [Ratio(), OneByOne()])
def test_a_border_ends_the_run_in_a_sentence(study: bn.Study, tmp_path: Path) -> None:
    with pytest.raises(TooManyFailures, match=r"replicates failed in the condition n=2, more than max_failures=0.01"):
        bn.run(study, max_replicates=3000, max_failures=0.01, store=tmp_path / "s.sqlite")
    kept = bn.run(study, max_replicates=3000, max_failures=0.9, store=tmp_path / "s.sqlite")
    assert kept.table.equals(bn.run(study, max_replicates=3000).table)
    with pytest.raises(ValueError, match="max_failures is a proportion, from 0 to 1; got 2"):
        bn.run(study, max_failures=2)


@dataclass(frozen=True)
class Odd(bn.Study):
    what: str = ""

    def conditions(self):
        return [{}]

    def simulate(self, condition, rng, size):
        x = rng.random(size)
        reasons = {
            "": np.full(size, None, object),
            "nan": np.where(x < 0.5, "", "large").astype(object),
            "short": np.array(["a"]),
            "taken": np.full(size, ""),
        }[self.what]
        if self.what == "nan":
            x = np.where(x < 0.1, np.nan, x)
        return {"failure_rate" if self.what == "taken" else "x": x, "failure_reason": reasons}


def test_a_nan_without_a_reason_is_a_failure_where_reasons_are_given() -> None:
    reasons = bn.run(Odd("nan"), max_replicates=1000).failures.set_index("reason")["n_failed"]
    x = raw(Odd("nan"), 1)["x"]
    assert reasons.to_dict() == {"NaN": np.isnan(x).sum(), "large": (x >= 0.5).sum()}


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("short", r"returned failure_reason beside arrays of \[1, 1000\] replicates"),
        ("taken", "returned a measure 'failure_rate', which failure_reason makes"),
    ],
)
def test_what_does_not_fit_is_said(what: str, message: str) -> None:
    with pytest.raises(BlockError, match=message):
        bn.run(Odd(what), max_replicates=1000)


def test_hooks_are_not_asked_about_failures_and_control_variates_are_not_used() -> None:
    """A control variate on which failures depend has a mean other than 0 among the rest, and would bias them."""

    @dataclass(frozen=True)
    class TwoParts(bn.Study):
        key_columns = ("method", "measure")
        summaries = ("bias",)

        def conditions(self):
            return [{"n": 3}]

        def simulate(self, condition, rng, size):
            x = rng.normal(size=(size, 3))
            reasons = np.where(x[:, 0] > 1, "large", "")
            return {("a", "mean"): x.mean(axis=1), ("a", "first"): x[:, 0], "failure_reason": reasons}

        def target(self, condition, key):
            return {"mean": 0.0, "first": 0.0}[key.measure]

        def controls(self, condition, key):
            return {"mean": [("a", "first")], "first": []}[key.measure]

    table = bn.run(TwoParts(), max_replicates=4000).table
    assert table["method"].tolist() == ["a", "failure_rate"]
    assert table["n_failed"].nunique() == 1
    assert (table["variance_ratio"] == 1).all()


def test_a_study_without_replicates_is_refused() -> None:
    @dataclass(frozen=True)
    class Nothing(bn.Study):
        def conditions(self):
            return [{}]

    with pytest.raises(ValueError, match="Nothing has neither simulate nor simulate_one"):
        bn.run(Nothing())


def test_other_errors_than_failures_end_the_run() -> None:
    @dataclass(frozen=True)
    class Broken(OneByOne):
        def simulate_one(self, condition, rng):
            return {"x": 1.0} if rng.random() < 0.5 else {"y": 1.0}

    with pytest.raises(BlockError, match="return a mapping with the same measures"):
        bn.run(Broken(), max_replicates=50)


def test_reasons_without_end_are_counted_together() -> None:
    found = counted(*({f"singular at {k}": 1} for k in range(1000)))
    assert len(found) == MOST_REASONS + 1
    assert sum(found.values()) == 1000
