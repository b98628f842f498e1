"""Confounding of batches and labels: what is refused and warned of, and the numbers.

Nothing is random: changes by corrections are those of expected values, which linear corrections map to expected values.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols

from bnstats import corrections
from bnstats.corrections import CORRECTIONS, check_confounding

QUIET = {"border": 1.0}
SITE, SICK = np.repeat(["a", "b"], 10), np.array([1] * 2 + [0] * 8 + [1] * 8 + [0] * 2)
UNEVEN = np.repeat([0, 1, 2, 3], [4, 12, 7, 9])


def test_crossed_labels_are_fine_and_confounded_ones_are_named():
    assert check_confounding([1, 1, 2, 2], ["x", "y", "y", "x"])["between_batches"].tolist() == [0]
    with pytest.raises(ValueError, match=r"batch 'a', 'b' holds only label 0, 1, which no other batch holds"):
        check_confounding(["a", "a", "b", "b", "c", "c"], [0, 1, 1, 0, 2, 3])


def test_labels_linked_by_a_chain_of_batches_can_be_compared():
    assert len(check_confounding([1, 1, 2, 2, 3, 3], ["x", "y", "y", "z", "z", "w"], **QUIET)) == 4
    with pytest.raises(ValueError, match="batch 1 holds only label 'x'"):
        check_confounding([1, 1, 2, 2, 3, 3], ["x", "x", "y", "z", "z", "w"])


def test_a_batch_of_one_label_is_warned_of():
    for batch, label in (([1, 1, 2, 2], ["x", "y", "y", "y"]), (["a", "a", "b7"], ["u", "v", "v"])):
        with pytest.warns(UserWarning, match="batch (2|'b7') holds one label only") as found:
            check_confounding(batch, label)
        assert [w.filename for w in found] == [__file__]
    assert check_confounding([1, 2], ["x", "x"])[["between_batches", "center"]].to_numpy().tolist() == [[0, 0]]


def test_labels_match_rows_and_none_is_missing():
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(2,\)"):
        check_confounding([1, 1, 2], ["x", "y"])
    with pytest.raises(ValueError, match="label has one row for each of the 3 rows of x; got 2"):
        check_confounding([1, 1, 2], pd.DataFrame({"u": [1, 2], "v": [1, 2]}))
    with pytest.raises(ValueError, match="missing"):
        check_confounding([1, 2, 3], np.array(["x", None, "y"], dtype=object))
    with pytest.raises(ValueError, match="border is a proportion"):
        check_confounding([1, 1, 2, 2], ["x", "y", "y", "x"], border=2)


def test_the_proportion_of_two_sites_and_the_border():
    with pytest.warns(UserWarning, match="36 % of the variance of label 1 lies between batches, so that centering"):
        found = check_confounding(SITE, SICK)
    np.testing.assert_allclose(found[["between_batches", "none", "center", "shrink"]], [[0.36, 0, -0.36, -0.36]])
    assert found[["combat", "quantile_normalize", "shrink_scale"]].isna().all(axis=None)
    assert check_confounding(SITE, SICK, border=0.37).equals(found)
    with pytest.warns(UserWarning, match="lies between"):
        check_confounding(SITE, SICK, border=0.35)


def test_proportions_are_r_squared_of_labels_and_of_variables():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.normal(size=32) + UNEVEN, "stage": rng.choice(list("uvw"), 32), "year": range(32)})
    found = check_confounding(UNEVEN, table, **QUIET)
    assert found["covariate"].tolist() == ["age", "stage", "stage", "stage", "year"]
    assert found["label"].tolist() == [None, "u", "v", "w", None]
    for row in found.itertuples():
        y = table[row.covariate] if row.label is None else 1.0 * (table[row.covariate] == row.label)
        fit = ols("y ~ C(batch)", pd.DataFrame({"y": y, "batch": UNEVEN}))
        assert row.between_batches == pytest.approx(fit.fit().rsquared)
    assert len(check_confounding(UNEVEN, table["year"] % 10, **QUIET)) == 10  # ten whole numbers are labels


def test_a_variable_that_is_a_function_of_the_batch_is_refused():
    with pytest.raises(ValueError, match="age is the same in all rows of a batch"):
        check_confounding(UNEVEN, pd.DataFrame({"age": np.sqrt(2.0) * UNEVEN}))


def contrast(x: np.ndarray, z: np.ndarray) -> float:
    return float((x * (z - z.mean())).sum() / ((z - z.mean()) ** 2).sum())


@pytest.mark.parametrize("variable", [False, True])
def test_changes_at_worst_are_those_of_the_corrections(variable):
    """No shrinkage, and no size of a difference, does more, and some do as much."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=32) + UNEVEN / 2 if variable else 1.0 * (rng.uniform(size=32) < 0.2 + UNEVEN / 5)
    found = check_confounding(UNEVEN, z, **QUIET).iloc[-1]
    assert found["center"] == pytest.approx(contrast(CORRECTIONS["center"](z, UNEVEN), z) - 1)
    shrunken = [contrast(corrections.shrink(icc)(z, UNEVEN), z) - 1 for icc in np.linspace(0, 1, 101)]
    assert found["shrink"] == found["random_intercept"] == pytest.approx(min(shrunken), abs=2e-3)
    # Rows with variance 1 within labels in each batch, in every batch orthogonal to z: 4 more values for each.
    scaled = []
    for d in np.logspace(-2, 3, 41):
        groups = corrections.correction.Groups.of(z, UNEVEN, "batch")
        var = 1 + d**2 * (groups.m2 / (groups.n - 1))[:, 0]
        factor = np.sqrt((var * (groups.n[:, 0] - 1)).sum() / (len(z) - 4) / var)
        scaled.append(contrast((z - groups.mean[UNEVEN, 0]) * factor[UNEVEN], z) - 1)
    assert found["standardize"] == pytest.approx(min(scaled), abs=2e-3)
    assert found["standardize"] < found["center"] < -0.1
