"""Claims about the limit of running statistics that see the same mini-batches again and again."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.claims import Claim, Measure, Measures, Moment, Region, Squared
from bnstats.claims.builtin.shapes import all_cases
from bnstats.sampling.populations import Population
from bnstats.statistics.running_conventions import Convention, smooth
from bnstats.statistics.running_error import running_error
from bnstats.studies.running_stats.study import RunningKey, RunningStudy

COMMENT = "comment: running over the same mini-batches again and again converges to the training set's moments"
NORMAL = Population.of("normal")
N, BATCHES = 8, 4
EQUAL, CONSTANT = Convention.of("torch", momentum=None), Convention.of("torch")
LENGTHS = (16, 64, 256)
# A mean square agrees with theory if it differs from the exact value by at most a twentieth.
TOLERANCE = 0.05

_STUDY = RunningStudy(NORMAL, N, (EQUAL, CONSTANT), max(LENGTHS), N * BATCHES, True, "training set")


def _distance(statistic: str, steps: int, convention: Convention = EQUAL) -> Measures:
    """Return the distance of the running statistic from the statistic of all values in the batches."""
    key = RunningKey(convention.name, convention.momentum, steps, statistic)
    weights = "weights 1/t" if convention.momentum is None else f"momentum {convention.momentum}"
    scope = f"normal values; the same {BATCHES} batches of {N}, visited in turn; {weights}"
    return Measures(((Measure(_STUDY, key, scope), 1.0),))


def _mean_square(statistic: str, steps: int, convention: Convention = EQUAL) -> float:
    known = running_error(
        NORMAL, statistic, steps, batch_size=N, convention=convention,
        training_size=N * BATCHES, fixed_batches=True, reference="training set",
    )  # fmt: skip
    return known.rmse**2


def _skewness_of_square(weights: FloatArray, freedom: FloatArray) -> float:
    """Return the skewness of the square of a centered, weighted sum of chi-squared values."""
    cumulants = [0.0, 0.0] + [2 ** (r - 1) * math.factorial(r - 1) * (freedom * weights**r).sum() for r in range(2, 7)]
    moments = [1.0]
    for r in range(1, 7):  # moments from cumulants
        moments.append(sum(math.comb(r - 1, k - 1) * cumulants[k] * moments[r - k] for k in range(1, r + 1)))
    second, fourth, sixth = moments[2], moments[4], moments[6]
    return float((sixth - 3 * fourth * second + 2 * second**3) / (fourth - second**2) ** 1.5)


# With equal weights, the variance within batches, 7/8 of that of the population, outweighs that of the batch means.
_WITHIN, _BETWEEN = 1 / BATCHES / (N - 1) - 1 / (BATCHES * N - 1), -1 / (BATCHES * N - 1)
SQUARED_DISTANCE = Moment(
    _skewness_of_square(np.array([_WITHIN, _BETWEEN]), np.array([BATCHES * (N - 1.0), BATCHES - 1.0]))
)
SQUARED_NORMAL = Moment(8**0.5)


def _rounds(rounds: tuple[int, ...] = (1, 2, 16)) -> FloatArray:
    """Return running mean less mean of all values, exactly, for all pairs of batches of 2 of four grades."""
    found = []
    for values in product([Fraction(x) for x in (60, 70, 80, 95)], repeat=4):
        batches, mean = (sum(values[:2], Fraction()) / 2, sum(values[2:], Fraction()) / 2), Fraction()
        for step in range(1, 2 * max(rounds) + 1):
            mean = smooth(mean, batches[(step - 1) % 2], Fraction(1, step))
            if step in {2 * r for r in rounds}:
                found.append(float(mean - sum(values, Fraction()) / 4))
    return np.array(found)


def _claim(
    name: str, statement: str, quantity: str, region: Region, method: Moment, distance: Measures, most: int = 2**20
) -> Claim:
    """Return the claim about a mean squared distance from the training set."""
    return Claim(name, statement, COMMENT, f"mean squared distance {quantity}", region, method, Squared(distance), most)


def _near(exact: float) -> Region:
    return Region.near(exact, TOLERANCE * exact)


def _stays(steps: int) -> Claim:
    exact = _mean_square("var", steps)
    return _claim(
        f"same-batches-variance-at-{steps}",
        f"With weights 1/t, the running variance is {math.sqrt(exact):.3f} sigma² from the training set's after "
        f"{steps} visits to the same four batches of 8 normal values.",
        "between running variance and variance of the training set, over sigma^4",
        _near(exact),
        SQUARED_DISTANCE,
        _distance("var", steps),
    )


_AT_FIRST, _AT_LAST = _mean_square("var", LENGTHS[0]), _mean_square("mean", LENGTHS[-1], CONSTANT)

CLAIMS = (
    all_cases(
        "same-batches-show-mean",
        "With weights 1/t, the running mean of the same two batches of grades equals the training set's mean after "
        "1, 2 and 16 rounds.",
        COMMENT, "running mean less mean of the training set, points", Region(0.0, 0.0),
        _rounds, "the grades 60, 70, 80 and 95; the same two batches of 2, visited in turn; weights 1/t",
    ),
    _claim(
        "same-batches-show-variance",
        "With weights 1/t, 16 times as many visits to the same four batches at least halve the running variance's "
        "mean squared distance from the training set's.",
        f"after {LENGTHS[-1]} visits between running variance and variance of the training set, over sigma^4; after "
        f"{LENGTHS[0]} visits it is {_AT_FIRST:.3g}",
        Region.below(0.5 * _AT_FIRST), SQUARED_DISTANCE, _distance("var", LENGTHS[-1]),
    ),
    *(_stays(steps) for steps in LENGTHS),
    _claim(
        "same-batches-constant-momentum",
        "With momentum 0.1, the running mean over the same four batches of 8 normal values stays "
        f"{math.sqrt(_AT_LAST):.3f} sigma from the mean of the training set.",
        f"after {LENGTHS[-1]} visits between running mean and mean of the training set, over sigma²",
        _near(_AT_LAST), SQUARED_NORMAL, _distance("mean", LENGTHS[-1], CONSTANT), 2**18,
    ),
)  # fmt: skip
