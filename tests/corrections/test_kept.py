"""Covariates that stay, reference batches and a second batch factor: other packages' numbers, identities, bad input.

One test is random: "expected", at a false-alarm rate of 2e-8 (normal approximation), with a fixed seed. Its power is
asserted there: without the covariate, the expectation of .64 is found, and .66 refused.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from keyed_rows import rows
from statsmodels.formula.api import ols
from statsmodels.regression.mixed_linear_model import MixedLM

from bnstats import corrections
from bnstats.corrections import CORRECTIONS, Correction
from bnstats.testing import assert_within_mcse

REFERENCE = json.loads(Path(__file__).parents[1].joinpath("data", "covariates_reference.json").read_text())
X, TABLE = np.array(REFERENCE["x"]), pd.DataFrame(REFERENCE["table"])
BATCH, KEEP = TABLE["batch"].to_numpy(), TABLE[["disease", "stage", "age"]]
BATCHWISE = [name for name, c in CORRECTIONS.items() if c.along == "batch"]
SCALE = X.std(axis=0)
MODEL = "C(batch, Sum) + disease + stage + age"


def tolerance(name: str) -> float:
    return 1e-5 if name == "random_intercept" else 1e-9  # an optimizer stops there


# ---- other packages


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda c: " ".join([c["made_with"], *sorted(c)]))
def test_combat_equals_independent_implementations(case):
    combat = corrections.combat(case["ddof"], mean_only=case.get("mean_only", False))
    found = combat(X, BATCH, KEEP[case["keep"]], reference=case.get("ref_batch"))
    assert np.abs((found - case["corrected"]) / SCALE).max() < 1e-9
    for other in (combat(X, BATCH, reference=case.get("ref_batch")), combat(X, BATCH, KEEP["age"])):
        assert np.abs((other - case["corrected"]) / SCALE).max() > 1e-2


@pytest.mark.parametrize("second", [False, True])
def test_centering_equals_least_squares_of_all_factors(second):
    plate = np.random.default_rng(1).choice(list("uvw"), len(X)) if second else None
    found = CORRECTIONS["center"](X, BATCH, KEEP, plate)
    for x, corrected in zip(X.T, found.T, strict=True):
        model = ols(f"x ~ {MODEL}{' + C(plate, Sum)' * second}", TABLE.assign(x=x, plate=plate)).fit()
        columns = pd.DataFrame(model.model.exog, columns=model.model.exog_names).filter(regex="batch|plate")
        effect = columns.to_numpy() @ model.params[columns.columns].to_numpy()
        np.testing.assert_allclose(corrected, x - effect + effect.mean(), atol=1e-9 * x.std())


def test_random_intercepts_equal_those_of_mixedlm():
    x = 100 * X[:, 0] + 2 * pd.factorize(BATCH)[0]
    mixed = MixedLM.from_formula("x ~ disease + stage + age", TABLE.assign(x=x), groups=BATCH).fit(method="powell")
    blup = np.array([float(mixed.random_effects[b].iloc[0]) for b in BATCH])
    tau2 = float(np.asarray(mixed.cov_re)[0, 0])
    assert 0.1 < tau2 / (tau2 + mixed.scale) < 0.9
    for correction in (corrections.random_intercept(), corrections.shrink(tau2 / (tau2 + mixed.scale))):
        np.testing.assert_allclose(correction(x, BATCH, KEEP), x - blup + blup.mean(), atol=1e-6)
    assert np.abs(corrections.random_intercept()(x, BATCH) - (x - blup + blup.mean())).max() > 0.01


def test_variance_components_are_hendersons():
    """MSB and its expectation by the residuals of two regressions, and of one for each batch."""
    x = 100 * X[:, 0] + 2 * pd.factorize(BATCH)[0]
    without, full = (ols(f"x ~ {m}", TABLE.assign(x=x)).fit() for m in ("disease + stage + age", MODEL))
    projected = [ols("u ~ disease + stage + age", TABLE.assign(u=1.0 * (b == BATCH))).fit().ssr for b in set(BATCH)]
    tau2 = (without.ssr - full.ssr - 2 * full.mse_resid) / sum(projected)
    icc = tau2 / (tau2 + full.mse_resid)
    assert 0.1 < icc < 0.9
    np.testing.assert_allclose(
        CORRECTIONS["shrink"](x, BATCH, KEEP), corrections.shrink(icc)(x, BATCH, KEEP), atol=1e-9
    )


SUBJECT = np.random.default_rng(3).integers(0, 8, len(X))


def repeated(sd: float = 3.0) -> np.ndarray:
    """Values with a random intercept of each subject."""
    return 100 * X[:, 0] + sd * np.random.default_rng(4).normal(size=8)[SUBJECT] + 2 * pd.factorize(BATCH)[0]


def test_repeated_measures_equal_mixedlm_with_fixed_effects_of_batches():
    x = repeated()
    model = MixedLM.from_formula(f"x ~ {MODEL}", TABLE.assign(x=x), groups=SUBJECT).fit(method="powell")
    assert float(np.asarray(model.cov_re)[0, 0]) > model.scale
    columns = pd.DataFrame(model.model.exog, columns=model.model.exog_names).filter(regex="batch")
    effect = columns.to_numpy() @ model.fe_params[columns.columns].to_numpy()
    found = CORRECTIONS["center"](x, BATCH, KEEP, subject=SUBJECT)
    np.testing.assert_allclose(found, x - effect + effect.mean(), atol=1e-6 * x.std())
    assert np.abs(CORRECTIONS["center"](x, BATCH, KEEP) - found).max() > 0.1 * x.std()


def test_subjects_stay_and_new_ones_have_no_intercept():
    x = np.column_stack([repeated(), repeated(0.0), np.ones(len(X))])
    fit = CORRECTIONS["shrink"].fit(x, BATCH, subject=SUBJECT)
    before = fit.apply(x, BATCH, subject=SUBJECT)
    np.testing.assert_allclose(before, x - fit.effect(BATCH))  # factors are 1, so that intercepts do not matter here
    np.testing.assert_allclose(fit.apply(x, BATCH, subject=SUBJECT + 100), before)
    scaled = CORRECTIONS["standardize"].fit(x[:, :2], BATCH, subject=SUBJECT)
    changed = scaled.apply(x[:, :2], BATCH, subject=SUBJECT + 100) - scaled.apply(x[:, :2], BATCH, subject=SUBJECT)
    assert np.abs(changed).max() > 0.01
    with pytest.raises(ValueError, match="the shrink was fitted with subject: give that of these rows, too"):
        fit.apply(x, BATCH)


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        (range(6), "give two subjects or more, and one of them several rows"),
        (["u"] * 6, "give two subjects or more"),
        (["u", "v"], r"subject has a label for each of the 6 rows of x; got shape \(2,\)"),
        (["u", "v", None, "u", "v", "w"], "subject has a label for each of the 6 rows of x; .* 1 missing"),
    ],
)
def test_subjects_that_cannot_be_are_said(subject, message):
    with pytest.raises(ValueError, match=message):
        CORRECTIONS["center"](SMALL, SITE, subject=subject)


# ---- laws of every correction along batches


@pytest.mark.parametrize("name", BATCHWISE)
def test_what_a_kept_covariate_adds_stays(name):
    """f(x + Z b) = f(x) + Z b; without keep, it does not hold for any correction that moves rows."""
    correction, added = CORRECTIONS[name], np.outer(KEEP["age"], np.linspace(-1, 1, X.shape[1]) * SCALE)
    moved = correction(X + added, BATCH, KEEP) - correction(X, BATCH, KEEP)
    assert np.abs((moved - added) / SCALE).max() < tolerance(name)
    lost = np.abs((correction(X + added, BATCH) - correction(X, BATCH) - added) / SCALE).max()
    assert (lost > 0.1) == (name != "none")


@pytest.mark.parametrize("name", BATCHWISE)
def test_any_coding_of_the_same_effects_gives_the_same_numbers(name):
    correction, wanted = CORRECTIONS[name], CORRECTIONS[name](X, BATCH, KEEP)
    ordered = pd.Categorical(KEEP["stage"], ["II", "I", "III", "IV"], ordered=True)
    for same, formula in (
        (KEEP.assign(stage=ordered, disease=KEEP["disease"] == "yes"), None),
        (KEEP.assign(age=1e3 - 7 * KEEP["age"]), None),
        (KEEP.assign(twice=2 * KEEP["age"], same=1.0), None),
        (KEEP.to_dict("list"), None),
        (KEEP, "0 + disease + C(stage, Sum) + age"),
        (KEEP.assign(unused="u"), "I(np.log(np.exp(3 - age / 40))) + stage + disease"),
    ):
        found = correction(X, BATCH, same, formula=formula)
        assert np.abs((found - wanted) / SCALE).max() < tolerance(name)
    crossed = correction(X, BATCH, KEEP, formula="disease * age + stage")
    assert (np.abs((crossed - wanted) / SCALE).max() > 1e-3) == (name != "none")


@pytest.mark.parametrize("name", BATCHWISE)
def test_a_fit_is_applied_row_by_row_and_survives_a_pickle(name):
    correction, plate = CORRECTIONS[name], np.resize(["u", "v"], len(X))
    fit = correction.fit(X, BATCH, KEEP, plate, formula="bs(age, df=3) + disease", reference="b3")
    fit = pickle.loads(pickle.dumps(fit))
    wanted = correction(X, BATCH, KEEP, plate, formula="bs(age, df=3) + disease", reference="b3")
    some = np.random.default_rng(2).permutation(len(X))[:4]
    np.testing.assert_allclose(fit.apply(X[some], BATCH[some], KEEP.iloc[some], plate[some]), wanted[some], rtol=1e-9)
    again = fit.adapt(X, BATCH, KEEP, plate).apply(X, BATCH, KEEP, plate)
    np.testing.assert_allclose(again, wanted, rtol=1e-9)


@pytest.mark.parametrize("name", BATCHWISE)
def test_a_reference_batch_stays_to_the_bit_and_others_come_to_its_scale(name):
    x, batch = rows("batch")
    x = np.where((batch == "b")[:, None], 10 + 3 * x, x)
    correction, stays = CORRECTIONS[name], batch == "b"
    found = correction(x, batch, reference="b")
    assert (found[stays] == x[stays]).all()
    if name == "none":
        assert (found == x).all()
    for law, statistic in (("equal_means", pd.DataFrame.mean), ("equal_variances", pd.DataFrame.var)):
        for other in "acde" if law in correction.properties else ():
            found_and_wanted = (statistic(pd.DataFrame(found[batch == b])) for b in (other, "b"))
            np.testing.assert_allclose(*found_and_wanted, rtol=1e-9)
    if "affine" in correction.properties and name != "combat":  # the map to the common scale, then back from there
        fit, free = correction.fit(x, batch, reference="b"), correction.fit(x, batch)
        back = free.level + free.effects[1] + (free.apply(x, batch) - free.level) / free.factors[1]
        np.testing.assert_allclose(fit.apply(x, batch), back, rtol=1e-9)


def test_a_new_batch_comes_to_the_scale_of_the_reference_too():
    x, batch = rows("batch")
    new = np.random.default_rng(5).normal(80, 3, size=(9, 3))
    for name in ("center", "standardize", "shrink", "shrink_scale", "combat", "quantile_normalize"):
        fit, free = CORRECTIONS[name].fit(x, batch, reference="b"), CORRECTIONS[name].fit(x, batch)
        found = fit.adapt(new, ["n"] * 9).apply(new, ["n"] * 9)
        if name in ("center", "standardize"):
            np.testing.assert_allclose(found.mean(axis=0), x[batch == "b"].mean(axis=0))
        if name == "standardize":
            np.testing.assert_allclose(found.std(axis=0, ddof=1), x[batch == "b"].std(axis=0, ddof=1))
        assert np.abs(found - free.adapt(new, ["n"] * 9).apply(new, ["n"] * 9)).max() > 0.01


def test_own_corrections_keep_covariates_and_follow_the_reference_or_are_told():
    def signs(groups):
        return lambda x, group: np.sign(x - groups.mean[group])

    own = Correction("signs", "batch", True, lambda _: signs)
    assert set(np.round(own(X, BATCH, KEEP) - CORRECTIONS["none"](X, BATCH), 9).ravel()) != {0.0}
    with pytest.raises(ValueError, match=r"signs changes the reference batch: its estimate has to follow groups\.ref"):
        own(X, BATCH, reference="b1")


# ---- the biology


def test_expected_difference_that_centering_leaves():
    """Two sites, 20 and 80 % sick, a true difference of 1: centering leaves 1 - .09/.25 = .64, with keep all of it."""
    sick, site = np.repeat([1, 0, 1, 0], [20, 80, 80, 20]), np.repeat(["s", "t"], 100)
    rng = np.random.default_rng(0)
    x = sick[:, None] + 5.0 * (site == "t")[:, None] + rng.normal(size=(200, 4000))

    def left(**keep) -> np.ndarray:
        done = CORRECTIONS["center"](x, site, **keep)
        return done[sick == 1].mean(axis=0) - done[sick == 0].mean(axis=0)

    for values, truth, wrong in ((left(), 0.64, 0.66), (left(keep=sick), 1.0, 0.98)):
        mcse = values.std() / np.sqrt(values.size)
        assert_within_mcse([values.mean()], [truth], [mcse], false_alarm=1e-8)
        with pytest.raises(AssertionError, match="not within Monte Carlo error"):
            assert_within_mcse([values.mean()], [wrong], [mcse], false_alarm=1e-8)


# ---- missing values

WITH_NAN = X.copy()
WITH_NAN[[1, 4, 9], 1] = WITH_NAN[[0, 7], 2] = WITH_NAN[[0, 7], 4] = np.nan
OMITTING = [name for name in BATCHWISE if name != "quantile_normalize"]


@pytest.mark.parametrize("name", [name for name in OMITTING if name != "combat"])
@pytest.mark.parametrize("reference", [None, "b2"])
def test_a_feature_is_corrected_by_the_values_that_it_has(name, reference):
    """As in a table of its own, without the rows where it is missing; covariates are kept from the same rows."""
    correction = CORRECTIONS[name]
    fit = correction.fit(WITH_NAN, BATCH, KEEP, reference=reference, nan_policy="omit")
    found = fit.apply(WITH_NAN, BATCH, KEEP)
    assert (np.isnan(found) == np.isnan(WITH_NAN)).all()
    for feature, x in enumerate(WITH_NAN.T):
        there = ~np.isnan(x)
        wanted = correction(x[there], BATCH[there], KEEP[there], reference=reference)
        assert np.abs(found[there, feature] - wanted).max() < tolerance(name) * SCALE[feature]
    again = pickle.loads(pickle.dumps(fit)).adapt(WITH_NAN, BATCH, KEEP)
    np.testing.assert_allclose(again.apply(WITH_NAN, BATCH, KEEP), found, rtol=1e-9)


def combat_by_feature(x: np.ndarray, batch: np.ndarray) -> np.ndarray:
    """ComBat written out for one feature and one batch at a time; moments leave out what is missing."""
    batches, features = np.unique(batch), x.shape[1]
    n = np.array([[np.sum(~np.isnan(v[batch == b])) for v in x.T] for b in batches])
    mean = np.array([np.nanmean(x[batch == b], axis=0) for b in batches])
    level = (n * mean).sum(axis=0) / n.sum(axis=0)
    residual = np.concatenate([x[batch == b] - m for b, m in zip(batches, mean, strict=True)])
    sd, out = np.sqrt(np.nanmean(residual**2, axis=0)), np.full_like(x, np.nan)
    for b in batches:
        z = (x[batch == b] - level) / sd
        shift, var = np.nanmean(z, axis=0), np.nanvar(z, axis=0, ddof=1)
        a, rate = 2 + var.mean() ** 2 / var.var(ddof=1), var.mean() + var.mean() ** 3 / var.var(ddof=1)
        for j in range(features):
            values, d = z[:, j][~np.isnan(z[:, j])], var[j]
            for _ in range(500):
                spread = values.size * shift.var(ddof=1)
                g = (spread * shift[j] + d * shift.mean()) / (spread + d)
                d = (((values - g) ** 2).sum() / 2 + rate) / (values.size / 2 + a - 1)
            out[batch == b, j] = (z[:, j] - g) / np.sqrt(d) * sd[j] + level[j]
    return out


def test_combat_leaves_out_missing_values_and_pools_all_others():
    np.testing.assert_allclose(combat_by_feature(X, BATCH), CORRECTIONS["combat"](X, BATCH), rtol=1e-9)
    found = CORRECTIONS["combat"](WITH_NAN, BATCH, nan_policy="omit")
    np.testing.assert_allclose(combat_by_feature(WITH_NAN, BATCH), found, rtol=1e-9)
    np.testing.assert_array_equal(CORRECTIONS["combat"](X, BATCH, nan_policy="omit"), CORRECTIONS["combat"](X, BATCH))
    whole = X.copy()
    whole[[2, 5]] = np.nan  # rows without any value are as rows that are not there
    kept = CORRECTIONS["combat"](whole, BATCH, KEEP, nan_policy="omit")
    rest = np.delete(np.arange(len(X)), [2, 5])
    np.testing.assert_allclose(kept[rest], CORRECTIONS["combat"](X[rest], BATCH[rest], KEEP.iloc[rest]), rtol=1e-9)


def test_missing_values_are_refused_unless_they_are_to_be_left_out():
    with pytest.raises(ValueError, match="holds NaN or infinite values"):
        CORRECTIONS["center"](WITH_NAN, BATCH)
    with pytest.raises(ValueError, match="holds NaN or infinite values"):
        CORRECTIONS["center"](np.where(np.isnan(WITH_NAN), np.inf, WITH_NAN), BATCH, nan_policy="omit")
    with pytest.raises(ValueError, match="nan_policy='omit' goes with corrections by effects and factors"):
        CORRECTIONS["quantile_normalize"](WITH_NAN, BATCH, nan_policy="omit")
    with pytest.raises(ValueError, match="subject goes with complete rows"):
        CORRECTIONS["center"](WITH_NAN, BATCH, subject=SUBJECT, nan_policy="omit")
    with pytest.raises(ValueError, match="nan_policy='omit' goes with corrections along batches"):
        CORRECTIONS["spline"](np.arange(9.0), range(9), nan_policy="omit")
    with pytest.raises(ValueError, match="nan_policy is one of raise, omit; got 'drop'"):
        CORRECTIONS["center"](X, BATCH, nan_policy="drop")
    gone = np.where((BATCH == "b3")[:, None] & (np.arange(5) == 2), np.nan, X)
    for name in OMITTING:
        with pytest.raises(ValueError, match="batch 'b3' has no value of feature 2: drop one of these"):
            CORRECTIONS[name](gone, BATCH, nan_policy="omit")


# ---- pandas, polars


def test_tables_are_aligned_by_label_and_columns_may_be_swapped():
    index = pd.Index([f"row {i}" for i in range(len(X))])
    frame, batch, keep = pd.DataFrame(X, index), pd.Series(BATCH, index), KEEP.set_index(index)
    wanted = CORRECTIONS["combat"](X, BATCH, KEEP)
    found = CORRECTIONS["combat"](frame, batch[::-1], keep.sample(frac=1, random_state=1)[["age", "stage", "disease"]])
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
    assert found.index.equals(index)
    fit = CORRECTIONS["combat"].fit(frame, batch, keep)
    np.testing.assert_allclose(fit.apply(X, BATCH, KEEP[["stage", "age", "disease"]]), wanted, rtol=1e-9)
    pl = pytest.importorskip("polars")
    table = pl.DataFrame(KEEP.to_dict("list"))
    for same in (table, table.to_arrow()):
        np.testing.assert_allclose(CORRECTIONS["combat"](X, BATCH, same), wanted, rtol=1e-9)


# ---- bad input

SMALL = [1.0, 2.0, 4.0, 3.0, 7.0, 5.0]
SITE = ["a", "a", "a", "b7", "b7", "b7"]


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ({"sick": [0, 0, 0, 1, 1, 1]}, "covariate sick of keep is a linear function of the batch, so"),
        ({"age": [1, 2, 4, 1, 2, 3], "lab": list("uuuvvv")}, "covariate lab 'v' of keep is a linear function of the b"),
        (
            {"age": [1, 2, 4, 1, 2, 3], "sum": [1, 2, 4, 3, 4, 5]},
            "covariate sum of keep is a linear function of the batch and of other covariates",
        ),
        ({"id": list("abcdee")}, "keep has 4 columns of numbers beside 2 batches, but x has 6 rows: give at least 7"),
        ({"age": [1, 2, np.nan, 4, 5, 6]}, "column 'age' of keep misses 1 of 6 values, or they are inf"),
        ({}, "keep has no columns: leave it out"),
        (pd.DataFrame(index=range(6)), "keep has no columns: leave it out"),
        ({"sex": ["f", None, "m", "f", "f", "m"]}, "column 'sex' of keep misses 1 of 6 values"),
        ({"day": pd.date_range("2024-01-01", periods=6)}, "column 'day' of keep holds dates: give numbers"),
        ({"sex": ["f", "m"]}, "keep has one row for each of the 6 rows of x; got 2"),
        ({"age": [1, 2, 3], "sex": ["f"]}, "each column of keep has one value per row"),
        (np.ones((6, 2, 2)), r"keep is a table, a column, or an array of these shapes; got shape \(6, 2, 2\)"),
        (3, r"keep is a table, a column, or an array of these shapes; got shape \(\)"),
    ],
)
def test_covariates_that_cannot_be_kept_are_named(keep, message):
    for name in ("center", "shrink", "standardize"):
        with pytest.raises(ValueError, match=message):
            CORRECTIONS[name].fit(SMALL, SITE, keep)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("agee", r"formula 'agee' cannot be computed from the columns \['age', 'sex'\] of keep: .*agee"),
        ("age +", r"formula 'age \+' cannot be computed from the columns"),
        ("x ~ age", "formula 'x ~ age' cannot be computed"),
        ("np.log(-age)", "cannot be computed|holds finite numbers"),
        ("", "formula"),
        (3, "formula is a word|formula"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_formulas_that_cannot_be_read_are_quoted(formula, message):
    with pytest.raises(ValueError, match=message) as refusal:
        CORRECTIONS["center"].fit(SMALL, SITE, {"age": [1, 2, 4, 1, 2, 3], "sex": list("fmfmfm")}, formula=formula)
    assert str(refusal.value).count("cannot be computed") < 2


def test_what_is_missing_or_new_at_apply_time_is_named():
    keep = {"age": [1, 2, 4, 1, 2, 3], "sex": list("fmfmfm")}
    fit = CORRECTIONS["shrink"].fit(SMALL, SITE, keep)
    for act in (fit.apply, fit.adapt):
        with pytest.raises(ValueError, match="the shrink was fitted with keep: give that of these rows, too"):
            act([1.0], ["a"])
        with pytest.raises(ValueError, match="keep has no column 'sex', which the fitted rows have: give it"):
            act([1.0], ["a"], {"age": [3]})
        with pytest.raises(ValueError, match="column 'sex' of keep holds 'd', which no fitted row has: drop"):
            act([1.0], ["a"], {"age": [3], "sex": ["d"]})
        with pytest.raises(ValueError, match="fitted without second_batch: leave it out"):
            act([1.0], ["a"], {"age": [3], "sex": ["f"]}, ["u"])
    by_formula = CORRECTIONS["shrink"].fit(SMALL, SITE, keep, formula="age + sex")
    with pytest.raises(ValueError, match=r"formula 'age [+] sex' cannot be computed from .*'d'"):
        by_formula.apply([1.0], ["a"], {"age": [3], "sex": ["d"]})
    assert fit.effect(["a"]).shape == (1,)  # which needs no covariates


def test_what_goes_with_batches_alone_is_said():
    with pytest.raises(ValueError, match="keep goes with corrections along batches; this one is along time"):
        CORRECTIONS["spline"](np.arange(9.0) ** 2, range(9), keep=np.ones(9))
    with pytest.raises(ValueError, match="formula has terms of the columns of keep: give keep"):
        CORRECTIONS["center"](SMALL, SITE, formula="age")
    with pytest.raises(ValueError, match="reference is the label of a batch, 'a', 'b7'; got 'c'"):
        CORRECTIONS["center"](SMALL, SITE, reference="c")
    with pytest.raises(ValueError, match=r"reference is the label of a batch, .*; got array\(\['a'\]"):
        CORRECTIONS["center"](SMALL, SITE, reference=np.array(["a"]))
    with pytest.raises(ValueError, match="second_batch leaves no rows over"):
        CORRECTIONS["center"](SMALL, SITE, second_batch=list("uvwxyz"))
    with pytest.raises(ValueError, match="mean_only is True or False; got 1"):
        corrections.combat(mean_only=1)
    with pytest.raises(ValueError, match="feature 1 does not vary within the reference batch 'a': drop it"):
        corrections.combat()(np.c_[SMALL, [1.0, 1, 1, 2, 5, 3]], SITE, reference="a")


def test_one_row_of_a_batch_is_enough_for_means_alone():
    x, batch = np.r_[X, X[:1] + 1], np.append(BATCH, "lone")
    assert np.isfinite(corrections.combat(mean_only=True)(x, batch)).all()
    with pytest.raises(ValueError, match="batch 'lone' has one row"):
        corrections.combat()(x, batch)
