"""Claims about features normalized beforehand, and about the meaning of normalized values except 0."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import special, stats

from bnstats._checks.array_types import FloatArray
from bnstats.claims.builtin.shapes import all_cases, chance
from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import BatchStatistic, Measure, Measures
from bnstats.claims.grades import CUTS, GRADES
from bnstats.claims.interval_methods import Proportion
from bnstats.statistics.normalized import normalized

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
NORMAL_MEAN, NORMAL_STD = GRADES.mean, GRADES.std


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
    ends = np.concatenate([[0.0], special.ndtr((np.array(CUTS) - NORMAL_MEAN) / NORMAL_STD), [1.0]])
    letters, rows = len(ends) - 1, uniform[:, 2:]
    first = (letters * uniform[:, 0]).astype(np.int64)
    second = (first + 1 + ((letters - 1) * uniform[:, 1]).astype(np.int64)) % letters
    letter = np.repeat(np.stack([first, second], axis=1), n, axis=1)
    return _differ(special.ndtri(ends[letter] + (ends[letter + 1] - ends[letter]) * rows), n)


def chance_of_other_letter(n: int, z: float = Z) -> float:
    """Return the exact probability that a normalized z means different letters in two batches of n."""

    nodes, weights = special.roots_legendre(128)
    # Standard deviations with ddof 0, at quantiles of their distribution.
    s = NORMAL_STD * np.sqrt(special.chdtri(n - 1, (1 - nodes) / 2) / n)
    below = [weights @ special.ndtr((cut - NORMAL_MEAN - z * s) / NORMAL_STD * np.sqrt(n)) / 2 for cut in CUTS]
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
    return Claim(
        f"beforehand-{name}",
        f"Of grades N(72, 10) that were normalized beforehand, two {batches} have significantly differing means.",
        BEFOREHAND,
        f"chance that a t test at 5 % tells the means of two {batches} apart, in points as in standard deviations",
        MOSTLY,
        Proportion(),
        Measures(((Measure(study, "value", SCOPE), 1.0),)),
        max_replicates=2**15,
    )


def _tenth(n: int, often: str, region: Region) -> Claim:
    return all_cases(
        f"tenth-at-{n}",
        f"In batches of {n} grades N(72, 10), a normalized 0.1 {often} stands for different letters in two batches.",
        TENTH,
        f"chance that mean + 0.1 standard deviations has different letters in two batches of {n}",
        region,
        partial(_computed, chance_of_other_letter, n),
        SCOPE,
        rounding=1e-5,  # of the quadrature
    )


def _spread(n: int, often: str, region: Region) -> Claim:
    return all_cases(
        f"spread-at-{n}",
        f"In batches of {n} normal values, a normalized 1 {often} is worth twice as much in one batch as in another.",
        SPREAD,
        f"chance that the standard deviations of two batches of {n} differ by a factor of 2 or more",
        region,
        partial(_computed, chance_of_spread, n),
        "normal values",
        rounding=1e-12,
    )


def _computed(chance: Callable[[int], float], n: int) -> FloatArray:
    return np.array([chance(n)])


CLAIMS = (
    _beforehand(
        "shuffled-batches-differ", "shuffled batches of 32", BatchStatistic("normal", 64, partial(_differ, n=32))
    ),
    _beforehand(
        "batches-of-a-letter-differ",
        "batches of 32, each of one letter,",
        BatchStatistic("uniform", 66, partial(_of_one_letter, n=32)),
    ),
    _spread(3, "often", OFTEN),
    _spread(64, "hardly ever", HARDLY_EVER),
    _tenth(3, "mostly", MOSTLY),
    _tenth(64, "seldom", SELDOM),
    chance(
        "distribution-converges",
        "The distribution of normal values normalized by their batch converges to the population's as n^(-1/2), by the "
        "largest distance between the distribution functions (Kolmogorov).",
        DISTRIBUTION,
        f"chance that sqrt(n) distance is larger at n = {LARGER} than at n = {LARGE}",
        Region.near(0.5, 0.02),
        BatchStatistic("normal", LARGE + LARGER, partial(_distance_grows, small=LARGE)),
        2**16,
    ),
)
