"""Batch effects: the shifts that are drawn against the covariance that each kind states.

z statistics are held against the normal quantile at 1e-8 / (number of conditions), so the file raises a false alarm in
less than one run in 10 million. Power: the covariance of another kind lies beyond the bound by 5 standard errors or
more.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bnstats.sampling.effects import EFFECTS, Distinct, Effect, Mixture, RandomWalk, Sinusoid, Trend

KINDS = [*EFFECTS.values(), Sinusoid(2.5), Mixture(RandomWalk(), 0.3), Mixture(Trend(), 1.0), Mixture(Sinusoid(), 0.0)]
BATCHES, N, SIZE = 4, 3, 20_000


def directions() -> np.ndarray:
    """Of rows, each with sum 0: what no shift of all rows changes."""
    a = np.random.default_rng(1).normal(size=(BATCHES * N, 6))
    return (a - a.mean(axis=0)) / np.linalg.norm(a - a.mean(axis=0), axis=0)


def z_statistics(drawn: Effect, stated: Effect) -> np.ndarray:
    shift = drawn.shift(np.random.default_rng(0), SIZE, BATCHES, N).reshape(SIZE, -1)
    squares = (shift @ directions()) ** 2
    variance = ((stated.root(BATCHES, N).T @ directions()) ** 2).sum(axis=0)
    # A trend's squares are the same in all replicates, but for rounding.
    error = np.maximum(squares.std(axis=0) / np.sqrt(SIZE), 1e-12)
    return (squares.mean(axis=0) - variance) / error


@pytest.mark.parametrize("effect", KINDS, ids=lambda e: e.name)
def test_shifts_have_the_covariance_of_the_root(effect: Effect) -> None:
    bound = stats.norm.isf(1e-8 / 2 / (6 * len(KINDS)))
    assert np.abs(z_statistics(effect, effect)).max() < bound
    others = [other for other in EFFECTS.values() if other != getattr(effect, "distinct", effect)]
    if not isinstance(effect, Mixture):
        assert min(np.abs(z_statistics(effect, other)).max() for other in others) > bound + 5


@pytest.mark.parametrize("effect", KINDS, ids=lambda e: e.name)
def test_average_variance_over_the_rows_is_one(effect: Effect) -> None:
    """About 0, or about the mean of the rows where shifts have the mean 0 in each replicate, as walks and trends do."""
    about_mean = np.abs(effect.shift(np.random.default_rng(0), 5, BATCHES, N).mean(axis=(1, 2))).max() < 1e-12
    root = effect.root(BATCHES, N)
    if about_mean:
        root = root - root.mean(axis=0)
    if not isinstance(effect, Mixture):
        assert (root**2).sum() / (BATCHES * N) == pytest.approx(1.0)
    assert (effect.shift(np.random.default_rng(0), 5, BATCHES, N, n_new_batches=2)).shape == (5, BATCHES + 2, N)


@pytest.mark.parametrize("effect", KINDS, ids=lambda e: e.name)
def test_the_first_batches_do_not_depend_on_how_many_follow_and_names_lead_back(effect: Effect) -> None:
    """Variances over a thousand replicates have a standard error of 4 % at most; 30 % are allowed, at 1e-12."""
    few, many = (effect.shift(np.random.default_rng(7), 1000, BATCHES, N, n_new_batches=k)[:, :BATCHES] for k in (0, 3))
    assert few.var() == pytest.approx(many.var(), rel=0.3)
    if effect in EFFECTS.values():
        assert Effect.of(effect.name) == effect
        assert EFFECTS[effect.name] == effect
    assert (effect.factor(np.random.default_rng(0), 50, BATCHES) != 1).any() == effect.scales


def test_effects_go_on_in_further_batches() -> None:
    rng = np.random.default_rng(0)
    line = Trend().shift(rng, 3, BATCHES, N, n_new_batches=2).reshape(3, -1)
    np.testing.assert_allclose(np.diff(line, n=2, axis=1), 0, atol=1e-12)
    wave = Sinusoid(1.0).shift(rng, 3, BATCHES, N, n_new_batches=BATCHES)
    np.testing.assert_allclose(wave[:, :BATCHES], wave[:, BATCHES:], atol=1e-12)
    step = np.diff(RandomWalk().shift(rng, 4000, BATCHES, N, n_new_batches=BATCHES).reshape(4000, -1), axis=1)
    np.testing.assert_allclose(step.std(axis=0), step.std(), rtol=0.1)  # 0.1 is 9 standard errors of each of 23


def test_distinct_effects_stretch_batches() -> None:
    factor = np.log(Distinct(spread=0.5).factor(np.random.default_rng(0), 10_000, 3))
    assert factor.shape == (10_000, 3, 1)
    assert factor.std() == pytest.approx(0.5, rel=0.03)  # 7 standard errors
    half = np.log(Mixture(Trend(), 0.75, Distinct(spread=0.5)).factor(np.random.default_rng(0), 10_000, 3))
    np.testing.assert_allclose(half, factor / 2)
    assert Distinct(0.5).scales
    assert Mixture(Trend(), 0.5, Distinct(0.5)).scales
    assert not any(e.scales for e in (Distinct(), Trend(), Mixture(Trend(), 1.0, Distinct(0.5))))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Effect.of("steps"), "did you mean"),
        (lambda: Effect.of(3), r"effect takes a name \(distinct, random_walk"),
        (lambda: Distinct(spread=-1.0), "spread is a number, from 0 to 10"),
        (lambda: Sinusoid(periods=0.0), "periods is a number, above 0"),
        (lambda: Sinusoid(periods=np.nan), "periods is a number, above 0"),
        (lambda: Mixture(Trend(), 1.5), "smoothness is a proportion"),
        (
            lambda: Trend().shift(np.random.default_rng(0), size=1, batches=2, n=2, n_new_batches=-1),
            "n_new_batches is a whole number of at least 0; got -1",
        ),
    ],
)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
