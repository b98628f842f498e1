"""Estimators: by function and by moments the same as plain NumPy, what they say of a population, and bad input.

No test draws a conclusion from chance, so none has a false alarm.
"""

from __future__ import annotations

import pickle
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import integrate, stats

import bnstats as bn
from bnstats.statistics.estimators import ESTIMATORS, estimator_of, fresh_normalized, inv_std, trimmed_mean
from bnstats.statistics.moments import Moments
from bnstats.testing import assert_within_mcse

PLAIN = {
    "mean": np.mean,
    "var": np.var,
    "var_unbiased": lambda x, axis: np.var(x, axis=axis, ddof=1),
    "std": np.std,
    "inv_std": lambda x, axis: 1 / np.sqrt(np.var(x, axis=axis) + 1e-5),
    "inv_std(eps=0.001)": lambda x, axis: 1 / np.sqrt(np.var(x, axis=axis) + 1e-3),
}
# Estimates of the batch alone; a fresh value is none of its values.
WHOLE = [*(e for e in ESTIMATORS.values() if e.averages != 0), inv_std(eps=1e-3), trimmed_mean(0.25)]
BUILT_IN = [e for e in WHOLE if e.of_moments is not None]
OF_VALUES = [e for e in WHOLE if e.of_moments is None]
batches = hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(2, 9)), elements=st.integers(-1000, 1000))


def no_fresh() -> np.ndarray:
    raise AssertionError("no fresh value is needed")


@cache
def unbiased(estimator: bn.Estimator) -> bool:
    """Theory says so, for independent values of a skewed law."""
    return estimator.theory is not None and bn.theory.sampling("exponential", 3, estimator).bias == 0


def test_some_estimators_are_unbiased_and_most_are_not() -> None:
    assert {"mean", "var_unbiased"} <= {e.name for e in WHOLE if unbiased(e)}
    assert not {"var", "std", "median", "mad", "trimmed_mean"} & {e.name for e in WHOLE if unbiased(e)}


def by_rows(estimator: bn.Estimator, rows: np.ndarray) -> np.ndarray:
    """The plain function, or each batch by itself."""
    if estimator.name in PLAIN:
        return PLAIN[estimator.name](rows, axis=-1)
    return np.array([float(estimator(batch)) for batch in rows.reshape(-1, rows.shape[-1])]).reshape(rows.shape[:-1])


@pytest.mark.parametrize("estimator", WHOLE, ids=lambda e: e.name)
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_estimators_reduce_the_axis_that_they_are_given(estimator: bn.Estimator, axis: int) -> None:
    """As they do one batch after the other, in any order of its values."""
    x = np.random.default_rng(0).normal(5.0, 2.0, size=(4, 5, 6))
    rows = np.moveaxis(x, axis, -1)
    expected = by_rows(estimator, rows)
    np.testing.assert_allclose(estimator(x, axis=axis), expected, rtol=1e-13)
    np.testing.assert_allclose(estimator(rows[..., ::-1]), expected, rtol=1e-13)
    if estimator.of_moments is not None:
        np.testing.assert_allclose(estimator.from_moments(Moments.of(x, axis), no_fresh), expected, rtol=1e-13)


@pytest.mark.parametrize("estimator", WHOLE, ids=lambda e: e.name)
def test_the_value_of_a_finite_population_is_that_of_all_its_values(estimator: bn.Estimator) -> None:
    """In any unit and from any origin, so estimates are moved and scaled as the population's value is.

    All estimators are so but those that are unbiased without being the mean.
    """
    plug_in = not unbiased(estimator) or estimator.averages == 1
    for size in (20, 40):
        values = np.random.default_rng(size).exponential(size=size).round(1)
        for moved in (values, 100 + 3 * values, -values):
            found = float(estimator(moved))
            value = estimator.population_value(bn.Population.of(moved))
            assert (value == pytest.approx(found, rel=1e-12)) == plug_in


@pytest.mark.parametrize("estimator", WHOLE, ids=lambda e: e.name)
@pytest.mark.parametrize("n", [2, 3, 4])
def test_exact_errors_are_those_of_all_batches_of_a_finite_population(estimator: bn.Estimator, n: int) -> None:
    """Each of 4^n batches is equally likely. An unbiased estimator is right on average; a biased one is not."""
    population = bn.Population.of([0.0, 1.0, 3.0, 7.0])
    estimates = estimator(np.array(list(product(population.values, repeat=n))))
    errors = estimates - estimator.population_value(population)
    exact = bn.theory.sampling(population, n, estimator)
    for known, enumerated in ((exact.bias, errors.mean()), (exact.se, estimates.std())):
        assert np.isnan(known) or known == pytest.approx(enumerated, rel=1e-11, abs=1e-13)
    if unbiased(estimator):
        assert exact.bias == 0
        assert np.isfinite(errors).all()


@pytest.mark.parametrize("estimator", WHOLE, ids=lambda e: e.name)
@pytest.mark.parametrize("name", ["normal", "exponential", "uniform", "rectified", "bernoulli"])
def test_large_batches_tell_the_population_value(estimator: bn.Estimator, name: str) -> None:
    """2^17 draws, 12 standard errors of the widest of them: below 10^-30 by chance; other values lie far beyond."""
    population = bn.POPULATIONS[name]
    grows = estimator.order and estimator.averages is None and np.isnan(bn.theory.rate(population, estimator))
    if grows and not np.isfinite(population.support).all():
        return  # it follows the largest values, which tend to no number
    values = np.empty(2**17)
    population.fill(np.random.default_rng(0), values)
    value = estimator.population_value(population)
    assert float(estimator(values)) == pytest.approx(value, rel=0.05, abs=0.04)


EXACT = ["median", "midrange", "mean", "var"]


@pytest.mark.parametrize("name", ["uniform", "exponential", "normal"])
def test_measured_errors_are_those_of_theory(name: str) -> None:
    """False alarm 1e-6 a population. Wrong: the standard error of the mean, 14 % off and more."""
    table = bn.measure_convergence(
        name, batch_sizes=[3, 5, 9], estimators=EXACT, precision=None, max_replicates=2**6
    ).table
    known = table[table["exact"].notna() & table["estimator"].isin(["median", "midrange"])]
    assert {"median"} <= set(known["estimator"])
    assert_within_mcse(known["value"], known["exact"], known["mcse"], false_alarm=1e-6)
    mean = table[(table["estimator"] == "mean") & (table["measure"] == "se")]["exact"].to_numpy()
    median = known[(known["estimator"] == "median") & (known["measure"] == "se")]
    with pytest.raises(AssertionError):
        assert_within_mcse(median["value"], mean, median["mcse"], false_alarm=1e-6)


def test_a_median_has_the_moments_that_its_middle_values_have() -> None:
    """Of n Cauchy values that of a median of 3 has a mean and no variance, of 5 both; a mean has neither."""
    spread = [bn.theory.sampling(stats.cauchy(), n, "median").se for n in (3, 5)]
    assert spread[0] == np.inf
    # E X² = integral of tan(pi (u - 1/2))² against the density of Beta(3, 3), 30 u² (1 - u)²
    exact = np.sqrt(integrate.quad(lambda u: np.tan(np.pi * (u - 0.5)) ** 2 * 30 * (u * (1 - u)) ** 2, 0, 1)[0])
    assert spread[1] == pytest.approx(exact)
    measured = bn.measure_convergence(
        stats.cauchy(), batch_sizes=[3, 33], estimators="median", precision=None, max_replicates=2**6
    ).table
    se = measured[measured["measure"] == "se"].set_index("batch_size")
    assert np.isnan(se.loc[3, "mcse"])
    assert np.isfinite(se.loc[33, "mcse"])


def test_rates_of_order_statistics() -> None:
    rate = bn.theory.rate
    assert (rate("uniform", "midrange"), rate("uniform", "median"), rate(stats.cauchy(), "mad")) == (-1.0, -0.5, -0.5)
    assert rate("bernoulli", "trimmed_mean") == -0.5
    assert np.isnan([rate("normal", "midrange"), rate("bernoulli", "median"), rate("normal", "median", "bias")]).all()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (stats.poisson(3), (3.0, 1.0, [2.0, 4.0])),
        (stats.bernoulli(0.5), (0.5, 0.5, [0.0, 1.0])),
        (stats.bernoulli(0.1), (0.0, 0.0, [0.0, 0.0])),
        (stats.expon(), (np.log(2), 0.481211825, [-np.log(0.75), np.log(4)])),
        ([1.0, 2.0, 6.0, 7.0], (4.0, 2.5, [1.0, 6.0])),
        ([5.0, 1.0, 2.0], (2.0, 1.0, [1.0, 5.0])),
    ],
)
def test_medians_and_quantiles_of_a_population(source: object, expected: tuple) -> None:
    population = bn.Population.of(source)
    assert population.median == pytest.approx(expected[0])
    assert ESTIMATORS["mad"].population_value(population) == pytest.approx(expected[1])
    np.testing.assert_allclose(population.quantile([0.25, 0.75]), expected[2])
    with pytest.raises(ValueError, match=r"q is a probability from 0 to 1; got 1\.5"):
        population.quantile(1.5)


@pytest.mark.parametrize("estimator", BUILT_IN, ids=lambda e: e.name)
@given(x=batches)
def test_by_function_and_by_moments(estimator: bn.Estimator, x: np.ndarray) -> None:
    expected = by_rows(estimator, x)
    np.testing.assert_allclose(estimator(x), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(estimator(x.tolist()), expected, rtol=1e-9, atol=1e-9)
    half = x.shape[1] // 2
    merged = Moments.of(x[:, :half]).merge(Moments.of(x[:, half:]))
    np.testing.assert_allclose(estimator.from_moments(merged, no_fresh), expected, rtol=1e-9, atol=1e-9)


def test_the_estimators_differ() -> None:
    x = np.random.default_rng(1).normal(5.0, 2.0, size=7)
    estimates = [float(e(x)) for e in BUILT_IN]
    assert len(set(estimates)) == len(estimates)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mean", 2.0),
        ("var", 9.0),
        ("var_unbiased", 9.0),
        ("std", 3.0),
        ("inv_std", 9.00001**-0.5),
        ("fresh_normalized", 0),
    ],
)
@pytest.mark.parametrize("pop", [stats.norm(2.0, 3.0), stats.laplace(2.0, np.sqrt(4.5)), [-1.0, 5.0]])
def test_population_values(name: str, expected: float, pop: object) -> None:
    assert estimator_of(name).population_value(bn.Population.of(pop)) == pytest.approx(expected, rel=1e-12)


def test_population_values_that_do_not_exist() -> None:
    heavy, cauchy = bn.Population.of(stats.t(1.5)), bn.Population.of(stats.cauchy())
    assert estimator_of("mean").population_value(heavy) == 0
    assert estimator_of("var").population_value(heavy) == np.inf
    assert estimator_of("std").population_value(heavy) == np.inf
    assert inv_std().population_value(heavy) == 0
    assert all(np.isnan(estimator_of(name).population_value(cauchy)) for name in ("mean", "var", "std"))


def test_a_fresh_value_is_normalized_by_the_batch() -> None:
    rng = np.random.default_rng(2)
    x, fresh = rng.normal(3.0, size=(5, 8)), rng.normal(3.0, size=5)
    for eps in (0.0, 1e-3, 2.0):
        expected = (fresh - x.mean(axis=1)) / np.sqrt(x.var(axis=1) + eps)
        estimates = fresh_normalized(eps).from_moments(Moments.of(x), lambda: fresh)
        np.testing.assert_allclose(estimates, expected, rtol=1e-12)
        assert fresh_normalized(eps).eps == eps
    with pytest.raises(ValueError, match="needs a fresh value for each batch: use it in a study"):
        fresh_normalized()(x)


def test_eps_keeps_a_batch_of_equal_values_finite() -> None:
    equal = np.full((2, 4), 7.0)
    np.testing.assert_allclose(inv_std()(equal), 1e5**0.5)
    np.testing.assert_allclose(inv_std(eps=0.25)(equal), 2.0)
    np.testing.assert_allclose(fresh_normalized(4.0).from_moments(Moments.of(equal), lambda: np.full(2, 9.0)), 1.0)
    assert inv_std(eps=0.0)([1.0, 3.0]) == 1.0


def test_names_tell_eps() -> None:
    assert inv_std().name == "inv_std"
    assert inv_std(eps=1e-3).name == "inv_std(eps=0.001)"
    assert fresh_normalized().name == "fresh_normalized"
    assert fresh_normalized(1e-5).name == "fresh_normalized(eps=1e-05)"
    assert estimator_of("inv_std").eps == 1e-5


def median(x: np.ndarray, axis: int) -> np.ndarray:
    return np.median(x, axis=axis)


def test_an_estimator_of_the_user_s_own() -> None:
    own = bn.Estimator("median", median, target=lambda pop: pop.mean)
    x = np.random.default_rng(3).normal(size=(4, 5, 6))
    for axis in (0, 1, -1):
        np.testing.assert_array_equal(own(x, axis=axis), np.median(x, axis=axis))
    assert own.population_value(bn.Population.of("uniform")) == 0.5
    assert bn.Estimator("median", median, target=3).population_value(bn.Population.of("uniform")) == 3.0
    assert estimator_of(own) is own
    with pytest.raises(ValueError, match="'median' is a function of the values, not of their moments"):
        own.from_moments(Moments.of(x), no_fresh)


@pytest.mark.parametrize("estimator", OF_VALUES, ids=lambda e: e.name)
def test_a_pickled_estimator_of_values_is_the_same(estimator: bn.Estimator) -> None:
    x, population = np.arange(20.0) ** 2, bn.Population.of("exponential")
    again = pickle.loads(pickle.dumps(estimator))
    assert (again.name, again(x)) == (estimator.name, estimator(x))
    assert again.population_value(population) == estimator.population_value(population)


@pytest.mark.parametrize("estimator", [*BUILT_IN, fresh_normalized(), fresh_normalized(0.1)], ids=lambda e: e.name)
def test_a_pickled_estimator_is_the_same(estimator: bn.Estimator) -> None:
    again = pickle.loads(pickle.dumps(estimator))
    moments = Moments.of([1.0, 2.0, 6.0])
    assert again.name == estimator.name
    assert again.from_moments(moments, lambda: np.ones(())) == estimator.from_moments(moments, lambda: np.ones(()))


BAD = [
    (lambda: estimator_of("varr"), "'varr' is not known; did you mean 'var'.*Known: mean, var"),
    (lambda: estimator_of("inv-std"), "did you mean 'inv_std'"),
    (lambda: estimator_of("average"), "'average' is not known; did you mean"),
    (lambda: estimator_of(np.median), r"takes a name .* or a bn.Estimator\(name, function, target\)"),
    (lambda: estimator_of(["mean"]), r"got \['mean'\]"),
    (lambda: estimator_of(None), "got None"),
    (lambda: inv_std(eps=-1e-5), "at least 0 and finite; got -1e-05"),
    (lambda: inv_std(eps=np.nan), "got nan"),
    (lambda: fresh_normalized(eps=np.inf), "got inf"),
    (lambda: trimmed_mean(proportion=0.5), r"cut off at either end, at least 0 and below 0\.5; got 0\.5"),
]


@pytest.mark.parametrize(("act", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_refused_with_its_mend(act: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        act()  # type: ignore[operator]
