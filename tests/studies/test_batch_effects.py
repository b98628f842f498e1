"""The study of batch effects, against exact errors, slightly wrong formulas, and computations that share no code.

z statistics are held against the normal quantile at 1e-9 / (number of conditions), in each of 7 tests: false alarms in
less than one run in 10 million. Power: each wrong formula lies at least 4 standard errors beyond the bound, or is
placed by the theory of its own standard error where that is expected to be 8.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from bnstats.corrections import (
    CORRECTIONS,
    exponential_average,
    lowess,
    moving_average,
    polynomial,
    shrink,
    trailing_average,
)
from bnstats.sampling.effects import EFFECTS, Distinct, Mixture, RandomWalk, Trend
from bnstats.simulation.precision.paired_errors import Error
from bnstats.simulation.replicates.sample import Sample
from bnstats.simulation.result import Simulation
from bnstats.simulation.summaries.registry import SUMMARIES
from bnstats.studies.batch_effects.downstream_model import corrected, logistic
from bnstats.studies.batch_effects.exact import _effect_left, _noise_left, contrast_lost, mean_square_error
from bnstats.studies.batch_effects.measure import MEASURES, measure_correction
from bnstats.studies.batch_effects.result import _margin, best_corrections
from bnstats.studies.batch_effects.simulated_rows import AffectedRows

FALSE_ALARM = 1e-9
LINEAR = (
    CORRECTIONS["none"],
    CORRECTIONS["center"],
    shrink(icc=0.3),
    moving_average(window=5),
    trailing_average(window=3),
    exponential_average(),
    polynomial(degree=2),
    lowess(proportion=0.5),
)


def bound(conditions: int) -> float:
    return float(stats.norm.isf(FALSE_ALARM / 2 / conditions))


def z(table: pd.DataFrame, claim) -> np.ndarray:
    return ((table["value"] - claim) / table["mcse"]).to_numpy()


def relative_error(row: pd.Series, batches: int) -> float:
    """Standard error of an uncorrected root mean squared error, relative to it, at the most.

    A replicate's squared error is a quadratic form: of normal shifts with the covariance C about their mean it has the
    expectation tr C and the variance 2 tr C², of lines and waves of fixed size a smaller variance. Half of its relative
    error is that of its root.
    """
    smooth = EFFECTS[row["effect"]]
    effect = smooth if smooth == Distinct() else Mixture(smooth, row["smoothness"])
    root = effect.root(batches, row["batch_size"])
    variances = np.linalg.svd(root - root.mean(axis=0), compute_uv=False) ** 2
    return np.sqrt(2 * (variances**2).sum() / row["replicates"]) / variances.sum() / 2


def test_measured_errors_agree_with_exact_ones() -> None:
    """Every linear correction and the estimated shrinkage, distinct and smooth effects, as nuisance and as signal.

    Wrong: an uncorrected error larger by (bound + 8) of its standard errors, 21 to 30 %. A fixed factor will not do:
    squared errors of a random walk vary by 0.89 of their mean, those of a trend with steps by 0.53. z of a wrong
    formula has a standard deviation of up to 1.7, as its standard error is estimated too, and is skewed to the safe
    side: the smallest of 12 000 simulated ones was bound + 2.9.
    """
    given = {"batches": 6, "labels": ["nuisance", "signal"], "measures": ["rmse", "bias"], "max_replicates": 512}
    corrections = [*LINEAR, "shrink"]
    steps = measure_correction(corrections, effect_size=[0.5, 1.5], batch_sizes=[2, 7], **given, precision=None)
    smooth = measure_correction(
        corrections, effect=list(EFFECTS.values())[1:], smoothness=[0.5, 1.0], batch_sizes=[4], **given, precision=None
    )
    both = pd.concat([steps.table, smooth.table])
    known = both[both["exact"].notna()]
    assert known["measure"].value_counts().to_dict() == {"rmse": 8 * 9 + 12 * 8, "bias": 4 * 9 + 6 * 9}
    fixed = known["mcse"] == 0
    np.testing.assert_allclose(known["value"][fixed], known["exact"][fixed], atol=1e-12)
    known = known[~fixed]
    assert np.abs(z(known, known["exact"])).max() < bound(len(known))
    untouched = known.query("correction == 'none' and measure == 'rmse'")
    apart = (bound(len(known)) + 8) * untouched.apply(relative_error, axis=1, batches=6)
    assert 0.2 < apart.min() < apart.max() < 0.31
    assert np.abs(z(untouched, (1 + apart) * untouched["exact"])).min() > bound(len(known))


def test_finite_numbers_of_batches_and_estimated_variances_count() -> None:
    """Wrong: errors without the factor 1 - 1/J; shrinkage with the variances known; a bias of 1/n of the difference."""
    table = measure_correction(
        ["none", "center", "shrink"],
        batches=4,
        batch_sizes=4,
        effect_size=0.5,
        measures=["rmse", "bias"],
        precision=None,
        max_replicates=2**14,
    ).table.set_index(["correction", "measure"])
    known = table[table["exact"].notna()]
    assert np.abs(z(known, known["exact"])).max() < bound(8)
    best = np.sqrt(0.75 * 0.25 * 0.25 / 0.5)
    difference = 2 * np.sqrt(2 / np.pi * 0.8)
    wrong = {
        ("none", "rmse"): 0.5,
        ("center", "rmse"): 0.5,
        ("shrink", "rmse"): best,
        ("center", "bias"): -difference / 4,
    }
    for key, claim in wrong.items():
        assert abs(table.loc[key, "value"] - claim) / table.loc[key, "mcse"] > bound(8) + 4, key


@pytest.mark.parametrize(("tau", "batches", "n"), [(0.1, 4, 2), (0.5, 10, 4), (2.0, 20, 16), (0.0, 6, 8)])
def test_risk_of_estimated_shrinkage(tau: float, batches: int, n: int) -> None:
    """The integral, against batch means and sums of squares drawn from their laws. Wrong: weights known."""
    rng, size, variance = np.random.default_rng(0), 400_000, tau**2 + 1 / n
    effect = tau * rng.normal(size=(size, batches))
    mean = effect + rng.normal(size=(size, batches)) / np.sqrt(n)
    effect, mean = (x - x.mean(axis=1, keepdims=True) for x in (effect, mean))
    within = rng.chisquare(batches * (n - 1), size) / (batches * (n - 1))
    weight = np.maximum(0, 1 - within / (n * (mean**2).sum(axis=1) / (batches - 1)))[:, None]
    for remove, left in ((True, effect - weight * mean), (False, weight * mean)):
        squares = (left**2).mean(axis=1)
        error = squares.std() / np.sqrt(size)
        exact = mean_square_error(CORRECTIONS["shrink"], Distinct(), tau, batches, n, remove=remove)
        assert abs(squares.mean() - exact) / error < bound(8)
        share = tau**2 / variance
        oracle = (1 - 1 / batches) * (tau**2 / n / variance if remove else share**2 * variance)
        if tau <= 0.5:  # the variances of 20 batches of 16 that differ by 2 sigma are as good as known
            assert abs(squares.mean() - oracle) / error > bound(8) + 4


def test_known_share_of_variance_is_the_best() -> None:
    """Shrinking by the true share leaves (1 - 1/J) tau² (1/n) / (tau² + 1/n), and by any other share more."""
    for tau, n in product((0.2, 1.0), (2, 5)):
        errors = {
            icc: mean_square_error(shrink(icc=icc), Distinct(), tau, 8, n)
            for icc in (0.0, 0.05, tau**2 / (1 + tau**2), 0.7, 1.0)
        }
        assert min(errors, key=errors.get) == tau**2 / (1 + tau**2)
        assert min(errors.values()) == pytest.approx(7 / 8 * tau**2 / n / (tau**2 + 1 / n))
        assert errors[0.0] == pytest.approx(7 / 8 * tau**2)
        assert errors[1.0] == pytest.approx(7 / 8 / n)


def test_matrices_and_closed_forms_agree() -> None:
    for name, remove in product(("none", "center"), (True, False)):
        correction = CORRECTIONS[name]
        given = correction, 6, 3, 2
        matrix = 0.49 * _effect_left(correction, Distinct(), 6, 3, 2, remove) + _noise_left(*given)
        assert matrix == pytest.approx(mean_square_error(correction, Distinct(), 0.7, 6, 3, remove=remove), abs=1e-12)
    assert contrast_lost(CORRECTIONS["center"], 6, 3) == pytest.approx(contrast_lost(shrink(icc=1.0), 6, 3))
    # An effect that moves within batches leaves centering what it moves there: of a line, (n² - 1) / (N² - 1).
    line = mean_square_error(CORRECTIONS["center"], Trend(), 1.0, 6, 3) - 5 / 6 / 3
    assert line == pytest.approx((3**2 - 1) / (18**2 - 1))
    assert np.isnan(mean_square_error(CORRECTIONS["spline"], RandomWalk(), 1.0, 6, 3))
    assert np.isnan(mean_square_error(CORRECTIONS["center"], Distinct(spread=0.1), 1.0, 6, 3))
    assert np.isnan(mean_square_error(CORRECTIONS["center"], Trend(), 1.0, 400, 3))


def test_accuracy_without_correction() -> None:
    """In large batches the model is Bayes' rule: 1 - arccos(correlation of value and truth) / pi, less what it learns.

    Wrong: the correlation's square, as if noise were added twice.
    """
    tau = 0.8
    measured = measure_correction(
        "none", effect_size=tau, batch_sizes=50, labels=["nuisance", "signal"], measures="accuracy", precision=0.005
    ).table.set_index("labels")
    for labels, told in (("nuisance", 0.8), ("signal", 0.8 + tau**2)):
        rho = np.sqrt(told) if labels == "signal" else told / np.sqrt(0.8)
        best = 1 - np.arccos(rho / np.sqrt(1 + tau**2)) / np.pi
        value, mcse = measured.loc[labels, ["value", "mcse"]]
        assert best - 0.02 - bound(2) * mcse < value < best + bound(2) * mcse
        assert 1 - np.arccos(rho**2 / (1 + tau**2)) / np.pi < value - (bound(2) + 4) * mcse


def test_confounded_batches_look_fine_and_fail() -> None:
    """Uncorrected, the model learns the batches; new batches are not so. Centering takes true differences away."""
    measured = measure_correction(
        ["none", "center"], batch_sizes=32, design="confounded", precision=0.02, max_replicates=512
    )
    table = measured.table.set_index(["correction", "measure"])
    assert abs(z(table.loc[[("none", "rmse")]], np.sqrt(0.95))[0]) < bound(1)
    assert np.isnan(table.loc[("center", "rmse"), "exact"])
    told, error = table["value"], table["mcse"]
    for high, low in (
        (("none", "training_accuracy"), ("none", "accuracy")),
        (("center", "accuracy"), ("center", "training_accuracy")),
    ):
        assert told[high] - told[low] > (bound(4) + 4) * np.hypot(error[high], error[low])
    assert told["none", "bias"] > (bound(4) + 4) * error["none", "bias"]
    assert -told["center", "bias"] > (bound(4) + 4) * error["center", "bias"]
    best_corrections = {m: measured.best_corrections(m).iloc[0] for m in ("accuracy", "training_accuracy", "bias")}
    assert {m: row["best"] for m, row in best_corrections.items()} == {
        "accuracy": "center",
        "training_accuracy": "none",
        "bias": "center",
    }
    assert best_corrections["accuracy"]["margin"] == pytest.approx(
        told["center", "accuracy"] - told["none", "accuracy"]
    )
    assert best_corrections["bias"]["margin"] == pytest.approx(told["none", "bias"] + told["center", "bias"])
    # The half of batches with higher effects has a mean signal higher by 2 * 0.674 * sqrt(0.8): centering takes it all.
    assert told["center", "rmse"] == pytest.approx(np.sqrt(0.95 / 32 + 0.8 * stats.norm.ppf(0.75) ** 2), rel=0.02)


def test_margins_are_paired_over_groups_of_blocks() -> None:
    """Recomputed from the replicates of each block; as independent samples, the error would be far larger."""
    measured = measure_correction(["center", "shrink"], measures=["rmse", "correlation"], batch_sizes=8, precision=None)
    row = measured.best_corrections("rmse").iloc[0]
    assert (row["best"], row["second_best"], bool(row["clear"])) == ("shrink", "center", True)
    table = measured.table[measured.table["measure"] == "rmse"]
    assert row["margin"] == pytest.approx(table["value"].iloc[0] - table["value"].iloc[1])
    assert row["mcse"] < 0.5 * np.hypot(*table["mcse"])
    first, second = (measured.simulation.samples[i].moments for i in table.index)
    without = [np.sqrt((group.sum() - group) / 15) for group in (first[:, 1], second[:, 1])]  # one of 16 equal groups
    assert row["mcse"] == pytest.approx(np.sqrt(15) * np.std(without[0] - without[1]), rel=1e-6)
    assert row["mcse_df"] == 15
    best = measured.best_corrections("correlation").iloc[0]
    assert best["best"] == "shrink"
    assert best["value"] == measured.table.query("measure == 'correlation'")["value"].max()


def held_to(simulation, *groups):
    """The simulation with so many groups of blocks of each row, as if it had been precise sooner."""
    kept = [
        replace(sample, moments=np.where(np.arange(16)[:, None] < count, sample.moments, 0.0))
        for sample, count in zip(simulation.samples, groups, strict=True)
    ]
    return replace(simulation, samples=kept, places=())


def test_margins_where_one_correction_was_settled_sooner() -> None:
    """Its groups are fewer: the other's blocks i and i + 8 join group i. By the jackknife, recomputed."""
    measured = measure_correction(["center", "shrink"], measures="rmse", batch_sizes=8, precision=None)
    sooner = held_to(measured.simulation, 8, 16)
    first, second = (s.moments for s in sooner.samples)
    without = []
    for group in range(8):
        kept = np.arange(16) % 8 != group
        means = [np.average(m[kept, 1], weights=m[kept, 0]) for m in (first, second)]
        without.append(np.sqrt(means[1]) - np.sqrt(means[0]))
    expected = np.sqrt(7 / 8 * np.sum((without - np.mean(without)) ** 2))
    for pair in ((0, 1), (1, 0)):
        assert _margin(sooner, *pair, "rmse") == Error(pytest.approx(expected), 7)


def test_two_groups_of_blocks_have_an_error_and_one_has_none() -> None:
    """Half of the distance between the two differences, with one degree of freedom; never above the sum of both."""
    measured = measure_correction(["center", "shrink"], measures="rmse", batch_sizes=8, precision=None)
    two = held_to(measured.simulation, 2, 2)
    first, second = (np.sqrt(sample.moments[:2, 1]) for sample in two.samples)
    found = _margin(two, 0, 1, "rmse")
    assert found == Error(pytest.approx(np.abs(np.diff(first - second)).item() / 2, rel=1e-6), 1)
    both, df = measured.table["mcse"].sum(), measured.table["mcse_df"].min()
    assert _margin(held_to(measured.simulation, 1, 1), 0, 1, "rmse") == Error(pytest.approx(both), df)


def test_affected_rows() -> None:
    """A batch that is stretched by f and shifted by b is seen as b + f (signal + noise)."""
    condition = {"effect": Distinct(spread=0.5), "effect_size": 2.0, "smoothness": 0.0, "batch_size": 4000}
    drawn = {
        labels: AffectedRows.draw(
            np.random.default_rng(0), condition | {"labels": labels, "design": "balanced"}, 2, 4, 2, 3, noise=0.2
        )
        for labels in ("nuisance", "signal")
    }
    nuisance, signal = drawn["nuisance"], drawn["signal"]
    np.testing.assert_array_equal(nuisance.seen, signal.seen)
    np.testing.assert_array_equal(signal.clean, signal.seen)
    assert nuisance.seen.shape == (2, 3, 6, 4000)
    slope = (nuisance.seen.std(axis=3) / nuisance.clean.std(axis=3))[..., None]
    shift = nuisance.seen.mean(axis=3, keepdims=True) - slope * nuisance.clean.mean(axis=3, keepdims=True)
    np.testing.assert_allclose(nuisance.seen, shift + slope * nuisance.clean, atol=1e-9)
    np.testing.assert_allclose(signal.truth, shift + slope * nuisance.truth, atol=1e-9)
    noise = nuisance.clean - nuisance.truth
    assert noise.var() == pytest.approx(0.2, rel=0.03)  # 8 standard errors, as the next
    assert nuisance.clean.var() == pytest.approx(1.0, rel=0.03)
    np.testing.assert_array_equal(nuisance.label, nuisance.truth.sum(axis=1).reshape(2, -1) > 0)


def test_no_winner_where_there_is_none() -> None:
    """Centering, and shrinking all the way, are the same; and at tau² = 1/n centering errs as much as doing nothing."""
    for seed in range(5):  # rounding tells the twins apart, in one run of three far beyond its own standard error
        twins = measure_correction(["center", shrink(icc=1.0)], batch_sizes=[2, 8], seed=seed, precision=0.3)
        assert not any(twins.best_corrections(measure)["clear"].any() for measure in MEASURES)
    claims = 0
    for seed in range(40):
        even = measure_correction(
            ["none", "center"], measures="rmse", batch_sizes=4, effect_size=0.5, seed=seed, precision=0.2, executor=1
        )
        claims += int(even.best_corrections()["clear"].iloc[0])
    # At 5 % a run, more than so many happen in less than one of 10^9; at 50 % half of all tests would fail.
    assert claims <= stats.binom.isf(FALSE_ALARM, 40, 0.05)
    uneven = measure_correction(["none", "center"], measures="rmse", batch_sizes=4, effect_size=1.0, precision=0.2)
    assert uneven.best_corrections()["clear"].all()


def test_either_of_two_may_look_the_best() -> None:
    """Of two that are equal, each is claimed to be the best in 2.5 %: beyond the quantile of 2.5 %, not that of 5 %."""
    names = ("effect", "effect_size", "smoothness", "batch_size", "labels", "design")
    each = np.random.default_rng(0).normal(size=16)
    each = (each - each.mean()) / each.std(ddof=1)
    none, in_groups = np.zeros(0, int), np.zeros((16, 0), int)
    empty = none, in_groups, none.astype(float), none.astype(float), none.astype(float), in_groups
    for t, clear in ((stats.t.isf(0.05, 15) + 0.1, False), (stats.t.isf(0.025, 15) + 0.1, True)):
        values = np.zeros(16), each + t / 4
        samples = [
            Sample(np.column_stack([np.ones(16), v, np.zeros((16, 3))]), np.zeros(2, int), False, *empty)
            for v in values
        ]
        table = pd.DataFrame([dict.fromkeys(names, 0) | {"correction": c, "measure": "accuracy"} for c in "ab"])
        table = table.assign(value=[v.mean() for v in values], mcse=9.0, mcse_df=15.0)
        row = best_corrections(Simulation(table, samples, [SUMMARIES["mean"]] * 2), "accuracy").iloc[0]
        assert (row["best"], row["margin"] / row["mcse"], bool(row["clear"])) == ("b", pytest.approx(t), clear)


def test_trends_are_followed_into_new_batches_or_left_behind() -> None:
    """An average and a polynomial that go on with new rows beat those that stand as fitted, which miss what moves."""
    on, standing = (
        measure_correction(
            [exponential_average(), polynomial(degree=3)],
            effect="random_walk",
            effect_size=2.0,
            batch_sizes=16,
            batches=8,
            measures=["accuracy", "training_accuracy"],
            refit=refit,
            precision=None,
            max_replicates=256,
        ).table.set_index(["correction", "measure"])
        for refit in (True, False)
    )
    for name in ("exponential_average", "polynomial(degree=3)"):
        new, training, left = (
            on.loc[(name, "accuracy")],
            on.loc[(name, "training_accuracy")],
            standing.loc[(name, "accuracy")],
        )
        assert new["value"] - left["value"] > (bound(4) + 4) * np.hypot(new["mcse"], left["mcse"])
        assert training["value"] == standing.loc[(name, "training_accuracy"), "value"]


def test_deployment_sees_neither_the_future_nor_other_new_batches() -> None:
    seen = np.random.default_rng(0).normal(size=(2, 1, 8, 5))
    every = *LINEAR, CORRECTIONS["shrink"], CORRECTIONS["standardize"], CORRECTIONS["spline"]
    for correction, refit in product(every, (True, False)):
        done = corrected(correction, seen, n_new_batches=3, ticks=5, refit=refit)
        changed = seen.copy()
        changed[:, :, 7] += 10
        other = corrected(correction, changed, n_new_batches=3, ticks=5, refit=refit)
        np.testing.assert_allclose(other[:, :, :7], done[:, :, :7], atol=1e-12, err_msg=correction.name)
    center = corrected(CORRECTIONS["center"], seen, n_new_batches=3, ticks=5)
    np.testing.assert_allclose(center.mean(axis=3), np.repeat(center[:, :, :1].mean(axis=3), 8, axis=2), atol=1e-12)


def test_features_are_corrected_as_replicates_are() -> None:
    """With two features one replicate at a time, with one feature all at once: the same numbers."""
    seen = np.random.default_rng(0).normal(size=(4, 1, 6, 3))
    for correction in (CORRECTIONS["shrink"], moving_average(window=3), CORRECTIONS["standardize"]):
        together = corrected(correction, seen, n_new_batches=2, ticks=3)
        paired = corrected(correction, seen.reshape(2, 2, 6, 3), n_new_batches=2, ticks=3)
        np.testing.assert_allclose(paired.reshape(seen.shape), together, atol=1e-12)
    assert np.isfinite(corrected(CORRECTIONS["combat"], seen.reshape(2, 2, 6, 3), n_new_batches=2, ticks=3)).all()


def test_logistic_model_is_statsmodels_and_survives_separation() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    label = x[:, 0] + rng.normal(size=200) > 0.3
    glm = sm.GLM(label.astype(float), sm.add_constant(x), family=sm.families.Binomial()).fit().params
    np.testing.assert_allclose(logistic(x, label), glm, rtol=1e-6)
    for parted in (x[:, 0] > 0.4, np.ones(200, bool), np.zeros(200, bool)):
        coefficients = logistic(x[:, :1], parted)
        told = coefficients[0] + x[:, 0] * coefficients[1] > 0
        assert (told == parted).mean() > 0.9
        assert np.isfinite(coefficients).all()
    for noise in np.linspace(0.01, 0.5, 100):  # few rows, all but parted: Newton's steps go far, without a warning
        x = rng.normal(size=(30, 4))
        label = x.sum(axis=1) + noise * rng.normal(size=30) > 0
        coefficients = logistic(x, label)
        assert ((coefficients[0] + x @ coefficients[1:] > 0) == label).mean() > 0.8


def test_results_do_not_depend_on_the_workers() -> None:
    given = {"effect": ["distinct", "random_walk"], "batch_sizes": 2, "batches": 6, "precision": 0.2}
    corrections = ["center", "shrink", "polynomial"]
    one = measure_correction(corrections, executor=1, **given)
    two = measure_correction(corrections, executor=2, **given)
    pd.testing.assert_frame_equal(one.table, two.table, check_exact=True)
    pd.testing.assert_frame_equal(one.best_corrections(), two.best_corrections(), check_exact=True)


def test_smoothness_of_a_distinct_effect_is_none() -> None:
    """Its conditions are the same whatever smoothness is asked for; a mixture object brings its own."""
    table = measure_correction(
        "none", effect=["distinct", Mixture(Trend(), 0.3)], smoothness=[0.5, 1.0], measures="rmse", precision=0.2
    ).table
    assert table.groupby("effect")["smoothness"].unique().map(list).tolist() == [[0.3], [0.0]]
    assert len(table) == 8


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"corrections": "centre"}, "did you mean 'center'"),
        ({"corrections": []}, "corrections is empty"),
        ({"corrections": ["none", "none"]}, "each once"),
        ({"corrections": "combat"}, "batches of 2 cannot be corrected by combat.*one feature"),
        ({"effect": "steps"}, "did you mean"),
        ({"effect": []}, "effect is empty"),
        ({"effect_size": -1.0}, "each of effect_size is a number, at least 0"),
        ({"effect_size": np.inf}, "each of effect_size is a number, at least 0"),
        ({"smoothness": 1.2}, "each of smoothness is a proportion"),
        ({"batch_sizes": [8, 1]}, "each of batch_sizes is a whole number of at least 2; got 1"),
        ({"batch_sizes": 2.5}, "got 2.5"),
        ({"batches": 5}, "batches is even"),
        ({"batches": 2}, "at least 4"),
        ({"labels": "local"}, "each of labels is one of nuisance, signal; got 'local'"),
        ({"design": "random"}, "design is one of"),
        ({"measures": ["rmse", "mse"]}, "each of measures is one of"),
        ({"measures": ()}, "measures is empty"),
        ({"noise": 1.0}, "noise is a proportion"),
        ({"new_batches": 0}, "new_batches is a whole number"),
        ({"ticks": True}, "ticks is a whole number"),
        ({"precision": 2.0}, "precision is a relative standard error"),
    ],
)
def test_bad_input(given: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure_correction(**given)


def test_the_plot_has_a_cell_a_condition_and_a_panel_for_each_other_one() -> None:
    measured = measure_correction(
        ["none", "center"], effect_size=[0.2, 1.0], batch_sizes=[2, 16], labels=["nuisance", "signal"], precision=0.2
    )
    figure = measured.plot("accuracy")
    assert [ax.get_title() for ax in figure.axes] == ["labels nuisance", "labels signal"]
    best_corrections = measured.best_corrections("accuracy").set_index(["labels", "effect_size", "batch_size"])["best"]
    for ax, labels in zip(figure.axes, ("nuisance", "signal"), strict=True):
        assert len(ax.texts) == 4
        for text in ax.texts:
            x, y = text.get_position()
            assert text.get_text().startswith(best_corrections[labels, (0.2, 1.0)[y], (2, 16)[x]])
    exact = measured.plot("rmse").axes[1]
    assert {text.get_text() for text in exact.texts} == {"none\nexact"}
    plt.close("all")


def test_bad_questions() -> None:
    measured = measure_correction("none", measures="rmse", batch_sizes=2, precision=0.2)
    with pytest.raises(ValueError, match="measure is one of rmse; got 'accuracy'"):
        measured.best_corrections("accuracy")
    with pytest.raises(ValueError, match="measure two or more"):
        measured.best_corrections("rmse")


def test_a_name_alone_makes_no_correction_exact() -> None:
    """A correction of one's own that is called "none" has the errors that it has, and no exact bias of 0."""
    own = replace(CORRECTIONS["center"], name="none")
    given = {"batch_sizes": [4], "labels": "signal", "measures": ["rmse", "bias"], "precision": None}
    table = measure_correction([own], **given, max_replicates=64).table.set_index("measure")
    assert (table["mcse"] > 0).all()
    assert table.loc["rmse", "value"] > 0.5
    real = measure_correction(["none"], **given, max_replicates=64).table.set_index("measure")
    assert (real[["value", "mcse", "exact"]] == 0).all(axis=None)
