"""Moments: merging is refitting, exact to rounding whatever the mean, and a pyramid is the direct computation.

No test draws a conclusion from chance, so none has a false alarm: the references are exact rational numbers.

Bounds, with u = 2^-53, N values and the condition number k = sqrt(1 + mean² / var), of the relative error of the sum of
squared deviations: `Moments.of` 8 N u (two passes and a correction: k does not enter, nor the rounded mean), merging
4 k u for each level of merges (a mean is rounded at each). For mean 1e8 and variance 1, k u is 1e-8; E[x²] - E[x]² has
k² u, which is 1, and must break the bound.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bnstats.statistics.moments import Moments, pyramid

U = 2.0**-53
values = st.floats(-1e3, 1e3, allow_subnormal=False).map(lambda v: round(v, 6))
batches = hnp.arrays(np.float64, st.integers(1, 30), elements=values)


def exact(x: np.ndarray) -> tuple[Fraction, Fraction]:
    """Mean and sum of squared deviations of the very numbers given, without rounding."""
    whole = [Fraction(v) for v in np.ravel(x).tolist()]
    mean = sum(whole) / len(whole)
    return mean, sum((v - mean) ** 2 for v in whole)  # type: ignore[return-value]


def far_off(size: int, seed: int = 0) -> np.ndarray:
    """Mean 1e8, variance 1."""
    return 1e8 + np.random.default_rng(seed).normal(size=size)


def condition(x: np.ndarray) -> float:
    return float(np.sqrt(1 + (np.mean(x) / np.std(x)) ** 2))


def relative_errors(moments: Moments, x: np.ndarray) -> tuple[float, float]:
    mean, m2 = exact(x)
    return float(abs(Fraction(float(moments.mean)) / mean - 1)), float(abs(Fraction(float(moments.m2)) / m2 - 1))


def agree(one: Moments, other: Moments, scale: float = 1e3) -> None:
    np.testing.assert_array_equal(one.n, other.n)
    np.testing.assert_allclose(one.mean, other.mean, rtol=0, atol=1e-14 * scale)
    np.testing.assert_allclose(one.m2, other.m2, rtol=1e-12, atol=1e-12 * scale**2)


@given(batches, batches)
def test_merge_is_refit(x: np.ndarray, y: np.ndarray) -> None:
    agree(Moments.of(x).merge(Moments.of(y)), Moments.of(np.concatenate([x, y])))


@given(batches, batches, batches)
def test_merge_is_associative_and_commutative(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
    a, b, c = map(Moments.of, (x, y, z))
    agree(a.merge(b).merge(c), a.merge(b.merge(c)))
    agree(a.merge(b), b.merge(a))


@given(batches)
def test_nothing_merged_changes_nothing(x: np.ndarray) -> None:
    none, some = Moments(0, np.float64(0.0), np.float64(0.0)), Moments.of(x)
    for merged in (none.merge(some), some.merge(none)):
        assert (merged.n, merged.mean, merged.m2) == (some.n, some.mean, some.m2)


@given(batches)
def test_one_value_at_a_time_is_refit(x: np.ndarray) -> None:
    agree(reduce(Moments.merge, map(Moments.of, x[:, None])), Moments.of(x))


@pytest.mark.parametrize("x", [[0.0, np.inf, 1.0], [1e308, -1e308, 1e308], [-np.inf, np.inf]])
def test_infinite_moments_are_no_warning(x: list[float]) -> None:
    """Values may be infinite, and squares beyond all floats: the moments then are, or they do not exist (NaN)."""
    moments = Moments.of(x)
    assert not np.isfinite(moments.merge(moments).var())


def test_arrays_of_batches_merge_with_arrays_of_counts() -> None:
    rng = np.random.default_rng(1)
    sets = [rng.normal(size=n) for n in (1, 2, 7, 50)], [rng.normal(size=n) for n in (40, 1, 7, 3)]
    first, second = (
        Moments(
            np.array([float(x.size) for x in some]),
            np.array([x.mean() for x in some]),
            np.array([x.var() * x.size for x in some]),
        )
        for some in sets
    )
    merged = first.merge(second)
    for i, (x, y) in enumerate(zip(*sets, strict=True)):
        both = np.concatenate([x, y])
        assert merged.n[i] == both.size
        assert merged.mean[i] == pytest.approx(both.mean(), rel=1e-13)
        assert merged.var()[i] == pytest.approx(both.var(), rel=1e-13)
        assert merged.var(ddof=1)[i] == pytest.approx(both.var(ddof=1), rel=1e-13)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, (0, 2), (2, 1), (0, 1, 2), None])
def test_any_axis_is_that_of_numpy(axis: int | tuple[int, ...] | None) -> None:
    x = np.random.default_rng(2).normal(3.0, size=(4, 5, 6))
    moments = Moments.of(x, axis)
    assert moments.mean.shape == moments.m2.shape == np.mean(x, axis=axis).shape
    assert moments.n == x.size / np.mean(x, axis=axis).size
    np.testing.assert_allclose(moments.mean, x.mean(axis=axis), rtol=1e-13)
    for ddof in (0, 1):
        np.testing.assert_allclose(moments.var(ddof), x.var(axis=axis, ddof=ddof), rtol=1e-13)


def test_any_axis_merges() -> None:
    x = np.random.default_rng(3).normal(size=(4, 10, 3))
    agree(Moments.of(x[:, :3], 1).merge(Moments.of(x[:, 3:], 1)), Moments.of(x, 1), scale=1)


@pytest.mark.parametrize("size", [2, 3, 10, 1000, 4096])
def test_a_large_mean_costs_no_digits(size: int) -> None:
    x = far_off(size)
    mean, m2 = relative_errors(Moments.of(x), x)
    assert mean <= 2 * U
    assert m2 <= 8 * size * U


@example(np.array([350.0, 654.0, -225.0] + 22 * [0.0]), 0)
@given(hnp.arrays(np.float64, st.integers(2, 40), elements=st.integers(-1000, 1000)), st.integers(0, 14))
def test_a_shift_by_a_power_of_ten_changes_the_mean_alone(x: np.ndarray, power: int) -> None:
    shifted, plain = Moments.of(x + 10.0**power), Moments.of(x)  # whole numbers below 2^53: the shift is exact
    # Either mean is rounded twice; residuals are rounded, and summed up in at most eight additions in a row.
    rounded, summed = 4 * U * (abs(plain.mean) + 10.0**power), 20 * U * np.abs(x - plain.mean).mean()
    assert abs(shifted.mean - plain.mean - 10.0**power) <= rounded + summed
    np.testing.assert_allclose(shifted.m2, plain.m2, rtol=1e-13, atol=1e-13)
    assert shifted.m2 >= 0


@given(st.floats(-1e15, 1e15), st.integers(1, 100))
def test_equal_values_have_no_negative_variance(value: float, size: int) -> None:
    moments = Moments.of(np.full(size, value))
    assert moments.mean == pytest.approx(value, rel=2 * U, abs=0)
    assert 0 <= moments.m2 <= size * (4 * U * abs(value)) ** 2


def in_turn(x: np.ndarray) -> tuple[Moments, int]:
    """Fifteen unequal pieces, one after the other."""
    pieces = np.split(x, [1, 2, 5, 9, 20, 33, 64, 100, 180, 300, 301, 500, 800, 900])
    return reduce(Moments.merge, map(Moments.of, pieces)), len(pieces)


def halves(x: np.ndarray) -> tuple[Moments, int]:
    levels = x.size.bit_length() - 1
    top = pyramid(lambda out: np.copyto(out, x), sets=1, size=x.size, max_batches=x.size, levels=levels)[-1]
    return Moments(top.n, top.mean[0, 0], top.m2[0, 0]), levels


def naive(x: np.ndarray) -> tuple[Moments, int]:
    return Moments(x.size, np.mean(x), x.size * (np.mean(x**2) - np.mean(x) ** 2)), 15


@pytest.mark.parametrize("seed", range(5))
def test_merging_is_exact_to_rounding_for_a_large_mean(seed: int) -> None:
    x = far_off(1024, seed)

    def holds(way: Callable[[np.ndarray], tuple[Moments, int]]) -> bool:
        moments, levels = way(x)
        mean, m2 = relative_errors(moments, x)
        return mean <= 2 * levels * U and m2 <= 4 * condition(x) * levels * U

    assert holds(in_turn)
    assert holds(halves)
    assert not holds(naive)


@pytest.mark.parametrize(("size", "levels", "most"), [(2, 1, 1), (8, 3, 8), (64, 4, 3), (64, 6, 1000), (1024, 10, 16)])
@pytest.mark.parametrize("sets", [1, 3])
def test_a_pyramid_is_the_direct_computation(size: int, levels: int, most: int, sets: int) -> None:
    x = np.random.default_rng([size, sets]).exponential(size=(sets, size))
    rows = iter(x)
    built = pyramid(lambda out: np.copyto(out, next(rows)), sets, size, most, levels)
    assert [level.n for level in built] == [2**k for k in range(1, levels + 1)]
    for level in built:
        n = int(level.n)
        direct = Moments.of(x.reshape(sets, n, -1)[:, :, :most], axis=1)
        assert level.mean.shape == (sets, min(most, size // n))
        np.testing.assert_allclose(level.mean, direct.mean, rtol=1e-13)
        np.testing.assert_allclose(level.m2, direct.m2, rtol=1e-12)


def test_a_pyramid_of_few_batches_begins_like_that_of_all() -> None:
    x = np.random.default_rng(5).normal(size=256)
    few, every = (pyramid(lambda out: np.copyto(out, x), 1, 256, most, levels=8) for most in (5, 256))
    for one, other in zip(few, every, strict=True):
        np.testing.assert_array_equal(one.mean, other.mean[:, :5])
        np.testing.assert_array_equal(one.m2, other.m2[:, :5])


def test_a_pyramid_of_fewer_levels_is_the_foot_of_a_higher_one() -> None:
    x = np.random.default_rng(6).normal(size=256)
    low, high = (pyramid(lambda out: np.copyto(out, x), 1, 256, 256, levels) for levels in (3, 8))
    for one, other in zip(low, high, strict=False):
        np.testing.assert_array_equal(one.m2, other.m2)


def test_batches_of_neighbors_are_not_those_of_a_pyramid() -> None:
    x = np.random.default_rng(7).normal(size=64)
    level = pyramid(lambda out: np.copyto(out, x), 1, 64, 64, levels=2)[1]
    assert not np.allclose(level.mean, x.reshape(-1, 4).mean(axis=1))


EMPTY = Moments(0, np.zeros(2), np.zeros(2))


@pytest.mark.parametrize("beside", [0.0, np.nan, np.inf])
def test_empty_moments_add_nothing(beside):
    """Whatever stands beside a count of 0, with counts that are numbers or arrays."""
    x = np.random.default_rng(0).normal(size=(2, 5))
    full = Moments.of(x)
    for empty in (EMPTY, Moments(0, np.full(2, beside), np.full(2, beside))):
        for merged in (full.merge(empty), empty.merge(full), empty.merge(empty).merge(full)):
            for name in ("n", "mean", "m2"):
                np.testing.assert_array_equal(getattr(merged, name), getattr(full, name))
        nothing = empty.merge(empty)
        assert (nothing.n, nothing.mean.tolist(), nothing.m2.tolist()) == (0, [0.0, 0.0], [0.0, 0.0])
    some = Moments(np.array([0, 5]), np.array([beside, full.mean[1]]), np.array([beside, full.m2[1]]))
    both = some.merge(full)
    np.testing.assert_array_equal(both.n, [5, 10])
    np.testing.assert_array_equal([both.mean[0], both.m2[0]], [full.mean[0], full.m2[0]])
    np.testing.assert_allclose([both.mean[1], both.m2[1]], [full.mean[1], 2 * full.m2[1]], rtol=1e-15)


def test_a_variance_beyond_all_floats_is_infinite():
    """Without a warning, which would be an error here."""
    assert Moments(1e-300, 0.0, 1e10).var() == np.inf
    assert Moments(1e-300, 0.0, 1e10).biased_var == np.inf
