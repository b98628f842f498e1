"""Bias and variance of a value that its own batch normalizes, against simulated batches.

A value is fixed, the rest of its batch is drawn. Bounds are five standard errors, exceeded by chance in less than one
of a million runs, plus a tenth for what is of higher order. Wrong formulas lie further away, as asserted.
"""

from __future__ import annotations

import numpy as np
import pytest

import bnstats as bn

N, BATCHES = 400, 60_000
LAWS = {
    "normal": lambda rng: rng.normal(size=(BATCHES, N)),
    "exponential": lambda rng: rng.exponential(size=(BATCHES, N)) - 1,
}


@pytest.mark.parametrize("z", [0.0, 1.5, -0.8])
@pytest.mark.parametrize("law", LAWS)
def test_bias_and_variance_are_those_of_simulated_batches(law: str, z: float) -> None:
    x = LAWS[law](np.random.default_rng(1))
    x[:, 0] = z
    own = (z - x.mean(axis=1)) / x.std(axis=1)
    bias, variance = bn.theory.normalized_member(law, z, N)
    error = own.std() / np.sqrt(BATCHES)
    assert own.mean() - z == pytest.approx(bias, abs=5 * error + 0.1 * abs(bias))
    assert own.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / BATCHES) + 0.06)
    if (law, z) == ("exponential", 1.5):  # wrong: the values of the normal law, and of a value outside the batch
        normal = bn.theory.normalized_member("normal", z, N)
        outside = bias + z * (1 + z**2) / 2 / N
        for wrong in (normal[0], outside):
            assert abs(own.mean() - z - wrong) > 5 * error + 0.1 * abs(wrong)
        assert own.var() != pytest.approx(normal[1], rel=0.2)


def test_moments_that_do_not_exist_give_no_numbers() -> None:
    assert not np.isfinite(bn.theory.normalized_member("t3", 1.0, 10)).any()
    assert not np.isfinite(bn.theory.normalized_member("normal", 1e200, 10)).any()
