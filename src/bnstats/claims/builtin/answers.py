"""Claims of answers to the question about networks whose batches tell of the label."""

from __future__ import annotations

from bnstats.claims.borders import DIGITS
from bnstats.claims.claim import Claim, Region
from bnstats.claims.interval_methods import Bounded
from bnstats.claims.networks import Networks, accuracy
from bnstats.datasets.row_batching import OneClass

HIDDEN = "answer: where the batch tells of the label, normalizing removes signal"
_ONE_CLASS = Networks("digits", batch_size=20, batching=OneClass())

CLAIMS = (
    Claim(
        "one-class-training-mode-ahead",
        "On digits, with one class a batch, training mode names more digits right than evaluation mode.",
        HIDDEN,
        "share of test digits named right, training less evaluation mode, batches of 20 of one class",
        Region.above(0.0),
        Bounded(-1, 1),
        accuracy(_ONE_CLASS, "batch") - accuracy(_ONE_CLASS, "running"),
        max_replicates=2**11,
    ),
    Claim(
        "one-class-shows-in-training-mode",
        "On digits, training mode shows the harm of one class a batch: in training mode, too, training is broken.",
        HIDDEN,
        "share of test digits named right in training mode, batches of 20 of one class",
        DIGITS.broken,
        Bounded(0, 1),
        accuracy(_ONE_CLASS, "batch"),
        max_replicates=512,
    ),
)
