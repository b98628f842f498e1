"""Batches that a recalibration needs: predicted against simulated.

Each simulated root mean square displacement is over 400 repetitions of 8 channels. Its relative standard error is at
most .02 (from the spread over repetitions), and the bound is 5 of them: a false alarm is below 1e-5 in all cells. Of
wrong formulas, that without the variances is off by 18 % for normal values, and that of independent rows by 14 to
40 % where rows of a batch are alike.
"""

from __future__ import annotations

import numpy as np
import pytest

from bnstats.statistics.displacement import batches_needed, displacement, noise_of_batch

LAWS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape),
    # Rows of one batch have something in common, as with one source a batch.
    "alike": lambda rng, shape: rng.normal(size=shape) + 0.3 * rng.normal(size=(*shape[:-2], 1, shape[-1])),
}
CHANNELS, EPS = 8, 1e-5


def measured(draw, rows: int, count: int, repetitions: int = 400) -> tuple[float, float]:
    """The root mean square displacement of pooled statistics of `count` batches, and the part of the means in it."""
    rng = np.random.default_rng(1)
    truth = draw(np.random.default_rng(2), (20000, rows, CHANNELS)).reshape(-1, CHANNELS)
    mean, var = truth.mean(axis=0), truth.var(axis=0)
    squares = []
    for _ in range(repetitions):
        x = draw(rng, (count, rows, CHANNELS)).reshape(-1, CHANNELS)
        whole = displacement(x.mean(axis=0), x.var(axis=0), mean, var, EPS) ** 2
        squares.append((whole, displacement(x.mean(axis=0), var, mean, var, EPS) ** 2))
    both, means = np.sqrt(np.mean(squares, axis=0))
    return float(both), float(means)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("rows", "tolerance"), [(8, 0.1), (32, 0.1), (32, 0.05)])
def test_so_many_batches_leave_the_tolerated_displacement(law: str, rows: int, tolerance: float) -> None:
    draw = LAWS[law]
    x = draw(np.random.default_rng(0), (20000, rows, CHANNELS))
    variance = x.reshape(-1, CHANNELS).var(axis=0) + EPS
    noise = noise_of_batch(x.mean(axis=1).var(axis=0), x.var(axis=1, ddof=1).var(axis=0), variance)
    count = batches_needed(noise, tolerance)
    reached, of_means = measured(draw, rows, count)
    assert reached == pytest.approx(tolerance, rel=0.1)
    if law == "alike":
        assert noise > 1.3 * 1.5 / rows, "rows are counted as independent"
    else:
        assert of_means < 0.9 * tolerance, "the means alone"


def test_channels_that_do_not_vary_have_no_displacement() -> None:
    still = np.zeros(2)
    assert noise_of_batch(still, still, still) == 0
    assert noise_of_batch(np.array([0.5, 0.0]), still, np.array([1.0, 0.0])) == pytest.approx(0.25)
