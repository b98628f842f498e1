"""Intervals of means and gains over batches, against simulations that share no formula with them."""

from __future__ import annotations

import numpy as np
import pytest

from bnstats.audit.core.result import Estimate
from bnstats.audit.core.scoring.intervals import ratio, sure
from bnstats.audit.core.scoring.scores import RowScores
from bnstats.audit.core.scoring.trial import bad, count, gain, halves, mean

SIMULATIONS = 2000


def coverage(batches: int, likeness: float, rows: bool = False) -> float:
    """Return how often the interval holds the mean of skewed scores in batches of 8 to 40 rows."""
    rng, held = np.random.default_rng(batches), 0
    for _ in range(SIMULATIONS):
        sizes = rng.integers(8, 41, size=batches)
        shared = rng.normal(size=batches) * np.sqrt(likeness)
        parts = [s + np.sqrt(1 - likeness) * (rng.exponential(size=n) - 1) for s, n in zip(shared, sizes, strict=True)]
        if rows:
            flat = np.concatenate(parts)
            half = 1.96 * flat.std(ddof=1) / np.sqrt(len(flat))
            held += abs(flat.mean()) < half
        else:
            found = ratio(parts, [np.ones(n) for n in sizes])
            held += found.low < 0 < found.high
    return held / SIMULATIONS


@pytest.mark.parametrize("batches", [10, 30, 100])
@pytest.mark.parametrize("likeness", [0.0, 0.05])
def test_intervals_by_batch_hold_with_and_without_likeness_within_batches(batches: int, likeness: float) -> None:
    """The standard error of a share of .95 of 2000 is .005; .93 and .97 are four of them away."""
    assert 0.93 <= coverage(batches, likeness) <= 0.97


def test_intervals_by_row_fail_where_rows_of_a_batch_are_alike() -> None:
    assert coverage(30, 0.05, rows=True) < 0.85


def test_few_batches_are_judged_by_row() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=20) for _ in range(9)]
    weights = [np.ones(20)] * 9
    assert ratio(parts, weights).df == 179
    assert ratio([*parts, parts[0]], [*weights, weights[0]]).df == 9


def test_a_ratio_weighs_batches_by_their_scores() -> None:
    found = ratio([np.array([2.0, 4.0]), np.array([0.0])], [np.array([1.0, 2.0]), np.array([3.0])])
    assert found.value == pytest.approx(1.0)
    assert np.isnan(ratio([], []).value)
    assert np.isnan(ratio([np.array([1.0])], [np.array([1.0])]).low)


def test_a_gain_needs_size_and_certainty() -> None:
    assert sure(Estimate(0.02, 0.01, 0.03, 0.005, 29), 0.01)
    assert not sure(Estimate(0.02, 0.0, 0.04, 0.01, 29), 0.01)
    assert not sure(Estimate(0.009, 0.008, 0.01, 0.0005, 29), 0.01)
    assert not sure(Estimate(np.nan), 0.01)
    assert sure(Estimate(np.inf), 0.01)


def test_gains_are_of_rows_that_both_score() -> None:
    new = [RowScores(np.array([1.0, np.nan, 3.0]), np.ones(3)), RowScores(np.zeros(0), np.zeros(0))]
    old = [RowScores(np.array([0.0, 5.0, -np.inf]), np.ones(3)), RowScores(np.ones(2), np.ones(2))]
    assert gain(new, old).value == 1.0
    assert mean(new).value == 2.0
    assert (bad(new), bad(old), count(old)) == (1, 1, 5)


def test_halves_score_every_batch_on_statistics_of_others() -> None:
    for number in (2, 3, 10):
        folds = halves(number)
        assert sorted(k for fold in folds for k in fold.scored) == list(range(number))
        assert all(not set(fold.fit) & set(fold.scored) for fold in folds)
