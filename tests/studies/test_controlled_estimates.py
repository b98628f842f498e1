"""Control variates of estimates: exact expectations, no bias, honest errors, and the factors that they are worth.

Of S runs the mean of standardized errors is within 6.2 / sqrt(S) of 0, and for S = 200 their spread within 32 % of 1:
false alarms below 1e-8 a number. Each test has a wrong formula that fails.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bnstats as bn
from bnstats.statistics import theory
from bnstats.statistics.moments import Moments
from bnstats.studies.convergence.errors_of_moments import ORDERS, control_variates, names
from bnstats.studies.convergence.study import ConvergenceKey, ConvergenceStudy

RUNS = 200
BOUND = 6.2 / math.sqrt(RUNS)
VALUES = [0.0, 1.0, 5.0, 6.0, 6.5, 9.0]
RULES = [bn.IID(), bn.WithoutReplacement(size=200), bn.Clustered(icc=0.1), bn.Autocorrelated(phi=0.5)]


def unknown(name: str) -> bn.Estimator:
    """One of the package's estimators, of which nothing is said to be known."""
    return replace(bn.ESTIMATORS[name], name=f"unknown {name}", theory=None)


@dataclass(frozen=True)
class Few(ConvergenceStudy):
    """Blocks of 8 sets, without the histograms of a median error, and several runs in one: 200 take seconds.

    What is asked of errors needs many runs, not many sets: a bias from fitted slopes or a wrong error would show as
    much, and more, with few sets.
    """

    summaries = ("bias", "se", "rmse")
    sets: int = 8

    def conditions(self) -> list[dict[str, Any]]:
        each = super().conditions()
        return [{**condition, "run": run} for run in range(RUNS) for condition in each]

    def columns(self, condition: Any) -> dict[str, Any]:
        return super().columns(condition) | {"run": condition["run"]}

    def size(self, condition: Any) -> int:
        return self.sets


def independent_runs(
    population: object, sizes: list[int], estimators: list[bn.Estimator], rule: Any = RULES[0], sets: int = 8
) -> pd.DataFrame:
    """The tables of independent runs, of two blocks each."""
    study = Few((bn.Population.of(population),), (rule,), tuple(sizes), tuple(estimators), sets)
    return bn.run(study, max_replicates=2 * sets, executor=1).table


def measured(populations: object, **options: object) -> pd.DataFrame:
    table = bn.measure_convergence(populations, **{"precision": None, "max_replicates": 2**6, **options}).table
    return table[table["measure"] != "median_abs_error"]


def judged(table: pd.DataFrame, true: dict[tuple[str, int, str], float]) -> None:
    """The numbers of all runs against the true ones; and the plain numbers' errors would be too large."""
    rows = table.groupby(["estimator", "batch_size", "measure"])
    assert set(rows.groups) == set(true)
    for key, part in rows:
        z = (part["value"] - true[key]) / part["mcse"]
        assert abs(z.mean()) < BOUND, key
        assert 0.68 < z.std() < 1.32, key
        if part["variance_ratio"].min() > 3:
            assert (z / np.sqrt(part["variance_ratio"])).std() < 0.68, key


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("fresh", [False, True])
def test_expectations_are_exact(rule: bn.Batching, fresh: bool) -> None:
    """Exponential values, 10^5 batches of 5. Power: those of the other kind, or without (n - 1) / n, are not 0."""
    rng, population, n = np.random.default_rng(1), bn.Population.of("exponential"), 5
    values, other = np.empty((100_000, n)), np.empty(100_000)
    rule.fill(population, rng, values)
    batches = theory.batches_of(population, n, rule)
    batches.source.fill(rng, other)
    found = control_variates(batches, Moments.of(values), other if fresh else None)
    assert list(found) == names(isinstance(rule, bn.IID), fresh)
    assert set(found) < set(ORDERS)

    def z(x: np.ndarray) -> float:
        return abs(float(x.mean() / x.std() * math.sqrt(x.size)))

    for name, x in found.items():
        assert z(x) < 6.2, name
    wrong = control_variates(replace(batches, size=2 * n), Moments.of(values), other if fresh else None)
    assert not batches.independent or z(wrong[names(True, fresh)[-1]]) > 9


def test_normal_estimates_are_unbiased_and_their_errors_honest() -> None:
    """200 runs against exact values, of which the frame is told nothing."""
    known = ["std", "inv_std", "fresh_normalized"]
    sizes = [9, 15]
    true = {
        (f"unknown {name}", n, measure): getattr(theory.sampling("normal", n, name), measure)
        for name, n, measure in product(known, sizes, ("bias", "se", "rmse"))
    }
    judged(independent_runs("normal", sizes, [unknown(name) for name in known]), true)


@pytest.mark.parametrize(
    ("rule", "batches"),
    [(bn.IID(), list(product(VALUES, repeat=3))), (bn.WithoutReplacement(), list(combinations(VALUES, 3)))],
    ids=["independent", "without replacement"],
)
def test_skewed_estimates_are_unbiased_and_their_errors_honest(rule: bn.Batching, batches: list) -> None:
    """200 runs against all batches of a small population; a user's function, and one that no moments can tell."""
    own = [
        bn.Estimator("spread", lambda x, axis: x.std(axis=axis), lambda pop: pop.std, order=1),
        bn.Estimator("largest", lambda x, axis: x.max(axis=axis), 9.0, order=1),
    ]
    true = {}
    for estimator in own:
        e = estimator(np.array(batches)) - estimator.population_value(rule.source(bn.Population.of(VALUES)))
        for measure, value in (("bias", e.mean()), ("se", e.std()), ("rmse", math.sqrt((e**2).mean()))):
            true[estimator.name, 3, measure] = float(value)
    table = independent_runs(VALUES, [3], own, rule)
    assert (table["variance_ratio"] > 1.5).mean() > 0.5
    judged(table, true)


@pytest.mark.parametrize("population", ["t5", "lognormal"])
def test_heavy_tails_leave_errors_honest(population: str) -> None:
    """200 runs about their own mean, as nothing else is known: intervals of 95 % by the t law hold it.

    Fewer than the binomial quantile at 1e-9 for 93 % are no chance. Errors of skewed numbers go with these, so that
    standardized errors have no mean of 0. Of a quarter as many sets, 74 % of the intervals of the lognormal RMSE hold
    it: tails that such runs have not seen. Power: half of each error holds fewer.
    """
    rows = independent_runs(population, [15], [unknown("std"), unknown("inv_std")], sets=32)
    least = stats.binom.ppf(1e-9, RUNS, 0.93)
    for key, part in rows.groupby(["estimator", "batch_size", "measure"]):
        off, half = (part["value"] - part["value"].mean()).abs(), part["mcse"] * stats.t.isf(0.025, part["mcse_df"])
        assert (off < half).sum() > least, key
        assert (off < half / 2).sum() < least, key


def test_they_are_worth_what_was_asked() -> None:
    """At least half of 27, 420 and 6950 times the draws for a bias of 1/s, and of 2, 5.6 and 20 for its square."""
    given = {"batch_sizes": [16, 64, 256], "estimators": [unknown("inv_std"), unknown("std")], "max_replicates": 2**8}
    found = measured(["normal", "exponential"], **given)
    ratio = found.set_index(["estimator", "population", "measure", "batch_size"])["variance_ratio"].sort_index()
    for estimator in ("unknown inv_std", "unknown std"):
        assert (ratio[estimator, "normal", "bias"] > np.array([27, 420, 6950]) / 2).all()
        assert (ratio[estimator, "exponential", "bias"] > np.array([5, 32, 430]) / 2).all()
        assert (ratio[estimator, "normal", "rmse"] > np.array([2, 5.6, 20]) / 2).all()


def test_a_users_function_is_as_well_off_as_what_is_computed_from_moments() -> None:
    own = bn.Estimator("own", lambda x, axis: x.std(axis=axis), lambda pop: pop.std, order=1, averages=2)
    found = measured("exponential", batch_sizes=[3, 16], estimators=["std", own])
    mine, theirs = (found[found["estimator"] == name].reset_index(drop=True) for name in ("own", "std"))
    assert (mine["variance_ratio"] > 1).all()
    pd.testing.assert_frame_equal(mine.drop(columns="estimator"), theirs.drop(columns="estimator"), rtol=1e-6)


def test_what_is_known_exactly_has_none_and_what_tails_forbid_is_left_out() -> None:
    """Of t(3) the variance's error has no variance, of t(5) that of its square has none."""
    found = measured(["normal", "t3", "t5"], batch_sizes=[3, 16], estimators=["var", "inv_std"])
    assert list(found.columns[-2:]) == ["precision_reached", "variance_ratio"]
    assert (found.loc[found["population"] == "normal", "variance_ratio"] == 1).all()
    study = ConvergenceStudy((), (), (), (bn.ESTIMATORS["inv_std"],))
    usable = {}
    for name in ("t3", "t5", "exponential"):
        condition = {"population": bn.Population.of(name), "batching": bn.IID()}
        controls = study.controls(condition, ConvergenceKey("inv_std", 3))
        usable[name] = [c.estimator for c in controls if study.tail_index(condition, c, 10**5) > 2]
    assert usable["t3"] == names(True, False)[:1]
    assert usable["t5"] == names(True, False)[:3]
    assert usable["exponential"] == names(True, False)


@pytest.mark.parametrize("given", [("cauchy", bn.IID()), ([1.0, 2.0, 6.0], bn.WithoutReplacement())], ids=repr)
def test_batches_without_a_variance_of_their_mean_have_none(given: tuple) -> None:
    population, rule = stats.cauchy() if given[0] == "cauchy" else [given[0]], given[1]
    own = replace(bn.ESTIMATORS["median"], theory=None) if given[0] == "cauchy" else unknown("fresh_normalized")
    found = measured(population, batch_sizes=[3], estimators=[own], batching=rule)
    assert (found["variance_ratio"] == 1).all()


def test_an_estimate_that_they_tell_whole_is_known_to_rounding() -> None:
    """The trimmed mean of 4 values is their mean: the bias is 0 but for rounding, its error not above it."""
    own = bn.Estimator("own mean", lambda x, axis: x.mean(axis=axis), lambda pop: pop.mean)
    found = measured("exponential", batch_sizes=[4], estimators=[own]).set_index("measure")
    exact = {"bias": 0.0, "se": 0.5, "rmse": 0.5}
    assert (found["variance_ratio"] > 1e11).all()
    for measure, value in exact.items():
        assert abs(found.loc[measure, "value"] - value) < 6.2 * found.loc[measure, "mcse"] < 1e-7
