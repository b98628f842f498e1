"""Errors of differences: what intervals by the t law hold, what is known to be 0, and what nobody knows.

Coverage is counted over RUNS conditions, each with draws of its own, whose truth is computed without the package: fewer
than the binomial quantile at 1e-9 for 93 % are no chance. Power: at two groups the normal law covers 70 %, and errors
of independent numbers, or with (G - 1) / G left out, are held to the formula itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bnstats as bn
from bnstats.simulation.precision.paired_errors import (
    KNOWN,
    UNKNOWN,
    Error,
    difference,
    independent_difference,
    jackknife,
)
from bnstats.simulation.result import Result, Simulation

RUNS = 250
QUICK = {"precision": None, "progress": False}


@dataclass(frozen=True)
class Pairs(bn.Study):
    """Exponential replicates x, and y = 1.1 x + noise; constants and rare events beside them."""

    summaries: ClassVar = ("bias", "se", "median_abs_error")
    heavy: bool = False
    runs: int = 1
    names: tuple[str, ...] = ("x", "y", "twin", "copy", "shifted", "a", "b")
    asked: tuple[str, ...] = summaries

    def conditions(self):
        return [{"run": run} for run in range(self.runs)]

    def size(self, condition):
        return 400

    def simulate(self, condition, rng, size):
        x = rng.exponential(size=size)
        y = 1.1 * x + 0.1 * rng.standard_normal(size)
        rare = {"a": x > 30, "b": x > 31}
        drawn = {"x": x, "y": y, "twin": x, "copy": x, "shifted": 1.0 + x} | rare
        return {name: drawn[name] for name in self.names}

    def summaries_of(self, condition, key):
        return ("mean",) if key in ("a", "b") else self.asked

    def tail_index(self, condition, key, replicates):
        return 3.0 if self.heavy and key == "y" else math.inf

    def always_equal(self, condition, key, other):
        return {key, other} == {"x", "twin"}


@dataclass(frozen=True)
class Compared(Result):
    """A result whose measures are compared."""

    alternatives: ClassVar = {"measure": True}
    table: pd.DataFrame
    simulation: Simulation


def compared(a: str, b: str, blocks: int, seed: int = 0, **study: object) -> pd.DataFrame:
    simulation = bn.run(Pairs(**study), max_replicates=400 * blocks, seed=seed, **QUICK)
    found = Compared(simulation.table, simulation).compare(a, b)
    return found.set_index("summary") if "summary" in found else found


TRUE = {"bias": 0.1, "se": math.hypot(1.1, 0.1) - 1}


@pytest.mark.parametrize("blocks", [1, 2, 4, 24])
def test_intervals_of_paired_differences_hold_the_truth(blocks: int) -> None:
    """Whether from one block, which is split, or from few: errors of few groups carry their degrees of freedom."""
    only = {"names": ("x", "y"), "asked": tuple(TRUE)}
    found = compared("y", "x", blocks, runs=RUNS, **only)
    for summary, true in TRUE.items():
        rows = found.loc[summary].astype({"value": float, "mcse": float})
        assert len(rows) == RUNS
        assert rows["paired"].all()
        assert (rows["mcse_df"] == (15 if blocks in (1, 24) else blocks - 1)).mean() > 0.9  # else the sum of both
        z = (rows["value"] - true) / rows["mcse"]
        held = np.abs(z) < stats.t.isf(0.025, rows["mcse_df"])
        assert held.sum() > stats.binom.ppf(1e-9, RUNS, 0.93), (summary, held.mean())
        # E[mcse²] is the variance of the difference: a quarter off would be twelve standard errors for 15 groups.
        if blocks in (1, 24):
            ratio = (rows["mcse"] ** 2).mean() / rows["value"].var()
            assert 0.7 < ratio < 1.4


def test_a_run_of_one_block_is_paired_as_well_as_one_of_many() -> None:
    """As independent numbers, these had an error seven times as large; the table itself does not change.

    The jackknife says too much of a median of 25 replicates: in 400 runs, the ratio is 1.43, with a standard error of
    10 % for 20 runs. The others are 1.00 and 0.96, with 4 and 7 %.
    """
    one, many = (
        compared("y", "x", blocks, names=("x", "y"), runs=20)["mcse"] * math.sqrt(blocks) for blocks in (1, 16)
    )
    ratio = one.groupby("summary").mean() / many.groupby("summary").mean()
    assert set(ratio.index) == {"bias", "se", "median_abs_error"}
    assert ratio[["bias", "se"]].between(0.7, 1.4).all()
    assert 0.8 < ratio["median_abs_error"] < 2.2


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    """With (G - 1) / G, exactly; without, it would be larger by 4 % for 16 groups, and by 41 % for two."""
    rng = np.random.default_rng(0)
    for groups in (2, 3, 16):
        x = rng.standard_normal(groups)
        error = jackknife((x.sum() - x) / (groups - 1), np.full(groups, 1 / groups))
        assert (error.mcse, error.df) == (pytest.approx(x.std(ddof=1) / math.sqrt(groups), rel=1e-12), groups - 1)


def test_groups_of_other_sizes_leave_the_error_unbiased() -> None:
    """Means of 1, 1, 2 and 4 normal values; the mean of 20 000 squared errors is within 6.2 standard errors of 1/8.

    Power: with (G - 1) / G as for equal sizes it is 35 % off.
    """
    sizes = np.array([1.0, 1.0, 2.0, 4.0])
    rng, found, plain = np.random.default_rng(1), [], []
    for _ in range(20_000):
        total = rng.standard_normal(4) * np.sqrt(sizes)
        left_out = (total.sum() - total) / (8 - sizes)
        found.append(jackknife(left_out, sizes / 8).mcse ** 2)
        plain.append(3 / 4 * np.sum((left_out - left_out.mean()) ** 2))
    z = [(np.mean(x) - 1 / 8) / np.std(x) * math.sqrt(20_000) for x in (found, plain)]
    assert abs(z[0]) < 6.2
    assert abs(z[1]) > 12


def test_what_is_zero_by_construction_is_known_and_what_looks_so_is_not() -> None:
    for blocks in (1, 4):
        known = compared("x", "twin", blocks)
        assert (known[["value", "mcse"]] == 0).all(axis=None)
        assert (known["mcse_df"] == np.inf).all()
        for other in ("copy", "shifted"):  # every pair differs by the same, but nobody said so
            found = compared("x", other, blocks)
            table = bn.run(Pairs(), max_replicates=400 * blocks, **QUICK).table.set_index(["measure", "summary"])
            both = table["mcse"]["x"] + table["mcse"][other]
            np.testing.assert_allclose(found.loc[["bias", "se"], "mcse"], both[["bias", "se"]])
    unseen = compared("a", "b", 4).iloc[0]
    assert (unseen["value"], unseen["mcse"]) == (0.0, pytest.approx(2 * 3 / 1600))


def test_a_difference_has_no_error_where_a_part_has_none() -> None:
    found = compared("y", "x", 16, heavy=True)
    assert np.isfinite(found.loc[["bias", "median_abs_error"], "mcse"].to_numpy(float)).all()
    assert found.loc["se", "mcse"] == np.inf
    assert np.isnan(found.loc["se", "mcse_df"])


def test_rules_of_a_difference() -> None:
    a, b = Error(2.0, 99.0), Error(2.5, 98.0)
    assert difference(UNKNOWN, a, b) == difference(KNOWN, a, b) == difference(Error(9.0, 1.0), a, b) == Error(4.5, 98.0)
    assert difference(Error(1.0, 3.0), a, b) == Error(1.0, 3.0)
    assert difference(UNKNOWN, KNOWN, KNOWN) == independent_difference(KNOWN, KNOWN) == KNOWN
    assert difference(Error(1.0, 3.0), KNOWN, b) == b
    assert independent_difference(a, KNOWN) == Error(2.0, pytest.approx(99.0))
    for broken in (UNKNOWN, Error(math.nan, math.nan)):
        for found in (difference(Error(1.0, 3.0), a, broken), independent_difference(a, broken)):
            assert not math.isfinite(found.mcse)
            assert math.isnan(found.df)


def test_parts_of_a_gap_have_one_error_at_most_the_sum_of_both() -> None:
    """`compare` says what `gap` says.

    Where no network differs, the error was what an event that was not seen may bring, whatever both parts are.
    """
    x = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 2
    measured = bn.measure_mismatch(
        x, batch_sizes=8, hidden=(3,), steps=5, normalizers=["batch", "none"], max_replicates=16, **QUICK
    )
    keys, parts = ["normalizer", "metric"], measured.gap()
    scores = measured.table.set_index([*keys, "statistics"])
    for _, row in parts.iterrows():
        one, other = row["part"].split(" - ")
        errors = [scores.loc[(row["normalizer"], row["metric"], kind), "mcse"] for kind in (one, other)]
        if row["normalizer"] == "none":
            assert (row["value"], row["mcse"], row["mcse_df"]) == (0.0, 0.0, math.inf)
        else:
            assert 0 < row["mcse"] <= sum(errors) * (1 + 1e-12)
        for sign, pair in ((1, (one, other)), (-1, (other, one))):
            found = measured.compare(*pair).set_index(keys).loc[(row["normalizer"], row["metric"])]
            assert found["value"] == pytest.approx(sign * row["value"], abs=1e-12)
            assert (found["mcse"], found["mcse_df"]) == (row["mcse"], row["mcse_df"])
    assert (parts["value"] == 0).sum() > 8  # some of batch, too


def test_numbers_of_convergence_from_one_block_are_paired() -> None:
    """The biased variance is (n - 1) / n times the other, so is its spread: 25 seeds, errors of the t law at 1e-9."""
    z = []
    for seed in range(25):
        measured = bn.measure_convergence(
            "exponential", batch_sizes=4, estimators=["var_unbiased", "var"], max_replicates=32, seed=seed, **QUICK
        )
        found = measured.compare("var_unbiased", "var").set_index("measure")
        assert found["paired"].all()
        rows = measured.table[measured.table["measure"] == "se"]
        row = found.loc["se"]
        assert row["mcse"] == pytest.approx(rows["mcse"].max() / 4, rel=0.7)  # a jackknife of 16 parts
        z.append((row["value"] - rows["exact"].iloc[0] / 4) / row["mcse"])
    assert np.abs(z).max() < stats.t.isf(1e-9, 15)
    assert 0.5 < np.std(z) < 1.6
