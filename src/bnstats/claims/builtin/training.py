"""Claims about training: batch normalization does not break it, and some batching rules do."""

from __future__ import annotations

from typing import Any

from bnstats.claims import Claim, Measures, Networks, Region, accuracy
from bnstats.claims.borders import DIGITS
from bnstats.claims.builtin.shapes import difference, proportion
from bnstats.datasets.row_batching import OneClass, Sorted

TITLE = "question: why does this not break training in its entirety?"
SMALL = "comment: batch normalization does not work too well with very small batches"
FINE = "comment: the problem would not be a big issue with a batch size of 64"
DIFFERENT = "comment: batch statistics are poor approximations of what is used at testing"


def _digits(n: int, normalizer: str = "batch", mode: str = "running", **how: Any) -> Measures:
    return accuracy(Networks("digits", normalizer, batch_size=n, **how), mode)


def _accuracy(
    name: str, statement: str, source: str, what: str, region: Region, evidence: Measures, most: int = 512
) -> Claim:
    quantity = f"accuracy on test digits in evaluation mode, {what}"
    return proportion(name, statement, source, quantity, region, evidence, most)


def _evaluation_gain(n: int) -> Measures:
    return _digits(n) - _digits(n, mode="batch")


CLAIMS = (
    _accuracy(
        "training-survives",
        "On digits, training is not broken with shuffled batches of 32.",
        TITLE, "shuffled batches of 32", DIGITS.not_broken, _digits(32),
    ),
    _accuracy(
        "training-survives-at-3",
        "On digits, training is not broken even with shuffled batches of 3.",
        TITLE, "shuffled batches of 3", DIGITS.not_broken, _digits(3),
    ),
    _accuracy(
        "one-class-breaks-training",
        "On digits, training is broken if each batch holds one class only.",
        TITLE, "batches of 20 of one class", DIGITS.broken, _digits(20, batching=OneClass()),
    ),
    _accuracy(
        "one-class-layer-norm",
        "On digits, batches of one class do not break training with layer norm, which normalizes each row by itself.",
        TITLE, "layer norm, batches of 20 of one class", DIGITS.not_broken,
        _digits(20, "layer", batching=OneClass(), learning_rate=0.02, steps=4000),
    ),
    _accuracy(
        "sorted-rows-break-training",
        "On digits, training is broken if rows come sorted by class.",
        TITLE, "batches of 20 sorted rows", DIGITS.broken, _digits(20, batching=Sorted()),
    ),
    _accuracy(
        "sorted-rows-break-any-training",
        "On digits, rows sorted by class also break training without normalization, at the usual learning rate.",
        TITLE, "no normalization, batches of 20 sorted rows", DIGITS.broken,
        _digits(20, "none", batching=Sorted()), 2**11,
    ),
    _accuracy(
        "sorted-rows-harm-any-training",
        "On digits, rows sorted by class also do harm without normalization, at the usual learning rate.",
        TITLE, "no normalization, batches of 20 sorted rows", DIGITS.harmed,
        _digits(20, "none", batching=Sorted()),
    ),
    difference(
        "very-small-batches-are-bad",
        "On digits, very small batches are bad: batches of 2 cost at least two points of accuracy against batches of "
        "64.",
        SMALL, "difference in accuracy on test digits in evaluation mode, batches of 64 less batches of 2",
        Region.above(0.02), _digits(64) - _digits(2),
    ),
    _accuracy(
        "64-is-fine",
        "On digits, a batch size of 64 is fine.",
        FINE, "shuffled batches of 64", DIGITS.fine, _digits(64),
    ),
    difference(
        "64-as-good-as-128",
        "On digits, batches of 64 cost at most one point of accuracy against batches of 128.",
        FINE, "difference in accuracy on test digits in evaluation mode, batches of 128 less batches of 64",
        Region.below(0.01), _digits(128) - _digits(64),
    ),
    difference(
        "modes-differ",
        "On digits, after training with batches of 4, evaluation mode is at least five points more accurate than "
        "training mode.",
        DIFFERENT, "difference in accuracy on test digits, evaluation less training mode, batches of 4",
        Region.above(0.05), _evaluation_gain(4), 2**11,
    ),
    difference(
        "modes-agree-at-64",
        "On digits, after training with batches of 64, the two modes differ by less than one point of accuracy.",
        DIFFERENT, "difference in accuracy on test digits, evaluation less training mode, batches of 64",
        Region.near(0.0, 0.01), _evaluation_gain(64),
    ),
    difference(
        "gap-shrinks",
        "On digits, the modes differ less in accuracy with batches of 16 than with batches of 4.",
        DIFFERENT, "difference in accuracy between the modes on test digits, batches of 4 less batches of 16",
        Region.above(0.0), _evaluation_gain(4) - _evaluation_gain(16), 2**11, largest=2,
    ),
)  # fmt: skip
