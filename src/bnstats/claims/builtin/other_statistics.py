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
WHERE = "share of test digits named right with the whole data's statistics"


def _networks(n: int, normalizer: Normalizer | str, statistics: str) -> Networks:
    return Networks(
        "digits", normalizer, batch_size=n, hidden=(32, 32), learning_rate=0.1, steps=2000, statistics=(statistics,)
    )


def _right(n: int, normalizer: Normalizer | str = "batch", others: int = 0) -> Measures:
    return accuracy(_networks(n + others, normalizer, POPULATION), POPULATION)


def _other(n: int, kind: str = PLAIN, others: int | None = None) -> Measures:
    others = n if others is None else others
    return _right(n, OtherBatch(n, others, kind), others)


def _lost(name: str, statement: str, quantity: str, low: float, evidence: Measures) -> Claim:
    return difference(name, statement, SMALL, quantity, Region.above(low), evidence, 2**10)


def _deep(normalizer: Normalizer | str) -> Networks:
    return Networks(
        "digits", normalizer, batch_size=128, hidden=(32,) * 8, learning_rate=0.1, steps=300, statistics=("batch",)
    )  # fmt: skip


def _noise_helps(n: int) -> Claim:
    return likely(
        f"batch-noise-helps-at-{n}",
        f"On digits, the noise of batches of {n} helps: networks are more accurate in evaluation mode than those that "
        f"statistics of {MANY} other rows normalize.",
        SAID,
        "a network trained with the statistics of its own batches names more test digits right",
        Within(_right(n) - _other(n, others=MANY), low=1e-9),
        low=0.5,
    )


CLAIMS = (
    _lost(
        "other-batch-fails-at-3",
        "On digits, batches of 3 that another batch of 3 normalizes train far worse than those of their own "
        "statistics, which are just as noisy.",
        WHERE + ", own statistics less those of another batch, batches of 3",
        0.3,
        _right(3) - _other(3),
    ),
    likely(
        "bound-protects-at-3",
        "On digits, values that another batch of 3 normalizes train nearly as well as those of their own batch, once "
        "they are cut at its bound sqrt(n - 1).",
        SMALL,
        "a network with values cut at the bound names at most a twentieth less right than one with own statistics",
        Within(_other(3, BOUNDED) - _right(3), low=-0.05),
    ),
    _lost(
        "noise-model-fails-at-3",
        "On digits, population statistics with normal noise of known size are far worse than batches of 3.",
        WHERE + ", own statistics less noisy ones of the population, batches of 3",
        0.3,
        _right(3) - _other(3, NOISY, MANY),
    ),
    likely(
        "noise-model-holds-at-16",
        "On digits, batches of 16 do what population statistics with normal noise of known size do, within two points.",
        SMALL,
        "accuracies with own and with noisy statistics differ by at most 0.02",
        Within(_right(16) - _other(16, NOISY, MANY), -0.02, 0.02),
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
        "On digits, eight layers need the gradient of batch statistics: without it a tenth less is named right.",
        "share of test digits named right, with the gradient of batch statistics less without it, training mode, eight "
        "layers, batches of 128",
        0.1,
        accuracy(_deep("batch"), "batch") - accuracy(_deep(ConstantStatistics()), "batch"),
    ),
)  # fmt: skip
