"""Claims that answers to the question make of networks whose normalised batches are not what they seem."""

from __future__ import annotations

from bnstats.claims.claim import Claim, Region
from bnstats.claims.grounds import Bounded
from bnstats.claims.networks import Networks, accuracy
from bnstats.datasets.row_batching import OneClass

HIDDEN = "answer: where the batch tells of the label, normalising removes signal, and training mode does not show it"
_ONE_CLASS = Networks("digits", batch_size=20, batching=OneClass())

CLAIMS = (
    Claim(
        "training-mode-hides-it",
        "Training mode does not show the harm: with one class a batch it looks better than evaluation mode.",
        HIDDEN,
        "share of test digits named right, training less evaluation mode, batches of 20 of one class",
        Region.above(0.0),
        Bounded(-1, 1),
        accuracy(_ONE_CLASS, "batch") - accuracy(_ONE_CLASS, "running"),
        most=2**11,
    ),
)
