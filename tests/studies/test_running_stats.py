"""Running statistics: the frameworks' own numbers, algebra, and exact theory against simulation.

False alarms: only `test_simulation_agrees_with_exact_theory` is random, at 1e-8 for each of its fourteen studies
(normal approximation, split over the conditions of a study), 1.4e-7 for the file. Seeds are the defaults. Its power is
shown in `test_wrong_formulas_are_rejected`: the same assertion, on the same tables, fails for each of the wrong
formulas.
"""

import json
import math
import warnings
from dataclasses import replace
from functools import cache, reduce
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import bnstats as bn
from bnstats.statistics.estimator_theory import variance_of_variance
from bnstats.statistics.running import RunningStats
from bnstats.statistics.running_conventions import CONVENTIONS, Convention, smooth
from bnstats.statistics.running_error import running_error
from bnstats.studies.running_stats.measure import RunningStudy, measure_running
from bnstats.testing import assert_within_mcse

REFERENCE = json.loads(Path(__file__).parents[1].joinpath("data", "running_reference.json").read_text())
FLOAT32 = float(np.finfo(np.float32).eps)
momenta = st.floats(1e-3, 1.0)
step_counts = st.integers(1, 300)


# ---- the frameworks' own numbers


def reference_errors(stats: RunningStats, case: dict) -> list[float]:
    """Largest errors of mean, variance and evaluated output, in float32 units of the data's size (its square for var).

    The frameworks compute in float32, Flax and Haiku with E[x²] - E[x]², whose rounding error is of the order of x².
    """
    batches = [np.array(batch) for batch in REFERENCE["batches"]]
    size = np.abs(np.concatenate(batches)).max(axis=0)
    mean_error = var_error = 0.0
    for batch, mean, var in zip(batches, case["mean"], case["var"], strict=True):
        stats.update(batch)
        mean_error = max(mean_error, (np.abs(stats.mean - mean) / size).max())
        var_error = max(var_error, (np.abs(stats.var - var) / np.maximum(size**2, 1)).max())
    scaled = size / np.sqrt(stats.var + stats.convention.eps)  # d output = d mean / s + output d var / (2 s²)
    output_error = (np.abs(stats.normalize(batches[0]) - case["evaluated"]) / (scaled * (1 + scaled**2))).max()
    return [mean_error / FLOAT32, var_error / FLOAT32, output_error / FLOAT32]


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda c: f"{c['made_with']}-{c['momentum']}")
def test_running_stats_equal_the_frameworks_buffers(case):
    stats = RunningStats.like(case["convention"], momentum=case["momentum"])
    # Six float32 updates; Haiku also divides by 1 - 0.99^t, which has lost two digits at t = 1.
    assert max(reference_errors(stats, case)) < 16


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda c: f"{c['made_with']}-{c['momentum']}")
def test_another_convention_does_not_equal_the_buffers(case):
    right = RunningStats.like(case["convention"], momentum=case["momentum"])
    wrong = [
        {"ddof": 1 - right.convention.ddof},
        {"momentum": 0.2},
        {"eps": 3e-3},
        {"debias": not right.convention.debias},
        {"start": (0.5, 0.5)},
    ]
    if right.convention.debias or right.convention.momentum in (None, 1.0):
        wrong = wrong[:3]  # the first batch has weight 1: nothing of the start is left, and nothing to debias
    for change in wrong:
        convention = replace(right.convention, **change)
        start = RunningStats(convention, 0, *map(np.asarray, convention.start))
        assert max(reference_errors(start, case)) > 160, change


@pytest.mark.parametrize("momentum", [0.1, 0.7, None])
def test_running_stats_equal_live_torch(momentum):
    torch = pytest.importorskip("torch")
    layer, stats = torch.nn.BatchNorm1d(4, momentum=momentum, dtype=torch.float64), RunningStats.like("torch", momentum)
    assert_follows(layer, stats, [(16, 4), (2, 4), (7, 4), (16, 4)], axis=0)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_stats_of_images_equal_live_torch(momentum):
    """One mean and variance for each channel of (N, C, H, W)."""
    torch = pytest.importorskip("torch")
    layer, stats = torch.nn.BatchNorm2d(3, momentum=momentum, dtype=torch.float64), RunningStats.like("torch", momentum)
    assert_follows(layer, stats, [(5, 3, 4, 2), (1, 3, 4, 2), (5, 3, 2, 2)], axis=(0, 2, 3))


def assert_follows(layer, stats: RunningStats, shapes: list, axis: int | tuple[int, ...]) -> None:
    """Tensors that take part in automatic differentiation, as a network's activations do."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for shape in shapes:
        batch = torch.from_numpy(rng.normal(3.0, 2.0, size=shape)).requires_grad_()
        layer(batch)
        stats.update(batch, axis=axis)
        np.testing.assert_allclose(stats.mean, layer.running_mean.numpy(), rtol=1e-13)
        np.testing.assert_allclose(stats.var, layer.running_var.numpy(), rtol=1e-13)
    evaluated = layer.eval()(batch).detach().numpy()
    np.testing.assert_allclose(stats.normalize(batch, axis=axis), evaluated, rtol=1e-12, atol=1e-12)


# ---- algebra


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_smoothing_with_one_over_t_is_the_mean(values):
    mean = reduce(lambda old, t: smooth(old, values[t - 1], 1 / t), range(1, len(values) + 1), 123.0)
    assert mean == pytest.approx(np.mean(values), rel=1e-12, abs=1e-9)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.data())
def test_smoothing_with_the_share_of_rows_is_merging(values, data):
    cut = data.draw(st.integers(1, len(values) - 1))
    a, b = bn.Moments.of(values[:cut]), bn.Moments.of(values[cut:])
    assert smooth(a.mean, b.mean, b.n / (a.n + b.n)) == pytest.approx(a.merge(b).mean, rel=1e-12, abs=1e-9)


@given(momenta | st.none(), step_counts, st.booleans(), st.integers(0, 2**32))
def test_shares_say_what_updates_do(momentum, steps, debias, seed):
    convention = Convention("own", momentum, start=(-2.0, 3.0), debias=debias)
    batches = np.random.default_rng(seed).normal(size=(steps, 3, 2))
    start = RunningStats(convention, 0, *map(np.asarray, convention.start))
    stats = reduce(RunningStats.update, batches, start)
    shares = convention.weights(steps)
    assert shares.sum() == pytest.approx(1)
    for kept, before, seen in ((stats.mean, -2.0, batches.mean(1)), (stats.var, 3.0, batches.var(1))):
        np.testing.assert_allclose(kept, shares[0] * before + shares[1:] @ seen, rtol=1e-9, atol=1e-12)


@given(momenta, step_counts)
def test_shares_have_closed_forms(a, t):
    plain, debiased = (Convention("own", a, debias=debias).weights(t) for debias in (False, True))
    left = (1 - a) ** t
    assert plain[0] == pytest.approx(left, abs=1e-15)
    assert np.square(plain[1:]).sum() == pytest.approx(a / (2 - a) * (1 - left**2), rel=1e-9)
    # Kingma & Ba divide by 1 - left; below 1e-300 floating-point numbers lose digits.
    np.testing.assert_allclose(debiased[1:], plain[1:] / (1 - left), rtol=1e-9, atol=1e-300)
    assert debiased[0] == pytest.approx(0, abs=1e-14)
    np.testing.assert_allclose(Convention("own", None).weights(t), [0, *[1 / t] * t], rtol=1e-12, atol=1e-15)


def test_the_plateau_is_the_limit_of_the_squared_shares():
    for name in CONVENTIONS:
        convention = Convention.of(name, 0.01) if name == "haiku" else Convention.of(name)
        assert np.square(convention.weights(10_000)[1:]).sum() == pytest.approx(
            convention.plateau, abs=1.1e-4, rel=1e-9
        )


def test_an_update_changes_the_statistics_in_place_and_no_array_handed_out():
    """Over the rows by default, or over the axes that are named."""
    batch = np.arange(24.0).reshape(4, 3, 2)
    stats = RunningStats.like("torch", momentum=1.0)
    start = stats.mean, stats.var
    assert stats.update(batch) is stats
    assert (stats.steps, float(start[0]), float(start[1])) == (1, 0.0, 1.0)
    np.testing.assert_allclose(stats.mean, batch.mean(axis=0))
    np.testing.assert_allclose(stats.var, batch.var(axis=0, ddof=1))
    for axis in ((0, 2), (-1, 0), 1):
        found = RunningStats.like("torch", momentum=1.0).update(batch, axis=axis)
        np.testing.assert_allclose(found.mean, batch.mean(axis=axis))
        np.testing.assert_allclose(found.var, batch.var(axis=axis, ddof=1))
        np.testing.assert_allclose(found.normalize(batch, axis=axis).mean(axis=axis), 0, atol=1e-12)
    np.testing.assert_array_equal(stats.normalize(batch[0]), stats.normalize(batch)[0])
    assert RunningStats.like("keras").update(batch[:, 0, 0]).mean.shape == ()


# ---- exact theory against simulation

STEPS, BATCH, SET, WEIGHT = 30, 12, 40, 0.2
WAYS = (
    Convention.of("torch", momentum=WEIGHT),
    Convention.of("keras", momentum=WEIGHT),
    Convention.of("haiku", momentum=WEIGHT),
    Convention.of("cumulative"),
)
POPULATIONS = {
    "normal": bn.Population.of(scipy.stats.norm(2.0, 3.0), "normal"),
    "exponential": bn.Population.of("exponential"),
    "uniform": bn.Population.of("uniform"),
    "array": bn.Population.of(np.array([-3.0, 0.0, 0.0, 0.0, 1.0, 2.0, 7.0])),
}


BATCHINGS = {
    "fresh batches": {},
    "batches of a training set": {"training_size": SET},
    "batches of a training set, about it": {"training_size": SET, "reference": "training set"},
    "the same batches": {"training_size": 3 * BATCH, "fixed_batches": True},
    "the same batches, about their set": {
        "training_size": 3 * BATCH,
        "fixed_batches": True,
        "reference": "training set",
    },
}


@cache
def measured(name: str, batching: str) -> pd.DataFrame:
    table = measure_running(
        POPULATIONS[name],
        batch_size=BATCH,
        convention=WAYS,
        steps=STEPS,
        precision=None,
        max_replicates=4096,
        **BATCHINGS[batching],
    ).table
    return table[table["exact"].notna()]


# A normal and a skewed law in all of them. Of the others theory has moments alone, as of these: two each, so that a
# kurtosis below the normal law's stands in each formula.
STUDIES = [
    *product(("normal", "exponential"), BATCHINGS),
    *product(("uniform",), ("batches of a training set", "the same batches, about their set")),
    *product(("array",), ("batches of a training set, about it", "the same batches")),
]


@pytest.mark.parametrize(("name", "batching"), STUDIES)
def test_simulation_agrees_with_exact_theory(name, batching):
    table = measured(name, batching)
    of_normal_sums = name == "normal" and not batching.startswith("batches of")
    known = {"bias", "se", "rmse", "median_abs_error"} if of_normal_sums else {"bias", "se", "rmse"}
    median_of_zero = (table["measure"] == "median_abs_error") & (table["exact"] == 0)  # known of any population
    assert set(table[~median_of_zero]["measure"]) == known
    assert set(table["step"]) >= {1, 2, STEPS}
    assert_within_mcse(table["value"], table["exact"], table["mcse"], false_alarm=1e-8)


def test_theory_takes_a_momentum():
    for momentum in (0.3, None, "default"):
        given = {"steps": 7, "batch_size": 4}
        convention = Convention.of("keras", momentum)
        of_convention = running_error("normal", "var", **given, convention=convention)
        assert running_error("normal", "var", **given, convention="keras", momentum=momentum) == of_convention


def left(step: int) -> float:
    return (1 - WEIGHT) ** step


WRONG = {
    "torch's variance is biased": (
        "fresh batches",
        "convention == 'torch' and statistic == 'var' and measure == 'bias'",
        lambda p, row: row["exact"] - (1 - left(row["step"])) * p.var / BATCH,
    ),
    "the start has no weight": (
        "fresh batches",
        "convention == 'torch' and statistic == 'mean' and measure == 'bias'",
        lambda _, __: 0.0,
    ),
    "the plateau from the first step on": (
        "fresh batches",
        "convention == 'torch' and statistic == 'mean' and measure == 'se'",
        lambda p, _: math.sqrt(WEIGHT / (2 - WEIGHT) * p.var / BATCH),
    ),
    "the noise vanishes": (
        "fresh batches",
        "convention == 'torch' and statistic == 'mean' and measure == 'se'",
        lambda p, row: math.sqrt(p.var / BATCH / row["step"]),
    ),
    "Haiku is not debiased": (
        "fresh batches",
        "convention == 'haiku' and statistic == 'var' and measure == 'bias'",
        lambda p, row: (1 - left(row["step"])) * p.var * (BATCH - 1) / BATCH - p.var,
    ),
    "the normal formula for the variance of a variance": (
        "fresh batches",
        "convention == 'cumulative' and statistic == 'var' and measure == 'se'",
        lambda p, row: p.var * math.sqrt(2 / (BATCH - 1) / row["step"]),
    ),
    "batches of a training set are independent": (
        "batches of a training set",
        "convention == 'cumulative' and statistic == 'mean' and measure == 'se'",
        lambda p, row: math.sqrt(p.var / BATCH / row["step"]),
    ),
    "a training set's batches are drawn with replacement": (
        "batches of a training set",
        "convention == 'cumulative' and statistic == 'mean' and measure == 'se'",
        lambda p, row: math.sqrt(p.var / SET + p.var * (1 - 1 / SET) / BATCH / row["step"]),
    ),
    "the variance has the training set's floor of another ddof": (
        "batches of a training set",
        "convention == 'keras' and statistic == 'var' and measure == 'se'",
        lambda _, row: row["exact"] * BATCH / (BATCH - 1),
    ),
    "the same batches are fresh ones": (
        "the same batches",
        "convention == 'cumulative' and statistic == 'mean' and measure == 'se' and step > 3",
        lambda p, row: math.sqrt(p.var / BATCH / row["step"]),
    ),
    "the same batches' variances go to that of their set": (
        "the same batches, about their set",
        "convention == 'cumulative' and statistic == 'var' and measure == 'se' and step > 3",
        lambda _, row: 0.5 * row["exact"],
    ),
    "the same batches weigh the same with any momentum": (
        "the same batches, about their set",
        "convention == 'torch' and statistic == 'mean' and measure == 'se' and step == 30",
        lambda _, __: 0.0,
    ),
    "the distance keeps the population's kurtosis": (
        "the same batches, about their set",
        "convention == 'cumulative' and statistic == 'var' and measure == 'se' and step == 30",
        lambda p, row: math.sqrt((p.fourth_moment - p.var**2) / p.var**2 / 2) * row["exact"],
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_formulas_are_rejected(what):
    batching, conditions, formula = WRONG[what]
    table = measured("exponential", batching).query(conditions)
    wrong = [formula(POPULATIONS["exponential"], row) for _, row in table.iterrows()]
    with pytest.raises(AssertionError):
        assert_within_mcse(table["value"], wrong, table["mcse"], false_alarm=1e-8)


def test_the_error_stops_at_the_training_set():
    pop = bn.Population.of("exponential")
    errors = [
        running_error(pop, s, 10**5, batch_size=8, convention="cumulative", training_size=100) for s in ("mean", "var")
    ]
    floor = [pop.std / 10, math.sqrt(variance_of_variance(pop, 100))]
    assert [e.se for e in errors] == pytest.approx(floor, rel=1e-3)
    whole = running_error(pop, "mean", 7, batch_size=100, convention="cumulative", training_size=100)
    assert whole.se == pytest.approx(0.1)


def test_the_same_batches_never_show_their_sets_variance():
    """With equal weights the distance of the variance stays what it is after one round; that of the mean is 0."""
    how = {"batch_size": 8, "momentum": None, "training_size": 32, "fixed_batches": True, "reference": "training set"}
    for population in ("normal", "exponential", "t3"):  # the distribution cancels
        sigma = bn.Population.of(population).var
        ends = [running_error(population, "var", steps, **how).se for steps in (4, 400)]
        assert ends == pytest.approx([0.0831 * sigma] * 2, abs=5e-5 * sigma)
        assert running_error(population, "mean", 400, **how).se == 0
    torch = how | {"momentum": 0.1}
    assert running_error("normal", "mean", 400, **torch).se == pytest.approx(0.0208, abs=5e-5)
    assert math.isinf(running_error("t3", "var", 400, **torch).se)


def test_a_distance_that_is_zero_by_algebra_is_known_to_be():
    """The mean of batches that weigh the same is their set's: 0 without an error at whole rounds, and only there."""
    how = {"training_size": 12, "fixed_batches": True, "reference": "training set"}
    far = bn.Population.of(scipy.stats.norm(1e4, 1.0), "far from 0")
    for population in ("normal", far):
        table = measure_running(
            population, batch_size=4, momentum=[0.1, None], steps=9, precision=None, max_replicates=500, **how
        ).table.query("statistic == 'mean'")
        whole = table["momentum"].isna() & (table["step"] % 3 == 0)
        assert whole.sum() == 3 * 4
        assert (table.loc[whole, ["value", "mcse", "exact"]] == 0).all(axis=None)
        others = table[~whole & (table["measure"] == "se")]
        assert (others[["value", "mcse"]] > 0).all(axis=None)


def test_the_same_batches_of_a_law_without_fourth_moment():
    table = measure_running(
        "t3", batch_size=4, momentum=[0.1, None], steps=9, precision=None, max_replicates=4000,
        training_size=12, fixed_batches=True, reference="training set",
    ).table.query("step == 9 and statistic == 'var' and measure == 'se'")  # fmt: skip
    constant, equal = (table[table["momentum"].isna() == none].iloc[0] for none in (False, True))
    assert np.isinf(constant["value"])
    # A value with infinitely variable square: its own mcse is no guide; half to twice is far from 0 and from inf.
    assert 0.5 < equal["value"] / equal["exact"] < 2


def test_moments_that_do_not_exist_are_not_estimated():
    table = measure_running("t3", batch_size=4, steps=5, precision=None, max_replicates=1000).table
    table = table.set_index(["statistic", "measure"]).sort_index()
    for measure in ("se", "rmse"):
        assert np.isinf(table.loc[("var", measure), "value"]).all()
        assert table.loc[("var", measure), "mcse"].isna().all()
        assert np.isfinite(table.loc[("mean", measure), "value"]).all()
    assert np.isfinite(table.loc[("var", "median_abs_error"), ["value", "mcse"]]).all(axis=None)


# ---- the study


def rows(training_size=None, conventions=("torch",), executor=1, **kwargs) -> pd.DataFrame:
    table = measure_running(
        "exponential",
        batch_size=4,
        convention=conventions,
        steps=20,
        training_size=training_size,
        precision=0.1,
        executor=executor,
        **kwargs,
    ).table
    return table[table["convention"] == "torch"].reset_index(drop=True)


def test_forgotten_batches_tell_nothing_of_rare_values():
    """A rule: of 1000 batches of 32 an average with momentum 1 holds one, with 0.1 about 19, and 1/t all of them.

    Premise: 10^5 values of which one is large, and 2^9 runs; those that hold it are 2^9 32 19 / 10^5 = 3.
    """
    rare = np.r_[1e3, np.random.default_rng(0).normal(size=10**5 - 1)]
    with warnings.catch_warnings(action="ignore"):
        table = bn.measure_running(rare, steps=1000, momentum=[1.0, 0.1, None], max_replicates=2**9).table
    last = table[(table["step"] == 1000) & (table["measure"] == "bias") & (table["statistic"] == "mean")]
    assert np.isfinite(last["mcse"]).tolist() == [False, False, True]


@pytest.mark.filterwarnings("ignore:.*have no standard error:bnstats.exceptions.PrecisionWarning")  # too few batches
@pytest.mark.parametrize("training_size", [None, 9])
def test_results_do_not_depend_on_workers_or_on_other_conventions(training_size, tmp_path):
    alone = rows(training_size)
    pd.testing.assert_frame_equal(alone, rows(training_size, executor=2), check_exact=True)
    pd.testing.assert_frame_equal(alone, rows(training_size, ("keras", "torch", "cumulative")), check_exact=True)
    for _ in range(2):
        kept = rows(training_size, ("torch", "cumulative"), store=tmp_path / "running.sqlite")
        pd.testing.assert_frame_equal(alone, kept, check_exact=True)
    assert not alone["value"].equals(rows(training_size, seed=1)["value"])


def test_the_same_batches_come_in_the_same_order_whatever_is_held_at_once(monkeypatch):
    """Cut from the set in turn, and followed through all chunks of draws as `RunningStats` follows them."""
    monkeypatch.setattr("bnstats.studies.running_stats.study.DRAWS_AT_ONCE", 64)
    study = RunningStudy(bn.Population.of("normal"), 5, WAYS, 12, 15, fixed_batches=True)
    kept, sets = study._same_batches(np.random.default_rng(0), 4)
    for c, convention in enumerate(WAYS):
        stats = RunningStats(convention, 0, *map(np.asarray, convention.start))
        for step in range(1, 13):
            stats.update(sets.reshape(4, 3, 5)[:, (step - 1) % 3].T)
            if step in study.recorded:
                np.testing.assert_allclose(kept[study.recorded.index(step), :, c, 0], stats.mean, rtol=1e-12)
                np.testing.assert_allclose(kept[study.recorded.index(step), :, c, 1], stats.var, rtol=1e-12)


def test_simulation_follows_running_stats():
    """The compiled loop does to each replicate what `RunningStats` does to its batches."""
    study = RunningStudy(bn.Population.of("normal"), 5, WAYS, 12, None)
    seen = np.random.default_rng(0).normal(2.0, 3.0, size=(12, 4, 5))
    kept = study._follow(lambda out: np.copyto(out, seen.reshape(-1, 5)), 4)
    for c, convention in enumerate(WAYS):
        stats = RunningStats(convention, 0, *map(np.asarray, convention.start))
        for step, batch in enumerate(seen, start=1):
            stats.update(batch.T)
            if step in study.recorded:
                np.testing.assert_allclose(kept[study.recorded.index(step), :, c, 0], stats.mean, rtol=1e-12)
                np.testing.assert_allclose(kept[study.recorded.index(step), :, c, 1], stats.var, rtol=1e-12)


def test_the_table_has_its_columns_and_steps():
    table = measure_running(
        "normal", batch_size=2, momentum=[0.1, None], steps=1000, precision=None, max_replicates=2
    ).table
    assert list(table) == [
        *("convention", "momentum", "step", "statistic", "measure"),
        *("value", "mcse", "mcse_df", "exact", "replicates", "precision_reached"),
    ]
    assert table["momentum"].unique()[0] == 0.1
    assert table["momentum"].isna().sum() == len(table) / 2
    steps = table["step"].unique()
    assert {1, 1000} <= set(steps)
    assert 20 <= len(steps) <= 30


def test_plot_draws_a_panel_for_each_statistic():
    import matplotlib.pyplot as plt

    measured = measure_running("normal", batch_size=2, steps=5, precision=None, max_replicates=200)
    figure = measured.plot("bias")
    assert [ax.get_title() for ax in figure.axes] == ["running mean", "running var"]
    plt.close(figure)
    with pytest.raises(ValueError, match="rmse"):
        measured.plot("mse")


# ---- bad input

BAD_STATS = {
    "unknown name": (lambda: RunningStats.like("pytorch"), "did you mean 'torch'"),
    "no name": (lambda: RunningStats.like(3), "bn.Convention"),
    "momentum 0": (lambda: RunningStats.like("torch", momentum=0.0), "above 0 and at most 1"),
    "momentum above 1": (lambda: RunningStats.like("keras", momentum=1.5), "above 0 and at most 1"),
    "momentum nan": (lambda: RunningStats.like("keras", momentum=math.nan), "above 0 and at most 1"),
    "momentum as text": (lambda: RunningStats.like("keras", momentum="0.1"), "None for 1/t or a number"),
    "haiku has no default": (lambda: RunningStats.like("haiku"), "1 - decay_rate"),
    "cumulative has no momentum": (lambda: RunningStats.like("cumulative", momentum=0.1), "leave out"),
    "ddof": (lambda: Convention("own", 0.1, ddof=2), "ddof is a whole number from 0 to 1"),
    "nan": (lambda: RunningStats.like("torch").update([[1.0], [math.nan]]), "1 NaN or infinite"),
    "one row": (lambda: RunningStats.like("torch").update([[1.0, 2.0]]), "at least 2 values over axis=0"),
    "no row": (lambda: RunningStats.like("keras").update(np.empty((0, 3))), "at least 1 values"),
    "masked": (lambda: RunningStats.like("keras").update(np.ma.array([1.0, 2.0], mask=[0, 1])), "masked array"),
    "complex": (lambda: RunningStats.like("keras").update([[1j], [2.0]]), "batch holds real numbers"),
    "normalized complex": (lambda: RunningStats.like("keras").normalize([1j]), "x holds real numbers"),
    "no such axis": (
        lambda: RunningStats.like("keras").update(np.eye(3), axis=2),
        "axis is a whole number from -2 to 1",
    ),
    "an axis twice": (lambda: RunningStats.like("keras").update(np.eye(3), axis=(0, -2)), "different axes"),
    "no axis": (lambda: RunningStats.like("keras").update(np.eye(3), axis=()), "different axes"),
    "normalized over others": (
        lambda: RunningStats.like("keras").update(np.zeros((2, 3))).normalize(np.zeros((2, 4))),
        r"x of shape \(2, 4\) does not fit statistics of shape \(3,\)",
    ),
    "a number": (lambda: RunningStats.like("keras").update(1.0), "shape \\(rows"),
    "other features": (
        lambda: RunningStats.like("torch").update(np.eye(3)).update(np.eye(2)),
        "shape \\(3,\\); this one has \\(2,\\)",
    ),
    "momentum of theory": (
        lambda: running_error("normal", "mean", 3, batch_size=8, momentum=0),
        "above 0 and at most 1",
    ),
    "statistic": (lambda: running_error("normal", "median", 3, batch_size=8), "one of mean, var"),
}


@pytest.mark.parametrize("what", BAD_STATS)
def test_bad_running_stats_are_refused(what):
    call, message = BAD_STATS[what]
    with pytest.raises(ValueError, match=message):
        call()


BAD_STUDIES = {
    "steps": ({"steps": 0}, "steps is a whole number of at least 1"),
    "half a step": ({"steps": 2.5}, "steps is a whole number"),
    "batch size": ({"batch_size": 1}, "batch_size is a whole number of at least 2"),
    "training set": ({"batch_size": 32, "training_size": 31}, "at least 32"),
    "no set to cut": ({"fixed_batches": True}, "fixed_batches=True needs a training set"),
    "no set to refer to": ({"reference": "training set"}, 'reference="training set" needs a training set'),
    "a set that leaves values over": ({"training_size": 70, "fixed_batches": True}, "a multiple of 32"),
    "a set of one batch": ({"training_size": 32, "fixed_batches": True}, "two or more batches of 32"),
    "fixed how": ({"training_size": 64, "fixed_batches": "yes"}, "fixed_batches is True or False"),
    "another reference": ({"training_size": 64, "reference": "set"}, "reference is one of population, training set"),
    "momentum": ({"momentum": [0.1, 0.0]}, "above 0 and at most 1"),
    "convention": ({"convention": "karas"}, "did you mean 'keras'"),
    "no convention": ({"convention": []}, "give at least one"),
    "same names": ({"convention": [Convention("own", 0.1), Convention("own", 0.1, ddof=1)]}, "name of its own"),
}


@pytest.mark.parametrize("what", BAD_STUDIES)
def test_bad_studies_are_refused_before_simulating(what):
    arguments, message = BAD_STUDIES[what]
    with pytest.raises(ValueError, match=message):
        measure_running("normal", **arguments)


def test_a_population_without_variance_is_refused():
    with pytest.raises(ValueError, match="no finite variance"):
        measure_running(scipy.stats.t(2))


def test_the_summary_says_the_momentum_without_the_digits_of_rounding() -> None:
    result = bn.measure_running("normal", convention="keras", steps=4, precision=None, max_replicates=64)
    assert "momentum 0.01," in result.summary() or "momentum 0.01." in result.summary()
    both = bn.measure_running("normal", momentum=[0.1, 1 - 0.99], steps=4, precision=None, max_replicates=64)
    assert "00000009" not in both.summary()
    assert "0.010000000000000009" not in repr(result)
