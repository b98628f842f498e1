"""Claims of answers to the question about networks whose batches tell of the label."""

from __future__ import annotations

from bnstats.claims.borders import DIGITS
from bnstats.claims.builtin.shapes import difference, share
from bnstats.claims.claim import Region
from bnstats.claims.networks import Networks, accuracy
from bnstats.datasets.row_batching import OneClass

HIDDEN = "answer: where the batch tells of the label, normalizing removes signal"
_ONE_CLASS = Networks("digits", batch_size=20, batching=OneClass())

CLAIMS = (
    difference(
        "one-class-training-mode-ahead",
        "On digits, with one class a batch, training mode names more digits right than evaluation mode.",
        HIDDEN, "share of test digits named right, training less evaluation mode, batches of 20 of one class",
        Region.above(0.0), accuracy(_ONE_CLASS, "batch") - accuracy(_ONE_CLASS, "running"), 2**11,
    ),
    share(
        "one-class-shows-in-training-mode",
        "On digits, training mode shows the harm of one class a batch: in training mode, too, training is broken.",
        HIDDEN, "share of test digits named right in training mode, batches of 20 of one class",
        DIGITS.broken, accuracy(_ONE_CLASS, "batch"),
    ),
)  # fmt: skip
