"""Claims about convergence: of batch statistics to the population's, and of running statistics."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from scipy import special

from bnstats._checks.array_types import FloatArray
from bnstats.claims import BatchStatistic, Claim, Moment, Region
from bnstats.claims.builtin.shapes import all_cases, chance
from bnstats.statistics.running import RunningStats

ANSWER = "answer: statistics of batches are estimates of the data's"
# Values in a training set.
TRAINING = 32
# Third standardized moments of chi-squared values with 1 and 7 degrees of freedom.
SQUARE, SEVEN_SQUARES = 8**0.5, (8 / 7) ** 0.5


def _grows(batches: FloatArray, estimator: Callable[..., Any], target: float, small: int) -> Any:
    """Return True where sqrt(n) |error| is larger in the second batch than in the first."""
    parts = batches[:, :small], batches[:, small:]
    one, other = (part.shape[1] ** 0.5 * abs(estimator(part, axis=1) - target) for part in parts)
    return other > one


_variance = partial(np.var, ddof=1)


def _rate(
    name: str, statement: str, population: str, estimator: Any, target: float, region: Region, small: int, large: int
) -> Claim:
    quantity = f"chance that n^0.5 |error| is larger at n = {large} than at n = {small}, {population} values"
    larger = partial(_grows, estimator=estimator, target=target, small=small)
    return chance(name, statement, ANSWER, quantity, region, BatchStatistic(population, small + large, larger).evidence)


def _biased_variances() -> FloatArray:
    """Return (1 - 1/n) sigma² less the mean biased variance of all batches of n of four grades, exactly."""
    values = [Fraction(x) for x in (60, 70, 80, 95)]
    mean = sum(values, Fraction()) / len(values)
    whole = sum((x - mean) ** 2 for x in values) / len(values)
    found = []
    for n in (2, 3, 4, 5):
        batches = list(product(values, repeat=n))
        variances = [sum(x * x for x in b) / n - (sum(b, Fraction()) / n) ** 2 for b in batches]
        found.append(whole * (1 - Fraction(1, n)) - sum(variances, Fraction()) / len(batches))
    return np.array([float(difference) for difference in found])


def _running_means(batches: FloatArray, n: int, momentum: float | None, steps: tuple[int, ...]) -> list[FloatArray]:
    """Return the running means after the given steps; each row of `batches` is cut into batches of n."""
    running, found = RunningStats.like("torch", momentum), []
    for step in range(batches.shape[1] // n):
        running = running.update(batches[:, step * n : (step + 1) * n].T)
        if step + 1 in steps:
            found.append(np.array(running.mean))
    return found


def _approaches(batches: FloatArray, momentum: float | None) -> Any:
    """Return True where the running mean after 200 batches is nearer to the population mean than after 50."""
    early, late = _running_means(batches, 4, momentum, (50, 200))
    return abs(late) < abs(early)


def _fluctuation(batches: FloatArray) -> FloatArray:
    (last,) = _running_means(batches, 4, 0.1, (100,))
    return 4 * last**2


def _of_training_set(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the cumulative running mean over batches of 8 of a training set, and the training set's mean.

    The first TRAINING values are the training set. Each further value, transformed to a uniform one, chooses the next
    training row.
    """
    training = values[:, :TRAINING]
    which = (TRAINING * special.ndtr(values[:, TRAINING:])).astype(np.int64)
    drawn = np.take_along_axis(training, which, axis=1)
    (last,) = _running_means(drawn, 8, None, (drawn.shape[1] // 8,))
    return last, training.mean(axis=1)


def _nearer_to_training_set(batches: FloatArray) -> Any:
    running, own = _of_training_set(batches)
    return abs(running - own) < abs(running)


def _error_against_population(batches: FloatArray) -> FloatArray:
    running, _ = _of_training_set(batches)
    return TRAINING * running**2


def _approaching(name: str, statement: str, momentum: float | None, region: Region) -> Claim:
    """Return the claim about the chance that the running mean is nearer after 200 batches than after 50."""
    weights = "weights 1/t" if momentum is None else f"momentum {momentum}"
    quantity = f"chance that the running mean is nearer to the true mean after 200 batches than after 50, {weights}"
    evidence = BatchStatistic("normal", 800, partial(_approaches, momentum=momentum)).evidence
    return chance(name, statement, ANSWER, quantity, region, evidence, 2**14)


def _mean(
    name: str, statement: str, quantity: str, region: Region, skewness: float, n: int, statistic: Any, most: int = 2**17
) -> Claim:
    """Return the claim about the mean of a statistic of n normal values, whose skewness is known."""
    evidence = BatchStatistic("normal", n, statistic).evidence
    return Claim(name, statement, ANSWER, quantity, region, Moment(skewness), evidence, most)


CLAIMS = (
    _rate(
        "mean-converges",
        "The mean of a batch of normal values converges to the population mean as n^(-1/2).",
        "normal", np.mean, 0.0, Region.near(0.5, 0.02), 16, 1024,
    ),
    _rate(
        "variance-converges",
        "The variance of a batch of normal values, which have a fourth moment, converges as n^(-1/2).",
        "normal", _variance, 1.0, Region.near(0.5, 0.02), 64, 1024,
    ),
    _rate(
        "variance-slower-without-fourth-moment",
        "The variance of a batch of t3 values, which have no fourth moment, converges more slowly than n^(-1/2).",
        "t3", _variance, 3.0, Region.above(0.52), 64, 1024,
    ),
    _rate(
        "variance-converges-always-alike",
        "The variance of a batch converges as n^(-1/2), whatever the population.",
        "t3", _variance, 3.0, Region.near(0.5, 0.02), 64, 1024,
    ),
    all_cases(
        "variance-biased-exactly",
        "Over all batches of 2 to 5 grades, the mean of the biased batch variance is (1 - 1/n) of the population "
        "variance.",
        ANSWER, "(1 - 1/n) population variance less the mean of the biased variances, points squared",
        Region(0.0, 0.0), _biased_variances, "the grades 60, 70, 80 and 95",
    ),
    _mean(
        "variance-biased",
        "The biased variance of a batch of 8 normal values is 7/8 of the population variance on average.",
        "mean of the biased variance over the population variance",
        Region.near(7 / 8, 0.01), SEVEN_SQUARES, 8, partial(np.var, axis=1), 2**19,
    ),
    _mean(
        "running-mean-fluctuates",
        "With a constant momentum of 0.1, the running mean keeps fluctuating, with 0.1/1.9 of a batch mean's variance.",
        "variance of the running mean after 100 batches over that of a batch mean, momentum 0.1",
        Region.near(0.1 / 1.9, 0.003), SQUARE, 400, _fluctuation,
    ),
    _approaching(
        "running-mean-does-not-converge",
        "With a constant momentum of 0.1, four times as many steps bring the running mean no nearer to the "
        "population mean.",
        0.1, Region.near(0.5, 0.03),
    ),
    _approaching(
        "running-mean-converges",
        "With a constant momentum of 0.1, the running mean converges to the population mean.",
        0.1, Region.above(0.6),
    ),
    _approaching(
        "cumulative-mean-converges",
        "With equal weights (momentum 1/t), the running mean converges to the population mean.",
        None, Region.above(0.6),
    ),
    chance(
        "running-mean-of-training-set",
        "A running mean with weights 1/t over batches redrawn from a training set converges to that set's mean.",
        ANSWER,
        "chance that the mean over 64 batches of 8 is nearer to the mean of the 32 training values than to the "
        "population mean",
        Region.above(0.8), BatchStatistic("normal", 32 + 512, _nearer_to_training_set).evidence, 2**14,
    ),
    _mean(
        "running-mean-error-stays",
        "The error of a running mean against the population stays sigma/sqrt(M), however many steps are taken.",
        "mean squared error of the running mean, times M over the population variance; M = 32 training values",
        Region.near(1 + 31 / 512, 0.05), SQUARE, 32 + 512, _error_against_population,
    ),
)  # fmt: skip
