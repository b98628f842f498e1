"""The convergence study: every condition agrees with theory, every rate with its limit, every bad input is named."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bnstats as bn
from bnstats.statistics import theory

FALSE_ALARM = 1e-8  # of each test here, over all its conditions
RULES = [bn.IID(), bn.WithoutReplacement(size=200), bn.Clustered(icc=0.1), bn.Autocorrelated(phi=0.5)]


def measured(populations, **kwargs):
    return bn.measure_convergence(populations, **({"precision": None, "max_replicates": 2**5} | kwargs))


def scores(table):
    """Standardized errors of the conditions that have an exact value and a trusted MCSE."""
    known = table[np.isfinite(table["exact"]) & np.isfinite(table["mcse"]) & (table["mcse"] > 0)]
    return (known["value"] - known["exact"]) / known["mcse"]


def bound(conditions, false_alarm=FALSE_ALARM):
    return stats.norm.isf(false_alarm / (2 * conditions))


@pytest.fixture(scope="module")
def everything():
    sizes, estimators = [2, 3, 64], ["mean", "var", "var_unbiased", "std", "inv_std"]
    return measured(list(bn.POPULATIONS), batch_sizes=sizes, estimators=estimators, batching=RULES)


def test_every_cell_agrees_with_theory(everything):
    """All populations and rules. Power: a bias of the variance without its (n - 1) / n fails."""
    z = scores(everything.table)
    assert len(z) > 300
    assert z.abs().max() < bound(len(z)), everything.table.loc[z.abs().nlargest(5).index].to_string()
    wrong = everything.table.query("estimator == 'var' and measure == 'bias'").assign(exact=0.0)
    assert scores(wrong).abs().max() > 3 * bound(len(z))


def test_infinite_and_untrusted_cells_say_so(everything):
    table = everything.table
    infinite = np.isinf(table["exact"])
    assert infinite.any()
    assert np.isinf(table.loc[infinite, "value"]).all()
    assert table.loc[infinite, "mcse"].isna().all()
    assert not table.loc[~infinite, "value"].isin([np.inf]).any()
    heavy = table.query("population == 't3' and estimator == 'var' and batching == 'IID()'").set_index("measure")
    assert np.isinf(heavy.loc["rmse", "value"]).all()
    assert np.isinf(heavy.loc["bias", "mcse"]).all()
    assert (heavy.loc["median_abs_error", "mcse"] > 0).all()
    assert np.isfinite(heavy.loc["median_abs_error", "mcse"]).all()


def test_a_fresh_value_normalized_by_the_batch_has_its_exact_variance():
    """(1 + 1/n) n / (n - 3). Power: without the factor 1 + 1/n it fails."""
    sizes = [8, 12, 32, 100]
    table = measured("normal", batch_sizes=sizes, estimators=["fresh_normalized"]).table
    se = table[table["measure"] == "se"].set_index("batch_size").loc[sizes]
    n = np.array(sizes)
    right, wrong = (np.sqrt(factor * n / (n - 3)) for factor in (1 + 1 / n, 1.0))
    assert np.isfinite(se["mcse"]).all()
    assert (np.abs(se["value"] - right) / se["mcse"]).max() < bound(len(n))
    assert (np.abs(se["value"] - wrong) / se["mcse"]).max() > bound(len(n))
    np.testing.assert_allclose(se["exact"], right, rtol=1e-9)
    assert np.isinf(measured("normal", batch_sizes=[2], estimators=["fresh_normalized"]).table["value"]).any()


@pytest.mark.parametrize("rule", [bn.IID(), bn.Autocorrelated(phi=0.5)])
def test_a_users_estimator_sees_the_same_draws_as_the_builtin_ones(rule):
    own = [
        bn.Estimator("own_mean", lambda x, axis: x.mean(axis=axis), lambda pop: pop.mean),
        bn.Estimator("own_var", lambda x, axis: x.var(axis=axis), lambda pop: pop.var, order=2.0, averages=2.0),
    ]
    table = measured("lognormal", batch_sizes=[2, 5, 64], estimators=["mean", "var", *own], batching=rule).table
    rows = table.set_index(["estimator", "batch_size", "measure"])[["value", "mcse", "replicates"]]
    for builtin, mine in (("mean", "own_mean"), ("var", "own_var")):
        pd.testing.assert_frame_equal(rows.loc[builtin], rows.loc[mine], check_exact=False, rtol=1e-9, atol=1e-12)


def test_rates_of_the_normal_are_minus_one_half():
    c = measured("normal", max_replicates=2**10, estimators=["mean", "var"])
    rates = c.rates(confidence=1 - FALSE_ALARM).set_index(["estimator", "measure"])
    for row in (("mean", "se"), ("mean", "rmse"), ("mean", "median_abs_error"), ("var", "se"), ("var", "rmse")):
        rate = rates.loc[row]
        assert rate["expected"] == -0.5
        assert rate["low"] < -0.5 < rate["high"]
        assert rate["high"] - rate["low"] < 0.1  # power: -0.6 and -0.4 are outside
    assert rates.loc[("var", "bias"), "expected"] == -1.0
    assert np.isnan(rates.loc[("mean", "bias"), "rate"])


@pytest.mark.parametrize(("name", "alpha"), [("t3", 3.0), ("t2.5", 2.5)])
def test_heavy_tails_slow_the_median_error_of_the_variance(name, alpha):
    """The limit is 2 / alpha - 1; at these sizes the slope is within 0.06 of it, and -1/2 is outside its interval."""
    c = measured(name, max_replicates=2**10, estimators=["var"])
    rates = c.rates(confidence=1 - FALSE_ALARM).set_index("measure")
    rate = rates.loc["median_abs_error"]
    assert rate["expected"] == pytest.approx(2 / alpha - 1)
    assert abs(rate["rate"] - rate["expected"]) < 0.06
    assert rate["low"] - 0.06 < rate["expected"] < rate["high"] + 0.06
    assert rate["low"] > -0.5
    assert np.isnan(rates.loc["rmse", "rate"])


def test_intervals_of_rates_cover_as_often_as_they_say():
    """60 seeds, the exact slope of the mean's RMSE: 90 % intervals miss at most 22 times (binomial, 1e-8).

    Power: -0.48 is missed by nearly all.
    """
    missed = np.zeros(2, int)
    for seed in range(60):
        c = measured(
            "normal", batch_sizes=[2, 4, 8, 16, 32, 64, 128], estimators=["mean"], max_replicates=2**6, seed=1000 + seed
        )
        rate = c.rates(confidence=1 - 4 * 0.1).set_index("measure").loc["rmse"]  # corrected for four rates
        missed += [not rate["low"] <= wrong <= rate["high"] for wrong in (-0.5, -0.48)]
    assert stats.binom.sf(missed[0] - 1, 60, 0.1) > FALSE_ALARM
    assert stats.binom.sf(missed[1] - 1, 60, 0.1) < FALSE_ALARM


def test_plot_is_a_figure_with_a_panel_an_estimator():
    mpl.use("Agg")
    c = measured(["normal", "t3"], batch_sizes=[2, 8, 32], estimators=["mean", "var"])
    for measure in ("rmse", "bias"):
        figure = c.plot(measure)
        assert [ax.get_title() for ax in figure.axes] == ["mean", "var"]
        mpl.pyplot.close(figure)
    with pytest.raises(ValueError, match="measure is one of bias, se, rmse"):
        c.plot("variance")


def test_the_own_activations_have_names_exact_values_and_reach_the_precision():
    table = bn.measure_convergence({"layer 1": np.arange(50.0) ** 2}, estimators=["mean", "var"]).table
    assert set(table["population"]) == {"layer 1"}
    assert table["precision_reached"].all()
    z = scores(table)
    assert z.abs().max() < bound(len(z))
    exact = table.query("measure == 'rmse'")["exact"]
    np.testing.assert_array_equal(np.isfinite(exact), True)
    assert theory.sampling(np.arange(50.0) ** 2, 2, "mean").se == exact.iloc[0]


def test_a_discrete_law_whose_quantiles_scipy_cannot_search_runs():
    """zipf(3.5): its far quantiles raise an error in SciPy. A rule: so few draws do not know its variance."""
    table = measured(stats.zipf(3.5), batch_sizes=[64], estimators=["mean"]).table.set_index("measure")
    assert table.index[np.isfinite(table["mcse"])].tolist() == ["median_abs_error"]


def test_one_may_be_given_without_a_list():
    given = {"precision": None, "max_replicates": 2**5}
    numbers = bn.measure_convergence([1.0, 2.0, 6.0], batch_sizes=4, estimators="mean", **given)
    listed = bn.measure_convergence([np.array([1.0, 2.0, 6.0])], batch_sizes=[4], estimators=["mean"], **given)
    pd.testing.assert_frame_equal(numbers.table, listed.table, check_exact=True)


def fails(x, axis):
    raise IndexError(f"no such value of {x.shape} along {axis}")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"populations": stats.cauchy()}, r"cauchy has no mean .* leave the population out"),
        ({"populations": "normle"}, "did you mean 'normal'"),
        ({"populations": []}, "populations is empty"),
        ({"populations": [[1.0, np.nan]]}, r"finite values; got 1 NaN or infinite: keep the others"),
        ({"populations": [[2.0, 2.0, 2.0]]}, r"two different values; all 3 are 2.0: drop this population"),
        ({"populations": [np.ones((2, 2))]}, r"array population is 1-D.*; got shape \(2, 2\): pass x.ravel\(\)"),
        ({"populations": ["normal", "normal"]}, "two populations have the same name"),
        ({"populations": stats.t(1.5)}, r"var of population t\(1.5\) is inf: nothing to converge to"),
        ({"batch_sizes": []}, "batch_sizes is empty"),
        ({"batch_sizes": [1]}, "at least 2; got 1"),
        ({"batch_sizes": [2.5]}, "whole number .* got 2.5"),
        (
            {"batch_sizes": [11], "populations": [np.arange(10.0)], "batching": bn.WithoutReplacement()},
            "sizes up to 10",
        ),
        ({"batching": bn.WithoutReplacement()}, r"needs size=, as in WithoutReplacement\(size=1000\)"),
        ({"batching": []}, "batching is empty"),
        ({"estimators": []}, "estimators is empty"),
        ({"estimators": ["variance"]}, "did you mean 'var"),
        ({"estimators": ["var", "var"]}, "two estimators have the same name"),
        ({"estimators": [bn.Estimator("own", np.mean, np.nan)]}, "own of population normal is nan"),
        ({"precision": 2.0}, "precision is a relative standard error"),
        ({"precision": "high"}, "precision is a relative standard error"),
        ({"batch_sizes": ["a"]}, "whole number .* got 'a'"),
        ({"batching": "iid"}, r"batching is an object such as bn.IID\(\).* got 'iid'"),
        ({"max_replicates": 0}, "max_replicates is a whole number of at least 2; got 0"),
        ({"max_replicates": 10}, r"^max_replicates must be at least 32 here; got 10\.$"),
        ({"max_replicates": 64, "batch_sizes": [10**7]}, "must be at least 306 here; got 64"),
        ({"batching": bn.IID}, r"batching is an object such as bn.IID\(\).* got <class"),
        ({"batch_sizes": None}, "whole number .* got None"),
        ({"batch_sizes": [np.nan]}, "whole number .* got nan"),
        ({"estimators": np.median}, "estimator takes a name .* or a bn.Estimator.* got <function median"),
        ({"estimators": [bn.Estimator("own", fails, 0.0)]}, "own cannot be called .* IndexError: no such"),
        ({"estimators": [bn.Estimator("own", np.sort, 0.0)]}, "own does not reduce the axis"),
        ({"populations": {"one": "normal", "two": stats.norm()}}, r"two of \['one', 'two'\] are the same population"),
        ({"populations": None}, "or a name; got NoneType"),
        ({"populations": stats.norm}, r"norm is a family of distributions; freeze one, as in stats.norm\("),
    ],
)
def test_bad_input_is_named_before_anything_is_simulated(given, message, monkeypatch):
    monkeypatch.setattr(
        "bnstats.studies.convergence.measure.ConvergenceStudy.simulate", lambda *_: pytest.fail("was simulated")
    )
    populations = given.pop("populations", "normal")
    with pytest.raises(ValueError, match=message):
        bn.measure_convergence(populations, **given)
