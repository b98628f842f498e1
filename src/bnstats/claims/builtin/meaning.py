"""Claims about the meaning of a normalized value: the question's example, its generality, and values except 0."""

from __future__ import annotations

from functools import partial
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
from scipy import special, stats

from bnstats._checks.array_types import FloatArray
from bnstats.claims import BatchStatistic, Claim, Measure, Measures, Region
from bnstats.claims.builtin.shapes import all_cases, chance, computed
from bnstats.claims.grades import CUTS, GRADES
from bnstats.networks.network import Network
from bnstats.networks.recipe import Recipe
from bnstats.statistics.normalized import normalized

QUESTION = "question: a 0 means B in one batch and D in the next"
WHOLE = "answer: normalizing a batch is like normalizing the whole data"
LETTER = 10.0
BEFOREHAND = "question: though features were normalized beforehand, mini-batches have significantly differing means"
TENTH = "question: a feature of 0.1 in one batch means something different from 0.1 in another"
SPREAD = "question: mini-batches have significantly differing variances"
DISTRIBUTION = "comment: the distribution that batches estimate converges"
Z, SIGNIFICANT, TWICE = 0.1, 0.05, 2.0
# Regions of the words in all claims of this file: more than half of the cases, at least one in five, at most one in 20,
# at most one in 1000.
MOSTLY, OFTEN, SELDOM, HARDLY_EVER = Region.above(0.5), Region.above(0.2), Region.below(0.05), Region.below(0.001)
SCOPE = "normal grades of mean 72 and standard deviation 10"
# In finite batches, sqrt(n) times the distance is smaller by the factor 1 - 0.01/sqrt(n) + 0.85/n (Stephens 1974), here
# by less than a thousandth.
LARGE, LARGER = 1024, 2048


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


def _chance_of_zeros_apart(n: int) -> float:
    """Return the probability that a normalized 0 means grades over a letter apart in two batches of n.

    A normalized 0 is the mean of a batch. The difference of two means is normal with variance 2 sigma²/n.
    """
    return float(special.erfc(LETTER / (2 * GRADES.std / np.sqrt(n))))


def _like_whole(batches: FloatArray) -> Any:
    """Return True where a value's batch and population normalizations differ by at most 0.2."""
    return abs(normalized(batches)[0][:, 0] - batches[:, 0]) <= 0.2


def _comparable() -> FloatArray:
    """Return mean and variance less 1 of each normalized batch of three whole grades, not all equal."""
    batches = np.array(list(combinations_with_replacement(range(101), 3)), dtype=np.float64)
    z = normalized(batches[np.ptp(batches, axis=1) > 0])[0]
    return np.concatenate([z.mean(axis=1), z.var(axis=1) - 1])


def _zero(n: int, often: str, region: Region) -> Claim:
    statement = f"In batches of {n}, a 0 stands for grades more than a letter apart {often}."
    quantity = f"chance that the grades behind a 0 in two batches of {n} differ by more than a letter, grades N(72, 10)"
    zeros = partial(_chance_of_zeros_apart, n)
    return computed(f"zero-at-{n}", statement, QUESTION, quantity, region, zeros, SCOPE, rounding=1e-15)


def _whole(n: int) -> Claim:
    return chance(
        f"same-as-whole-data-at-{n}",
        f"For 95 % of normal values, normalizing by a batch of {n} differs by at most 0.2 from normalizing by the "
        "population.",
        WHOLE,
        "chance that a value normalized by its batch is within 0.2 of the same value normalized by the population",
        Region.above(0.95),
        BatchStatistic("normal", n, _like_whole).evidence,
    )


def _differ(values: FloatArray, n: int) -> Any:
    """Return True where the means of two batches of n differ significantly by the two-sample t test."""
    one, other = values[:, :n], values[:, n:]
    pooled = (one.var(axis=1, ddof=1) + other.var(axis=1, ddof=1)) / n
    critical = stats.t.isf(SIGNIFICANT / 2, 2 * n - 2)
    return abs(one.mean(axis=1) - other.mean(axis=1)) > critical * np.sqrt(pooled)


def _of_one_letter(uniform: FloatArray, n: int) -> Any:
    """Return True where two batches of one letter each differ significantly in their means.

    The first two values choose the two letters, which differ.
    """
    ends = np.concatenate([[0.0], special.ndtr((np.array(CUTS) - GRADES.mean) / GRADES.std), [1.0]])
    letters, rows = len(ends) - 1, uniform[:, 2:]
    first = (letters * uniform[:, 0]).astype(np.int64)
    second = (first + 1 + ((letters - 1) * uniform[:, 1]).astype(np.int64)) % letters
    letter = np.repeat(np.stack([first, second], axis=1), n, axis=1)
    return _differ(special.ndtri(ends[letter] + (ends[letter + 1] - ends[letter]) * rows), n)


def chance_of_other_letter(n: int) -> float:
    """Return the exact probability that a normalized value of Z means different letters in two batches of n."""
    nodes, weights = special.roots_legendre(128)
    # Standard deviations with ddof 0, at quantiles of their distribution.
    s = GRADES.std * np.sqrt(special.chdtri(n - 1, (1 - nodes) / 2) / n)
    below = [weights @ special.ndtr((cut - GRADES.mean - Z * s) / GRADES.std * np.sqrt(n)) / 2 for cut in CUTS]
    letters = np.diff([0.0, *below, 1.0])
    return float(1 - np.square(letters).sum())


def chance_of_spread(n: int) -> float:
    """Return the probability that variances of two batches of n normal values differ by a factor of 4.

    The ratio of the variances has an F distribution.
    """
    return float(2 * stats.f.sf(TWICE**2, n - 1, n - 1))


def _kolmogorov(batches: FloatArray) -> FloatArray:
    """Return the Kolmogorov distance of each normalized batch from the standard normal distribution."""
    n = batches.shape[1]
    at = special.ndtr(np.sort(normalized(batches)[0], axis=1))
    above, below = np.arange(1, n + 1) / n - at, at - np.arange(n) / n
    return np.asarray(np.maximum(above.max(axis=1), below.max(axis=1)))


def _distance_grows(values: FloatArray, small: int) -> Any:
    """Return True where sqrt(n) distance is larger in the second batch than in the first."""
    parts = values[:, :small], values[:, small:]
    one, other = (np.sqrt(part.shape[1]) * _kolmogorov(part) for part in parts)
    return other > one


def _beforehand(name: str, batches: str, study: BatchStatistic) -> Claim:
    return chance(
        f"beforehand-{name}",
        f"Two {batches} mostly have significantly different means, of grades N(72, 10) that were normalized "
        "beforehand.",
        BEFOREHAND,
        f"chance that a t test at 5 % finds different means in two {batches}, in points or in standard deviations",
        MOSTLY,
        Measures(((Measure(study, "value", SCOPE), 1.0),)),
    )


def _tenth(n: int, often: str, region: Region) -> Claim:
    return computed(
        f"tenth-at-{n}",
        f"In batches of {n} grades N(72, 10), a normalized 0.1 {often} stands for different letters in two batches.",
        TENTH,
        f"chance that mean + 0.1 standard deviations has different letters in two batches of {n}",
        region,
        partial(chance_of_other_letter, n),
        SCOPE,
        rounding=1e-5,  # of the quadrature
    )


def _spread(n: int, often: str, region: Region) -> Claim:
    return computed(
        f"spread-at-{n}",
        f"In batches of {n} normal values, a normalized 1 {often} means twice as large a deviation in one batch as in "
        "another.",
        SPREAD,
        f"chance that the standard deviations of two batches of {n} differ by a factor of 2 or more",
        region,
        partial(chance_of_spread, n),
        "normal values",
        rounding=1e-12,
    )


CLAIMS = (
    all_cases(
        "question-zeros",
        "In the batch (90, 80, 70) the B becomes 0, in the batch (60, 60, 60) every D does.",
        QUESTION, "the normalized values of that B and of those three D",
        Region(0.0, 0.0), _question_zeros, "the two batches of the question",
    ),
    _zero(3, "one time in five or more", Region.above(0.2)),
    _zero(8, "one time in 20", Region.near(0.05, 0.01)),
    _zero(64, "less than one time in a thousand", Region.below(0.001)),
    all_cases(
        "equal-values-become-zeros",
        "In every layer, a batch of equal values becomes zeros and stays finite.",
        QUESTION, "logits of untrained networks for batches of equal rows; zeros give logits of 0",
        Region.near(0.0, 1e-3), _equal_values,
        "batches of 2, 3, 8 and 64 equal whole grades; hidden units: 16 and 16; untrained", rounding=1e-7,
    ),
    all_cases(
        "only-order-survives-at-2",
        "In a batch of 2, only the order of the values survives: normalized, they are -1 and +1, apart from eps.",
        QUESTION, "size of the normalized values in every batch of two different whole grades from 0 to 100",
        Region.near(1.0, 1e-9), _sizes_at_two, "pairs of whole grades from 0 to 100", rounding=1e-12,
    ),
    all_cases(
        "normalized-batches-comparable",
        "Normalized batches have comparable means and variances, 0 and 1, unless all their values are equal.",
        "answer: what normalizing does make alike",
        "mean, and variance less 1, of each normalized batch of three whole grades that are not all equal",
        Region.near(0.0, 1e-9), _comparable, "batches of three whole grades from 0 to 100", rounding=1e-12,
    ),
    _whole(3),
    _whole(512),
    _beforehand(
        "shuffled-batches-differ", "shuffled batches of 32", BatchStatistic("normal", 64, partial(_differ, n=32))
    ),
    _beforehand(
        "batches-of-a-letter-differ",
        "batches of 32 that each hold one letter",
        BatchStatistic("uniform", 66, partial(_of_one_letter, n=32)),
    ),
    _spread(3, "often", OFTEN),
    _spread(64, "hardly ever", HARDLY_EVER),
    _tenth(3, "mostly", MOSTLY),
    _tenth(64, "seldom", SELDOM),
    chance(
        "distribution-converges",
        "The distribution of normal values normalized by their batch converges to the population's as n^(-1/2), in "
        "Kolmogorov's distance.",
        DISTRIBUTION,
        f"chance that sqrt(n) times the distance is larger at n = {LARGER} than at n = {LARGE}",
        Region.near(0.5, 0.02),
        BatchStatistic("normal", LARGE + LARGER, partial(_distance_grows, small=LARGE)).evidence,
        2**16,
    ),
)  # fmt: skip
