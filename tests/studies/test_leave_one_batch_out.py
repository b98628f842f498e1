"""Corrections on data at hand: predictions in left-out batches, recomputed with scikit-learn, and their intervals.

The one random test of coverage states its own false-alarm rate; all else is exact.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from analyses.exam_data import mathpnl, school_tests
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


def test_centering_is_a_fit_on_deviations() -> None:
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


def hall(t: float, values: np.ndarray) -> float:
    """Hall's quantile (1992) for the mean of values whose third moment is that of the sample."""
    skewness = np.mean((values - values.mean()) ** 3) / values.std(ddof=1) ** 3 / np.sqrt(values.size)
    return 3 / skewness * (np.cbrt(1 + skewness * (t - skewness / 6)) - 1)


def log_ratio(x: np.ndarray, outcome: np.ndarray, batch: np.ndarray) -> float:
    """Of the mean squared error in left-out batches: centered values against uncorrected ones, by plain NumPy."""
    means = []
    for values in (x - np.array([x[batch == c].mean() for c in batch]), x):
        lines = [(batch == b, np.polyfit(values[batch != b], outcome[batch != b], 1)) for b in np.unique(batch)]
        means.append(np.mean([np.mean((outcome - np.polyval(line, values))[own] ** 2) for own, line in lines]))
    return float(np.log(means[0] / means[1]))


@pytest.mark.parametrize("count", [3, 4, 8, 20, 21, 60])
def test_interval_is_the_wider_one_of_two_jackknives_of_the_log_ratio(count: int) -> None:
    """Recomputed batch by batch; the second on data without one batch, with 4 to 20 of them."""
    x, outcome, batch = batches(np.random.default_rng(2), count=count)
    left = leave_one_batch_out(x, outcome, batch, ["none", "center"])
    base, other = (left.errors.loc[left.errors["correction"] == name, "mse"].to_numpy() for name in ("none", "center"))
    row, ratio = left.table.iloc[1], other.mean() / base.mean()
    values = np.log([np.delete(other, i).mean() / np.delete(base, i).mean() for i in range(count)])
    error = np.sqrt((count - 1) * values.var() * (count - 1) / (count - 2))
    if 4 <= count <= 20:
        values = np.array([log_ratio(*(v[batch != b] for v in (x, outcome, batch))) for b in range(count)])
        assert np.sqrt((count - 1) * values.var()) != pytest.approx(error, rel=1e-3)
        error = max(error, np.sqrt((count - 1) * values.var()))
    t = stats.t.isf(0.025, count - 2)
    below, above = max(t, hall(t, -values)), max(t, -hall(-t, -values))
    expected = ratio * np.exp(error * np.array([0, -below, above])) - 1
    np.testing.assert_allclose(row[["change", "low", "high"]].astype(float), expected, rtol=1e-9)
    assert (below > t) != (above > t)  # one end is further out, that to which the values are skewed


def test_with_many_batches_it_is_the_interval_of_the_delta_method() -> None:
    """A wider confidence is wider."""
    x, outcome, batch = batches(np.random.default_rng(2), count=600)
    left = leave_one_batch_out(x, outcome, batch, ["none", "center"])
    base, other = (left.errors.loc[left.errors["correction"] == name, "mse"].to_numpy() for name in ("none", "center"))
    row, ratio = left.table.iloc[1], other.mean() / base.mean()
    half = stats.t.isf(0.025, 598) * stats.sem(other - ratio * base) / other.mean()
    assert np.diff(np.log1p(row[["low", "high"]].astype(float))).item() == pytest.approx(2 * half, rel=0.05)
    wide = leave_one_batch_out(x, outcome, batch, ["none", "center"], confidence=0.99).table.iloc[1]
    assert wide["low"] < row["low"] < row["high"] < wide["high"]


def test_a_correction_that_cannot_be_fitted_to_all_but_two_batches_has_the_interval_of_its_fits() -> None:
    """A cubic line through 5 times is fitted to 4 of them, and not to 3."""
    rng = np.random.default_rng(6)
    time, x = np.repeat(np.arange(5), 10), rng.normal(size=50)
    left = leave_one_batch_out(x, x + rng.normal(size=50), time, ["none", polynomial(degree=3)]).table.iloc[1]
    assert left["low"] < left["change"] < left["high"]


def test_a_constant_x_predicts_the_mean_outcome() -> None:
    """Centered, a batch of one row has nothing left."""
    outcome = np.random.default_rng(7).normal(size=6)
    with pytest.warns(UserWarning, match="of which center leaves nothing"):
        left = leave_one_batch_out(np.arange(6.0), outcome, np.arange(6), ["center"])
    others = (outcome.sum() - outcome) / 5
    np.testing.assert_allclose(left.errors["mse"], (outcome - others) ** 2)


def test_real_pass_rates() -> None:
    """What years differ by is nuisance beside poverty; what districts differ by is signal, and centering loses it."""
    districts = mathpnl()
    few = leave_one_batch_out(districts["lunch"], districts["math4"], districts["year"]).table.set_index("correction")
    assert (few["batches"] == 7).all()
    assert few.loc["center", "high"] < 0
    schools = school_tests(2001)
    many = leave_one_batch_out(schools["read4"], schools["math4"], schools["district"]).table.set_index("correction")
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
        ({"x": [1.0, 2.0]}, "one value per row"),
        ({"x": [1.0, np.nan, 3.0, 4.0, 5.0, 6.0]}, "1 rows have no finite x"),
        ({"batch": ["a", "a", "a", "b", "b", "b"]}, "at least 3 distinct labels.*; got 2"),
        ({"batch": ["a", None, "b", "b", "c", "c"]}, "1 rows have no finite x or outcome, or no batch"),
        ({"corrections": []}, "corrections is empty"),
        ({"corrections": ["none", "none"]}, "name of its own"),
        ({"corrections": ["centre"]}, "did you mean"),
        ({"corrections": "centre"}, "did you mean 'center'"),
        ({"confidence": 95}, "above 0 and below 1"),
        ({"corrections": ["combat"]}, "one feature"),
    ],
)
def test_bad_input(change: dict, message: str) -> None:
    given = {"x": [1.0, 2, 3, 4, 5, 6], "outcome": [1.0, 2, 3, 4, 5, 7], "batch": ["a", "a", "b", "b", "c", "c"]}
    with pytest.raises(ValueError, match=message):
        leave_one_batch_out(**(given | change))


def test_a_result_speaks_for_itself() -> None:
    rng = np.random.default_rng(0)
    batch, signal = np.repeat(np.arange(6), 10), rng.normal(size=60)
    left = leave_one_batch_out(signal + 5 * rng.normal(size=6)[batch], signal, batch, ["none", "center"])
    assert "squared error -" in left.summary()
    assert max(map(len, repr(left).splitlines())) <= 80
    assert "<table" in left._repr_html_()
    assert len(left.plot().axes[0].get_yticks()) == 2
