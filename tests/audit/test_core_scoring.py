"""Likelihoods of labels of all forms against SciPy, and what makes labels fit an output."""

from __future__ import annotations

from collections import UserDict, namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from bnstats.audit.core.scoring.likelihood import are_probabilities, correct, informative, log_likelihood
from bnstats.audit.core.scoring.outputs import Fit, candidates, labels_of, leaf_at, main_output, targets
from bnstats.audit.core.scoring.scorers import spreads
from bnstats.audit.core.scoring.scores import RowScores
from bnstats.audit.core.trees import arrays, chunks, rows_of, sliced

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(6, 4))
Y = np.array([0, 1, 2, 3, 0, 1])


def first_fit(output: Any, batch: Any, ignore: int | None = None) -> Fit:
    return next(candidates(output, batch, ignore))


def scored(output: Any, y: Any, probabilities: bool = False) -> Any:
    fit = first_fit(output, (np.zeros(len(y)) + 0.5, y))
    found = targets(output, y, fit)
    assert found is not None
    return log_likelihood(output, found, fit, probabilities)


def test_the_likelihood_of_classes_is_that_of_a_categorical_law() -> None:
    expected = [
        stats.multinomial.logpmf(np.eye(4)[k], 1, special.softmax(row)) for k, row in zip(Y, LOGITS, strict=True)
    ]
    np.testing.assert_allclose(scored(LOGITS, Y), expected)
    np.testing.assert_allclose(scored(LOGITS, np.eye(4)[Y]), expected)
    np.testing.assert_allclose(scored(special.softmax(LOGITS, axis=1), Y, probabilities=True), expected)
    np.testing.assert_allclose(scored(special.log_softmax(LOGITS, axis=1), Y), expected)
    np.testing.assert_allclose(scored(LOGITS + 1e4, Y), expected, rtol=1e-6)


def test_the_likelihood_of_binary_labels_is_that_of_a_bernoulli_law() -> None:
    logit, y = LOGITS[:, :1], (Y > 1).astype(float)
    expected = stats.bernoulli.logpmf(y, special.expit(logit[:, 0]))
    np.testing.assert_allclose(scored(logit, y).ravel(), expected)
    np.testing.assert_allclose(scored(special.expit(logit[:, 0]), y, probabilities=True), expected)


def test_segmentation_and_sequences_have_labels_at_every_position() -> None:
    torch_like, y = RNG.normal(size=(3, 4, 5, 5)), RNG.integers(4, size=(3, 5, 5))
    y[0, :2] = 255
    one = scored(torch_like, y)
    other = scored(np.moveaxis(torch_like, 1, -1), y)
    np.testing.assert_allclose(one, other)
    assert np.isnan(one[0, :2]).all()
    np.testing.assert_array_equal(RowScores.of(one).weights, [15, 25, 25])


def test_rows_of_equal_sides_take_classes_on_the_second_axis_first() -> None:
    square, y = RNG.normal(size=(4, 4, 4)), RNG.integers(4, size=(4, 4))
    assert first_fit(square, (square[:, 0], y)).axis == 1


@pytest.mark.parametrize(
    "y", [Y + 1, np.arange(5), np.array(["a"] * 6), Y[:, None] * np.ones((6, 3)), np.linspace(0.1, 0.9, 6)]
)
def test_what_is_no_label_fits_nothing(y: Any) -> None:
    assert list(candidates(LOGITS, (np.zeros((6, 8)) + 0.5, y), None)) == []


def test_a_label_that_is_left_out_has_no_score() -> None:
    y = np.where(np.arange(6) == 2, 3, Y)
    fit = first_fit(LOGITS, (LOGITS, y), ignore=3)
    np.testing.assert_array_equal(np.isnan(targets(LOGITS, y, fit)), y == 3)
    found = log_likelihood(LOGITS, targets(LOGITS, y, fit), fit, False)
    assert RowScores.of(found).weights.sum() == 4
    assert np.nansum(correct(LOGITS, targets(LOGITS, y, fit), fit, False)) <= 4


def test_outputs_that_are_not_finite_have_an_infinite_loss() -> None:
    broken = LOGITS.copy()
    broken[1, 2] = np.nan
    assert np.isneginf(scored(broken, Y)[1])


def test_outputs_are_informative_only_if_they_beat_the_shares_of_labels() -> None:
    y = RNG.integers(4, size=400)
    fit = Fit((1,), "classes", -1, ())
    right, random = 3 * np.eye(4)[y], RNG.normal(size=(400, 4))
    assert informative([right], [y.astype(float)], fit, False)
    assert not informative([random], [y.astype(float)], fit, False)
    assert informative([30 * np.eye(4)[np.where(np.arange(400) % 3, y, 0)]], [y.astype(float)], fit, False)
    assert not informative([right], [np.zeros(400)], fit, False)  # a single class


def test_probabilities_are_told_from_logits() -> None:
    fit = Fit((1,), "classes", -1, ())
    assert are_probabilities([special.softmax(LOGITS, axis=1)], fit)
    assert not are_probabilities([LOGITS], fit)
    assert not are_probabilities([np.abs(LOGITS) / 10], fit)


@dataclass
class Output:
    aux: Any
    logits: Any


Named = namedtuple("Named", ["hidden", "logits"])


@pytest.mark.parametrize(
    "output",
    [
        LOGITS,
        {"aux": LOGITS * 0, "out": LOGITS},
        UserDict({"loss": np.float64(1.0), "logits": LOGITS}),
        Output(LOGITS * 0, LOGITS),
        Named(LOGITS * 0, LOGITS),
        (LOGITS, LOGITS * 0),
        [None, (LOGITS,)],
    ],
)
def test_the_main_output_is_found_in_any_container(output: Any) -> None:
    np.testing.assert_array_equal(main_output(output), LOGITS)


def test_labels_are_found_by_name_or_place() -> None:
    assert labels_of({"labels": 3, "x": 4}) == 3
    assert labels_of((1, 2, 3)) == 3
    assert labels_of(LOGITS) is None
    np.testing.assert_array_equal(leaf_at({"a": (LOGITS, Y)}, ("a", 1)), Y)
    assert leaf_at({"a": LOGITS}, ("b",)) is None


def test_spreads_are_variances_between_rows_and_0_for_rows_that_do_not_vary() -> None:
    parts = [RNG.normal(size=(50, 3)) * 5 + 1000 for _ in range(4)]
    (found,) = spreads([[part] for part in parts])
    assert found == pytest.approx(np.concatenate(parts).var(axis=0).mean())
    assert spreads([[np.full((5, 2), 3.0)], [np.full((4, 2), 3.0)]]) == [0.0]
    assert spreads([[np.full((5, 2), np.nan)]]) == [0.0]
    assert spreads([[RNG.normal(size=(3, 4))], [RNG.normal(size=(3, 7))]])[0] > 0  # widths that vary


def test_rows_are_cut_only_where_all_parts_have_them() -> None:
    batch = {"x": LOGITS, "more": (Y, Y)}
    made = chunks(batch, 2)
    assert made is not None
    np.testing.assert_array_equal(np.sort(np.concatenate([part["more"][0] for part in made])), np.sort(Y))
    assert rows_of(batch) == 6
    assert len(list(arrays(batch))) == 3
    for whole in ((LOGITS, Y[:3]), (LOGITS, "name"), (LOGITS, np.eye(6)), (LOGITS, 3.0), ()):
        assert sliced(whole, np.arange(2)) is None
