"""Slopes of errors: the exact slope of the same fit is what the intervals hold, at whatever batch sizes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import bnstats as bn


@pytest.mark.parametrize("population", ["uniform", stats.bernoulli(0.45)])
def test_intervals_are_for_the_exact_slope_and_not_for_the_limit(population: object) -> None:
    """Where the leading term nearly vanishes, the slope at these sizes is far from -1/2. Confidence 1 - 1e-8.

    Power: the limit lies outside the interval of bernoulli(0.45), whose slope is about -0.6.
    """
    measured = bn.measure_convergence(population, estimators=["var"], precision=None, max_replicates=2**9)
    rates = measured.rates(confidence=1 - 1e-8).set_index("measure")
    for measure in ("se", "rmse"):
        rate = rates.loc[measure]
        assert rate["low"] < rate["exact"] < rate["high"]
        assert rate["expected"] == -0.5
    if population != "uniform":
        assert not rates.loc["rmse", "low"] < -0.5 < rates.loc["rmse", "high"]


def test_the_exact_slope_is_that_of_the_exact_errors() -> None:
    """Recomputed with NumPy, from the table; it is not known where an exact error is not."""
    measured = bn.measure_convergence("uniform", estimators=["var", "std"], precision=None, max_replicates=2**7)
    rates = measured.rates().set_index(["estimator", "measure"])
    part = measured.table.query("estimator == 'var' and measure == 'se' and batch_size >= 8")
    n, weight = part["batch_size"].to_numpy(float), (part["value"] / part["mcse"]).to_numpy()
    assert (weight > 4).all()
    terms = np.column_stack([np.ones_like(n), np.log(n), 1 / n])
    fit = np.linalg.lstsq(terms * weight[:, None], np.log(part["exact"].to_numpy()) * weight)[0]
    assert rates.loc[("var", "se"), "exact"] == pytest.approx(fit[1], rel=1e-9)
    assert np.isnan(rates.loc[("std", "se"), "exact"])
    assert np.isfinite(rates.loc[("std", "se"), "rate"])


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1.5, -0.1])
def test_confidence_is_a_probability(confidence: float) -> None:
    measured = bn.measure_convergence(
        "normal", estimators=["mean"], batch_sizes=[2, 4], precision=None, max_replicates=64
    )
    with pytest.raises(ValueError, match="confidence is a probability"):
        measured.rates(confidence=confidence)


def test_points_that_are_four_standard_errors_from_zero_are_fitted() -> None:
    """The documented threshold: with five times the error of one size it drops out with all that follow."""
    from bnstats.studies.convergence.rates import slope

    measured = bn.measure_convergence("normal", estimators=["var"], precision=None, max_replicates=2**7)
    rows = measured.table[measured.table["measure"] == "rmse"]
    at = rows.index[rows["batch_size"] == 512][0]
    before = slope(rows, measured.simulation)
    for ratio, changes in ((4.01, True), (3.99, True)):
        changed = rows.copy()
        changed.loc[at, "mcse"] = changed.loc[at, "value"] / ratio
        assert (slope(changed, measured.simulation).rate != before.rate) == changes
    for ratio in (3.99, 1.0):  # dropped, the ratio no longer matters
        changed = rows.copy()
        changed.loc[at, "mcse"] = changed.loc[at, "value"] / ratio
        dropped = slope(changed, measured.simulation).rate
        assert dropped == slope(rows[rows["batch_size"] < 512], measured.simulation).rate


@pytest.mark.parametrize("max_replicates", [32, 64])  # one block, and two
def test_a_run_of_few_blocks_has_rates_with_wide_intervals(max_replicates: int) -> None:
    """The only block is split into 16 parts; two blocks have one degree of freedom."""
    measured = bn.measure_convergence(
        "normal", estimators=["var"], precision=None, max_replicates=max_replicates, progress=False
    )
    rates = measured.rates()
    assert np.isfinite(rates[["rate", "exact"]].to_numpy(float)).all()
    assert (rates["mcse_df"] == {32: 15, 64: 1}[max_replicates]).all()
    level = 0.025 / len(rates)
    half = rates["mcse"] * stats.t.isf(level, rates["mcse_df"])
    np.testing.assert_allclose(rates["low"], rates["rate"] - half, rtol=1e-12)
    np.testing.assert_allclose(rates["high"], rates["rate"] + half, rtol=1e-12)
    exact = rates[rates["exact"].notna()]
    assert ((exact["low"] < exact["exact"]) & (exact["exact"] < exact["high"])).all()
    part = measured.table.query("measure == 'median_abs_error' and batch_size >= 8")
    n, weight = part["batch_size"].to_numpy(float), (part["value"] / part["mcse"]).to_numpy()
    terms = np.column_stack([np.ones_like(n), np.log(n), 1 / n])
    fit = np.linalg.lstsq(terms * weight[:, None], np.log(part["value"].to_numpy()) * weight)[0]
    assert rates.set_index("measure").loc["median_abs_error", "rate"] == pytest.approx(fit[1], rel=1e-9)
