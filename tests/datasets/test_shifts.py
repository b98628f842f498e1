"""Shifts: severity 0 changes nothing, the others do what they say, against plain NumPy and in distribution.

Counts are held against exact binomial tails, the size of the noise against exact chi-square tails, at 1e-9 / conditions
in each test, so that the file raises a false alarm with a probability below 1e-8. Power: each wrong claim lies at least
6 standard errors beyond the bound, so that a run misses it with a probability below 1e-8; its rejection is asserted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from bnstats.datasets import registry
from bnstats.datasets.shifts import ClassMix, Contrast, Gain, Noise, Offset, Shift

FALSE_ALARM = 1e-9
SHIFTS = tuple(registry.SHIFTS.values())
tables = st.tuples(st.integers(1, 8), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(-100, 100, width=32))
)


def surprising(hits: Any, trials: Any, chance: Any, conditions: int = 1) -> bool:
    """Whether any of these counts is beyond the exact two-sided binomial bound."""
    tail = np.minimum(stats.binom.cdf(hits, trials, chance), stats.binom.sf(np.asarray(hits) - 1, trials, chance))
    return bool((2 * tail < FALSE_ALARM / conditions).any())


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", SHIFTS)
@settings(max_examples=40)
@given(x=tables, severity=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_rows_stay_float32_of_their_shape_and_the_given_ones_untouched(
    kind: type[Shift], x: np.ndarray, severity: float, seed: int
) -> None:
    y, before = np.arange(len(x)) % 3, x.copy()
    first, second = (kind(severity).apply(rng(seed), x, y) for _ in range(2))
    np.testing.assert_array_equal(x, before)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert first[0].shape == x.shape
    assert first[0].dtype == np.float32
    unchanged, labels = kind(0.0).apply(rng(seed), x, y)
    np.testing.assert_array_equal(unchanged, x)
    np.testing.assert_array_equal(labels, y)


@settings(max_examples=60)
@given(x=tables, severity=st.floats(0, 1))
def test_gain_offset_and_contrast_are_what_plain_numpy_makes(x: np.ndarray, severity: float) -> None:
    exact, y = x.astype(float), np.zeros(len(x), dtype=np.int64)
    spread = np.sqrt(np.mean([np.var(column) for column in exact.T]))
    mean = np.array([[np.mean(row)] for row in exact])
    expected = {
        Gain: exact + severity * exact,
        Offset: exact + severity * spread,
        Contrast: severity * mean + (1 - severity) * exact,
    }
    for kind, values in expected.items():
        shifted, labels = kind(severity).apply(rng(0), x, y)
        np.testing.assert_allclose(shifted, values, rtol=1e-5, atol=1e-4)  # float32 of numbers up to 200
        np.testing.assert_array_equal(labels, y)


def test_noise_is_independent_normal_with_its_severity_in_spreads() -> None:
    x = (rng(0).normal(size=(20_000, 4)) * [1.0, 2.0, 3.0, 4.0]).astype(np.float32)
    spread = np.sqrt(x.astype(float).var(axis=0).mean())
    noise = (Noise(0.5).apply(rng(1), x, np.zeros(len(x), dtype=np.int64))[0] - x) / spread

    def refused(severity: float) -> bool:
        squares = np.sum((noise / severity) ** 2, axis=0)
        tail = np.minimum(stats.chi2.cdf(squares, len(x)), stats.chi2.sf(squares, len(x)))
        return bool((2 * tail < FALSE_ALARM / 4).any())

    assert not refused(0.5)
    assert refused(0.45)
    assert refused(0.55)
    assert refused(0.5 * spread)  # the unit forgotten
    bound = stats.norm.isf(FALSE_ALARM / 2 / 20) / np.sqrt(len(x))
    assert np.abs(noise.mean(axis=0)).max() < 0.5 * bound
    for other in (noise, x.astype(float) / x.std(axis=0)):
        products = (2 * noise.T @ other)[~np.eye(4, dtype=bool)] / len(x)
        assert np.abs(products).max() < bound
    assert 2 * bound < 0.1  # a correlation of 0.1 would not pass
    share = np.count_nonzero(np.abs(noise) < 0.5)
    assert not surprising(share, noise.size, stats.norm.cdf(1) - stats.norm.cdf(-1))
    assert surprising(share, noise.size, 1 / np.sqrt(3))  # uniform noise of the same variance


def test_class_mix_replaces_rows_by_rows_of_one_favored_class() -> None:
    """Of each other class 0.3 of the rows, each alike; of what replaces them, each row is as likely."""
    y, severity, calls = np.repeat([0, 1, 2], [60, 30, 10]), 0.3, 3000
    x = np.arange(100, dtype=np.float32)[:, None]
    favored, chances, replaced = np.zeros(3, dtype=int), np.zeros(100, dtype=int), np.zeros(100, dtype=int)
    incoming = np.zeros(100, dtype=int)
    for seed in range(calls):
        rows, labels = ClassMix(severity).apply(rng(seed, 5), x, y)
        ids = rows[:, 0].astype(int)
        np.testing.assert_array_equal(labels, y[ids])
        moved = labels != y
        (label,) = np.unique(labels[moved])
        favored[label] += 1
        kept = np.bincount(y) - np.bincount(y[moved], minlength=3)
        np.testing.assert_array_equal(kept, np.where(np.arange(3) == label, [60, 30, 10], [42, 21, 7]))
        replaced += moved
        chances += y != label
        incoming += np.bincount(ids[moved], minlength=100)
    assert not surprising(favored, calls, 1 / 3, conditions=3)
    assert surprising(favored, calls, [0.6, 0.3, 0.1], conditions=3)  # classes favored by their frequency
    assert not surprising(replaced, chances, severity, conditions=100)
    assert surprising(replaced, chances, np.where(np.arange(100) % 2, 0.4, 0.2), conditions=100)  # some rows sooner
    for label, count in enumerate((60, 30, 10)):
        hits = incoming[y == label]
        assert not surprising(hits, hits.sum(), 1 / count, conditions=100)
        uneven = np.arange(1, count + 1) * 2 / (count * (count + 1))
        assert surprising(hits, hits.sum(), uneven, conditions=100)


def test_the_full_class_mix_leaves_one_class() -> None:
    y = np.repeat([0, 1, 2], [60, 30, 10])
    for seed in range(20):
        assert np.unique(ClassMix(1.0).apply(rng(seed), np.zeros((100, 1), np.float32), y)[1]).size == 1


def test_full_contrast_loss_leaves_flat_rows() -> None:
    x = rng(0).normal(size=(5, 8)).astype(np.float32)
    flat = Contrast(1.0).apply(rng(0), x, np.zeros(5, dtype=np.int64))[0]
    np.testing.assert_allclose(flat, np.broadcast_to(x.mean(axis=1, keepdims=True), x.shape), atol=1e-6)


def test_names_say_kind_and_severity() -> None:
    assert {"gain 0.25", "class mix 0.25"} <= {kind(0.25).name for kind in SHIFTS}
    assert all(kind(0.25).name == f"{kind.label} 0.25" for kind in SHIFTS)
    assert len({kind.label for kind in SHIFTS}) == len(SHIFTS)
    assert Gain(0.5) == Gain(0.5) != Gain(0.6)


@pytest.mark.parametrize("kind", SHIFTS)
@settings(max_examples=20)
@given(severity=st.floats(0.1, 1), seed=st.integers(0, 2**32))
def test_classes_follow_their_rows_and_change_only_where_the_shift_says_so(
    kind: type[Shift], severity: float, seed: int
) -> None:
    x, y = rng(1).normal(size=(60, 5)).astype(np.float32), np.arange(60) % 3
    shifted, labels = kind(severity).apply(rng(seed), x, y)
    assert shifted.shape == x.shape
    assert set(labels) <= set(y)
    assert (shifted != x).any()
    assert (labels != y).any() == kind.changes_classes


@pytest.mark.parametrize("kind", SHIFTS)
@pytest.mark.parametrize("severity", [-0.1, np.nan, np.inf])
def test_a_severity_is_finite_and_not_negative(kind: type[Shift], severity: float) -> None:
    with pytest.raises(ValueError, match=f"severity of a {kind.label} shift is a number, from 0 to .*got {severity}"):
        kind(severity)


@pytest.mark.parametrize("severity", ["a", None, [1, 2], True])
def test_a_severity_is_a_number(severity: Any) -> None:
    with pytest.raises(ValueError, match=r"^the severity of a noise shift is a number, from 0 to 1e\+06; got .*\.$"):
        Noise(severity)


def test_severities_that_differ_have_names_that_differ() -> None:
    assert Noise(0.5).name != Noise(0.500000001).name
    assert Noise(0.1 + 0.2).name == "noise 0.3"


@pytest.mark.parametrize("kind", [Contrast, ClassMix])
def test_a_share_is_at_most_one(kind: type[Shift]) -> None:
    with pytest.raises(ValueError, match=r"from 0 to 1; got 1\.5"):
        kind(1.5)
