"""Claims about the meaning of a normalized value: the question's example and its generality."""

from __future__ import annotations

from functools import partial
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
from scipy import special

from bnstats._checks.array_types import FloatArray
from bnstats.claims.builtin.shapes import all_cases, chance
from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import BatchStatistic
from bnstats.claims.grades import GRADES
from bnstats.networks.network import Network
from bnstats.networks.recipe import Recipe
from bnstats.statistics.normalized import normalized

QUESTION = "question: a 0 means B in one batch and D in the next"
WHOLE = "answer: normalizing a batch is like normalizing the whole data"
LETTER = 10.0


def _question_zeros() -> FloatArray:
    """Return the normalized B of the question's first batch and the three normalized D of its second."""
    z = normalized(np.array([[90.0, 80.0, 70.0], [60.0, 60.0, 60.0]]))[0]
    return np.array([z[0, 1], *z[1]])


def _equal_values() -> FloatArray:
    """Return logits of untrained networks for batches of equal whole grades from 0 to 100.

    Shifts and biases of untrained networks are 0.
    """
    found = []
    for n in (2, 3, 8, 64):
        network = Network.initial(Recipe((16, 16)), 1, 5, np.random.default_rng(n))
        for value in range(101):
            rows = np.full((n, 1), value, dtype=np.float32)
            found.append(network.logits_in_batches(rows, np.arange(n)[np.newaxis]).ravel())
    return np.concatenate(found)


def _sizes_at_two() -> FloatArray:
    """Return the absolute normalized values of every batch of two different whole grades."""
    pairs = np.array(list(combinations(range(101), 2)), dtype=np.float64)
    return np.asarray(abs(normalized(pairs)[0]).ravel())


def _zero_differs(n: int) -> FloatArray:
    """Return the probability that a normalized 0 means grades over a letter apart in two batches of n.

    A normalized 0 is the mean of a batch. The difference of two means is normal with variance 2 sigma²/n.
    """
    return np.asarray(special.erfc([LETTER / (2 * GRADES.std / np.sqrt(n))]))


def _like_whole(batches: FloatArray) -> Any:
    """Return True where a value's batch and population normalizations differ by at most 0.2."""
    return abs(normalized(batches)[0][:, 0] - batches[:, 0]) <= 0.2


def _comparable() -> FloatArray:
    """Return mean and variance less 1 of each normalized batch of three whole grades, not all equal."""
    batches = np.array(list(combinations_with_replacement(range(101), 3)), dtype=np.float64)
    z = normalized(batches[np.ptp(batches, axis=1) > 0])[0]
    return np.concatenate([z.mean(axis=1), z.var(axis=1) - 1])


def _zero(n: int, statement: str, region: Region) -> Claim:
    return all_cases(
        f"zero-at-{n}",
        statement,
        QUESTION,
        f"chance that the grades behind a 0 in two batches of {n} differ by more than a letter, grades N(72, 10)",
        region,
        partial(_zero_differs, n),
        "normal grades of mean 72 and standard deviation 10",
        rounding=1e-15,
    )


def _whole(n: int) -> Claim:
    return chance(
        f"same-as-whole-data-at-{n}",
        f"Normalizing a batch of {n} normal values is the same as normalizing all: within 0.2, for 95 % of values.",
        WHOLE,
        "chance that a value normalized by its batch is within 0.2 of that normalized by the population",
        Region.above(0.95),
        BatchStatistic("normal", n, _like_whole),
    )


CLAIMS = (
    all_cases(
        "question-zeros",
        "In the batch (90, 80, 70) the B becomes 0, in the batch (60, 60, 60) every D does.",
        QUESTION, "the normalized values of that B and of those three D",
        Region(0.0, 0.0), _question_zeros, "the two batches of the question",
    ),
    _zero(3, "In batches of 3, a 0 means grades more than a letter apart one time in five or more.", Region.above(0.2)),
    _zero(8, "In batches of 8, a 0 means grades more than a letter apart one time in 20.", Region.near(0.05, 0.01)),
    _zero(64, "In batches of 64, a 0 hardly ever means grades more than a letter apart.", Region.below(0.001)),
    all_cases(
        "equal-values-become-zeros",
        "A batch of equal values becomes zeros and stays finite, in every layer.",
        QUESTION, "logits of untrained networks for batches of equal rows, which are those of zeros",
        Region.near(0.0, 1e-3), _equal_values,
        "batches of 2, 3, 8 and 64 equal whole grades; hidden units: 16 and 16; untrained", rounding=1e-7,
    ),
    all_cases(
        "only-order-survives-at-2",
        "In a batch of 2 only the order survives: normalized values are -1 and +1, but for eps.",
        QUESTION, "size of the normalized values in every batch of two different whole grades from 0 to 100",
        Region.near(1.0, 1e-9), _sizes_at_two, "pairs of whole grades from 0 to 100", rounding=1e-12,
    ),
    all_cases(
        "normalized-batches-comparable",
        "Normalized batches have comparable means and variances, 0 and 1, unless their values are all equal.",
        "answer: what normalizing does make alike",
        "mean, and variance less 1, of each normalized batch of three whole grades that are not all equal",
        Region.near(0.0, 1e-9), _comparable, "batches of three whole grades from 0 to 100", rounding=1e-12,
    ),
    _whole(3),
    _whole(512),
)  # fmt: skip
