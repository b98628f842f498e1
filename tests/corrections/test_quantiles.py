"""Quantile normalization: the article's procedure in plain loops, other batches by NumPy's quantiles, and its rules.

Nothing here is left to chance but the rows, with fixed seeds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bnstats as bn
from bnstats.corrections import CORRECTIONS, Fitted, quantile_normalize

QUANTILE = CORRECTIONS["quantile_normalize"]
SIZES = (7, 2, 4, 3, 11, 4, 1)


def unequal(ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    key = rng.permutation(np.repeat(np.arange(len(SIZES)), SIZES))
    x = rng.normal(size=key.size) * (1 + key) + 5 * key
    return (np.round(x / 4), key) if ties else (x, key)


def warned(call):
    with pytest.warns(UserWarning, match="batch 6 has one row: quantile normalization leaves nothing of it") as found:
        result = call()
    assert [w.filename for w in found] == [__file__]
    return result


def article(columns: np.ndarray) -> np.ndarray:
    """Bolstad et al. (2003), page 186: columns are sorted, rows averaged, the averages put in the columns' order."""
    averages = np.sort(columns, axis=0).mean(axis=1)
    return np.stack([averages[stats.rankdata(column, "ordinal").astype(int) - 1] for column in columns.T], axis=1)


@pytest.mark.parametrize("n", [2, 3, 10])
def test_batches_of_equal_size_are_those_of_the_article(n: int) -> None:
    columns = np.random.default_rng(n).gamma(2.0, size=(n, 5)) * np.arange(1, 6)
    key = np.tile(np.arange(5), n)
    found = QUANTILE(columns.ravel(), key).reshape(n, 5)
    np.testing.assert_allclose(found, article(columns), rtol=1e-13)
    # Wrong: medians of the rows in place of their averages.
    assert np.abs(np.sort(found[:, 0]) - np.median(np.sort(columns, axis=0), axis=1)).max() > 0.1


def reference(x: np.ndarray, key: np.ndarray, method: str = "hazen", weigh: bool = True):
    """Average quantiles of the batches: the quantile of (r - 1/2) / n is the r-th smallest of n values."""
    batches = [x[key == b] for b in np.unique(key)]
    weights = [len(b) if weigh else 1 for b in batches]

    def at(chance: np.ndarray) -> np.ndarray:
        return np.average([np.quantile(b, chance, method=method) for b in batches], axis=0, weights=weights)

    return at


def by_quantiles(x: np.ndarray, key: np.ndarray, **convention: object) -> np.ndarray:
    """Each rank's quantile of the reference; equal values have the mean of their ranks'; the mean of all rows stays."""
    at, found = reference(x, key, **convention), np.empty_like(x)
    for batch in np.unique(key):
        rows = np.flatnonzero(key == batch)
        order = rows[np.argsort(x[rows], kind="stable")]
        found[order] = at((np.arange(rows.size) + 0.5) / rows.size)
        found[rows] = pd.Series(found[rows]).groupby(x[rows]).transform("mean")
    return found + x.mean() - found.mean()


@pytest.mark.parametrize("ties", [False, True])
def test_batches_of_unequal_size_have_the_quantiles_of_numpy(ties: bool) -> None:
    x, key = unequal(ties)
    found = warned(lambda: QUANTILE(x, key))
    np.testing.assert_allclose(found, by_quantiles(x, key), rtol=1e-12)
    assert np.abs(found - by_quantiles(x, key, method="linear")).max() > 0.1
    assert np.abs(found - by_quantiles(x, key, weigh=False)).max() > 0.1


def test_a_lone_row_becomes_the_median_of_the_reference() -> None:
    x, key = unequal()
    found = warned(lambda: QUANTILE(x, key))
    shift = (found - by_quantiles(x, key) + x.mean()).mean() - x.mean()
    low, high = (found[key == 4][np.argsort(x[key == 4])][r] for r in (4, 6))
    assert low < found[key == 6].item() + shift < high  # 11 rows: the sixth of them is the median


def trained() -> tuple[Fitted, np.ndarray, np.ndarray]:
    x, key = np.array([1.0, 3.0, 7.0, 10.0, 20.0, 60.0]), np.array([0, 0, 0, 1, 1, 1])
    return QUANTILE.fit(x, key), x, key


def test_later_rows_of_a_fitted_batch_are_placed_between_its_rows_and_beyond_them_by_distance() -> None:
    fit, x, key = trained()
    low, middle, high = 5.5, 11.5, 33.5
    np.testing.assert_allclose(fit.apply(x, key), [low, middle, high] * 2)
    later = fit.apply([2.0, 3.0, 6.0, -4.0, 9.0], [0] * 5)
    np.testing.assert_allclose(later, [(low + middle) / 2, middle, middle + 0.75 * (high - middle), low - 5, high + 2])
    alone = [float(fit.apply([v], [1])[0]) for v in (15.0, 61.0)]
    np.testing.assert_allclose(alone, [(low + middle) / 2, high + 1])


def test_a_new_batch_gets_the_fitted_distribution_by_its_own_ranks() -> None:
    fit, _, _ = trained()
    new = [100.0, -3.0, 4.0], ["c"] * 3
    np.testing.assert_allclose(fit.adapt(*new).apply(*new), [33.5, 5.5, 11.5])
    with pytest.raises(ValueError, match="does not apply to batch 'c'"):
        fit.apply(*new)
    six = np.arange(6.0)[::-1]
    adapted = fit.adapt(six, [9] * 6).apply(six, [9] * 6)
    assert (np.diff(adapted) < 0).all()
    assert adapted.mean() == pytest.approx((5.5 + 11.5 + 33.5) / 3)  # an even number of quantiles between three
    with pytest.warns(UserWarning, match="batch 9 has one row"):
        np.testing.assert_allclose(fit.adapt([77.0], [9]).apply([77.0], [9]), 11.5)


def test_values_far_from_zero_and_equal_batches_stay_exact() -> None:
    x = 1e9 + np.array([0.0, 1.0, 2.0, 0.0, 1.0, 2.0])
    np.testing.assert_array_equal(QUANTILE(x, [0, 0, 0, 1, 1, 1]), x)
    np.testing.assert_array_equal(QUANTILE(x, [0] * 6), x)
    np.testing.assert_array_equal(QUANTILE(np.full(4, 0.1), [0, 0, 1, 1]), 0.1)


def test_tables_keep_their_labels_and_types() -> None:
    frame = pd.DataFrame({"a": [1.0, 3.0, 2.0, 8.0], "b": [1, 1, 0, 4]}, index=list("wxyz"))
    found = QUANTILE(frame, pd.Series([0, 0, 1, 1], index=list("wxyz")))
    assert found.index.tolist() == list("wxyz")
    assert found["a"].tolist() == [1.5, 5.5, 1.5, 5.5]
    assert found["b"].tolist() == [1.5, 1.5, 0.5, 2.5]  # equal values of a batch become equal


def test_distributions_of_batches_that_differ_in_shape_become_equal_and_those_of_standardized_ones_do_not() -> None:
    rng, key = np.random.default_rng(4), np.repeat([0, 1], 400)
    x = np.concatenate([rng.normal(size=400), rng.exponential(size=400)])
    distance = {
        name: stats.ks_2samp(*np.split(CORRECTIONS[name](x, key), 2)).statistic
        for name in ("standardize", "quantile_normalize")
    }
    assert distance["quantile_normalize"] == 0
    assert distance["standardize"] > 0.05


def test_it_is_measured_as_the_others_and_has_no_exact_error() -> None:
    """With effects twice the spread, in batches of 32, an uncorrected error is 2; what is left is near 1 / sqrt(32).

    In 200 and more replicates of 20 batches it is never beyond half of the former by chance.
    """
    found = bn.measure_correction(
        ["none", "center", quantile_normalize()],
        effect_size=2.0,
        batch_sizes=[32],
        measures=["rmse", "accuracy"],
        precision=None,
        max_replicates=200,
    )
    rows = found.table.set_index(["correction", "measure"])
    assert np.isnan(rows.loc[("quantile_normalize", "rmse"), "exact"])
    rmse = {name: rows.loc[(name, "rmse"), "value"] for name in ("none", "center", "quantile_normalize")}
    assert rmse["center"] < rmse["quantile_normalize"] < rmse["none"] / 2
    accuracy = rows.loc[("quantile_normalize", "accuracy"), "value"]
    assert rows.loc[("none", "accuracy"), "value"] < 0.7 < accuracy < rows.loc[("center", "accuracy"), "value"] + 0.01


def test_a_user_s_own_correction_that_is_not_affine() -> None:
    """It has its own rows and groups, may keep and write its copies, and its errors are sentences."""

    def ranks(_):
        def transform(x, group):
            kept.append((x, group))
            return np.stack([pd.Series(column).groupby(group).rank().to_numpy() for column in x.T], axis=1)

        return transform

    kept: list = []
    x, key = np.array([5.0, 7.0, 1.0, 0.0]), [0, 0, 1, 1]
    own = bn.corrections.Correction("ranks", "batch", True, lambda _: ranks)
    np.testing.assert_array_equal(own(x, key), [1, 2, 2, 1])
    np.testing.assert_array_equal(own.fit(x, key).apply([8.0, 1.0, 2.0], [3, 3, 0]), [2, 1, 1])
    with pytest.raises(ValueError, match="read-only"):
        kept[0][0][:] = 0
    table = bn.measure_correction(["none", own], batch_sizes=[4], measures=["rmse"], max_replicates=64, precision=None)
    assert np.isfinite(table.table["value"]).all()

    def times(groups):
        return lambda x, _: x - groups.level

    drift = bn.corrections.Correction("drift", "time", False, lambda groups: lambda _: times(groups))
    fit = drift.fit(x, np.arange(4.0))
    np.testing.assert_allclose(fit.apply(x, np.arange(4.0)), x - x.mean())
    more = np.append(x, 27.0)  # of mean 8: at the level of the first fit, 3.25, values are lower by the difference
    np.testing.assert_allclose(fit.adapt(more, np.arange(5.0)).apply(more, np.arange(5.0)), more - 8 - (8 - x.mean()))


WRONG = {
    "shape": (lambda x, _: x[0], r"the transform of correction 'own' returns values in the shape of x, \(4, 1\)"),
    "words": (lambda x, _: np.full(x.shape, "a"), "the transform of correction 'own' .* real numbers"),
    "nan": (lambda x, _: x * np.nan, "the transform of correction 'own' .* finite numbers"),
    "write": (lambda x, _: np.ndarray.sort(x, axis=0), "the transform of correction 'own' writes into a read-only"),
    "error": (lambda *_: {}["key"], "the transform of correction 'own' fails with KeyError"),
    "arguments": (lambda x: x, "the transform of correction 'own' fails with TypeError"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_user_s_transform_does_wrong_is_one_sentence(case: str) -> None:
    function, message = WRONG[case]
    own = bn.corrections.Correction("own", "batch", True, lambda _: lambda _: function)
    with pytest.raises(ValueError, match=message) as refusal:
        own([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("wrong", [3, "word", ([0.0],), (np.zeros((2, 1)), np.zeros(2)), ("a", "b")])
def test_what_a_rule_returns_is_a_pair_or_a_function(wrong: object) -> None:
    own = bn.corrections.Correction("own", "batch", True, lambda _: lambda _: wrong)
    with pytest.raises(ValueError, match=r"the rule of correction 'own' returns") as refusal:
        own([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1])
    assert "\n" not in str(refusal.value)
