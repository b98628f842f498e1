"""Claims about networks trained with the statistics of other rows: the bound, the noise, the gradient."""

from __future__ import annotations

from bnstats.claims import Claim, Measures, Networks, Region, Within, accuracy
from bnstats.claims.builtin.shapes import difference, likely
from bnstats.claims.networks import score
from bnstats.networks.normalizers.normalizer import Normalizer
from bnstats.networks.other_batch import BOUNDED, NOISY, PLAIN, ConstantStatistics, OtherBatch

SMALL = "comment: batch normalization does not work too well with very small batches"
SAID = "often said of batch normalization"
POPULATION = "population"
MANY = 64
"""Rows whose statistics stand for the population's."""
WHERE = "difference in accuracy on test digits with the whole data's statistics"


def _networks(n: int, normalizer: Normalizer | str, statistics: str) -> Networks:
    return Networks(
        "digits", normalizer, batch_size=n, hidden=(32, 32), learning_rate=0.1, steps=2000, statistics=(statistics,)
    )


def _accuracy(n: int, normalizer: Normalizer | str = "batch", others: int = 0) -> Measures:
    return accuracy(_networks(n + others, normalizer, POPULATION), POPULATION)


def _other(n: int, kind: str = PLAIN, others: int | None = None) -> Measures:
    others = n if others is None else others
    return _accuracy(n, OtherBatch(n, others, kind), others)


def _lost(name: str, statement: str, quantity: str, low: float, evidence: Measures) -> Claim:
    return difference(name, statement, SMALL, quantity, Region.above(low), evidence, 2**10)


def _deep(normalizer: Normalizer | str) -> Networks:
    return Networks(
        "digits", normalizer, batch_size=128, hidden=(32,) * 8, learning_rate=0.1, steps=300, statistics=("batch",)
    )  # fmt: skip


def _noise_helps(n: int) -> Claim:
    return likely(
        f"batch-noise-helps-at-{n}",
        f"On digits, the noise of batches of {n} helps: own statistics train more accurate networks than the "
        f"statistics of {MANY} other rows, in evaluation mode.",
        SAID,
        "a network trained with the statistics of its own batches is more accurate on test digits",
        Within(_accuracy(n) - _other(n, others=MANY), low=1e-9),
        low=0.5,
    )


CLAIMS = (
    _lost(
        "other-batch-fails-at-3",
        "On digits, batches of 3 train far worse with the statistics of another batch of 3 than with their own, "
        "which are just as noisy.",
        WHERE + ", own statistics less those of another batch, batches of 3",
        0.3,
        _accuracy(3) - _other(3),
    ),
    likely(
        "bound-protects-at-3",
        "On digits, batches of 3 train nearly as well with another batch's statistics, once normalized values are "
        "cut at the bound sqrt(n - 1).",
        SMALL,
        "accuracy with values cut at the bound is at most 0.05 below that with own statistics",
        Within(_other(3, BOUNDED) - _accuracy(3), low=-0.05),
    ),
    _lost(
        "noise-model-fails-at-3",
        "On digits, population statistics with normal noise of known size train far worse than batches of 3.",
        WHERE + ", own statistics less noisy ones of the population, batches of 3",
        0.3,
        _accuracy(3) - _other(3, NOISY, MANY),
    ),
    likely(
        "noise-model-holds-at-16",
        "On digits, population statistics with normal noise of known size train as well as batches of 16, within two "
        "points.",
        SMALL,
        "accuracies with own and with noisy statistics differ by at most 0.02",
        Within(_accuracy(16) - _other(16, NOISY, MANY), -0.02, 0.02),
    ),
    _noise_helps(4),
    _noise_helps(8),
    likely(
        "diverges-without-projection",
        "On digits, training diverges if the gradient takes batch statistics as constants.",
        SAID,
        "a network with two hidden layers diverges, batches of 20",
        Within(score(_networks(20, ConstantStatistics(), "batch"), "batch", metric="diverged"), low=0.5),
        low=0.5,
    ),
    _lost(
        "projection-needed-for-depth",
        "On digits, eight layers need the gradient of batch statistics: without it, accuracy is at least ten points "
        "lower.",
        "difference in accuracy on test digits in training mode, with the gradient of batch statistics less without "
        "it, eight layers, batches of 128",
        0.1,
        accuracy(_deep("batch"), "batch") - accuracy(_deep(ConstantStatistics()), "batch"),
    ),
)  # fmt: skip
