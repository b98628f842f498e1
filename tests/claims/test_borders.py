"""The borders of words: best accuracies are what is measured, and no word has two borders."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bnstats as bn
from bnstats.claims.borders import DIGITS, LETTERS, ClassificationTask
from bnstats.claims.builtin.remedies import renorm
from bnstats.claims.grades import letter_grades
from bnstats.claims.registry import CLAIMS
from bnstats.networks.normalizers.registry import NORMALIZERS

# Data, batch size, steps, and the normalizer and learning rate of the best accuracy.
TASKS: dict[str, tuple[ClassificationTask, Any, int, int, str, float]] = {
    "digits": (DIGITS, "digits", 32, 500, "batch", 0.9),
    "letters": (LETTERS, letter_grades(), 8, 4000, "none", 0.1),
}


def accuracies(task: str, names: list[str], rates: list[float], networks: int) -> pd.DataFrame:
    """In evaluation mode, of fresh networks: those of no claim, and not those that the borders were measured with."""
    _, data, n, steps, *_ = TASKS[task]
    normalizers = [renorm(steps) if name == "renorm" else NORMALIZERS[name] for name in names]
    how: dict[str, Any] = {"precision": None, "max_replicates": networks, "seed": 303, "statistics": "running"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bn.exceptions.DivergenceWarning)
        table = bn.measure_mismatch(
            data, normalizers=normalizers, batch_sizes=n, hidden=(32,), steps=steps, learning_rate=rates, **how
        ).table
    return table[table["metric"] == "accuracy"]


@pytest.mark.parametrize("task", TASKS)
def test_the_best_accuracy_is_what_is_measured(task: str) -> None:
    """False alarm: 4.5 standard errors of a difference, 7e-6. Power: half a point is seen with more than 0.99.

    The error of the border's own measurement is 0.0006, of this one about 0.0008.
    """
    border, *_, name, rate = TASKS[task]
    row = accuracies(task, [name], [rate], 128).iloc[0]
    assert row["mcse"] < 0.0011
    assert abs(row["value"] - border.best) < 4.5 * np.hypot(row["mcse"], 0.0006)


@pytest.mark.parametrize("task", TASKS)
def test_no_normalizer_is_better(task: str) -> None:
    """16 networks of each normalizer at each rate: about 30 accuracies, none above the best by 4.5 standard errors.

    False alarm: 30 * 3.4e-6 = 1e-4. Power: two points more, at an error of at most 0.0025, are seen with 0.99.
    """
    border, *_, name, rate = TASKS[task]
    found = accuracies(task, [other for other in NORMALIZERS if other != name], [rate / 3, rate], 16)
    better = found[found["value"] - border.best > 4.5 * np.hypot(found["mcse"], 0.0006)]
    assert better.empty, better


def test_chance_is_the_share_of_the_most_frequent_class() -> None:
    test_classes = bn.Dataset.of("digits").split(np.random.default_rng(0)).y_test
    assert np.bincount(test_classes).max() / test_classes.size == pytest.approx(DIGITS.chance, abs=5e-4)
    drawn = letter_grades().split(np.random.default_rng(0)).y_test
    # Of so many rows the share has a standard error of sqrt(.37 * .63 / rows); 4.5 of them.
    share = np.bincount(drawn).max() / drawn.size
    assert abs(share - LETTERS.chance) < 4.5 * np.sqrt(0.24 / drawn.size)


def test_a_word_has_one_border() -> None:
    """In each statement about an accuracy that says broken, not broken or fine, the region is that of the word."""
    found = set()
    for claim in CLAIMS.values():
        if not claim.quantity.startswith("accuracy on "):
            continue
        task = LETTERS if "letters" in claim.quantity else DIGITS
        said = claim.statement
        not_broken = "not broken" in said or "do not break" in said
        broken = not not_broken and ("broken" in said or "break" in said)
        words = {"not broken": not_broken, "broken": broken, "fine": " is fine" in said, "harmed": " do harm" in said}
        word = next((word for word, is_said in words.items() if is_said), None)
        if word:
            found.add(word)
            assert claim.region == getattr(task, word.replace(" ", "_")), claim.identifier
    assert found == {"broken", "not broken", "fine", "harmed"}


def test_borders_are_the_same_part_of_the_way_for_every_task() -> None:
    for task in (DIGITS, LETTERS):
        way = task.best - task.chance
        assert (task.broken.high - task.chance) / way == pytest.approx(1 / 2)
        assert (task.not_broken.low - task.chance) / way == pytest.approx(9 / 10)
        assert task.harmed.high == task.not_broken.low
        assert (task.fine.low - task.chance) / way == pytest.approx(19 / 20)
