"""Corrections: independent implementations' numbers, identities, exact theory against simulation, and bad input.

False alarms: only the tests under "exact theory" are random, at 2e-8 and 3e-9 each (normal approximation, split over
conditions), below 3e-8 for the file; seeds are fixed only so that a failure repeats. Power: the first finds
discrepancies of 15 % in any condition (asserted by `detect`), and `test_wrong_theory_is_rejected` fails it on three
wrong formulas.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from keyed_rows import TIMES, rows
from scipy import stats
from scipy.interpolate import make_smoothing_spline
from statsmodels.formula.api import ols
from statsmodels.nonparametric.smoothers_lowess import lowess as statsmodels_lowess
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.stats.anova import anova_lm

from analyses.exam_data import school_tests
from bnstats import corrections
from bnstats.corrections import CORRECTIONS, correction_of
from bnstats.corrections.groups import Groups
from bnstats.corrections.shrinkage import anova_icc
from bnstats.corrections.smoothing_spline import smoothing_spline
from bnstats.statistics.running_conventions import Convention
from bnstats.testing import assert_within_mcse

REFERENCE = json.loads(Path(__file__).parents[1].joinpath("data", "combat_reference.json").read_text())

# ---- independent implementations


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: case["made_with"])
def test_combat_equals_independent_implementations(case):
    x, batch = np.array(REFERENCE["x"]), REFERENCE["batch"]
    errors = [
        np.abs((corrections.combat(ddof)(x, batch) - case["corrected"]) / x.std(axis=0)).max()
        for ddof in (case["ddof"], 1 - case["ddof"])
    ]
    assert errors[0] < 1e-11
    assert errors[1] > 1e-2  # the other convention is another correction


def test_shrunken_variances_equal_limma():
    x, batch = np.array(REFERENCE["x"]), REFERENCE["batch"]
    groups = Groups.of(x, batch, "batch")
    factors = corrections.shrink_scale().fit(x, batch).factors
    finite = 0
    for feature, limma in enumerate(REFERENCE["limma"]):
        if np.isinf(limma["df_prior"]):
            np.testing.assert_array_equal(factors[:, feature], 1.0)
        else:
            finite += 1
            want = np.sqrt(groups.var_within()[feature] / limma["var_post"])
            np.testing.assert_allclose(factors[:, feature], want, rtol=1e-10)
    assert 0 < finite < len(REFERENCE["limma"])  # both kinds are among them


def test_intraclass_correlation_is_that_of_the_f_statistic():
    x, batch = rows("batch", features=4)
    x[:, 3] = np.random.default_rng(1).permutation(x[:, 3] * 0 + np.arange(len(x)) % 2)  # alike: F < 1, icc 0
    samples = [x[batch == b] for b in np.unique(batch)]
    f = stats.f_oneway(*samples, axis=0).statistic
    n0 = (len(x) - sum(len(s) ** 2 for s in samples) / len(x)) / (len(samples) - 1)
    np.testing.assert_allclose(
        anova_icc(Groups.of(x, batch, "batch")), np.maximum(f - 1, 0) / (np.maximum(f - 1, 0) + n0)
    )


def test_intraclass_correlation_of_real_pass_rates_is_that_of_the_table_of_variances():
    schools = school_tests(2001)
    icc = anova_icc(Groups.of(schools[["math4", "read4"]], schools["district"], "batch"))
    for name, found in zip(("math4", "read4"), icc, strict=True):
        table = anova_lm(ols(f"{name} ~ C(district)", schools).fit())
        between, within = table["mean_sq"]
        sizes = schools["district"].value_counts()
        size = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / (len(sizes) - 1)
        assert found == pytest.approx((between - within) / (between + (size - 1) * within))


def test_random_intercept_is_the_blup_of_mixedlm_and_shrinkage_with_its_variances():
    x, batch = rows("batch", features=1)
    result = MixedLM(x[:, 0], np.ones((len(x), 1)), groups=batch).fit(method="powell")
    tau2, sigma2 = float(np.asarray(result.cov_re)[0, 0]), result.scale
    blup = np.array([float(result.random_effects[b].iloc[0]) for b in batch])
    effect = corrections.random_intercept().fit(x[:, 0], batch).effect(batch)
    shrunken = corrections.shrink(icc=tau2 / (tau2 + sigma2)).fit(x[:, 0], batch).effect(batch)
    np.testing.assert_allclose(effect, blup - blup.mean(), rtol=1e-5)
    np.testing.assert_allclose(effect, shrunken, rtol=1e-5)
    assert not np.allclose(effect, CORRECTIONS["shrink"].fit(x[:, 0], batch).effect(batch), rtol=1e-5)


def test_reml_is_the_analysis_of_variance_for_equal_sizes():
    rng = np.random.default_rng(0)
    batch = np.repeat(np.arange(8), 5)
    x = rng.normal(size=(40, 6)) + np.linspace(0, 2, 6) * rng.normal(size=(8, 6))[batch]
    icc = anova_icc(Groups.of(x, batch, "batch"))
    assert icc.min() < 0.05
    assert icc.max() > 0.5
    shrunken = [CORRECTIONS[name].fit(x, batch).effect(batch) for name in ("shrink", "random_intercept")]
    np.testing.assert_allclose(*shrunken, atol=1e-4)


@pytest.mark.parametrize("window", [3, 9])
def test_moving_averages_equal_pandas(window):
    y = np.random.default_rng(0).normal(size=40).cumsum()
    for name, center in (("moving_average", True), ("trailing_average", False)):
        want = pd.Series(y).rolling(window, center=center, min_periods=1).mean()
        effect = getattr(corrections, name)(window=window).fit(y, np.arange(40)).effect(np.arange(40))
        np.testing.assert_allclose(effect, want - want.mean(), atol=1e-12)


def test_exponential_average_equals_pandas_and_debiased_running_statistics():
    y = np.random.default_rng(0).normal(size=40).cumsum()
    effect = corrections.exponential_average(weight=0.3).fit(y, np.arange(40)).effect(np.arange(40))
    want = pd.Series(y).ewm(alpha=0.3).mean()
    np.testing.assert_allclose(effect, want - want.mean(), atol=1e-12)
    last = Convention("own", 0.3, debias=True).weights(40)[1:] @ y
    assert effect[-1] - effect[0] == pytest.approx(last - y[0])


def test_smoothers_equal_their_libraries_with_ties_averaged():
    x, times = rows("time", features=1)
    mean = pd.Series(x[:, 0]).groupby(times).mean()
    curves = {
        "polynomial": np.polynomial.Polynomial.fit(times, x[:, 0], 2)(times),
        "lowess": pd.Series(statsmodels_lowess(mean, mean.index, frac=5 / 13, it=0)[:, 1], mean.index)[
            times
        ].to_numpy(),
    }
    for name, curve in curves.items():
        effect = CORRECTIONS[name].fit(x[:, 0], times).effect(times)
        np.testing.assert_allclose(effect, curve - curve.mean(), atol=1e-9, err_msg=name)


@pytest.mark.parametrize("penalty", [0.0, 0.1, 10.0, 1e4])
def test_splines_equal_scipys_and_go_on_as_these(penalty):
    x, times = rows("time")
    groups = Groups.of(x, times, "time")
    at = np.append(groups.labels, [-1.0, 21.0])
    curves = [make_smoothing_spline(groups.labels, y, w=groups.n[:, 0], lam=penalty)(at) for y in groups.mean.T]
    expected = np.stack(curves, axis=1)
    expected -= groups.average(expected[:-2])
    np.testing.assert_allclose(corrections.spline(penalty).fit(x, times).effect(at), expected, atol=1e-8)


def gcv(times: np.ndarray, y: np.ndarray, weights: np.ndarray, penalty: float) -> float:
    """The score, worked out from the whole matrix that makes the fitted values of the given ones."""
    matrix = smoothing_spline(times, np.eye(y.size), weights, penalty)(times)
    return y.size * (weights * (y - matrix @ y) ** 2).sum() / (y.size - np.trace(matrix)) ** 2


@pytest.mark.parametrize("n", [20, 40])
def test_penalties_are_cross_validated(n):
    """No other curve has a score that is lower by more than a thousandth; that of three times the penalty has not."""
    rng = np.random.default_rng(0)
    times, weights = np.sort(rng.uniform(0, 3, n)), rng.integers(1, 4, n).astype(float)
    y = np.sin(2 * times) + 0.3 * rng.normal(size=n)
    grid = 10.0 ** np.arange(-8, 5, 0.1)
    scores = np.array([gcv(times, y, weights, penalty) for penalty in grid])
    chosen = smoothing_spline(times, y[:, None], weights, None)(times)
    near = [np.abs(smoothing_spline(times, y[:, None], weights, p)(times) - chosen).max() for p in grid]
    assert scores[np.argmin(near)] < 1.001 * scores.min()
    assert gcv(times, y, weights, 3 * grid[np.argmin(near)]) > 1.001 * scores.min()


def test_tied_rows_weigh_as_many_rows_as_they_are():
    x, times = [1.0, 1.0, 7.0, 4.0, 4.0], [0, 0, 0, 1, 2]
    effect = corrections.moving_average(3).fit(x, times).effect([0, 1, 2])
    np.testing.assert_allclose(np.diff(effect), [17 / 5 - 13 / 4, 4 - 17 / 5])
    averaged = corrections.moving_average(3).fit([3.0, 4.0, 4.0], [0, 1, 2]).effect([0, 1, 2])
    assert not np.allclose(np.diff(effect), np.diff(averaged))


# ---- identities


def test_a_penalty_is_in_units_of_time():
    x, times = rows("time")
    in_days = corrections.spline(2.0)(x, times)
    np.testing.assert_allclose(corrections.spline(2.0 / 1000**3)(x, times / 1000), in_days)
    assert np.abs(corrections.spline(2.0)(x, times / 1000) - in_days).max() > 0.1


def test_shrinkage_runs_from_nothing_to_centering():
    x, key = rows("batch")
    np.testing.assert_array_equal(corrections.shrink(icc=0)(x, key), x)
    np.testing.assert_allclose(corrections.shrink(icc=1)(x, key), CORRECTIONS["center"](x, key))
    sizes = [np.abs(corrections.shrink(icc)(x, key) - x).sum() for icc in np.linspace(0, 1, 5)]
    assert (np.diff(sizes) > 0).all()


def test_variances_run_from_pooled_to_their_own():
    rng = np.random.default_rng(0)
    batch = np.repeat(np.arange(6), 20)
    x = rng.normal(size=120)
    alike = np.concatenate([stats.zscore(part) for part in x.reshape(6, 20)])
    np.testing.assert_array_equal(corrections.shrink_scale()(alike, batch), CORRECTIONS["shrink"](alike, batch))
    many = np.repeat(np.arange(6), 5000)
    unlike = rng.normal(size=many.size) * (1 + many)
    own = CORRECTIONS["standardize"](unlike, many)
    np.testing.assert_allclose(corrections.shrink_scale(icc=1)(unlike, many), own, rtol=0.01, atol=0.01)
    assert not np.allclose(corrections.shrink(icc=1)(unlike, many), own, rtol=0.1, atol=0.1)


@pytest.mark.parametrize(("name", "degree"), [("polynomial", 2), ("spline", 1), ("lowess", 1)])
def test_trends_are_taken_out_and_carried_on(name, degree):
    trend = np.polynomial.Polynomial([3.0, -0.2, 0.4][: degree + 1])
    fitted = CORRECTIONS[name].fit(trend(TIMES), TIMES)
    later = np.array([21.0, 2.25])
    np.testing.assert_allclose(fitted.apply(trend(TIMES), TIMES), trend(TIMES).mean(), rtol=1e-6)
    np.testing.assert_allclose(fitted.apply(trend(later), later), trend(TIMES).mean(), rtol=1e-6)
    bent = trend(TIMES) + 0.1 * TIMES ** (degree + 1)
    assert np.ptp(CORRECTIONS["polynomial" if degree == 2 else "lowess"](bent, TIMES)) > 0.1


def test_averages_of_the_past_stand_until_the_next_time():
    fitted = corrections.trailing_average(window=2).fit([1.0, 3.0, 8.0], [0, 1, 2])
    np.testing.assert_allclose(np.diff(fitted.effect([0, 0.5, 1, 1.9, 2, 50])), [0, 1, 0, 3.5, 0])
    with pytest.raises(ValueError, match=r"time -1\.0 is before the first that was fitted, 0\.0"):
        fitted.effect([0.5, -1.0])


def test_polynomials_of_dates_are_those_of_days():
    """Of degree 5, at dates 20 000 days from the origin: the scale is that of the times' own span."""
    days = np.sort(np.random.default_rng(0).choice(400, 60, replace=False))
    dates = np.datetime64("2024-01-01") + days.astype("timedelta64[D]")
    t = (days - 200) / 200
    curve = t - 2 * t**3 + t**5
    np.testing.assert_allclose(
        corrections.polynomial(5).fit(curve, dates).effect(dates), curve - curve.mean(), atol=1e-9
    )
    assert np.ptp(curve - corrections.polynomial(4)(curve, dates)) > 0.01


# ---- exact theory

TAU2, SIGMA2, BATCHES = 0.5, 2.0, 10


def left(icc: float, n: int, new: bool) -> float:
    """Mean squared error of the effect, estimated with that icc from equal batches of n; the level is estimated too.

    A fitted batch: (1 - 1/k) ((1 - B)² tau² + B² sigma²/n) + tau²/k, whose bracket is tau² (sigma²/n) / (tau² +
    sigma²/n) at the true icc, sigma²/n at 1, tau² at 0. A new one adds B² (tau² + sigma²/n)/k for the fitted mean.
    """
    share, noise = n * icc / (1 + (n - 1) * icc), SIGMA2 / n
    bracket = (1 - share) ** 2 * TAU2 + share**2 * noise
    if new:
        return bracket + share**2 * (TAU2 + noise) / BATCHES
    return (1 - 1 / BATCHES) * bracket + TAU2 / BATCHES


def simulated(icc: float, n: int, new: bool, replicates: int) -> tuple[float, float]:
    """That error and its MCSE; features are replicates."""
    rng = np.random.default_rng([round(100 * icc), n, new])
    batch = np.repeat(np.arange(2 * BATCHES), n)
    effect = np.sqrt(TAU2) * rng.standard_normal((2 * BATCHES, replicates))
    x = effect[batch] + np.sqrt(SIGMA2) * rng.standard_normal((batch.size, replicates))
    half = batch < BATCHES
    fitted = corrections.shrink(icc).fit(x[half], batch[half])
    effects = fitted.adapt(x[~half], batch[~half]).effects if new else fitted.effects
    errors = np.square(effects - effect[BATCHES:] if new else effects - effect[:BATCHES]).mean(axis=0)
    return errors.mean(), errors.std(ddof=1) / np.sqrt(replicates)


CELLS = [(icc, n, new) for icc in (0.0, 0.2, 1.0) for n in (2, 8, 32) for new in (False, True)]
TRUE_ICC = TAU2 / (TAU2 + SIGMA2)


@pytest.fixture(scope="module")
def simulations() -> np.ndarray:
    return np.array([simulated(*condition, replicates=160_000 // condition[1]) for condition in CELLS]).T


def test_error_variance_left_by_shrinking_centering_and_doing_nothing(simulations):
    exact = np.array([left(*condition) for condition in CELLS])
    assert TRUE_ICC == 0.2
    assert_within_mcse(simulations[0], exact, simulations[1], false_alarm=2e-8, detect=0.15 * exact)
    for n in (2, 8, 32):  # what the docstring says of known variances
        bracket = (left(TRUE_ICC, n, False) - TAU2 / BATCHES) / (1 - 1 / BATCHES)
        assert bracket == pytest.approx(TAU2 * SIGMA2 / n / (TAU2 + SIGMA2 / n))
        assert bracket < min(TAU2, SIGMA2 / n)


def test_wrong_theory_is_rejected(simulations):
    def without_level(icc, n, new):
        return (left(icc, n, new) - TAU2 / BATCHES) / (1 - 1 / BATCHES) if not new else left(icc, n, new)

    def with_ddof(icc, n, new):
        return left(icc, n, new) + (SIGMA2 / (n - 1) - SIGMA2 / n) * (n * icc / (1 + (n - 1) * icc)) ** 2

    def share_of_a_row(icc, n, new):
        return left(icc / (n - (n - 1) * icc), n, new)

    for wrong in (without_level, with_ddof, share_of_a_row):
        with pytest.raises(AssertionError, match="not within Monte Carlo error"):
            assert_within_mcse(
                simulations[0], [wrong(*condition) for condition in CELLS], simulations[1], false_alarm=2e-8
            )


@pytest.fixture(scope="module", params=[0.0, 0.5, 50.0])
def squared_errors(request) -> tuple[float, dict[str, np.ndarray]]:
    """tau², and the mean squared error of batch effects about their mean, of 5000 replicates."""
    rng = np.random.default_rng(round(request.param))
    batch = np.repeat(np.arange(BATCHES), 4)
    effect = np.sqrt(request.param) * rng.standard_normal((BATCHES, 5000))
    x = effect[batch] + np.sqrt(SIGMA2) * rng.standard_normal((batch.size, 5000))
    around = effect - effect.mean(axis=0)
    names = ("none", "center", "shrink")
    return request.param, {n: np.square(CORRECTIONS[n].fit(x, batch).effects - around).mean(axis=0) for n in names}


def above(one: np.ndarray, other: np.ndarray) -> float:
    """In standard errors."""
    return float((one - other).mean() / ((one - other).std() / np.sqrt(one.size)))


def test_estimated_shrinkage_is_never_worse_than_centering_and_better_where_batches_differ_little(squared_errors):
    """James-Stein dominates with 10 batches. The gains at tau² of 0 and 0.5 are 50 and more standard errors."""
    tau2, errors = squared_errors
    assert above(errors["shrink"], errors["center"]) < (6 if tau2 == 50 else -6)
    if tau2 > 0:
        assert above(errors["shrink"], errors["none"]) < -6
        assert (above(errors["none"], errors["center"]) > 6) == (tau2 == 50)  # the comparison can turn out so


# ---- bad input

PAIRS = ["a", "a", "b7", "b7"]
LONE = ["a", "a", "b7"]


@pytest.mark.parametrize(
    ("name", "x", "key", "message"),
    [
        ("standardize", [1, 2, 3], LONE, "batch 'b7' has one row"),
        ("shrink_scale", [1, 2, 3], LONE, "batch 'b7' has one row"),
        ("combat", np.eye(3), LONE, "batch 'b7' has one row"),
        ("standardize", [1, 2, 0.1, 0.1], PAIRS, "batch 'b7' holds equal values only"),
        ("shrink_scale", [1, 2, 0.1, 0.1], PAIRS, "batch 'b7' holds equal values only"),
        ("combat", [[1, 2], [2, 4], [5, 5], [5, 5], [0, 0], [3, 1]], [*PAIRS, "c", "c"], "batch 'b7' has the same var"),
        ("combat", [[1, 2], [1, 2], [5, 3], [5, 3]], PAIRS, "feature 0, 1 does not vary within any batch"),
        ("combat", [1, 2, 3, 4], PAIRS, "has one feature.*'shrink'"),
        ("shrink", [1, 2], ["b7", "b7"], "batch 'b7' is the only one"),
        ("random_intercept", [1, 2], ["b7", "b7"], "batch 'b7' is the only one"),
        ("shrink", [1, 2], ["a", "b7"], "every batch has one row"),
        ("random_intercept", [1, 2], ["a", "b7"], "every batch has one row"),
        ("center", [1, 2, np.nan, 3], PAIRS, "batch 'b7' holds NaN"),
        ("spline", [1, 2, np.inf, 3], [1, 2, 3, 4], "time 3.0 holds NaN or infinite"),
        ("center", [1, 2, 3], ["a", None, "b7"], "row 1 has no batch"),
        ("lowess", [1, 2], [0, np.nan], "times are finite; row 1"),
        ("lowess", [1, 2], ["a", "b"], "times are numbers"),
        ("center", ["1", "two"], ["a", "a"], "x holds real numbers"),
        ("center", [1j, 2.0], ["a", "a"], "x holds real numbers.*complex"),
        ("center", np.array(["2024-01-01"] * 2, "M8[D]"), ["a", "a"], "x holds real numbers.*datetime64"),
        ("center", [None, {}], ["a", "a"], "x holds real numbers"),
        ("none", [1, 2, 3], PAIRS, r"shapes \(3,\) and \(4,\)"),
        ("none", [], [], "at least one row"),
        ("none", np.ones((2, 0)), ["a", "b7"], r"shapes \(2, 0\) and \(2,\)"),
        ("moving_average", [1, 2, 3], [1, 2, 3], "window=9 holds all 3 distinct times"),
        ("moving_average", [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], "window=9 holds all 5 distinct times"),
        ("trailing_average", [1, 2, 3], [4, 4, 4], "takes 2 distinct times or more; got 1, first 4.0"),
        ("exponential_average", [1, 2, 3], [4, 4, 4], "takes 2 distinct times or more"),
        ("polynomial", [1, 2, 3], [4, 4, 5], "degree 2 takes 3 distinct times"),
        ("spline", [1, 2, 3], [3, 4, 5], "takes 5 distinct times"),
        ("lowess", [1, 2, 3], [3, 4, 5], "takes 5 distinct times"),
    ],
)
def test_what_cannot_be_estimated_is_named(name, x, key, message):
    with pytest.raises(ValueError, match=message):
        CORRECTIONS[name](x, key)


def test_centering_a_batch_of_one_row_is_warned_of():
    x = [1.0, 2.0, 3.0]
    fitted = CORRECTIONS["center"].fit(x[:2], LONE[:2])
    for warned in (
        lambda: CORRECTIONS["center"](x, LONE),
        lambda: CORRECTIONS["center"].fit(x, LONE),
        lambda: fitted.adapt(x, LONE),
    ):
        with pytest.warns(UserWarning, match="batch 'b7' has one row") as found:
            warned()
        assert [w.filename for w in found] == [__file__]


def test_dates_count_in_days_whatever_their_unit():
    x, days = np.sin(np.arange(8.0)), np.array([0, 1, 3, 4, 7, 11, 12, 13])
    plain = CORRECTIONS["polynomial"].fit(x, days)
    dates = np.datetime64("2024-02-27") + days.astype("m8[D]")
    for unit in ("D", "s", "ns"):
        dated = CORRECTIONS["polynomial"].fit(x, dates.astype(f"M8[{unit}]"))
        np.testing.assert_allclose(dated.effect(dates + np.timedelta64(5, "D")), plain.effect(days + 5), atol=1e-8)
        lasting = CORRECTIONS["polynomial"].fit(x, days.astype("m8[D]").astype(f"m8[{unit}]"))
        np.testing.assert_allclose(lasting.effect(days + 5.0), plain.effect(days + 5), atol=1e-12)
    with pytest.raises(ValueError, match="times are finite; row 7 has nan"):
        CORRECTIONS["polynomial"](x, [*dates[:7], np.datetime64("NaT", "D")])


def test_containers_of_pandas_without_labels_in_common_are_read_by_place():
    x, batch = rows("batch", features=1)
    wanted = CORRECTIONS["shrink"](x[:, 0], batch)
    series = pd.Series(x[:, 0], index=np.arange(x.size)[::-1])
    key = pd.Series(batch, index=series.index)
    for kind in (list(batch), pd.Categorical(batch), key.astype("string"), key.astype("category")):
        np.testing.assert_array_equal(CORRECTIONS["shrink"](series, kind), wanted)


def test_equal_values_are_no_effect():
    for name in ("center", "shrink", "random_intercept"):
        np.testing.assert_array_equal(CORRECTIONS[name](np.full(4, 0.5), PAIRS), 0.5)
    np.testing.assert_allclose(CORRECTIONS["random_intercept"]([1, 1, 2, 2], PAIRS), 1.5)  # icc 1: centering


def test_the_effect_of_an_unseen_batch_needs_its_rows():
    fitted = CORRECTIONS["shrink"].fit([1.0, 2.0, 5.0, 6.0], PAIRS)
    with pytest.raises(ValueError, match="batch 'c' was not fitted, and its effect depends on its rows"):
        fitted.effect(["a", "c"])


def test_a_fit_is_applied_to_rows_of_its_own_shape():
    fitted = CORRECTIONS["center"].fit(np.eye(4), PAIRS)
    with pytest.raises(ValueError, match=r"fitted on x of shape \('rows', 4\)"):
        fitted.apply(np.ones((4, 3)), PAIRS)


def test_local_lines_do_not_reach_far():
    fitted = CORRECTIONS["lowess"].fit(np.sin(np.arange(30)), np.arange(30))
    with pytest.raises(ValueError, match="too far from the fitted times"):
        fitted.effect([1e6])


@pytest.mark.parametrize(
    ("factory", "arguments", "message"),
    [
        (corrections.shrink, {"icc": 1.5}, "icc .* got 1.5"),
        (corrections.shrink_scale, {"icc": -0.1}, "icc .* got -0.1"),
        (corrections.combat, {"ddof": 2}, "ddof .* got 2"),
        (corrections.moving_average, {"window": 4}, "odd; got 4: use 5"),
        (corrections.trailing_average, {"window": 0}, "at least 1; got 0"),
        (corrections.trailing_average, {"window": "3"}, "window is a whole number of at least 1; got '3'"),
        (corrections.moving_average, {"window": 2.5}, "got 2.5"),
        (corrections.polynomial, {"degree": 1.5}, "degree is a whole number of at least 0; got 1.5"),
        (corrections.lowess, {"iterations": -1}, "iterations is a whole number"),
        (corrections.shrink, {"icc": "0.2"}, "icc is a number, finite; got '0.2'"),
        (corrections.spline, {"penalty": "a"}, "penalty is a number, finite"),
        (corrections.exponential_average, {"weight": 0.0}, "above 0 and at most 1; got 0"),
        (corrections.polynomial, {"degree": -1}, "at least 0.*got -1"),
        (corrections.spline, {"penalty": -1.0}, "got -1"),
        (corrections.lowess, {"proportion": 0.0}, "above 0 and at most 1; got 0"),
    ],
)
def test_parameters_out_of_range_are_named(factory, arguments, message):
    with pytest.raises(ValueError, match=message):
        factory(**arguments)


def test_corrections_are_told_apart_by_their_parameters():
    for one, other in (
        (corrections.shrink(), corrections.shrink(icc=0.2)),
        (corrections.moving_average(window=3), corrections.moving_average(window=5)),
        (corrections.shrink(), corrections.shrink_scale()),
    ):
        assert one != other
        assert one.name != other.name
        assert pickle.loads(pickle.dumps(other)) == other
        assert hash(pickle.loads(pickle.dumps(other))) == hash(other)
    assert corrections.lowess(proportion=0.5, iterations=3).name == "lowess(proportion=0.5, iterations=3)"
    assert {name: getattr(corrections, name)() for name in CORRECTIONS} == CORRECTIONS


def test_names_are_known_or_the_nearest_is_named():
    assert correction_of("center") is CORRECTIONS["center"]
    assert correction_of(CORRECTIONS["spline"]) is CORRECTIONS["spline"]
    with pytest.raises(ValueError, match="did you mean 'standardize'"):
        correction_of("standardise")
    with pytest.raises(ValueError, match=r"correction takes a name .* or a bn.corrections.Correction; got 3"):
        correction_of(3)
