"""Batching rules of labeled rows: what each promises, in every run and in distribution, and bad input.

Counts of independent events are held against exact binomial tails at 1e-9 / conditions in each test, means of
independent streams (bounded, 2000 of them) against the normal quantile at that rate, so that the file raises a false
alarm with a probability below 1e-7. Power: each wrong claim in a test lies at least 5 standard errors beyond the bound,
so that a run misses it with a probability below 1e-6; that it is rejected is asserted.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bnstats.datasets.registry import ROW_BATCHING_RULES as RULES
from bnstats.datasets.row_batching import (
    ClassBalanced,
    Correlated,
    OneClass,
    Shuffled,
    Sorted,
    WithReplacement,
)

FALSE_ALARM = 1e-9
COUNTS = np.array([4, 6, 10, 20])
Y = np.random.default_rng(0).permutation(np.repeat(np.arange(4), COUNTS))
SHARES = COUNTS / COUNTS.sum()


def surprising(hits: Any, trials: Any, chance: Any, conditions: int = 1) -> bool:
    """Whether any of these counts is beyond the exact two-sided binomial bound."""
    tail = np.minimum(stats.binom.cdf(hits, trials, chance), stats.binom.sf(np.asarray(hits) - 1, trials, chance))
    return bool((2 * tail < FALSE_ALARM / conditions).any())


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@cache
def first_batches(name: str) -> np.ndarray:
    """The first batch of independent calls, shape (CALLS, 4)."""
    generator = rng(7)
    return np.concatenate([RULES[name].rows(generator, Y, 4, 1) for _ in range(CALLS)])


labels = st.lists(st.integers(2, 15), min_size=2, max_size=5).flatmap(
    lambda counts: st.permutations(np.repeat(np.arange(len(counts)), counts).tolist())
)


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=30)
@given(steps=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_rows_are_row_numbers_that_repeat_with_the_generator(name: str, steps: int, seed: int) -> None:
    rule, before = RULES[name], Y.copy()
    rows = rule.rows(rng(seed), Y, 4, steps)
    assert rows.shape == (steps, 4)
    assert rows.dtype == np.int64
    assert 0 <= rows.min() <= rows.max() < Y.size
    np.testing.assert_array_equal(rows, rule.rows(rng(seed), Y, 4, steps))
    np.testing.assert_array_equal(Y, before)


@pytest.mark.parametrize("name", RULES)
def test_another_generator_gives_other_batches(name: str) -> None:
    """Sorted rows start at one of 40 rows: that ten starts agree has the probability 40^-9."""
    first, *others = (RULES[name].rows(rng(seed), Y, 4, 200) for seed in range(10))
    assert any((first != other).any() for other in others)


@settings(max_examples=60)
@given(y=labels, data=st.data(), epochs=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_a_shuffled_epoch_holds_each_row_once_but_the_last_short_batch(
    y: list[int], data: Any, epochs: int, seed: int
) -> None:
    batch_size = data.draw(st.integers(2, len(y)))
    whole = len(y) // batch_size
    rows = Shuffled().rows(rng(seed), np.array(y), batch_size, epochs * whole)
    for epoch in rows.reshape(epochs, -1):
        assert len(set(epoch)) == whole * batch_size
    longer = Shuffled().rows(rng(seed), np.array(y), batch_size, epochs * whole - whole // 2)
    np.testing.assert_array_equal(longer, rows[: len(longer)])


@settings(max_examples=60)
@given(y=labels, data=st.data(), epochs=st.integers(1, 3))
def test_sorted_goes_through_the_classes_in_order_and_every_row_once_an_epoch(
    y: list[int], data: Any, epochs: int
) -> None:
    batch_size = data.draw(st.integers(2, len(y)))
    stream = Sorted().rows(rng(0), np.array(y), batch_size, -(-epochs * len(y) // batch_size)).ravel()
    first = np.argsort(y, kind="stable").tolist().index(stream[0])
    for epoch in stream[: epochs * len(y)].reshape(epochs, -1):
        np.testing.assert_array_equal(np.array(y)[np.roll(epoch, first)], np.sort(y))
        np.testing.assert_array_equal(np.sort(epoch), np.arange(len(y)))


def test_sorted_rows_start_anywhere_so_that_no_class_is_left_out_of_a_test() -> None:
    """Two batches of 16 out of 40 rows: each row is in them with a chance of 32 / 40. Wrong: from the first row on."""
    drawn = np.array([np.bincount(Sorted().rows(rng(seed), Y, 16, 2).ravel(), minlength=40) for seed in range(2000)])
    assert drawn.max() == 1
    assert not surprising(drawn.sum(axis=0), 2000, 32 / 40, conditions=40)
    assert surprising(2000 * (np.arange(40) < 32), 2000, 32 / 40, conditions=40)


@settings(max_examples=60)
@given(y=labels, data=st.data(), seed=st.integers(0, 2**32))
def test_one_class_a_batch_whose_rows_come_in_epochs(y: list[int], data: Any, seed: int) -> None:
    known = np.array(y)
    counts = np.bincount(known)
    batch_size = data.draw(st.integers(2, counts.min()))
    rows = OneClass().rows(rng(seed), known, batch_size, 30)
    drawn = known[rows]
    assert (drawn == drawn[:, :1]).all()
    for label, count in enumerate(counts):
        epoch = rows[drawn[:, 0] == label][: count // batch_size]
        assert np.unique(epoch).size == epoch.size


@settings(max_examples=60)
@given(y=labels, data=st.data(), seed=st.integers(0, 2**32))
def test_class_balanced_batches_hold_so_many_classes_with_so_many_rows(y: list[int], data: Any, seed: int) -> None:
    known = np.array(y)
    counts = np.bincount(known)
    rows_per_class = data.draw(st.integers(1, counts.min()))
    classes = data.draw(st.integers(2 if rows_per_class == 1 else 1, counts.size))
    rows = ClassBalanced(classes=classes, rows_per_class=rows_per_class).rows(
        rng(seed), known, classes * rows_per_class, 20
    )
    for batch in rows:
        held = np.bincount(known[batch])
        assert sorted(held[held > 0]) == [rows_per_class] * classes
        assert np.unique(batch).size == batch.size


CALLS = 20_000


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_unbiased_if_and_only_if_it_says_so(name: str, place: int) -> None:
    """Each row is equally likely at each place; where it is not, some row is far from it.

    Wrong: equal chances of the classes, and then of their rows, which is right for balanced classes.
    """
    rows = np.bincount(first_batches(name)[:, place], minlength=Y.size)
    equal, by_class = np.full(Y.size, 1 / Y.size), 1 / (COUNTS.size * COUNTS[Y])
    assert surprising(rows, CALLS, equal, conditions=Y.size) != RULES[name].unbiased
    assert surprising(rows, CALLS, by_class, conditions=Y.size) == (type(RULES[name]) is not ClassBalanced)


@pytest.mark.parametrize("name", ["shuffled", "with_replacement", "one_class", "class_balanced", "correlated"])
def test_two_rows_of_a_batch_have_their_joint_chances(name: str) -> None:
    """Chance that a batch's first and third row are of one class, and that they are the same row."""
    batches = first_batches(name)
    same_class = np.count_nonzero(Y[batches[:, 0]] == Y[batches[:, 2]])
    same_row = np.count_nonzero(batches[:, 0] == batches[:, 2])
    again = 0.7**2  # the chain repeats twice, or draws afresh
    n = Y.size
    expected = {
        "shuffled": (np.sum(SHARES * (COUNTS - 1) / (n - 1)), 0.0),
        "with_replacement": (np.sum(SHARES**2), 1 / n),
        "one_class": (1.0, 0.0),
        "class_balanced": (0.0, 0.0),
        "correlated": (
            again + (1 - again) * np.sum(SHARES**2),
            np.sum((again + (1 - again) * SHARES) * SHARES / COUNTS),
        ),
    }
    for rule, (class_chance, row_chance) in expected.items():
        refused = surprising(same_class, CALLS, class_chance, 2) or surprising(same_row, CALLS, row_chance, 2)
        assert refused == (rule != name), rule


def test_all_orders_of_an_epoch_are_equally_likely_and_epochs_are_independent() -> None:
    """Two epochs of three rows, batches of 3: 36 equally likely pairs of orders, the second shuffled from the first."""
    runs = 10 * CALLS
    pairs = Shuffled().rows(rng(3), np.array([0, 1, 1]), 3, 2 * runs).reshape(runs, 6) @ 3 ** np.arange(6)
    counts = np.unique(pairs, return_counts=True)[1]
    assert counts.size == 36
    assert not surprising(counts, runs, 1 / 36, conditions=36)
    naive = np.outer([4, 5, 5, 5, 4, 4], [4, 5, 5, 5, 4, 4]).ravel() / 27**2  # a shuffle that swaps with any place
    assert surprising(counts, runs, naive, conditions=36)


def test_the_epochs_dropped_rows_change() -> None:
    """Of 5 rows in batches of 2 one is dropped, each with chance 1/5 an epoch, whatever was dropped before."""
    epochs = Shuffled().rows(rng(4), np.array([0, 0, 1, 1, 1]), 2, 2 * CALLS).reshape(CALLS, 4)
    dropped = 10 - epochs.sum(axis=1)
    pairs = np.bincount(5 * dropped[0::2] + dropped[1::2], minlength=25)
    assert not surprising(pairs, CALLS // 2, 1 / 25, conditions=25)
    never_again = np.where(np.eye(5, dtype=bool), 0, 1 / 20).ravel()
    assert surprising(pairs, CALLS // 2, never_again, conditions=25)


def test_classes_come_one_a_batch_with_their_frequencies() -> None:
    drawn = Y[OneClass().rows(rng(5), Y, 4, CALLS)[:, 0]]
    assert not surprising(np.bincount(drawn), CALLS, SHARES, conditions=4)
    assert surprising(np.bincount(drawn), CALLS, 1 / 4, conditions=4)
    repeats = np.count_nonzero(drawn[0::2] == drawn[1::2])
    assert not surprising(repeats, CALLS // 2, np.sum(SHARES**2))
    assert surprising(repeats, CALLS // 2, 1 / 4)


def test_class_balanced_batches_draw_every_set_of_classes_equally_often() -> None:
    rows = ClassBalanced(classes=2, rows_per_class=2).rows(rng(6), Y, 4, CALLS)
    sets = np.sort(Y[rows[:, [0, 2]]], axis=1)
    counts = np.array([np.count_nonzero((sets == pair).all(axis=1)) for pair in combinations(range(4), 2)])
    assert counts.sum() == CALLS
    assert not surprising(counts, CALLS, 1 / 6, conditions=6)
    by_frequency = [
        SHARES[a] * SHARES[b] * (1 / (1 - SHARES[a]) + 1 / (1 - SHARES[b])) for a, b in combinations(range(4), 2)
    ]
    assert surprising(counts, CALLS, by_frequency, conditions=6)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.95])
def test_a_correlated_stream_repeats_its_class_with_the_chance_of_the_process(phi: float) -> None:
    """After the first m visits to a class the successors are independent, so their count is exactly binomial."""
    visits = 20_000
    stream = Y[Correlated(phi=phi).rows(rng(8), Y, 20, 15_000)].ravel()
    for label, share in enumerate(SHARES):
        after = stream[1:][stream[:-1] == label][:visits]
        assert after.size == visits
        repeats = np.count_nonzero(after == label)
        chance = phi + (1 - phi) * share
        assert not surprising(repeats, visits, chance, conditions=4)
        assert surprising(repeats, visits, chance - 0.05, conditions=4)


def test_the_repetition_of_a_correlated_stream_over_streams_and_lags() -> None:
    """At lag j the chance of the same class is phi^j + (1 - phi^j) sum p², from the first batch to the last."""
    phi, streams = 0.8, 2000
    generator = rng(9)
    drawn = np.stack([Y[Correlated(phi=phi).rows(generator, Y, 8, 10)].ravel() for _ in range(streams)])
    bound = stats.norm.isf(FALSE_ALARM / 2 / 10)
    for lag in (1, 2, 5, 8, 16):
        same = (drawn[:, lag:] == drawn[:, :-lag]).mean(axis=1)
        error = same.std(ddof=1) / np.sqrt(streams)
        chance = phi**lag + (1 - phi**lag) * np.sum(SHARES**2)
        assert abs(same.mean() - chance) < bound * error
        assert abs(same.mean() - chance - 0.05) > bound * error  # a chance that is off by 0.05
        if lag < 8:
            assert abs(same.mean() - phi**lag) > bound * error  # without the chance to draw the same class afresh
    across = drawn[:, 7] == drawn[:, 8]  # the last row of a batch and the first of the next
    assert not surprising(np.count_nonzero(across), streams, phi + (1 - phi) * np.sum(SHARES**2))
    assert surprising(np.count_nonzero(across), streams, np.sum(SHARES**2))  # if each batch began afresh


BAD = {
    "one row": (Shuffled(), 1, "batch_size is a whole number of at least 2; got 1"),
    "no row": (WithReplacement(), 0, "at least 2; got 0"),
    "half a row": (Sorted(), 2.5, r"at least 2; got 2\.5"),
    "more than all": (Correlated(phi=0.5), 41, "to 40, the number of rows; got 41"),
    "more than a class": (OneClass(), 5, "5 rows of one class, and the smallest class has 4"),
    "other size": (ClassBalanced(classes=2, rows_per_class=3), 8, "is 6 for 2 classes with 3 rows of each; got 8"),
    "too many classes": (
        ClassBalanced(classes=5, rows_per_class=2),
        10,
        "at most 4, the number of classes in y; got 5",
    ),
    "too many of each": (ClassBalanced(classes=2, rows_per_class=5), 10, "the smallest class has 4"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_rule_that_the_rows_cannot_satisfy_is_refused_before_anything_is_drawn(case: str) -> None:
    rule, batch_size, message = BAD[case]
    generator = rng(0)
    for attempt in (lambda: rule.check(Y, batch_size), lambda: rule.rows(generator, Y, batch_size, 1)):
        with pytest.raises(ValueError, match=message) as refusal:
            attempt()
        assert "\n" not in str(refusal.value)
    assert generator.random() == rng(0).random()


@pytest.mark.parametrize("name", RULES)
def test_what_fits_passes_the_check(name: str) -> None:
    RULES[name].check(Y, 4)


@pytest.mark.parametrize("phi", [-0.1, 1.0, np.nan])
def test_phi_is_a_probability(phi: float) -> None:
    with pytest.raises(ValueError, match="phi is a probability"):
        Correlated(phi=phi)


def test_classes_and_each_are_at_least_one() -> None:
    for classes, rows_per_class in ((0, 4), (4, 0)):
        with pytest.raises(ValueError, match=r"^(classes|rows_per_class) is a whole number of at least 1; got 0\.$"):
            ClassBalanced(classes=classes, rows_per_class=rows_per_class)


def test_classes_may_be_missing() -> None:
    """As test rows whose class mix has shifted: classes without rows are never drawn."""
    y = np.array([0, 0, 3, 3])
    for rule in (OneClass(), ClassBalanced(classes=1, rows_per_class=2), Correlated(phi=0.5)):
        assert set(y[rule.rows(rng(1), y, 2, 200)].ravel()) == {0, 3}
