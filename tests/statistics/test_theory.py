"""Exact values against simulation that shares no code with them, and against formulas that are wrong on purpose.

Each test holds a family of z statistics, of means of at least 40000 independent replicates, against the normal quantile
at 1e-8 / (number of them): 30 tests raise a false alarm less than once in 3 million runs. Power: every wrong formula
lies at least 5 standard errors beyond that bound, so a run misses it with probability below 1e-6.
"""

from __future__ import annotations

from dataclasses import replace
from math import lgamma

import numpy as np
import pytest
from scipy import stats

import bnstats as bn
from bnstats import theory
from bnstats.statistics.estimator_theory import Theory
from bnstats.statistics.estimators import ESTIMATORS, estimator_of, inv_std
from bnstats.statistics.moments import Moments
from bnstats.statistics.theory import law

FALSE_ALARM = 1e-8
REPLICATES = 40_000
LIGHT = ["normal", "uniform", "exponential", "laplace", "bernoulli", "mixture", "rectified"]
SIZES = [2, 3, 7, 32]


def z_of(replicates: np.ndarray, claim: float) -> float:
    return float((replicates.mean() - claim) / (replicates.std(ddof=1) / np.sqrt(replicates.size)))


def judge(cases: list[tuple[np.ndarray, float, float | None]]) -> None:
    """All claims hold, and all wrong claims (where one is given) are rejected with power."""
    bound = stats.norm.isf(FALSE_ALARM / 2 / len(cases))
    assert max(abs(z_of(replicates, claim)) for replicates, claim, _ in cases) < bound
    wrong = [abs(z_of(replicates, claim)) for replicates, _, claim in cases if claim is not None]
    assert wrong
    assert min(wrong) > bound + 5


def batches(name: str, n: int, batching: bn.Batching | None = None, replicates: int = REPLICATES) -> np.ndarray:
    """Batches drawn with NumPy or SciPy's own sampler, or by a batching rule from our population."""
    rng = np.random.default_rng([n, *name.encode()])
    if batching is None and name == "mixture":
        return rng.normal(size=(replicates, n)) + 4 * rng.integers(0, 2, (replicates, n))
    if batching is None and name == "rectified":
        return np.maximum(0, rng.normal(size=(replicates, n)))
    if batching is None:
        return np.asarray(bn.POPULATIONS[name].law.rvs(size=(replicates, n), random_state=rng), dtype=float)
    out = np.empty((replicates, n))
    batching.fill(bn.Population.of(name), rng, out)
    return out


@pytest.mark.parametrize("name", LIGHT)
def test_mean_of_independent_values(name: str) -> None:
    pop = bn.Population.of(name)
    cases = []
    for n in SIZES:
        error = batches(name, n, replicates=REPLICATES * 4).mean(axis=1) - pop.mean
        wrong = pop.var / (n + 1) if n < 8 else None
        cases.append((error**2, theory.sampling(name, n, "mean").se ** 2, wrong))
    judge(cases)


@pytest.mark.parametrize("name", LIGHT)
def test_bias_and_variance_of_the_variance(name: str) -> None:
    """Wrong: no bias; and for populations that are not normal, the normal Var(s²) = 2 sigma⁴ / (n - 1)."""
    pop = bn.Population.of(name)
    cases = []
    for n in SIZES:
        x = batches(name, n)
        exact = theory.sampling(name, n, "var")
        cases.append((x.var(axis=1) - pop.var, exact.bias, 0.0))
        unbiased = theory.sampling(name, n, "var_unbiased")
        assert unbiased.bias == pytest.approx(0, abs=1e-15)
        assert exact.se == pytest.approx(unbiased.se * (n - 1) / n)
        normal = 2 * pop.var**2 / (n - 1)
        differs = abs(unbiased.se**2 / normal - 1) > 0.25
        cases.append(((x.var(axis=1, ddof=1) - pop.var) ** 2, unbiased.se**2, normal if differs else None))
    judge(cases)


def test_mean_and_variance_are_correlated_in_skewed_populations() -> None:
    cases = []
    for name in ("exponential", "bernoulli", "rectified", "normal"):
        pop = bn.Population.of(name)
        for n in (2, 5, 16):
            x = batches(name, n)
            product = (x.mean(axis=1) - pop.mean) * (x.var(axis=1, ddof=1) - pop.var)
            claim = theory.covariance_of_mean_and_variance(pop, n)
            cases.append((product, claim, 0.0 if pop.skewness > 1 else None))
    judge(cases)


RULES = {
    "clustered": (bn.Clustered(icc=0.3), lambda n: 0.3 + 0.7 / n, lambda n: 1 / n),
    "autocorrelated": (
        bn.Autocorrelated(phi=0.6),
        lambda n: (1 + 2 * sum((1 - j / n) * 0.6**j for j in range(1, n))) / n,
        lambda n: (1 + 2 * sum(0.6**j for j in range(1, n))) / n,
    ),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", ["normal", "exponential", "bernoulli"])
def test_dependent_batches(name: str, rule: str) -> None:
    """Var(mean) and E[biased var]; wrong: independence, and the sum over lags without its weights."""
    pop = bn.Population.of(name)
    batching, factor, wrong = RULES[rule]
    cases = []
    for n in (2, 4, 16):
        x = batches(name, n, batching, replicates=4 * REPLICATES)
        known = theory.sampling(name, n, "mean", batching)
        assert known.se**2 == pytest.approx(pop.var * factor(n))
        cases.append(((x.mean(axis=1) - pop.mean) ** 2, known.se**2, pop.var * wrong(n)))
        bias = theory.sampling(name, n, "var", batching).bias
        cases.append((x.var(axis=1) - pop.var, bias, -pop.var / n if n < 16 else None))
    judge(cases)


def test_without_replacement() -> None:
    """Wrong: no correction for the finite population."""
    values = np.random.default_rng(5).gamma(2.0, size=40)
    pop, rule = bn.Population.of(values), bn.WithoutReplacement()
    cases = []
    for n in (2, 10, 30, 40):
        x = np.random.default_rng(n).permuted(np.tile(values, (REPLICATES, 1)), axis=1)[:, :n]
        exact = theory.sampling(pop, n, "mean", rule).se ** 2
        if n == 40:
            assert exact == 0
            continue
        error = x.mean(axis=1) - pop.mean
        cases.append((error**2, exact, values.var(ddof=1) / n if n > 2 else None))
        cases.append((x.var(axis=1) - pop.var, theory.sampling(pop, n, "var", rule).bias, 0.0 if n < 30 else None))
    judge(cases)


def test_standard_deviation_of_a_normal_batch() -> None:
    """c4, E[1/s] and the median error; wrong: s is unbiased, and 1/s too."""
    cases = []
    for n in (5, 8, 20):
        x = batches("normal", n, replicates=4 * REPLICATES) * 3.0
        std = theory.sampling(stats.norm(scale=3.0), n, "std")
        inverse = theory.sampling(stats.norm(scale=3.0), n, inv_std(eps=0.0))
        c4 = np.sqrt(2 / (n - 1)) * np.exp(lgamma(n / 2) - lgamma((n - 1) / 2))
        assert std.bias == pytest.approx(3 * (c4 * np.sqrt((n - 1) / n) - 1), rel=1e-9)
        expected = np.sqrt(n / 2) * np.exp(lgamma((n - 2) / 2) - lgamma((n - 1) / 2)) / 3
        assert inverse.bias == pytest.approx(expected - 1 / 3, rel=1e-7)
        s = x.std(axis=1)
        cases.append((s - 3, std.bias, 0.0))
        cases.append(((s - 3 - std.bias) ** 2, std.se**2, None))
        cases.append((1 / s - 1 / 3, inverse.bias, 0.0))
        inside = (np.abs(s - 3) < std.median_abs_error).astype(float)
        cases.append((inside, 0.5, 0.52))
    judge(cases)
    assert theory.sampling("normal", 2, inv_std(eps=0.0)).rmse == np.inf
    assert np.isinf(theory.sampling("normal", 2, inv_std(eps=0.0)).bias)


@pytest.mark.parametrize("eps", [1e-5, 0.1, 1.0])
def test_inverse_standard_deviation_with_eps(eps: float) -> None:
    """Wrong: eps left out of the expectation, where it matters."""
    cases = []
    for n in (5, 9, 33):
        s = batches("normal", n).std(axis=1)
        replicates = 1 / np.sqrt(s**2 + eps)
        exact = theory.sampling("normal", n, inv_std(eps=eps))
        target = 1 / np.sqrt(1 + eps)
        without = theory.sampling("normal", n, inv_std(eps=0.0)).bias + 1
        cases.append((replicates, target + exact.bias, without if eps >= 0.1 else target))
        cases.append((((replicates - target - exact.bias) ** 2), exact.se**2, None))
    judge(cases)


@pytest.mark.parametrize("sigma", [1e-6, 1e-4])
def test_inverse_standard_deviation_where_eps_is_all(sigma: float) -> None:
    """sigma² far below eps: 1/sqrt(v + eps) is linear in v, to within sigma²/eps. Nothing is random."""
    eps, n = 1e-5, 256
    known = theory.sampling(stats.norm(0, sigma), n, "inv_std")
    slope = 0.5 * sigma**2 / (sigma**2 + eps) ** 1.5
    assert known.se == pytest.approx(slope * np.sqrt(2 * (n - 1)) / n, rel=2 * sigma**2 / eps + 1e-9)
    assert known.bias == pytest.approx(slope / n, rel=4 * sigma**2 / eps + 1e-6)


@pytest.mark.parametrize("n", [10**3, 10**5, 10**7])
def test_inverse_standard_deviation_of_large_batches(n: int) -> None:
    """Without eps, series in 1/n: E[1/s] = 1 + 5/(4n) + ..., se = 1/sqrt(2n) (1 + ...). Nothing is random."""
    known = theory.sampling("normal", n, inv_std(eps=0.0))
    assert known.bias * 4 * n / 5 == pytest.approx(1, abs=4 / n + 1e-7)
    assert known.se * np.sqrt(2 * n) == pytest.approx(1, abs=4 / n + 1e-7)


def test_fresh_value_normalized_by_a_batch() -> None:
    """Wrong: variance 1, as if the batch's moments were the population's; and 1 + 1/n, as if only the mean were not."""
    cases = []
    for n in (8, 12, 30):
        x = batches("normal", n + 1, replicates=4 * REPLICATES)
        batch, fresh = x[:, :n], x[:, n]
        z = (fresh - batch.mean(axis=1)) / batch.std(axis=1)
        known = theory.sampling("normal", n, "fresh_normalized")
        assert known.se**2 == pytest.approx((1 + 1 / n) * n / (n - 3))
        cases.append((z**2, known.se**2, 1 + 1 / n))
        cases.append(((np.abs(z) < known.median_abs_error).astype(float), 0.5, 0.52))
    judge(cases)
    for n in (2, 3):
        assert theory.sampling("normal", n, "fresh_normalized").se == np.inf


def test_a_member_normalized_by_its_own_batch_is_bounded() -> None:
    """At most sqrt(n - 1), attained where all others are equal; of two members always -1 and +1."""
    for n in (2, 3, 8, 64):
        x = batches("t3", n, replicates=2000)
        z = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
        bound = theory.normalized_member_bound(n)
        assert np.abs(z).max() <= bound * (1 + 1e-12)
        one_out = np.r_[1.0, np.zeros(n - 1)]
        assert (one_out[0] - one_out.mean()) / one_out.std() == pytest.approx(bound)
        if n == 2:
            np.testing.assert_allclose(np.abs(z), 1)


def raw_values_near(z: float, n: int) -> np.ndarray:
    """Raw values of members of normal batches whose normalized value (ddof 0) is within 0.02 of z, one in a batch.

    Plain rejection: no formula, and no convention but that of the normalized value. The window adds less than 0.0002 to
    mean and variance, a tenth of their standard errors.
    """
    rng, found, missing = np.random.default_rng([n, int(100 * abs(z))]), [], REPLICATES
    while missing > 0:
        x = rng.normal(size=(2**20 // n, n))
        members = x if 2 * (abs(z) - 0.02) ** 2 > n else x[:, :1]  # no two members fit, or the first one is looked at
        normal = (members - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
        found.append(members[np.abs(normal - z) <= 0.02])
        missing -= found[-1].size
    return np.concatenate(found)


@pytest.mark.parametrize("n", [2, 3, 5, 6, 30])
def test_raw_value_behind_a_normalized_value(n: int) -> None:
    """Mean and variance of members with this z. Wrong: the formula for a z that is formed with ddof 1.

    In batches of 5, 1.9 is a value that occurs with ddof 0 and cannot occur with ddof 1.
    """
    cases = []
    for z in {2: (1.0,), 3: (-1.0,), 5: (1.9,), 6: (2.0, 0.0), 30: (1.0,)}[n]:
        raw = 50 + 10 * raw_values_near(z, n)
        mean, sd = theory.raw_given_normalized(stats.norm(50, 10), z, n)
        c4 = np.sqrt(2 / (n - 1)) * np.exp(lgamma(n / 2) - lgamma((n - 1) / 2))
        cases.append((raw, mean, 50 + 10 * c4 * z if z else None))
        small = z and n < 30  # at 30 the variances differ by 1.6 %
        cases.append(((raw - mean) ** 2, sd**2, 100 * (1 / n + z**2 * (1 - c4**2)) if small else None))
    judge(cases)


@pytest.mark.parametrize(("z", "n"), [(0.0, 2), (0.99, 2), (1.5, 3), (2.0, 5), (-2.0, 5), (3.0, 4)])
def test_a_value_that_no_member_has_is_answered_alike(z: float, n: int) -> None:
    """The theory and advice answer with nan, a measurement refuses."""
    assert np.isnan(theory.raw_given_normalized("normal", z, n)).all()
    with pytest.raises(ValueError, match=f"no member of a batch of {n} has the normalized value"):
        bn.measure_raw_given_normalized("normal", z, batch_sizes=[n, 100])
    if z in (0.0, 2.0):
        advice = bn.advise(batch_size=n)
        assert np.isnan(advice.table.set_index("quantity")["low"][f"spread of the raw value behind a normalized {z:g}"])


@pytest.mark.parametrize("n", [10**3, 10**4 + 1, 10**5, 2**30, 2**51])
def test_the_spread_of_large_batches_keeps_its_digits(n: int) -> None:
    """Series in 1/n: the variance given z = 2 is (3 - 1/(2n))/n; a batch's std errs by 1/sqrt(2n) and -3/(4n)."""
    spread = theory.raw_given_normalized("normal", 2.0, n)[1] ** 2 * n
    assert spread == pytest.approx(1 + 2.0 - 4 / 8 / n, rel=2 / n**2 + 1e-9)
    known = theory.sampling("normal", n, "std")
    assert known.se * np.sqrt(2 * n) == pytest.approx(1, rel=1 / n)
    assert known.bias * n == pytest.approx(-3 / 4, rel=1 / n + 1e-15)


def test_within_batch_variances_miss_the_variance_between() -> None:
    """An identity: pooled variance = average within + variance of the means. Stored .943 where the truth is 9.90."""
    x = np.random.default_rng(3).normal(size=(10, 50)) + np.arange(10)[:, None]
    level = Moments.of(x, axis=1)
    pooled = Moments(0.0, np.zeros(()), np.zeros(()))
    for batch in x:
        pooled = pooled.merge(Moments.of(batch))
    within = level.var().mean()
    assert pooled.var() == pytest.approx(x.var())
    assert pooled.var() == pytest.approx(within + level.mean.var())
    assert within < 0.15 * pooled.var()


def test_exponential_mean_has_a_gamma_law() -> None:
    cases = []
    for n in (2, 8):
        error = np.abs(batches("exponential", n).mean(axis=1) - 1)
        median = theory.sampling("exponential", n, "mean").median_abs_error
        cases.append(((error < median).astype(float), 0.5, float((error < 0.6745 / np.sqrt(n)).mean()) + 0.1))
    judge(cases)


def test_heavy_tails_have_no_standard_error() -> None:
    for name in ("t3", "t2.5", "pareto"):
        for estimator in ("var", "var_unbiased"):
            known = theory.sampling(name, 64, estimator)
            assert known.se == known.rmse == np.inf
            assert np.isfinite(known.bias)
        assert np.isfinite(theory.sampling(name, 64, "mean").se)


@pytest.mark.parametrize(
    ("name", "estimator", "measure", "expected"),
    [
        ("normal", "mean", "rmse", -1 / 2),
        ("lognormal", "var", "se", -1 / 2),
        ("normal", "std", "bias", -1),
        ("normal", "mean", "bias", np.nan),
        ("t3", "mean", "median_abs_error", -1 / 2),
        ("t3", "var", "median_abs_error", -1 / 3),
        ("t2.5", "var", "median_abs_error", -1 / 5),
        ("t3", "var", "rmse", np.nan),
        ("t3", "std", "rmse", -1 / 4),
        ("t3", "inv_std", "bias", -1 / 2),
        (stats.t(1.5), "mean", "median_abs_error", -1 / 3),
        (stats.t(4), "var", "median_abs_error", np.nan),
        ("normal", "fresh_normalized", "rmse", 0.0),
        (stats.bernoulli(0.5), "var", "rmse", -1.0),
        (stats.bernoulli(0.4), "var", "rmse", -0.5),
    ],
)
def test_rates(name: object, estimator: str, measure: str, expected: float) -> None:
    assert theory.rate(name, estimator, measure) == pytest.approx(expected, nan_ok=True)


def shrunken_var(moments: Moments, _: object) -> np.ndarray:
    return moments.m2 / (moments.n + 1)


LOOKALIKES = ["mean", "var", "var_unbiased", "std", "inv_std", "inv_std(mine)", "fresh_normalized"]


@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_name_alone_has_no_theory(name: str) -> None:
    """Nothing is exact of an estimator that only shares a name with one of the package's own."""
    own = bn.Estimator(name, None, lambda pop: pop.var, order=2.0, averages=2.0, of_moments=shrunken_var)
    known = theory.sampling("normal", 4, own)
    assert np.isnan([known.bias, known.se, known.median_abs_error]).all()
    assert law("normal", 4, own) is None
    assert theory.sampling("t3", 4, own).se == np.inf
    renamed = replace(ESTIMATORS["var"], name="mine")
    assert theory.sampling("normal", 4, renamed) == theory.sampling("normal", 4, "var")
    assert theory.rate("normal", renamed, "bias") == -1.0


def test_an_estimator_brings_its_own_theory() -> None:
    """m2 / (n + 1): bias sigma² ((n - 1) / (n + 1) - 1). Against 40000 batches; wrong: the bias of var."""
    known = Theory(lambda pop: pop.var, bias=lambda b: b.source.var * ((b.size - 1) / (b.size + 1) - 1))
    own = bn.Estimator("var", None, lambda pop: pop.var, of_moments=shrunken_var, theory=known)
    error = batches("normal", 4).var(axis=1) * 4 / 5 - 1
    judge([(error, theory.sampling("normal", 4, own).bias, theory.sampling("normal", 4, "var").bias)])
    moved = theory.sampling("normal", 4, replace(own, target=2.0))
    assert moved.bias == theory.sampling("normal", 4, own).bias - 1.0
    assert theory.rate("normal", replace(own, order=2.0, averages=2.0, target=2.0)) == 0.0


def test_a_family_of_ones_own_is_not_normal_by_its_name() -> None:
    class Mine(stats.rv_continuous):
        def _cdf(self, x: np.ndarray) -> np.ndarray:
            return stats.laplace.cdf(x)

        def _ppf(self, q: np.ndarray) -> np.ndarray:
            return stats.laplace.ppf(q)

    pop = bn.Population.of(Mine(name="norm")())
    assert pop.family is None
    assert law(pop, 4, "mean") is None
    assert np.isnan(theory.raw_given_normalized(pop, 0.0, 4)).all()


def test_rates_of_an_estimator_of_ones_own() -> None:
    def own(**given: float) -> bn.Estimator:
        return bn.Estimator("own", np.std, lambda pop: pop.std, **given)

    assert np.isnan(theory.rate("normal", own()))
    assert np.isnan(theory.rate("normal", own(order=1.0)))
    for measure in ("rmse", "se", "bias", "median_abs_error"):
        for name in ("normal", "t3"):
            rate = theory.rate(name, own(order=1.0, averages=2.0), measure)
            assert rate == pytest.approx(theory.rate(name, "std", measure), nan_ok=True)


def test_rates_of_dependent_batches() -> None:
    assert theory.rate("normal", "mean", "rmse", bn.Clustered(icc=0.1)) == 0
    assert theory.rate("normal", "mean", "rmse", bn.Clustered(icc=0.0)) == -0.5
    assert theory.rate("normal", "mean", "rmse", bn.Autocorrelated(phi=0.5)) == -0.5
    assert np.isnan(theory.rate("normal", "mean", "rmse", bn.WithoutReplacement(size=100)))


@pytest.mark.parametrize("estimator", ["mean", "var", "std", "inv_std"])
@pytest.mark.parametrize("rmse", [0.5, 0.11, 0.013])
def test_required_batch_size_is_the_smallest(estimator: str, rmse: float) -> None:
    n = theory.required_batch_size("normal", estimator, rmse=rmse)
    assert theory.sampling("normal", n, estimator).rmse <= rmse
    assert n == 2 or theory.sampling("normal", n - 1, estimator).rmse > rmse


def test_required_batch_size_may_reach_the_error_exactly() -> None:
    """1 / sqrt(100) is 0.1 to the bit, and 100 lies between the powers of two."""
    assert theory.required_batch_size("normal", "mean", rmse=0.1) == 100


def test_required_batch_size_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="median absolute error"):
        theory.required_batch_size("t3", "var", rmse=0.1)
    with pytest.raises(ValueError, match="no batch size up to"):
        theory.required_batch_size("normal", "mean", rmse=0.1, batching=bn.Clustered(icc=0.5))
    for rmse in (0.0, "a"):
        with pytest.raises(ValueError, match="above 0"):
            theory.required_batch_size("normal", "mean", rmse=rmse)
    with pytest.raises(ValueError, match=r"std on uniform .* is not known exactly; measure_convergence measures it"):
        theory.required_batch_size("uniform", "std", rmse=0.1)
    assert theory.required_batch_size("normal", "mean", rmse=1e-9, batching=bn.WithoutReplacement(size=50)) == 50


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        theory.sampling("normal", 1, "mean")
    with pytest.raises(ValueError, match=r"whole number of at least 2; got 2.5"):
        theory.sampling("normal", 2.5, "var")
    for rule in ("iid", bn.IID):
        with pytest.raises(ValueError, match=r"batching is an object such as bn.IID\(\)"):
            theory.sampling("normal", 4, "var", rule)
        with pytest.raises(ValueError, match=r"batching is an object such as bn.IID\(\)"):
            theory.rate("normal", "var", "rmse", rule)
    with pytest.raises(ValueError, match="measure is"):
        theory.rate("normal", "mean", "mse")
    with pytest.raises(ValueError, match="did you mean 'var'"):
        estimator_of("varr")
