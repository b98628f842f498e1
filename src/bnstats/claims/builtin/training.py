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


def _right(
    name: str, statement: str, source: str, what: str, region: Region, evidence: Measures, most: int = 512
) -> Claim:
    quantity = f"share of test digits named right in evaluation mode, {what}"
    return proportion(name, statement, source, quantity, region, evidence, most)


def _evaluation_gain(n: int) -> Measures:
    return _digits(n) - _digits(n, mode="batch")


CLAIMS = (
    _right(
        "training-survives",
        "On digits, training is not broken with shuffled batches of 32.",
        TITLE, "shuffled batches of 32", DIGITS.not_broken, _digits(32),
    ),
    _right(
        "training-survives-at-3",
        "On digits, training is not broken even with shuffled batches of 3.",
        TITLE, "shuffled batches of 3", DIGITS.not_broken, _digits(3),
    ),
    _right(
        "one-class-breaks-training",
        "On digits, training is broken if each batch holds one class only.",
        TITLE, "batches of 20 of one class", DIGITS.broken, _digits(20, batching=OneClass()),
    ),
    _right(
        "one-class-layer-norm",
        "On digits, batches of one class do not break training with layer norm, which normalizes each row by itself.",
        TITLE, "layer norm, batches of 20 of one class", DIGITS.not_broken,
        _digits(20, "layer", batching=OneClass(), learning_rate=0.02, steps=4000),
    ),
    _right(
        "sorted-rows-break-training",
        "On digits, training is broken if rows come sorted by class.",
        TITLE, "batches of 20 sorted rows", DIGITS.broken, _digits(20, batching=Sorted()),
    ),
    _right(
        "sorted-rows-break-any-training",
        "On digits, sorted rows break training without normalization, too, at the usual learning rate.",
        TITLE, "no normalization, batches of 20 sorted rows", DIGITS.broken,
        _digits(20, "none", batching=Sorted()), 2**11,
    ),
    _right(
        "sorted-rows-harm-any-training",
        "On digits, rows sorted by class do harm without normalization, too, at the usual learning rate.",
        TITLE, "no normalization, batches of 20 sorted rows", DIGITS.harmed,
        _digits(20, "none", batching=Sorted()),
    ),
    difference(
        "very-small-batches-are-bad",
        "On digits, very small batches are bad: batches of 2 do worse than batches of 64, by two points or more.",
        SMALL, "share of test digits named right in evaluation mode, batches of 64 less batches of 2",
        Region.above(0.02), _digits(64) - _digits(2),
    ),
    _right(
        "64-is-fine",
        "On digits, a batch size of 64 is fine.",
        FINE, "shuffled batches of 64", DIGITS.fine, _digits(64),
    ),
    difference(
        "64-as-good-as-128",
        "On digits, a batch size of 64 loses at most a point against one of 128.",
        FINE, "share of test digits named right in evaluation mode, batches of 128 less batches of 64",
        Region.below(0.01), _digits(128) - _digits(64),
    ),
    difference(
        "modes-differ",
        "On digits, evaluation mode is five points or more ahead of training mode after training with batches of 4.",
        DIFFERENT, "share of test digits named right, evaluation less training mode, batches of 4",
        Region.above(0.05), _evaluation_gain(4), 2**11,
    ),
    difference(
        "modes-agree-at-64",
        "On digits, the two modes differ by less than a point after training with batches of 64.",
        DIFFERENT, "share of test digits named right, evaluation less training mode, batches of 64",
        Region.near(0.0, 0.01), _evaluation_gain(64),
    ),
    difference(
        "gap-shrinks",
        "On digits, the gap between the modes is smaller with batches of 16 than with batches of 4.",
        DIFFERENT, "gap with batches of 4 less gap with batches of 16, as shares of test digits named right",
        Region.above(0.0), _evaluation_gain(4) - _evaluation_gain(16), 2**11, largest=2,
    ),
)  # fmt: skip
