"""Claims about what a normalised value means: the question's own example, and how far it carries."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from bnstats._arrays import FloatArray
from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import BatchStatistic, Enumerated
from bnstats.claims.grades import GRADES
from bnstats.claims.grounds import Exact, Proportion
from bnstats.networks.network import Network
from bnstats.networks.recipe import Recipe
from bnstats.statistics.normalized import normalized

QUESTION = "question: a 0 means B in one batch and D in the next"
WHOLE = "answer: normalising a batch is like normalising the whole data"
LETTER = 10.0


def _question_zeros() -> FloatArray:
    """The normalised B of the question's first batch, and the three D of its second."""
    z = normalized(np.array([[90.0, 80.0, 70.0], [60.0, 60.0, 60.0]]))[0]
    return np.array([z[0, 1], *z[1]])


def _equal_values() -> FloatArray:
    """Logits of untrained networks, whose shifts and biases are 0, for batches of equal whole grades from 0 to 100."""
    found = []
    for n in (2, 3, 8, 64):
        network = Network.initial(Recipe((16, 16)), 1, 5, np.random.default_rng(n))
        for value in range(101):
            rows = np.full((n, 1), value, dtype=np.float32)
            found.append(network.logits_in_batches(rows, np.arange(n)[np.newaxis]).ravel())
    return np.concatenate(found)


def _sizes_at_two() -> FloatArray:
    """Size of the normalised values of every batch of two different whole grades."""
    pairs = np.array(list(combinations(range(101), 2)), dtype=np.float64)
    return np.asarray(abs(normalized(pairs)[0]).ravel())


def _zero_differs(values: FloatArray, n: int) -> Any:
    """Whether the grades behind a 0 in two batches of n are more than a letter apart."""
    return abs(values[:, :n].mean(axis=1) - values[:, n:].mean(axis=1)) > LETTER


def _like_whole(batches: FloatArray) -> Any:
    """Whether a row's value normalised by its batch is within 0.2 of that normalised by the whole population."""
    return abs(normalized(batches)[0][:, 0] - batches[:, 0]) <= 0.2


def _comparable(batches: FloatArray) -> Any:
    z = normalized(batches)[0]
    return (abs(z.mean(axis=1)) < 1e-6) & (abs(z.var(axis=1) - 1) < 1e-6)


def _zero(n: int, statement: str, region: Region) -> Claim:
    return Claim(
        f"zero-at-{n}",
        statement,
        QUESTION,
        f"chance that the grades behind a 0 in two batches of {n} differ by more than a letter, grades N(72, 10)",
        region,
        Proportion(),
        BatchStatistic(GRADES, 2 * n, partial(_zero_differs, n=n)).evidence,
    )


def _whole(n: int) -> Claim:
    return Claim(
        f"same-as-whole-data-at-{n}",
        f"Normalising a batch of {n} is the same as normalising the whole data: within 0.2, for 95 % of values.",
        WHOLE,
        "chance that a value normalised by its batch is within 0.2 of that normalised by the population",
        Region.above(0.95),
        Proportion(),
        BatchStatistic("normal", n, _like_whole).evidence,
        most=2**15,
    )


CLAIMS = (
    Claim(
        "question-zeros",
        "In the batch (90, 80, 70) the B becomes 0, in the batch (60, 60, 60) every D does.",
        QUESTION,
        "the normalised values of that B and of those three D",
        Region(0.0, 0.0),
        Exact(),
        Enumerated(_question_zeros),
    ),
    _zero(3, "In batches of 3, a 0 means grades more than a letter apart one time in five or more.", Region.above(0.2)),
    _zero(8, "In batches of 8, a 0 means grades more than a letter apart one time in 20.", Region.near(0.05, 0.01)),
    _zero(64, "In batches of 64, a 0 hardly ever means grades more than a letter apart.", Region.below(0.001)),
    Claim(
        "equal-values-become-zeros",
        "A batch of equal values becomes zeros and stays finite, in every layer.",
        QUESTION,
        "logits of untrained networks for batches of equal rows, which are those of zeros",
        Region.near(0.0, 1e-3),
        Exact(rounding=1e-7),
        Enumerated(_equal_values),
    ),
    Claim(
        "only-order-survives-at-2",
        "In a batch of 2 only the order survives: normalised values are -1 and +1, but for eps.",
        QUESTION,
        "size of the normalised values in every batch of two different whole grades from 0 to 100",
        Region.near(1.0, 1e-9),
        Exact(rounding=1e-12),
        Enumerated(_sizes_at_two),
    ),
    Claim(
        "normalised-batches-comparable",
        "Normalised batches have comparable means and variances: 0 and 1.",
        "answer: what normalising does make alike",
        "chance that a normalised batch of 16 grades has mean 0 and variance 1 to within 1e-6",
        Region.above(0.999),
        Proportion(),
        BatchStatistic(GRADES, 16, _comparable).evidence,
        most=2**15,
    ),
    _whole(3),
    _whole(512),
)
