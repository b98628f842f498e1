"""Batching rules: marginals, variances and correlations of the batches drawn against the closed forms, and bad input.

Means over independent batches are held against the normal quantile at 1e-9 / (100 conditions) in each test: the factor
of a hundred pays for the skewness of squares and products, so that each of about 100 tests raises a false alarm with a
probability below 1e-9, the file below 1e-7. Marginals are held against the Dvoretzky-Kiefer-Wolfowitz bound (Massart
1990), counts against exact binomial quantiles, both at the same rate. Power: each wrong formula and each wrong sampler
lies at least 5 standard errors beyond the bound and is rejected in the test, so a run misses it with a probability
below 1e-6.
"""

from __future__ import annotations

import pickle
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import bnstats as bn
from bnstats.sampling.registry import BATCHING_RULES

FALSE_ALARM = 1e-9
BATCHES = 100_000
ARRAY = np.array([0.0, 0.0, 1.0, 1.5, 2.0, 2.0, 3.0, 4.5, 5.0, 8.0, -2.0, -3.5])
SIZES = (2, 5, 11)

POPULATIONS = {
    **{name: bn.Population.of(name) for name in ("normal", "exponential", "bernoulli")},
    "array": bn.Population.of(ARRAY),
}
RULES = {
    "iid": bn.IID(),
    "without": bn.WithoutReplacement(),
    "clustered": bn.Clustered(icc=0.25),
    "autocorrelated": bn.Autocorrelated(phi=0.6),
}
# Each rule of the registry, which finds a new one; correlations are known of those in RULES.
CASES = [pytest.param(rule, name, id=f"{kind}-{name}") for kind, rule in BATCHING_RULES.items() for name in POPULATIONS]
KNOWN = [case for case in CASES if type(case.values[0]) in map(type, RULES.values())]


def batches(rule: bn.Batching, name: str, n: int, count: int = BATCHES, seed: int = 0) -> np.ndarray:
    out = np.empty((count, n))
    rule.fill(POPULATIONS[name], np.random.default_rng([seed, n, *name.encode()]), out)
    return out


def z_of(replicates: np.ndarray, claim: float) -> float:
    """Return the distance of the mean from the claim in standard errors; 0 or inf if replicates do not vary."""
    if replicates.std() <= 1e-12 * np.abs(replicates).max():
        return 0.0 if np.isclose(replicates[0], claim, rtol=1e-9, atol=0.0) else np.inf
    return float((replicates.mean() - claim) / (replicates.std(ddof=1) / np.sqrt(replicates.size)))


def bound(conditions: int) -> float:
    return float(stats.norm.isf(FALSE_ALARM / 100 / 2 / conditions))


def correlation(rule: bn.Batching, n: int, size: int = ARRAY.size) -> np.ndarray:
    """The correlation matrix of a batch, from the rules' definitions."""
    lag = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    match rule:
        case bn.Clustered():
            return np.where(lag == 0, 1.0, rule.icc)
        case bn.Autocorrelated():
            return rule.phi**lag
        case bn.WithoutReplacement():
            return np.where(lag == 0, 1.0, -1 / (size - 1))
        case _:
            return np.where(lag == 0, 1.0, 0.0)


def test_rules_of_this_file_are_in_the_registry() -> None:
    assert {type(rule) for rule in RULES.values()} <= {type(rule) for rule in BATCHING_RULES.values()}


@pytest.mark.parametrize("name", BATCHING_RULES)
def test_a_rule_repeats_with_the_generator_and_refuses_batches_that_are_none(name: str) -> None:
    rule = BATCHING_RULES[name]
    once, again, other = (batches(r, "normal", 5, 50, seed) for r, seed in ((rule, 1), (rule, 1), (rule, 2)))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()
    assert pickle.loads(pickle.dumps(rule)) == rule
    np.testing.assert_array_equal(batches(pickle.loads(pickle.dumps(rule)), "normal", 5, 50, 1), once)
    for wrong in (1, 0, 2.5, True, "4"):
        with pytest.raises(ValueError, match="batch_size is a whole number of at least"):
            rule.check(POPULATIONS["normal"], wrong)


@pytest.mark.parametrize(("rule", "name"), KNOWN)
@pytest.mark.parametrize("n", [2, 3, 11])
def test_variance_of_mean_is_the_mean_of_the_covariance_matrix(rule: bn.Batching, name: str, n: int) -> None:
    pop = POPULATIONS[name]
    expected = rule.source(pop).var * correlation(rule, n).mean()
    assert rule.variance_of_mean(pop, n) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", range(2, 7))
def test_without_replacement_is_the_enumeration_of_all_batches(n: int) -> None:
    values = ARRAY[[2, 3, 6, 7, 9, 11]]
    means = [np.mean(batch) for batch in combinations(values, n)]
    exact = bn.WithoutReplacement().variance_of_mean(bn.Population.of(values), n)
    assert exact == pytest.approx(np.var(means), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("rule", "name"), CASES)
def test_variance_of_the_mean_and_mean_of_the_variance(rule: bn.Batching, name: str) -> None:
    pop = POPULATIONS[name]
    mu, var = rule.source(pop).mean, rule.source(pop).var
    z = []
    for n in SIZES:
        x = batches(rule, name, n)
        claim = rule.variance_of_mean(pop, n)
        z += [z_of(x.mean(axis=1), mu)]
        if not np.isnan(claim):
            z += [z_of((x.mean(axis=1) - mu) ** 2, claim), z_of(x.var(axis=1), var - claim)]
    assert max(map(abs, z)) < bound(9)


WRONG = [
    pytest.param(RULES["iid"], "normal", lambda var, n: var / (n - 1), id="iid: n - 1"),
    pytest.param(RULES["without"], "array", lambda var, n: var / n, id="without: no finite population correction"),
    pytest.param(RULES["without"], "array", lambda var, n: var / n * (1 - n / 12), id="without: ddof 0"),
    pytest.param(RULES["clustered"], "exponential", lambda var, n: var / n, id="clustered: as if independent"),
    pytest.param(RULES["clustered"], "exponential", lambda var, n: var * (0.5 + 0.5 / n), id="clustered: sqrt(icc)"),
    pytest.param(RULES["autocorrelated"], "bernoulli", lambda var, n: var / n, id="autocorrelated: as if independent"),
    pytest.param(
        RULES["autocorrelated"],
        "bernoulli",
        lambda var, n: var / n * (1 + 2 * sum(0.6**j for j in range(1, n))),
        id="autocorrelated: all lags as often",
    ),
]


@pytest.mark.parametrize(("rule", "name", "wrong"), WRONG)
def test_a_wrong_variance_of_the_mean_is_rejected(rule: bn.Batching, name: str, wrong: object) -> None:
    pop, n = POPULATIONS[name], 5
    x, claim = batches(rule, name, n), wrong(rule.source(pop).var, n)  # type: ignore[operator]
    of_mean = z_of((x.mean(axis=1) - rule.source(pop).mean) ** 2, claim)
    of_variance = z_of(x.var(axis=1), rule.source(pop).var - claim)
    assert max(abs(of_mean), abs(of_variance)) > bound(9) + 5


def products(x: np.ndarray, mu: float, var: float) -> dict[tuple[int, int], np.ndarray]:
    z = (x - mu) / np.sqrt(var)
    return {(i, j): z[:, i] * z[:, j] for i, j in combinations(range(x.shape[1]), 2)}


@pytest.mark.parametrize(("rule", "name"), KNOWN)
def test_correlations_within_a_batch(rule: bn.Batching, name: str) -> None:
    source, n = rule.source(POPULATIONS[name]), 5
    claims = correlation(rule, n)
    pairs = products(batches(rule, name, n), source.mean, source.var)
    z = {pair: z_of(product, claims[pair]) for pair, product in pairs.items()}
    assert max(map(abs, z.values())) < bound(len(z))


@pytest.mark.parametrize("name", ["normal", "exponential", "array"])
def test_a_common_value_with_probability_icc_is_rejected(name: str) -> None:
    """Members that take the common value with probability icc, not its root, have correlation icc squared."""
    pop, rule = POPULATIONS[name], RULES["clustered"]
    pairs = products(batches(bn.Clustered(icc=0.25**2), name, 5), pop.mean, pop.var)
    assert min(abs(z_of(product, correlation(rule, 5)[pair])) for pair, product in pairs.items()) > bound(10) + 5


@pytest.mark.parametrize("name", ["normal", "exponential", "array"])
def test_a_correlation_that_does_not_fall_with_the_lag_is_rejected(name: str) -> None:
    pop = POPULATIONS[name]
    pairs = products(batches(RULES["autocorrelated"], name, 5), pop.mean, pop.var)
    assert min(abs(z_of(pairs[i, j], 0.6)) for i, j in pairs if j > i + 1) > bound(10) + 5


@pytest.mark.parametrize(("rule", "name"), CASES)
def test_batches_are_independent_of_each_other(rule: bn.Batching, name: str) -> None:
    """Correlations of every member of a batch with every member of the next, over disjoint pairs of batches."""
    source, n = rule.source(POPULATIONS[name]), 4
    z = (batches(rule, name, n) - source.mean) / source.std
    conditions = [z_of(z[0::2, i] * z[1::2, j], 0.0) for i in range(n) for j in range(n)]
    assert max(map(abs, conditions)) < bound(len(conditions))
    carried = z[0::2, 0] * np.where(np.arange(BATCHES // 2) % 4 == 0, z[0::2, 0], z[1::2, 0])
    assert abs(z_of(carried, 0.0)) > bound(len(conditions)) + 5  # a value carried over to every fourth batch


@pytest.mark.parametrize(("rule", "name"), CASES)
def test_each_place_in_a_batch_has_the_population_s_own_law(rule: bn.Batching, name: str) -> None:
    pop = rule.source(POPULATIONS[name])
    x = batches(rule, name, 5)
    grid = np.unique(ARRAY) if pop.values is ARRAY else np.linspace(-4, 9, 1301)
    cdf = np.mean(pop.values[:, None] <= grid, axis=0) if pop.values is not None else pop.law.cdf(grid)
    off = np.sqrt(np.log(2 * 5 / FALSE_ALARM) / (2 * BATCHES))

    def distance(place: np.ndarray) -> float:
        return float(np.abs(np.searchsorted(np.sort(place), grid, side="right") / BATCHES - cdf).max())

    assert max(distance(x[:, j]) for j in range(5)) < off
    assert distance(x.mean(axis=1)) > 2 * off


def test_without_replacement_no_row_comes_twice() -> None:
    rows = bn.Population.of(np.arange(40.0))
    for n in (2, 17, 40):
        out = np.empty((500, n))
        bn.WithoutReplacement().fill(rows, np.random.default_rng(n), out)
        assert all(np.unique(batch).size == n for batch in out)
    bn.IID().fill(rows, np.random.default_rng(0), out)
    assert not all(np.unique(batch).size == 40 for batch in out)


@pytest.mark.parametrize("name", ["normal", "array"])
def test_a_batch_of_the_whole_population_has_its_mean(name: str) -> None:
    rule = bn.WithoutReplacement(size=12)
    source = rule.source(POPULATIONS[name])
    x = batches(rule, name, 12, count=1000)
    np.testing.assert_array_equal(np.sort(x, axis=1), np.tile(np.sort(source.values), (1000, 1)))
    np.testing.assert_allclose(x.mean(axis=1), source.mean, rtol=0, atol=1e-14)
    np.testing.assert_allclose(x.var(axis=1), source.var, rtol=1e-13)
    assert rule.variance_of_mean(POPULATIONS[name], 12) == 0


def test_without_replacement_every_ordered_batch_is_equally_likely() -> None:
    """All 60 ordered batches of 3 out of 5: exact binomial bounds."""
    out = np.empty((BATCHES, 3))
    bn.WithoutReplacement().fill(bn.Population.of(np.arange(5.0)), np.random.default_rng(5), out)
    low, high = stats.binom.ppf([FALSE_ALARM / 120, 1 - FALSE_ALARM / 120], BATCHES, 1 / 60)
    codes, counts = np.unique(out @ [25, 5, 1], return_counts=True)
    assert codes.size == 60
    assert low <= counts.min() <= counts.max() <= high
    assert not low <= BATCHES / 45 <= high  # power: a batch that is 4/3 as likely as it should be
    assert not low <= BATCHES / 80 <= high


def test_extreme_correlations() -> None:
    x = batches(bn.Clustered(icc=1.0), "normal", 7, count=1000)
    np.testing.assert_array_equal(x, np.tile(x[:, :1], 7))
    assert np.unique(x[:, 0]).size == 1000
    assert bn.Clustered(icc=1.0).variance_of_mean(POPULATIONS["normal"], 7) == 1.0
    for rule in (bn.Clustered(icc=0.0), bn.Autocorrelated(phi=0.0)):
        assert np.unique(batches(rule, "normal", 7, count=1000)).size == 7000
        assert rule.variance_of_mean(POPULATIONS["normal"], 8) == 1 / 8


@pytest.mark.parametrize("phi", [0.0, 1e-12, 1e-3, 0.3, 0.9, 1 - 1e-4, 1 - 1e-7, 1 - 1e-10, 1 - 2**-53])
def test_the_closed_form_of_autocorrelated_means_is_the_sum_over_lags(phi: float) -> None:
    """Exact rational arithmetic. Power: of small batches, the last lag forgotten makes a difference of 1e-5."""
    for n in (2, 3, 17, 100):
        lags = [(1 - Fraction(j, n)) * Fraction(phi) ** j for j in range(1, n)]
        exact = float((1 + 2 * sum(lags)) / n)
        got = bn.Autocorrelated(phi=phi).variance_of_mean(POPULATIONS["normal"], n)
        assert got == pytest.approx(exact, rel=1e-13)
        assert phi < 0.3 or n > 3 or got != pytest.approx(float((1 + 2 * sum(lags[:-1])) / n), rel=1e-5)


@pytest.mark.parametrize(("rule", "wrong"), [(bn.Clustered(icc=0.25), 0.25**4), (bn.Autocorrelated(phi=0.6), 0.6**4)])
def test_the_chance_of_equal_values_and_the_number_of_different_ones(rule: bn.Batching, wrong: float) -> None:
    """Exact binomial bounds; wrong: the correlation in place of its root, a repetition too many."""
    x = np.sort(batches(rule, "normal", 4), axis=1)
    different = 1 + (np.diff(x, axis=1) != 0).sum(axis=1)
    low, high = stats.binom.ppf(
        [FALSE_ALARM, 1 - FALSE_ALARM], BATCHES, rule.chance_all_equal(POPULATIONS["normal"], 4)
    )
    assert low <= (different == 1).sum() <= high
    assert not low <= wrong * BATCHES <= high
    for chance in (0.01, 0.2, 0.5):
        least = rule.fewest_draws(4, chance)
        bound = stats.binom.ppf(1 - FALSE_ALARM, BATCHES, chance)
        assert (different < least).sum() <= bound
        assert (different < least + 1).sum() > chance * BATCHES - (bound - chance * BATCHES)
    assert bn.IID().fewest_draws(4, 0.5) == bn.WithoutReplacement().fewest_draws(4, 0.5) == 4


@given(n=st.integers(2, 300), icc=st.floats(0, 1), phi=st.floats(0, 0.999))
def test_variances_of_the_mean_lie_between_independent_and_identical(n: int, icc: float, phi: float) -> None:
    pop = POPULATIONS["exponential"]
    for rule in (bn.Clustered(icc=icc), bn.Autocorrelated(phi=phi)):
        assert (1 - 1e-12) / n <= rule.variance_of_mean(pop, n) <= 1 + 1e-12


def test_the_mean_of_a_population_without_variance_has_none() -> None:
    heavy = bn.Population.of(stats.t(1.5))
    for rule in (bn.IID(), bn.Clustered(icc=0.5), bn.Autocorrelated(phi=0.5)):
        assert rule.variance_of_mean(heavy, 10) == np.inf


def test_a_distribution_without_replacement_is_its_quantiles() -> None:
    source = bn.WithoutReplacement(size=4).source(POPULATIONS["exponential"])
    np.testing.assert_allclose(source.values, -np.log1p(-np.array([1, 3, 5, 7]) / 8))
    assert bn.WithoutReplacement(size=12).source(POPULATIONS["array"]) is POPULATIONS["array"]
    assert bn.IID().source(POPULATIONS["array"]) is POPULATIONS["array"]


BAD = [
    (lambda: bn.Clustered(icc=-0.1), "icc is a proportion, from 0 to 1; got -0.1"),
    (lambda: bn.Clustered(icc=1.1), "got 1.1"),
    (lambda: bn.Clustered(icc=np.nan), "got nan"),
    (lambda: bn.Clustered(icc="a"), "icc is a proportion.* got 'a'"),
    (lambda: bn.Autocorrelated(phi=None), "phi is a probability .* got None"),
    (lambda: bn.WithoutReplacement(size="a"), "size is a whole number of at least 2; got 'a'"),
    (lambda: bn.WithoutReplacement(size=2.5), "got 2.5"),
    (lambda: bn.IID().check(POPULATIONS["normal"], 2.5), "got 2.5"),
    (lambda: bn.Autocorrelated(phi=1.0), "below 1; got 1.0"),
    (lambda: bn.Autocorrelated(phi=-0.5), "at least 0 and below 1; got -0.5"),
    (lambda: bn.Autocorrelated(phi=np.nan), "got nan"),
    (lambda: bn.WithoutReplacement(size=1), "at least 2; got 1"),
    (lambda: bn.WithoutReplacement().check(POPULATIONS["normal"], 4), r"normal, a distribution, needs size="),
    (lambda: bn.WithoutReplacement(size=10).check(POPULATIONS["array"], 4), "has 12 values, which size=10 contradicts"),
    (lambda: bn.WithoutReplacement().check(POPULATIONS["array"], 13), "batch of 13 .* 12 values; use .* up to 12"),
    (lambda: batches(bn.WithoutReplacement(), "array", 13), "batch of 13 cannot be drawn"),
    (lambda: bn.IID().check(POPULATIONS["normal"], 1), "at least 2; got 1"),
    (lambda: bn.Clustered(icc=0.5).check(POPULATIONS["normal"], 0), "at least 1; got 0"),
    (lambda: bn.WithoutReplacement().check(POPULATIONS["array"], 1), "at least 2; got 1"),
]


@pytest.mark.parametrize(("act", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_refused_with_its_mend(act: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        act()  # type: ignore[operator]


def test_ties_in_independent_batches_are_powers_of_the_largest_atom() -> None:
    """Against an enumeration of all batches, to the leading term: the other values' batches are 2 x 3^-n and less."""
    values = np.array([0.0, 0.0, 0.0, 1.0, 2.0])
    for n in (2, 3, 5):
        drawn = np.array(list(product(values, repeat=n)))
        equal = np.mean(np.ptp(drawn, axis=1) == 0)
        chance = bn.IID().chance_all_equal(bn.Population.of(values), n)
        assert chance == pytest.approx(np.mean((drawn == 0).all(axis=1)))
        assert equal - chance == pytest.approx(2 * 0.2**n)
