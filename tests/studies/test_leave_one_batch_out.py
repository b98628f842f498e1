"""Corrections on data at hand: predictions in left-out batches, recomputed with scikit-learn, and their intervals.

The one random test of coverage states its own false-alarm rate; all else is exact.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from analyses.exam_data import exam_grades, mathpnl, school_exam
from bnstats.corrections import moving_average, polynomial
from bnstats.studies.batch_effects.leave_one_batch_out import leave_one_batch_out


def batches(rng: np.random.Generator, count: int = 8, nuisance: float = 1.0) -> tuple[np.ndarray, ...]:
    batch = np.repeat(np.arange(count), rng.integers(3, 9, count))
    signal = rng.normal(size=batch.size)
    x = signal + nuisance * rng.normal(size=count)[batch]
    return x, signal + 0.5 * rng.normal(size=batch.size), batch


def test_without_correction_it_is_cross_validation_by_group() -> None:
    x, outcome, batch = batches(np.random.default_rng(0))
    said = cross_val_predict(LinearRegression(), x[:, None], outcome, groups=batch, cv=LeaveOneGroupOut())
    squares = [np.mean((outcome - said)[batch == b] ** 2) for b in np.unique(batch)]
    left = leave_one_batch_out(x, outcome, batch, ["none"])
    np.testing.assert_allclose(left.errors["mse"], squares)
    assert left.table["rmse"].item() == pytest.approx(np.sqrt(np.mean(squares)))
    assert left.table[["change", "low", "high"]].to_numpy().tolist() == [[0.0, 0.0, 0.0]]
    assert left.errors["rows"].tolist() == np.bincount(batch).tolist()


def test_centring_is_a_fit_on_deviations() -> None:
    """And so blind to any constant that is added to a batch."""
    x, outcome, batch = batches(np.random.default_rng(1))
    left = leave_one_batch_out(x, outcome, batch, ["center"]).errors
    for b in np.unique(batch):
        others = batch != b
        mean = np.array([x[batch == c].mean() for c in batch])
        slope, level = np.polyfit((x - mean)[others], outcome[others], 1)
        expected = np.mean((outcome - level - slope * (x - mean))[~others] ** 2)
        assert left.set_index("batch").loc[b, "mse"] == pytest.approx(expected)
    moved = leave_one_batch_out(x + 100.0 * batch, outcome, batch, ["center"]).errors
    np.testing.assert_allclose(moved["mse"], left["mse"], rtol=1e-9)
    assert not np.allclose(*(leave_one_batch_out(v, outcome, batch, ["none"]).errors["mse"] for v in (x, x + batch)))


def test_interval_is_that_of_a_ratio_of_means_over_batches() -> None:
    """Against the jackknife over batches, which the delta method approaches; a wider confidence is wider."""
    x, outcome, batch = batches(np.random.default_rng(2), count=60)
    left = leave_one_batch_out(x, outcome, batch, ["none", "center"])
    base, other = (left.errors.loc[left.errors["correction"] == name, "mse"].to_numpy() for name in ("none", "center"))
    row = left.table.iloc[1]
    assert row["change"] == pytest.approx(other.mean() / base.mean() - 1)
    without = np.array([np.delete(other, i).mean() / np.delete(base, i).mean() for i in range(60)])
    error = np.sqrt(59 / 60 * ((without - without.mean()) ** 2).sum())
    assert row["high"] - row["change"] == pytest.approx(stats.t.isf(0.025, 59) * error, rel=0.05)
    wide = leave_one_batch_out(x, outcome, batch, ["none", "center"], confidence=0.99).table.iloc[1]
    ratio = (wide["high"] - wide["low"]) / (row["high"] - row["low"])
    assert ratio == pytest.approx(stats.t.isf(0.005, 59) / stats.t.isf(0.025, 59))


def test_intervals_cover_where_corrections_are_alike() -> None:
    """No nuisance, and centring as good as none but for 1/n: 95 % intervals hold the mean change over repetitions.

    Fewer than binom.ppf(1e-8, 300, 0.9) of 300 would be a false alarm, of intervals that cover 90 %; those that took
    rows for batches, some half as wide, would be told.
    """
    rng, repetitions = np.random.default_rng(3), 300
    found = []
    for _ in range(repetitions):
        batch = np.repeat(np.arange(8), 20)
        x = rng.normal(size=160) + 0.4 * rng.normal(size=8)[batch]
        outcome = x + rng.normal(size=8)[batch] + rng.normal(size=160)
        found.append(leave_one_batch_out(x, outcome, batch, ["none", "center"]).table.iloc[1])
    change, low, high = (np.array([row[c] for row in found]) for c in ("change", "low", "high"))
    covered = np.count_nonzero((low <= change.mean()) & (change.mean() <= high))
    fewest = stats.binom.ppf(1e-8, repetitions, 0.9)
    assert covered >= fewest
    narrow = np.abs(change - change.mean()) <= (high - change) / 3
    assert np.count_nonzero(narrow) < fewest


def test_real_grades() -> None:
    """Six semesters do not tell; of 65 schools the mean is signal, and centring loses it."""
    grades = exam_grades().dropna(subset="exam1")
    few = leave_one_batch_out(grades["exam1"], grades["course_grade"], grades["semester"]).table.set_index("correction")
    assert (few["batches"] == 6).all()
    assert few.loc["center", "low"] < 0 < few.loc["center", "high"]
    pupils = school_exam()
    many = leave_one_batch_out(pupils["intake"], pupils["exam"], pupils["school"]).table.set_index("correction")
    assert many.loc["center", "low"] > 0
    assert many.loc["none", "change"] == 0


@pytest.mark.parametrize("refit", [True, False])
def test_corrections_along_time(refit: bool) -> None:
    """A line is extrapolated to the last year, or fitted again with its x, at the level of the other years."""
    districts = mathpnl()
    x, outcome, year = (districts[c].to_numpy(float) for c in ("math4", "lunch", "year"))
    corrections = ["none", polynomial(degree=1), moving_average(window=3)]
    left = leave_one_batch_out(x, outcome, year, corrections, refit=refit)
    last = left.errors[left.errors["batch"] == 1998].set_index("correction")
    before = year < 1998
    line = np.polyfit(year[before], x[before], 1)
    known = x - np.polyval(line, year) + x[before].mean()
    slope, level = np.polyfit(known[before], outcome[before], 1)
    on = x - np.polyval(np.polyfit(year, x, 1), year) + x[before].mean()
    expected = np.mean((outcome - level - slope * (on if refit else known))[~before] ** 2)
    assert last.loc[polynomial(degree=1).name, "mse"] == pytest.approx(expected)
    assert left.table["change"].iloc[1] < 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [1.0, 2.0]}, "one value a row"),
        ({"x": [1.0, np.nan, 3.0, 4.0, 5.0, 6.0]}, "1 rows have no finite x"),
        ({"batch": ["a", "a", "a", "b", "b", "b"]}, "takes 3 of them; got 2"),
        ({"batch": ["a", None, "b", "b", "c", "c"]}, "1 rows have no finite x or outcome, or no batch"),
        ({"corrections": []}, "one or more"),
        ({"corrections": ["none", "none"]}, "name of its own"),
        ({"corrections": ["centre"]}, "did you mean"),
        ({"corrections": "centre"}, "did you mean 'center'"),
        ({"confidence": 95}, "between 0 and 1"),
        ({"corrections": ["combat"]}, "one feature"),
    ],
)
def test_bad_input(change: dict, message: str) -> None:
    given = {"x": [1.0, 2, 3, 4, 5, 6], "outcome": [1.0, 2, 3, 4, 5, 7], "batch": ["a", "a", "b", "b", "c", "c"]}
    with pytest.raises(ValueError, match=message):
        leave_one_batch_out(**(given | change))
