"""Assertions about random functions of one's own: false alarms, power, calls, and refusals in a sentence.

Simulated claims are true or false at their borders, where errors are most likely, with a stated rate of 0.05. Of 300
claims 35 or more errors are a false alarm of this test of 1e-5; a rate of 0.2 is found with a probability of 0.9999.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from bnstats.testing import (
    InsufficientPower,
    assert_mean,
    assert_probability,
    assert_quantile,
    assert_same_distribution,
)
from bnstats.testing.sequential.bets import Border, BoundedBets, reached

CLAIMS, MOST = 300, 34
PARETO = {"mean": 1 / 1.1, "variance": 2.1 / (1.1**2 * 0.1)}
LAWS = {
    "coin": (lambda rng, size: rng.random(size) < 0.6, 0.6, {"bounds": (0, 1)}, 0.05),
    "rare": (lambda rng, size: (rng.random(size) < 0.01) * 1.0, 0.01, {"bounds": (0, 1)}, 0.05),
    "skewed": (lambda rng, size: rng.beta(0.2, 0.6, size), 0.25, {"bounds": (0, 1)}, 0.05),
    "normal": (lambda rng, size: rng.normal(size=size), 0.0, {"variance": 1.0}, 0.3),
    "pareto": (lambda rng, size: rng.pareto(2.1, size), PARETO["mean"], {"variance": PARETO["variance"]}, 1.2),
}


def outcomes(law: str, side: float) -> dict[str, int]:
    """Ends of claims whose border lies on the true mean; `side` beyond 1 makes them false."""
    f, mean, known, within = LAWS[law]
    found = {"passes": 0, "fails": 0, "undecided": 0}
    for seed in range(CLAIMS):
        try:
            assert_mean(f, mean + side * within, within=within, false_alarm=0.05, seed=seed, max_draws=96, **known)
            found["passes"] += 1
        except InsufficientPower:
            found["undecided"] += 1
        except AssertionError:
            found["fails"] += 1
    return found


@pytest.mark.parametrize("law", LAWS)
def test_true_claims_fail_as_rarely_as_stated(law: str) -> None:
    assert outcomes(law, 0.999)["fails"] <= MOST


@pytest.mark.parametrize("law", LAWS)
def test_false_claims_pass_as_rarely_as_stated(law: str) -> None:
    assert outcomes(law, 1.001)["passes"] <= MOST


def test_looks_without_their_price_are_found_out() -> None:
    """The simulation sees a test that looks at every normal interval of 95 %, as if it were the only look."""
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(CLAIMS):
        x = rng.random(96) < 0.6
        n = np.arange(16, 97)
        mean = np.cumsum(x)[15:] / n
        alarms += bool((np.abs(mean - 0.6) > 1.96 * np.sqrt(mean * (1 - mean) / n)).any())
    assert alarms > MOST


@pytest.mark.parametrize("law", LAWS)
def test_claims_that_are_clearly_true_or_false_are_decided(law: str) -> None:
    f, mean, known, within = LAWS[law]
    assert_mean(f, mean, within=within, max_draws=10**6, **known)
    with pytest.raises(AssertionError, match=r"above|below"):
        assert_mean(f, mean + 3 * within, within=within, max_draws=10**6, **known)


def test_both_kinds_of_functions_and_reproduction() -> None:
    """The same seed decides the same; f(rng) is called no more often than values are used."""
    calls = []

    def counted(rng):
        calls.append(rng.random())
        return calls[-1]

    assert_mean(counted, 0.5, within=0.1, bounds=(0, 1), seed=3)
    first = len(calls)
    assert_mean(counted, 0.5, within=0.1, bounds=(0, 1), seed=3)
    assert calls[:first] == calls[first:]
    assert_mean(np.random.Generator.random, 0.5, within=0.1, bounds=(0, 1))


def gives(value):
    return lambda _: value


def one_number(rng, size):
    return rng.random(size)[0]


def hoeffding(width: float, within: float, error: float) -> int:
    """Calls by Hoeffding's inequality, as pytest-stochastic 0.1 takes them for bounded values."""
    return math.ceil(width**2 * math.log(2 / error) / (2 * within**2))


@pytest.mark.parametrize(
    ("f", "mean", "within"),
    [
        (lambda rng, size: rng.random(size), 0.5, 0.05),
        (lambda rng, size: rng.random(size) < 0.5, 0.5, 0.05),
        (lambda rng, size: rng.beta(2, 20, size), 2 / 22, 0.02),
    ],
)
def test_calls_are_at_most_half_of_those_by_hoeffding_for_the_same_claim(f, mean, within) -> None:
    """Hoeffding's sample tells the claimed mean from one that is off by twice the tolerance, as this claim does."""
    calls = []

    def counted(rng, size):
        calls.append(size)
        return f(rng, size)

    assert_mean(counted, mean, within=2 * within, bounds=(0, 1), false_alarm=1e-6)
    assert sum(calls) <= 0.5 * hoeffding(1.0, within, 1e-6)


def test_bets_are_those_of_the_formula() -> None:
    """The capital, value by value, in plain Python."""
    x, border = [0.2, 0.9, 0.7, 0.8], 0.4
    capital, best, seen = [0.0, 0.0, 0.0], 0.0, []
    for value in x:
        n = len(seen)
        mean = (0.5 + sum(seen)) / (n + 1)
        means = [(0.5 + sum(seen[:k])) / (k + 1) for k in range(n)]
        var = (0.25 + sum((v - m) ** 2 for v, m in zip(seen, means, strict=True))) / (n + 1)
        stake = min(max((mean - border) / (var + (mean - border) ** 2), 0.0), 0.9 / border)
        for k, fraction in enumerate((1.0, 0.5, 0.2)):
            capital[k] += math.log1p(fraction * stake * (value - border))
        best = max(best, math.log(sum(map(math.exp, capital)) / 3))
        seen.append(value)
    bets = BoundedBets((Border(border),))
    for part in (x[:1], x[1:3], x[3:]):
        bets.add(np.array(part))
    assert bets.borders[0].above == pytest.approx(best, rel=1e-12)
    assert not reached(best, 1e-6)


def test_skewed_events_are_decided_in_few_draws() -> None:
    """The stake for symmetric values is too large for rare events: alone, it decides nothing in a million draws."""
    assert_probability(lambda rng, size: rng.random(size) < 1 / 36, 1 / 36, within=0.02, max_draws=8000)
    assert_probability(lambda rng, size: rng.random(size) < 0.99, 0.99, within=0.008, max_draws=40_000)


def test_heavy_tails_are_detected_and_named() -> None:
    with pytest.raises(AssertionError, match=r"contradict variance=4.*heavy tail of index about [01]\.\d: no finite"):
        assert_mean(lambda rng, size: rng.standard_cauchy(size), 0.0, within=0.5, variance=4.0)
    with pytest.raises(AssertionError, match="contradict variance=1"):
        assert_mean(lambda rng, size: rng.normal(0, 3, size), 0.0, within=0.1, variance=1.0)
    with pytest.raises(ValueError, match="assert_mean needs bounds=, or variance="):
        assert_mean(lambda rng: rng.standard_cauchy(), 0.0, within=0.5)


@pytest.mark.parametrize("q", [0.05, 0.5, 0.9])
def test_quantiles_of_any_tail(q: float) -> None:
    value = stats.cauchy.ppf(q)
    within = 0.3 * max(1.0, abs(value))
    assert_quantile(lambda rng, size: rng.standard_cauchy(size), q, value, within=within)
    for wrong in (value - 3 * within, value + 3 * within):
        with pytest.raises(AssertionError, match="-quantile of <lambda> is about"):
            assert_quantile(lambda rng, size: rng.standard_cauchy(size), q, wrong, within=within)


def test_quantiles_of_atoms() -> None:
    """Half of the values are 0, so that 0 is every quantile from 0.25 to 0.75."""
    f = lambda rng, size: np.where(rng.random(size) < 0.5, 0.0, rng.choice([-1.0, 1.0], size))  # noqa: E731
    assert_quantile(f, 0.5, 0.0, within=0.1)
    with pytest.raises(AssertionError):
        assert_quantile(f, 0.9, 0.0, within=0.1)


def test_false_alarms_of_quantiles_and_distributions() -> None:
    """Claims at their borders, 200 each at a rate of 0.05: 26 or more errors are a false alarm of 1e-5."""
    quantiles = distributions = 0
    shift = 2 * (stats.norm.cdf(0.1) - 0.5)  # the distance of N(0, 1) and N(0.2, 1)
    for seed in range(200):
        for claim in ("quantile", "same"):
            try:
                if claim == "quantile":
                    f = lambda rng, size: rng.standard_cauchy(size)  # noqa: E731
                    assert_quantile(f, 0.5, 0.2999, within=0.3, false_alarm=0.05, seed=seed, max_draws=96)
                else:
                    f = lambda rng, size: rng.normal(0.2, 1.0, size)  # noqa: E731
                    law = stats.norm()
                    assert_same_distribution(f, law, within=shift, false_alarm=0.05, seed=seed, max_draws=512)
            except InsufficientPower:
                pass
            except AssertionError:
                quantiles += claim == "quantile"
                distributions += claim == "same"
    assert quantiles <= 25
    assert distributions <= 25


def test_distributions() -> None:
    def gamma(rng, size):
        return rng.gamma(0.5, 2.0, size)

    def squares(rng, size):
        return rng.normal(size=size) ** 2

    assert_same_distribution(gamma, squares, within=0.05)
    assert_same_distribution(gamma, stats.chi2(1), within=0.05)
    assert_same_distribution(lambda rng, size: rng.integers(0, 3, size), stats.randint(0, 3), within=0.05)

    def larger(rng, size):
        return 1.5 * squares(rng, size)

    with pytest.raises(AssertionError, match="gamma and larger differ by about"):
        assert_same_distribution(gamma, larger, within=0.05)
    with pytest.raises(AssertionError, match="gamma and chi2 differ by about"):
        assert_same_distribution(gamma, stats.chi2(2), within=0.05)
    with pytest.raises(InsufficientPower, match=r"about .* draws would decide"):
        assert_same_distribution(gamma, squares, within=0.001, max_draws=1000)


def test_events_and_power() -> None:
    assert_probability(lambda rng: rng.random() < 0.0, 0.0, within=0.05)
    assert_probability(gives(True), 1.0, within=0.05)
    with pytest.raises(AssertionError, match="the probability that <lambda> is true is about"):
        assert_probability(lambda rng: rng.random() < 0.5, 0.3, within=0.05)
    with pytest.raises(InsufficientPower, match=r"the estimate is .* draws would decide if the estimate stays"):
        assert_probability(lambda rng: rng.random() < 0.3, 0.3, within=0.001, max_draws=1000)


def same_as(cdf) -> None:
    """Compare normal numbers with a law of one's own."""
    law = SimpleNamespace(name="own", cdf=cdf)
    assert_same_distribution(lambda rng, size: rng.normal(size=size), law, within=0.1)


def test_a_distribution_function_may_exceed_one_by_rounding() -> None:
    same_as(lambda x: stats.norm.cdf(x) * (1 + 2e-16))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: assert_mean(3, 0.0, within=1, bounds=(0, 1)), r"f is a function f\(rng\) or f\(rng, size\)"),
        (
            lambda: assert_mean(gives(2.0), 0.5, within=0.1, bounds=(0, 1)),
            r"returned 2, outside bounds=\(0.0, 1.0\)",
        ),
        (lambda: assert_mean(gives(np.nan), 0.5, within=0.1, bounds=(0, 1)), "returned nan in draw 0"),
        (lambda: assert_mean(gives([1, 2]), 0.5, within=0.1, bounds=(0, 1)), "returns one number; got an array"),
        (
            lambda: assert_mean(one_number, 0.5, within=0.1, bounds=(0, 1)),
            "returns 16 real numbers; got an",
        ),
        (lambda: assert_mean(gives("a"), 0.5, within=0.1, bounds=(0, 1)), r"\(rng\) returns real numbers"),
        (
            lambda: same_as(lambda x: np.full(x.shape, np.nan)),
            r"the cdf of own returns a probability from 0 to 1 .* nan",
        ),
        (lambda: same_as(lambda x: 100 * stats.norm.cdf(x)), "the cdf of own returns a probability from 0 to 1"),
        (lambda: same_as(lambda _: 0.5), r"for each value; got array\(0.5\) for 64 values"),
        (lambda: same_as(lambda _: "word"), "the cdf of own returns a probability"),
        (lambda: same_as({}.__getitem__), "the cdf of own fails with TypeError"),
        (lambda: same_as(lambda x: np.multiply(x, 2, out=x)), "the cdf of own writes into a read-only array"),
        (lambda: assert_same_distribution(gives(0.0), stats.norm(scale=-1), within=0.1), "the cdf of norm returns a"),
        (lambda: assert_same_distribution(gives(0.0), stats.norm([0, 1]), within=0.1), "the cdf of norm"),
        (lambda: assert_mean(gives(1.0), 0.5, within=0.1, bounds=(1, 0)), "the smallest value below the largest"),
        (lambda: assert_mean(gives(1.0), 0.5, within=0.1, bounds=3), "bounds is a pair"),
        (lambda: assert_mean(gives(1.0), 0.5, within=0.1, variance=0), "variance is a variance, above 0"),
        (lambda: assert_probability(gives(0.5), 0.5, within=0.1), "returns True or False; got 0.5"),
        (lambda: assert_probability(gives(True), 1.5, within=0.1), "probability is a proportion"),
        (lambda: assert_same_distribution(gives(1.0), 3, within=0.1), "other is a function"),
        (lambda: assert_quantile(gives(1.0), 1.0, 0.0, within=0.1), "q is a probability"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()
