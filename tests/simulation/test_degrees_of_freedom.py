"""Degrees of freedom of errors: exact for normal replicates, and against simulations that share no formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib import pyplot as plt
from scipy import stats

from bnstats.plots.elements import series
from bnstats.simulation.precision.degrees_of_freedom import of_largest, of_mean, of_quantile

SETS = 20_000


def found(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, standard errors and degrees of freedom of the rows."""
    n = x.shape[1]
    d = x - x.mean(axis=1, keepdims=True)
    m2, m3, m4 = ((d**k).mean(axis=1) for k in (2, 3, 4))
    df = np.array([of_mean(n, *shape) for shape in zip(m3 / m2**1.5, m4 / m2**2, strict=True)])
    return x.mean(axis=1), x.std(axis=1, ddof=1) / math.sqrt(n), df


@pytest.mark.parametrize("n", [4, 10, 100])
def test_normal_replicates_have_all_degrees_of_freedom_but_one(n: int) -> None:
    """Nearly all of them: what is taken off for skewness of 4 replicates is chance."""
    df = found(np.random.default_rng(n).standard_normal((2000, n)))[2]
    assert (df <= n - 1).all()
    assert np.median(df) > 0.8 * (n - 1)


def test_skewness_up_to_what_normal_replicates_show_by_chance_takes_no_degrees_off() -> None:
    """The mean square of 50,000 sets has a standard error of 0.002, a tenth of the margin.

    Power: with n + 1 in place of n + 3, the formula's value is 0.12 larger.
    """
    x = np.random.default_rng(5).standard_normal((50_000, 5))
    by_chance = float((stats.skew(x, axis=1) ** 2).mean())
    assert of_mean(5, math.sqrt(by_chance - 0.02), 3.0) == 4
    assert of_mean(5, math.sqrt(by_chance + 0.02), 3.0) < 4


@pytest.mark.parametrize(
    ("draw", "true"),
    [
        (lambda rng, size: rng.exponential(size=size), 1.0),
        (lambda rng, size: rng.exponential(size=size) ** 2, 2.0),
        (lambda rng, size: rng.random(size) < 0.05, 0.05),
    ],
    ids=["exponential", "its square", "rare events"],
)
def test_skewed_replicates_have_fewer(draw, true: float) -> None:
    """Intervals of 95 % from 250 replicates hold a mean in 93 %, counted in 20 000 sets (standard error .18 %).

    Power: with all degrees of freedom, those of the square and of rare events hold it in less than 93 %.
    """
    value, mcse, df = found(draw(np.random.default_rng(2), (SETS, 250)).astype(float))
    held = {
        name: np.mean(np.abs(value - true) < mcse * stats.t.isf(0.025, f)) for name, f in (("df", df), ("all", 249))
    }
    assert held["df"] > 0.93 + 3 * 0.0018
    assert true == 1.0 or held["all"] < 0.93


@pytest.mark.parametrize("law", ["standard_exponential", "standard_t"])
def test_standard_errors_of_few_replicates_follow_the_largest(law: str) -> None:
    """Squared deviations of 250 exponential or t5 values; of 20 000 intervals 93 % hold the variance, as counted.

    Power: with all degrees of freedom they are fewer than 92 %.
    """
    rng = np.random.default_rng(4)
    x = rng.standard_t(5, (SETS, 250)) if law == "standard_t" else rng.standard_exponential((SETS, 250))
    true = 1.0 if x.min() > 0 else 5 / 3
    squares = (x - x.mean(axis=1, keepdims=True)) ** 2
    variance, spread = squares.mean(axis=1), squares.var(axis=1)
    largest = np.abs(squares - variance[:, None]).max(axis=1)
    df = np.array([of_largest(250, *pair) for pair in zip(spread, largest, strict=True)])
    root, mcse = np.sqrt(variance * 250 / 249), np.sqrt(spread / 250 / (4 * variance))
    off = np.abs(root - math.sqrt(true))
    held = {name: np.mean(off < mcse * stats.t.isf(0.025, f)) for name, f in (("df", df), ("all", 249))}
    assert held["df"] > 0.93
    assert held["all"] < 0.92


def test_the_distance_of_order_statistics_varies_as_told() -> None:
    """Of uniform numbers: twice the inverse of the relative variance of a squared error, to first order 10 %."""
    x = np.sort(np.random.default_rng(5).random((SETS, 1000)), axis=1)
    distance = x[:, 531] - x[:, 468]  # two standard errors of a proportion, 31.6 ranks, to both sides of the median
    df = 2 / (4 * distance.var() / distance.mean() ** 2)
    assert of_quantile(1000, 0.5, 2.0) == pytest.approx(df, rel=0.1)


def test_bars_of_figures_follow_the_t_law() -> None:
    import pandas as pd

    frame = pd.DataFrame({"x": [1, 2, 3], "value": 0.0, "mcse": 1.0, "exact": np.nan, "mcse_df": [1.0, 15.0, np.inf]})
    ax = plt.figure().add_subplot()
    series(ax, frame, "x", color="C0")
    series(ax, frame.drop(columns="mcse_df"), "x", color="C1")
    lengths = [np.ptp(np.array(bars.get_segments())[:, :, 1], axis=1) / 2 for bars in ax.collections]
    np.testing.assert_allclose(lengths[0], stats.t.isf(stats.norm.sf(2.0), frame["mcse_df"]))
    np.testing.assert_allclose(lengths[1], 2.0)
    plt.close(ax.figure)
