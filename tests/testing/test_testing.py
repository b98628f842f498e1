"""The assertions for other people's tests: their error rates, their verdicts, and how they look from outside.

Random numbers decide some of these tests. For a correct package all of them together fail with a probability below
1e-7: bounds on counts of verdicts are exact binomial ones with 1e-9 (`CHANCE`) on either side, true claims are judged
with a `false_alarm` of 1e-9, and wrong ones are wrong by far. Docstrings say which wrong value is found.
"""

from __future__ import annotations

import re
import subprocess
import sys
from bisect import bisect_left
from fractions import Fraction
from functools import cache
from pathlib import Path
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bnstats as bn
import bnstats.testing
from bnstats.studies.convergence.rates import slope
from bnstats.testing import (
    InsufficientPower,
    assert_converges,
    assert_rate,
    assert_unbiased,
    assert_within_mcse,
    converges,
)

CHANCE = 1e-9
RUNS = 500
FAMILIES = 1500


def fails(assertion, *args, **kwargs) -> bool:
    try:
        assertion(*args, **kwargs)
    except AssertionError as error:
        if isinstance(error, InsufficientPower):
            raise
        return True
    return False


def verdict(assertion, *args, **kwargs) -> str:
    try:
        return "failed" if fails(assertion, *args, **kwargs) else "passed"
    except InsufficientPower:
        return "undecided"


def bounds(probability: float, runs: int) -> tuple[float, float]:
    """Counts beyond these have a probability of at most `CHANCE` on either side."""
    law = stats.binom(runs, probability)
    return law.ppf(CHANCE), law.isf(CHANCE)


def alarms(estimate: np.ndarray, truth: np.ndarray, mcse: np.ndarray, false_alarm: float = 0.05, **known: int) -> int:
    """Return the number of families that fail: their largest ratio is beyond a border.

    One family in 40 confirms it, and the ten next to it on either side.
    """
    ratio = np.abs((estimate - truth) / mcse)
    order = np.argsort(ratio.max(axis=1))

    @cache
    def alarm(i: int) -> bool:
        k = order[i]
        return fails(assert_within_mcse, estimate[k], truth[k], mcse[k], false_alarm, **known)

    passed = bisect_left(range(order.size), True, key=alarm)
    tried = {*range(0, order.size, 40), *range(max(passed - 10, 0), min(passed + 10, order.size))}
    assert all(alarm(i) == (i >= passed) for i in tried)
    return order.size - passed


def rejections(cells: int, shift: float, false_alarm: float) -> int:
    """How many of `RUNS` families of normal estimates fail, the first cell off by `shift` standard errors."""
    rng = np.random.default_rng(cells)
    mcse = rng.uniform(0.1, 10, (RUNS, cells))
    truth = rng.normal(size=(RUNS, cells))
    estimate = truth + mcse * rng.standard_normal((RUNS, cells))
    estimate[:, 0] += shift * mcse[:, 0]
    return alarms(estimate, truth, mcse, false_alarm)


@pytest.mark.parametrize("cells", [1, 20])
def test_within_mcse_has_its_false_alarm_rate(cells):
    """Exactly 1 - (1 - 0.05 / m)^m with m independent cells. Six times the rate is found, let alone one not split."""
    low, high = bounds(1 - (1 - 0.05 / cells) ** cells, RUNS)
    assert low <= rejections(cells, 0.0, 0.05) <= high
    assert rejections(cells, 0.0, 0.3) > high


@pytest.mark.parametrize("cells", [1, 20])
@pytest.mark.slow
def test_within_mcse_detects_what_it_says(cells):
    """The discrepancy that it returns is missed with probability 0.05 in its cell; 0.7 of it more often."""
    detectable = float(np.ravel(assert_within_mcse(np.zeros(cells), 0.0, 1.0, 0.05))[0])
    low, high = bounds(1 - 0.05 * (1 - 0.05 / cells) ** (cells - 1), RUNS)
    assert low <= rejections(cells, detectable, 0.05) <= high
    assert rejections(cells, 0.7 * detectable, 0.05) < low


def test_within_mcse_refuses_where_it_would_miss_what_is_to_be_detected():
    detectable = assert_within_mcse(0.1, 0.0, 1.0)
    assert detectable == pytest.approx(stats.norm.isf(5e-7) + stats.norm.isf(1e-6))
    assert_within_mcse(0.1, 0.0, 1.0, detect=detectable)
    with pytest.raises(InsufficientPower, match=r"an mcse of 1 .* 4 times as many .* an mcse of 0\.5"):
        assert_within_mcse(0.1, 0.0, 1.0, detect=0.5 * detectable)
    with pytest.raises(InsufficientPower, match="infinite in 1 of 2 estimates"):
        assert_within_mcse([0.1, 0.2], 0.0, [1.0, np.inf])
    with pytest.raises(AssertionError, match="not within"):  # what is wrong is wrong, whatever else could be missed
        assert_within_mcse(100.0, 0.0, 1.0, detect=1e-3)


def test_within_mcse_judges_a_measured_table():
    """The bias of var is -sigma²/n; that of var_unbiased, which is 0, is not within the error of it."""
    measured = bn.measure_convergence(
        ["normal", "exponential"], batch_sizes=[2, 8, 64], estimators=["var", "var_unbiased"], progress=False
    ).table.query("measure == 'bias'")
    assert_within_mcse(measured["value"], measured["exact"], measured["mcse"], CHANCE)
    biased = measured[measured["estimator"] == "var"]
    with pytest.raises(AssertionError, match="6 of 6"):
        assert_within_mcse(biased["value"], 0.0, biased["mcse"], CHANCE)


def test_within_mcse_of_what_is_exact_allows_rounding_only():
    assert_within_mcse(0.1 + 0.2, 0.3, 0.0, exact=True)
    assert_within_mcse(0.0, 0.0, 0.0)
    with pytest.raises(AssertionError, match="not within Monte Carlo error"):
        assert_within_mcse(0.3 + 1e-12, 0.3, 0.0, exact=True)
    assert verdict(assert_within_mcse, [0.4, 0.4], 0.3, [0.0, 1.0], exact=[True, False]) == "failed"


def test_within_mcse_takes_no_error_for_no_proof():
    """An event that was not seen in 20 000 replicates may have any probability up to 1e-4 and more."""
    with pytest.raises(InsufficientPower, match=r"mcse is 0 in 1 of 2 estimates .* Give exact=True"):
        assert_within_mcse([0.0, 0.0], [0.0, 3e-5], 0.0)
    assert_within_mcse(0.1 + 0.2, 0.3, 0.0)


def test_within_mcse_copes_with_a_truth_of_zero():
    """Rounding of what an estimate near 0 was computed from is said by its scale."""
    assert_within_mcse(1e-16, 0.0, 0.0, scale=1.0)
    for estimate, scale in ((1e-16, 0.0), (1e-12, 1.0)):
        with pytest.raises(AssertionError):
            assert_within_mcse(estimate, 0.0, 0.0, exact=True, scale=scale)
    with pytest.raises(ValueError, match="at least 0"):
        assert_within_mcse(0.0, 0.0, 0.0, scale=-1.0)


def standardized(replicates: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and their standard errors of so many normal replicates, `FAMILIES` times."""
    x = np.random.default_rng(seed).standard_normal((FAMILIES, replicates))
    return x.mean(axis=1)[:, None], x.std(axis=1, ddof=1)[:, None] / np.sqrt(replicates)


@pytest.mark.parametrize("replicates", [5, 10, 30])
def test_within_mcse_of_few_replicates_has_its_false_alarm_rate_by_the_t_law(replicates):
    """At 0.05, of 1500 families. Power: taken as known, the same errors raise 0.122, 0.082 and 0.060."""
    low, high = bounds(0.05, FAMILIES)
    mean, se = standardized(replicates, replicates)
    found = alarms(mean, np.zeros_like(mean), se, replicates=replicates)
    assert low <= found <= high
    assert alarms(mean, np.zeros_like(mean), se) > found + (22 if replicates < 30 else 7)


def test_within_mcse_of_few_replicates_says_what_it_detects():
    """Of that size all but 5 % are found, at most; the t law for 10 replicates is exact to a part of that.

    Power: what the normal law would say is found in 0.893, which is missed with a probability of 0.003.
    """
    detectable = float(assert_within_mcse(0.0, 0.0, 1.0, 0.05, replicates=10))
    mean, se = standardized(10, 1)
    found = alarms(mean + detectable / np.sqrt(10), np.zeros_like(mean), se, replicates=10) / FAMILIES
    assert found > 0.95 - 6 * np.sqrt(0.05 / FAMILIES)


@pytest.mark.parametrize("expected", [0.1, 3.0, 6.0, 12.0, 100.0])
def test_within_mcse_of_rare_events_has_its_false_alarm_rate_by_the_binomial_law(expected):
    """20 000 replicates, of which so many are expected to show the event: exact by enumeration, nothing is random.

    Power: as multiples of the standard error, 6 expected and 1 seen is an alarm at 1e-6, and has a chance of 1.5 %.
    """
    n, p = 20_000, expected / 20_000
    seen = np.arange(int(expected + 12 * np.sqrt(expected) + 20))
    share = seen / n
    mcse = np.where(seen == 0, 3 / n, np.sqrt(share * (1 - share) / n))
    cells = list(zip(share, [p] * len(seen), mcse, strict=True))
    alarm = [fails(assert_within_mcse, *cell, 1e-6, replicates=n) for cell in cells]
    assert stats.binom(n, p).pmf(seen)[alarm].sum() <= 1e-6
    assert alarm[-1]
    normal = [fails(assert_within_mcse, *cell, 1e-6) for cell in cells]
    assert (stats.binom(n, p).pmf(seen)[normal].sum() > 1e-5) == (expected > 3)


def test_within_mcse_reads_a_table():
    table = pd.DataFrame(
        {"value": [0.1, 2.0, np.inf, 5.0], "exact": [0.0, 2.0, np.inf, np.nan], "mcse": [1.0, 0.0, np.nan, 1.0]}
    ).assign(replicates=10)
    assert len(assert_within_mcse(table)) == 2
    assert verdict(assert_within_mcse, table.assign(exact=[30.0, 2.0, np.inf, np.nan])) == "failed"
    assert verdict(assert_within_mcse, table.assign(exact=[9.0, 2.0, np.inf, np.nan])) == "passed"  # by the t law
    assert verdict(assert_within_mcse, table.assign(exact=[0.0, 2.1, np.inf, np.nan])) == "failed"
    with pytest.raises(ValueError, match="columns value, exact, mcse, replicates"):
        assert_within_mcse(table[["value"]])
    with pytest.raises(ValueError, match="finite exact value and mcse in some row"):
        assert_within_mcse(table.iloc[2:])
    with pytest.raises(ValueError, match="left out with a table"):
        assert_within_mcse(table, 0.0, 1.0)
    with pytest.raises(ValueError, match="replicates is a number of at least 2"):
        assert_within_mcse(0.0, 0.0, 1.0, replicates=1)


def test_within_mcse_names_the_worst_cells():
    estimate = np.zeros((3, 4))
    estimate[2, 1], estimate[0, 3] = 8.0, -9.0
    with pytest.raises(AssertionError) as caught:
        assert_within_mcse(estimate, 0.0, 1.0)
    lines = str(caught.value).splitlines()
    assert "2 of 12 estimates" in lines[0]
    assert lines[2].startswith("number (0, 3)")
    assert lines[3].startswith("number (2, 1)")
    assert lines[2].split()[-1] == "-9"
    table = pd.Series([0.0, 7.0], index=["bias", "rmse"])
    with pytest.raises(AssertionError, match="number rmse"):
        assert_within_mcse(table, 0.0, 1.0)


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((np.nan, 0.0, 1.0), {}, "estimate is finite"),
        ((0.0, [np.inf, 0.0], 1.0), {}, "truth is finite"),
        ((0.0, 0.0, np.nan), {}, "mcse is a standard error"),
        ((0.0, 0.0, -1.0), {}, "mcse is a standard error"),
        (([], [], []), {}, "at least one number"),
        (([0.0, 1.0], [0.0, 1.0, 2.0], 1.0), {}, "shapes that do not fit"),
        ((0.0, 0.0, 1.0), {"false_alarm": 0.0}, "false_alarm is a probability"),
        ((0.0, 0.0, 1.0), {"detect": 0.0}, "detect is a discrepancy above 0"),
    ],
)
def test_within_mcse_refuses_what_it_cannot_judge(args, kwargs, message):
    with pytest.raises(ValueError, match=message):
        assert_within_mcse(*args, **kwargs)


def first_value(x, axis):
    return np.take(x, 0, axis=axis)


def verdicts(within: float, seeds: int) -> list[str]:
    """Verdicts on P(|U| <= within) >= 0.5, U uniform, with error rates of 0.05."""
    claim = {"to": 0.0, "within": within, "batch_size": 2, "confidence": 0.5, "false_alarm": 0.05, "max_draws": 2**11}
    return [verdict(assert_converges, first_value, "uniform", seed=seed, **claim) for seed in range(seeds)]


@pytest.mark.slow
def test_converges_errs_no_more_than_it_says(monkeypatch):
    """At the boundary, both errors stay below 0.05; with that rate at every look they do not."""
    _, most = bounds(0.05, 400)
    assert verdicts(0.5, 400).count("failed") <= most
    assert verdicts(0.5 - 1e-9, 400).count("passed") <= most
    interval, looks = converges._interval, len(converges._sizes(0.5, 0.05, 2**11, 2, ""))
    monkeypatch.setattr(converges, "_interval", lambda inside, total, error: interval(inside, total, looks * error))
    assert verdicts(0.5, 400).count("failed") > most
    assert verdicts(0.5 - 1e-9, 400).count("passed") > most


def test_converges_knows_the_probability():
    """A normal mean is within one standard error with probability 0.6827, which is told from 0.66 and from 0.70."""
    claim = {"within": 0.2, "batch_size": 25, "false_alarm": CHANCE}
    assert verdict(assert_converges, "mean", "normal", confidence=0.66, **claim) == "passed"
    assert verdict(assert_converges, "mean", "normal", confidence=0.70, **claim) == "failed"


@pytest.mark.parametrize("batching", [bn.Clustered(icc=0.1), bn.Autocorrelated(phi=0.8)], ids=repr)
def test_converges_draws_as_the_rule_says(batching):
    """What holds of 100 independent values (0.2 is 2 standard errors) does not hold of dependent ones."""
    claim = {"within": 0.2, "batch_size": 100, "confidence": 0.9, "false_alarm": CHANCE}
    assert verdict(assert_converges, "mean", "normal", **claim) == "passed"
    assert verdict(assert_converges, "mean", "normal", batching=batching, **claim) == "failed"


def test_converges_takes_estimators_of_every_kind():
    """P(|t(49)| <= 2 sqrt(49 / 51)) = 0.944 for a fresh value; a median of five values 0 and 1 is one of them."""
    claim = {"confidence": 0.93, "false_alarm": CHANCE}
    assert_converges("fresh_normalized", "normal", within=2.0, batch_size=50, **claim)
    midrange = bn.Estimator("midrange", lambda x, axis: (x.max(axis) + x.min(axis)) / 2, lambda pop: pop.mean)
    assert_converges(midrange, stats.uniform(), within=0.2, batch_size=50, **claim)
    assert_converges(np.median, np.array([0.0, 0.0, 0.0, 1.0]), to=0.0, within=0.5, batch_size=31, **claim)
    assert_converges("mean", [0.0, 1.0, 2.0], within=1e-9, batch_size=3, batching=bn.WithoutReplacement(), **claim)


def test_converges_refuses_what_cannot_be_decided():
    claim = {"within": 0.2, "batch_size": 25}
    exact = float(stats.norm.cdf(1) - stats.norm.cdf(-1))
    with pytest.raises(InsufficientPower, match=r"too close to 0\.6826\d* to decide.*raise max_draws"):
        assert_converges("mean", "normal", confidence=exact, max_draws=2**20, false_alarm=CHANCE, **claim)
    with pytest.raises(InsufficientPower, match=r"takes 13815504, even if all agree.*max_draws to 345387600"):
        assert_converges("mean", "normal", confidence=1 - 1e-6, max_draws=2**20, **claim)


def test_converges_says_when_estimates_are_nan():
    def log_mean(x, axis):
        with np.errstate(invalid="ignore"):
            return np.log(x.mean(axis))

    with pytest.raises(AssertionError, match=r"log_mean .*\d+ estimates are NaN"):
        assert_converges(log_mean, "normal", to=0.0, within=9.0, batch_size=8, confidence=0.9)


def ignoring_axis(x, axis):  # noqa: ARG001
    return x.mean(-1)


def without_axis(x):
    return x.mean(-1)


@pytest.mark.parametrize(
    ("estimator", "population", "changes", "message"),
    [
        (np.median, "normal", {}, "to is needed with the function median"),
        ("medain", "normal", {}, "estimator 'medain' is not known"),
        (3, "normal", {}, "estimator takes a name"),
        ("mean", "gauss", {}, "population 'gauss' is not known"),
        ("mean", stats.cauchy(), {}, "nothing to converge to"),
        ("mean", "normal", {"to": np.nan}, "to is a number"),
        ("mean", "normal", {"within": -1.0}, "within is a distance, above 0 and finite"),
        ("mean", "normal", {"confidence": 1.0}, "confidence is a probability"),
        ("mean", "normal", {"batch_size": 2.5}, "batch_size is a whole number"),
        ("mean", "normal", {"batch_size": 1}, "batch_size is a whole number of at least 2"),
        ("mean", "normal", {"false_alarm": 1.0}, "false_alarm is a probability"),
        ("mean", "normal", {"seed": -1}, "seed is a whole number"),
        ("mean", [1.0, 2.0], {"batching": bn.WithoutReplacement()}, "cannot be drawn without replacement"),
        (np.cumsum, "normal", {"to": 0.0}, "cumsum does not reduce the axis"),
        (ignoring_axis, "normal", {"to": 0.0}, "ignoring_axis does not reduce the axis"),
        (without_axis, "normal", {"to": 0.0}, "cannot be called as f"),
    ],
)
def test_converges_refuses_bad_arguments(estimator, population, changes, message):
    with pytest.raises(ValueError, match=message):
        assert_converges(estimator, population, **{"within": 1.0, "batch_size": 8, "confidence": 0.9} | changes)


@pytest.mark.parametrize("count", [float, np.float64, np.uint64, np.int32, Fraction])
def test_counts_are_whole_numbers_of_any_type(count):
    """A count that is accepted is used as an int, whatever its type: no error comes from inside."""
    counts = {"seed": count(0), "max_draws": count(2**23)}
    assert_converges("mean", "normal", within=0.2, batch_size=count(100), confidence=0.9, **counts)
    assert_unbiased("mean", "normal", tolerance=0.2, batch_size=count(100), **counts)
    with pytest.raises(InsufficientPower):
        assert_rate("mean", "normal", rate=-0.5, tolerance=1e-3, batch_sizes=[count(16), count(32)], **counts)


def test_counts_beyond_all_floats_are_refused():
    with pytest.raises(ValueError, match="within is a distance, above 0 and finite"):
        assert_converges("mean", "normal", within=10**400, batch_size=100, confidence=0.9)
    with pytest.raises(ValueError, match="max_draws is a whole number from 8388608 to 9007199254740992"):
        assert_rate("mean", "normal", rate=-0.5, tolerance=0.1, max_draws=10**400)
    with pytest.raises(ValueError, match="max_draws is a whole number from 1 to 9007199254740992"):
        assert_converges("mean", "normal", within=0.2, batch_size=100, confidence=0.9, max_draws=10**400)
    with pytest.raises(ValueError, match="max_draws is a whole number from 409600 to 9007199254740992"):
        assert_unbiased("mean", "normal", tolerance=0.2, batch_size=100, max_draws=10**400)


def test_words_for_numbers_are_refused():
    given = {"within": 0.1, "batch_size": 8, "confidence": 0.9}
    for name in ("within", "confidence", "false_alarm"):
        with pytest.raises(ValueError, match=name):
            assert_converges("mean", "normal", **given | {name: "a"})
    for changes in ({"rate": "a"}, {"tolerance": "a"}, {"batch_sizes": 16}):
        with pytest.raises(ValueError, match=next(iter(changes))):
            assert_rate("mean", "normal", **{"rate": -0.5, "tolerance": 0.1} | changes)


DRAWS = {"false_alarm": CHANCE, "max_draws": 2**25}


@pytest.mark.slow
def test_rate_tells_rates_apart():
    """The RMSE of a normal mean falls as n^-0.5 exactly: -0.5 passes, -0.4 and -0.6 fail, -0.45 is on the edge."""
    expected = {-0.5: "passed", -0.4: "failed", -0.6: "failed", -0.45: "undecided"}
    found = {r: verdict(assert_rate, "mean", "normal", rate=r, tolerance=0.05, **DRAWS) for r in expected}
    assert found == expected


@pytest.mark.slow
def test_rate_of_heavy_tails():
    """The median error of the variance of t(2.5) falls as n^-0.2 in the limit, not as n^-0.5; its RMSE is infinite."""
    claim = {"measure": "median_abs_error", **DRAWS}
    assert verdict(assert_rate, "var", "t2.5", rate=-0.2, tolerance=0.1, **claim) == "passed"
    assert verdict(assert_rate, "var", "t2.5", rate=-0.5, tolerance=0.1, **claim) == "failed"
    with pytest.raises(ValueError, match="infinite, so it has no rate; use measure='median_abs_error'"):
        assert_rate("var", "t2.5", rate=-0.5, tolerance=0.1)


def test_rate_refuses_what_cannot_be_decided():
    """No draws show the rate of a bias that is zero, and few draws show a rate to 1e-6."""
    with pytest.raises(InsufficientPower, match="smaller than its Monte Carlo error"):
        assert_rate("mean", "normal", rate=-1.0, tolerance=0.1, measure="bias", max_draws=2**24)
    with pytest.raises(InsufficientPower, match=r"neither lies within .* nor outside\. (Raise|Change)"):
        assert_rate("mean", "normal", rate=-0.5, tolerance=1e-6, max_draws=2**24, false_alarm=CHANCE)


@pytest.mark.parametrize(
    ("measure", "value", "said"),
    [("rmse", np.nan, "NaN"), ("median_abs_error", np.nan, "NaN"), ("rmse", -np.inf, "infinite")],
)
def test_rate_says_that_estimates_are_not_finite(measure: str, value: float, said: str) -> None:
    """It spoke of tails that are too heavy. One batch of 16 in about 44 has a mean above half."""

    def holed(x, axis=-1):
        mean = x.mean(axis=axis)
        return np.where(mean > 0.5, value, mean)

    claim = {"to": 0.0, "rate": -0.5, "tolerance": 0.1, "measure": measure, "max_draws": 2**23}
    with (
        pytest.warns(bn.exceptions.NotFiniteWarning),
        pytest.raises(ValueError, match=rf"^holed is {said} for \d+ of \d+ batches of 16 from normal, so its error"),
    ):
        assert_rate(holed, "normal", **claim)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tolerance": 0.0}, "tolerance is a distance from the rate, above 0"),
        ({"rate": np.nan}, "rate is a number, finite"),
        ({"measure": "mse"}, "measure is one of rmse"),
        ({"batch_sizes": [16, 16]}, "at least two sizes"),
        ({"batch_sizes": [1, 16]}, "each of batch_sizes is a whole number of at least 2"),
        ({"max_draws": 0}, "max_draws is a whole number of at least 8388608; got 0"),
        ({"batching": "iid"}, r"batching is an object such as bn.IID\(\).* got 'iid'"),
        ({"batching": bn.IID}, r"batching is an object such as bn.IID\(\)"),
    ],
)
def test_rate_refuses_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        assert_rate("mean", "normal", **{"rate": -0.5, "tolerance": 0.1} | changes)


def test_rate_refuses_a_function_that_ignores_its_axis():
    with pytest.raises(ValueError, match="does not reduce the axis"):
        assert_rate(ignoring_axis, "normal", to=0.0, rate=-0.5, tolerance=0.1)


EIGHT_SIZES = 2 ** np.arange(1, 9)


@pytest.mark.parametrize(
    ("claim", "line"),
    [
        (
            lambda: assert_within_mcse(7.25, 0.5, 1.0),
            "bn.testing.assert_within_mcse(7.25, 0.5, 1.0, false_alarm=1e-06)",
        ),
        (
            lambda: assert_converges("var", stats.lognorm(1), within=np.float64(0.5), batch_size=16, confidence=0.9),
            "bn.testing.assert_converges('var', lognorm(1), within=0.5, batch_size=16, confidence=0.9)",
        ),
        (
            lambda: assert_converges(
                np.median,
                "normal",
                to=np.array(0),
                within=0.1,
                batch_size=9,
                confidence=0.9,
                batching=bn.Clustered(icc=0.5),
            ),
            "bn.testing.assert_converges(median, 'normal', to=0, within=0.1, batch_size=9, confidence=0.9, "
            "batching=Clustered(icc=0.5))",
        ),
        (
            lambda: assert_rate("mean", "normal", rate=-1.0, tolerance=0.1, max_draws=2**26, batch_sizes=EIGHT_SIZES),
            "bn.testing.assert_rate('mean', 'normal', rate=-1.0, tolerance=0.1, "
            "batch_sizes=(2, 4, 8, 16, 32, 64, 128, 256), "
            "max_draws=67108864)",
        ),
        (
            lambda: assert_unbiased("var", "exponential", tolerance=0.02, batch_size=10, seed=np.int64(3)),
            "bn.testing.assert_unbiased('var', 'exponential', tolerance=0.02, batch_size=10, seed=3)",
        ),
    ],
    ids=["within_mcse", "law", "function and rule", "sizes", "seed"],
)
def test_the_line_of_a_failure_reproduces_it(claim, line):
    """Whoever types it has the objects that it names."""
    with pytest.raises(AssertionError) as caught:
        claim()
    assert str(caught.value).rpartition("Reproduce: ")[2] == line
    with pytest.raises(AssertionError) as again:
        eval(line, {"bn": bn, "median": np.median, "lognorm": stats.lognorm, "Clustered": bn.Clustered})
    assert str(again.value) == str(caught.value)


def test_the_line_of_a_failure_names_objects_and_is_short():
    """An array by its number of values and a digest, a function and an estimator by their names."""
    values = np.arange(1e6)
    for estimator in (np.median, bn.Estimator("median", np.median, 0.0)):
        with pytest.raises(AssertionError) as caught:
            assert_converges(estimator, values, to=0.0, within=1.0, batch_size=9, confidence=0.9)
        line = str(caught.value).rpartition("Reproduce: ")[2]
        assert re.fullmatch(
            r"bn.testing.assert_converges\(median, array\[1000000\]-\w{6}, to=0.0, within=1.0, batch_size=9, "
            r"confidence=0.9\)",
            line,
        )


OUTSIDE = """
    import numpy as np
    from bnstats.testing import assert_converges, assert_rate, assert_within_mcse

    activations = np.maximum(np.random.default_rng(0).normal(size=5000), 0.0)

    def trimmed(x, axis):
        return np.sort(x, axis).take(range(4, x.shape[axis] - 4), axis).mean(axis)

    def test_correct():
        sure = {"false_alarm": 1e-9}
        mean = activations.mean()
        assert_converges(np.mean, activations, to=mean, within=0.3, batch_size=64, confidence=0.99, **sure)
        assert_rate(np.mean, activations, to=mean, rate=-0.5, tolerance=0.1, max_draws=2**26, **sure)
        assert_within_mcse(mean, 0.39894, mcse=activations.std() / 5000**0.5, **sure)

    def test_wrong_confidence():
        assert_converges(trimmed, activations, to=activations.mean(), within=0.01, batch_size=16, confidence=0.9)

    def test_wrong_rate():
        assert_rate(np.mean, activations, to=activations.mean(), rate=-1.0, tolerance=0.1, max_draws=2**26)

    def test_wrong_estimate():
        assert_within_mcse(activations.mean(), 0.5, mcse=activations.std() / 5000**0.5)

    def test_hopeless_confidence():
        assert_converges(np.mean, activations, to=activations.mean(), within=9, batch_size=64, confidence=1 - 1e-9)

    def test_hopeless_rate():
        claim = {"rate": -0.5, "tolerance": 1e-7, "measure": "median_abs_error"}  # which no control variate tells
        assert_rate(np.mean, activations, to=activations.mean(), **claim, max_draws=2**24)

    def test_hopeless_estimate():
        assert_within_mcse(activations.mean(), activations.mean(), mcse=activations.std() / 5000**0.5, detect=0.001)
"""


@pytest.mark.slow
def test_in_a_project_of_its_own(tmp_path: Path):
    """A user's functions and array: correct claims pass, wrong ones fail, hopeless ones are refused."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_own.py").write_text(dedent(OUTSIDE))
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "test_own.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"6 failed, 1 passed", done.stdout), done.stdout
    assert "PASSED test_own.py::test_correct" in done.stdout
    reports = dict(re.findall(r"^_+ test_(\w+) _+$(.*?)(?=^_{5,}|^={5,})", done.stdout, re.MULTILINE | re.DOTALL))
    assert "not of at least 0.9 (false alarm 1e-06)" in reports["wrong_confidence"]
    assert "bn.testing.assert_converges(trimmed, array[5000]-" in reports["wrong_confidence"]
    assert "not n^-1 to within 0.1" in reports["wrong_rate"]
    assert "not within Monte Carlo error of the truth" in reports["wrong_estimate"]
    for name in ("confidence", "rate", "estimate"):
        assert "InsufficientPower" in reports[f"hopeless_{name}"]
        assert "InsufficientPower" not in reports[f"wrong_{name}"]
        assert "bnstats/testing" not in reports[f"wrong_{name}"].split("Error: ")[0]  # it points at the user's line


def test_rate_says_to_what_max_draws_to_go_and_that_suffices():
    """The slope of the mean's error is -0.5 exactly. The advice is for 1.5 times as narrow an interval as it takes."""
    claim = {"rate": -0.5, "tolerance": 0.02}
    with pytest.raises(InsufficientPower, match="Raise max_draws to 2") as caught:
        assert_rate("mean", "normal", **claim, max_draws=2**24)
    advised = 2 ** int(re.search(r"2\*\*(\d+)", str(caught.value))[1])
    assert 2**25 <= advised <= 2**28
    assert_rate("mean", "normal", **claim, max_draws=advised)


@pytest.mark.parametrize("offset", [0.6, 1.4])
def test_rate_decides_claims_just_true_and_just_false(offset):
    """-0.5 where the claim is -0.5 + offset x tolerance, to within tolerance: true below 1, false above."""
    claim = {"rate": -0.5 + offset * 0.05, "tolerance": 0.05, "max_draws": 2**27}
    assert verdict(assert_rate, "mean", "normal", **claim) == ("passed" if offset < 1 else "failed")


def test_rate_judges_one_measure_alone():
    """The interval is narrower than that for all four, by the quantiles of the t law with 15 degrees of freedom."""
    measured = bn.measure_convergence("normal", estimators=["mean"], precision=None, max_replicates=512)
    rows = measured.table[measured.table["measure"] == "rmse"]
    low, high = slope(rows, measured.simulation).interval(1e-6)
    of_all = measured.rates(1 - 2e-6).set_index("measure").loc["rmse"]
    ratio = (of_all["high"] - of_all["low"]) / (high - low)
    assert ratio == pytest.approx(stats.t.isf(1e-6 / 4, 15) / stats.t.isf(1e-6, 15))
    assert ratio > 1.1


@pytest.mark.parametrize("share", [0.5, 0.9, 1.1, 2.0])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_unbiased_decides_claims_just_true_and_just_false(share, sign):
    """var of 10 normal values has a bias of -0.1 exactly; the tolerance is 0.1 / share of it, on either side."""
    own = bn.Estimator("own", lambda x, axis: sign * x.var(axis=axis), sign, order=2.0)
    verdict_ = verdict(assert_unbiased, own, "normal", tolerance=0.1 / share, batch_size=10, false_alarm=1e-9)
    assert verdict_ == ("passed" if share < 1 else "failed")


@pytest.mark.slow
def test_unbiased_has_its_error_rates_at_the_border():
    """A bias that is the tolerance exactly: at 0.1, at most 0.1 of 300 claims fail and as many pass (binomial)."""
    claim = {"tolerance": 0.1, "batch_size": 10, "false_alarm": 0.1, "max_draws": 2**18}
    verdicts = [verdict(assert_unbiased, "var", "normal", **claim, seed=seed) for seed in range(300)]
    for kind in ("passed", "failed"):
        assert verdicts.count(kind) <= stats.binom(300, 0.1).isf(CHANCE)
    assert verdicts.count("undecided") > 100


@pytest.mark.slow
def test_unbiased_says_what_would_decide_and_refuses_what_cannot_be():
    with pytest.raises(InsufficientPower, match="raise max_draws to") as caught:
        assert_unbiased("mean", "normal", tolerance=0.001, batch_size=10, max_draws=2**17)
    advised = int(re.search(r"raise max_draws to (\d+)", str(caught.value))[1])
    assert_unbiased("mean", "normal", tolerance=0.001, batch_size=10, max_draws=advised)
    with pytest.raises(InsufficientPower, match="All estimates are the same"):
        assert_unbiased(lambda x, axis: 0.0 * x.sum(axis=axis), "normal", to=0.0, tolerance=0.1, batch_size=10)
    with pytest.raises(ValueError, match="tails too heavy"):
        assert_unbiased("var", "t3", tolerance=0.1, batch_size=10)
    with pytest.raises(ValueError, match="tolerance is a bias that counts as none, above 0"):
        assert_unbiased("var", "normal", tolerance=0.0, batch_size=10)
    with pytest.raises(ValueError, match="max_draws is a whole number of at least 40960"):
        assert_unbiased("var", "normal", tolerance=0.1, batch_size=10, max_draws=100)


@pytest.mark.parametrize("offset", [-1e-4, 1e-4])
def test_within_mcse_decides_claims_just_true_and_just_false(offset):
    """The bounds themselves: by the normal law 4.8916, by the t law with 9 degrees of freedom 11.6 standard errors."""
    for replicates, bound in ((None, stats.norm.isf(5e-7)), (10, stats.t.isf(5e-7, 9))):
        for sign in (-1.0, 1.0):
            found = verdict(assert_within_mcse, sign * (bound + offset), 0.0, 1.0, replicates=replicates)
            assert found == ("passed" if offset < 0 else "failed")


@pytest.mark.parametrize("offset", [-0.003, 0.003])
def test_converges_decides_claims_just_true_and_just_false(offset):
    """The mean of 25 normal values lies within 0.4 of 0 with a probability of 0.9545: claims of 0.003 less and more."""
    exact = float(1 - 2 * stats.norm.sf(0.4 * 5))
    claim = {"within": 0.4, "batch_size": 25, "confidence": exact + offset, "false_alarm": CHANCE}
    assert verdict(assert_converges, "mean", "normal", **claim) == ("passed" if offset < 0 else "failed")


def test_within_mcse_takes_the_degrees_of_freedom_of_errors():
    """At 5 %, the bound is that of the t law: 12.7 standard errors for one degree, 2.13 for 15, 1.96 for inf."""
    for df, bound in ((1, 12.706), (15, 2.131), (np.inf, 1.96)):
        assert_within_mcse(0.999 * bound, 0.0, 1.0, 0.05, mcse_df=df)
        assert verdict(assert_within_mcse, 1.001 * bound, 0.0, 1.0, 0.05, mcse_df=df) == "failed"
    table = pd.DataFrame({"value": [9.0], "exact": [0.0], "mcse": [1.0], "replicates": [10**6]})
    assert verdict(assert_within_mcse, table.assign(mcse_df=2.0)) == "passed"
    assert verdict(assert_within_mcse, table.assign(mcse_df=999.0)) == "failed"
    with pytest.raises(AssertionError, match=r"mcse_df=15.0\)$"):
        assert_within_mcse(90.0, 0.0, 1.0, mcse_df=15)
    for wrong in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="mcse_df"):
            assert_within_mcse(0.0, 0.0, 1.0, mcse_df=wrong)
