"""Law of a value's class given its normalized value, exact for normal populations with cuts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import special, stats

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import number
from bnstats.sampling.populations import Population, population_of
from bnstats.statistics.normalized import normalized_value_occurs
from bnstats.statistics.theory import batch_size_of_theory
from bnstats.studies.information.classes import class_probabilities, cuts_of

# Number of intervals of z, so fine that accuracy and bits differ from the continuous rule by less than 1e-5 up to
# batches of 2^16.
EXACT_BINS = 2**13


@lru_cache(maxsize=256)
def normal_beliefs(cuts: tuple[float, ...], n: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return values of z, their probabilities, and class probabilities given each value, for N(0, 1).

    By Basu's theorem z is independent of the batch's mean N / sqrt(n) and standard deviation chi(n - 1) / sqrt(n). So
    P(x < c | z) = E Phi(c sqrt(n) - z chi), a tail of the noncentral t distribution. z² / (n - 1) has the law
    Beta(1/2, (n - 2)/2) (Thompson 1935): z = sqrt(n - 1) sin(angle), with density cos(angle)^(n - 3) of the angle.
    """
    if n == 2:
        z, weight = np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    else:
        widest = np.arcsin(min(1.0, 7 / np.sqrt(n - 1)))  # |z| > 7 is rarer than 1e-11
        angle = ((np.arange(EXACT_BINS) + 0.5) / EXACT_BINS * 2 - 1) * widest
        z, weight = np.sqrt(n - 1) * np.sin(angle), np.cos(angle) ** (n - 3)
    return z, weight / weight.sum(), np.clip(_class_chances(cuts, n, z), 1e-16, 1.0)


def _class_chances(cuts: tuple[float, ...], n: int, z: FloatArray) -> FloatArray:
    """Return class probabilities given each value of z, shape (values, classes), for N(0, 1)."""
    chi = stats.chi(n - 1)
    low, high = chi.ppf(1e-15), chi.isf(1e-15)
    node, mass = np.polynomial.legendre.leggauss(48)
    spread = low + (high - low) * (node + 1) / 2
    mass = mass * chi.pdf(spread)
    below = [special.ndtr(c * np.sqrt(n) - z[:, None] * spread) @ mass / mass.sum() for c in cuts]
    return np.diff(np.stack([np.zeros_like(z), *below, np.ones_like(z)]), axis=0).T


def standard_cuts(population: Population, cuts: tuple[float, ...]) -> tuple[float, ...]:
    """Return the cuts in standard deviations from the mean."""
    return tuple((c - population.mean) / population.std for c in cuts)


@checked(population=population_of, cuts=cuts_of, z=number, batch_size=batch_size_of_theory)
def class_given_normalized(population: Any, cuts: Sequence[float], z: float, batch_size: int) -> FloatArray:
    """Return the probability of each class of a raw value, given its normalized value z.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Law of the raw values.
    cuts : increasing floats
        Bounds between classes. A value equal to a cut belongs to the class above.
    z : float
        Value normalized by its own batch, with ddof 0.
    batch_size : int
        Values in each batch, at least 2.

    Returns
    -------
    array, shape (classes,)
        Probabilities; nan unless the population is normal and a batch can have this z.

    Raises
    ------
    ValueError
        If the source is not a population, the cuts are not increasing numbers, z is not a number, or
        `batch_size` is not a whole number of at least 2.

    Notes
    -----
    By Basu's theorem z is independent of the batch's mean and standard deviation s (ddof 0). So the probability of a
    value below a cut c is E Phi((c - mu - s z) sqrt(n) / sigma), with n s² / sigma² ~ chi²(n - 1).

    Examples
    --------
    The letters F, D, C, B, A of a grade that became 0 in a batch of three grades:

    >>> from scipy import stats
    >>> class_given_normalized(stats.norm(72, 10), [60, 70, 80, 90], 0.0, 3).round(3)
    array([0.019, 0.346, 0.553, 0.082, 0.001])
    """
    population = Population.of(population)
    if population.family != "norm" or not normalized_value_occurs(z, batch_size):
        return np.full(len(cuts) + 1, np.nan)
    return np.asarray(_class_chances(standard_cuts(population, tuple(cuts)), batch_size, np.array([z]))[0])


@checked(population=population_of, cuts=cuts_of, batch_size=batch_size_of_theory)
def entropy_given_normalized(population: Any, cuts: Sequence[float], batch_size: int) -> float:
    """Return the mean entropy of a raw value's class, given its normalized value: the lowest possible mean loss.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Law of the raw values.
    cuts : increasing floats
        Bounds between classes. A value equal to a cut belongs to the class above.
    batch_size : int
        Values in each batch, at least 2.

    Returns
    -------
    float
        Entropy in nats; nan unless the population is normal. No classifier of normalized values has a smaller mean
        cross-entropy.

    Raises
    ------
    ValueError
        If the source is not a population, the cuts are not increasing numbers, or `batch_size` is not a whole
        number of at least 2.

    Examples
    --------
    >>> from scipy import stats
    >>> [round(entropy_given_normalized(stats.norm(72, 10), [60, 70, 80, 90], n), 3) for n in (3, 8, 64)]
    [1.067, 0.702, 0.251]
    """
    population = Population.of(population)
    if population.family != "norm":
        return np.nan
    _, weight, belief = normal_beliefs(standard_cuts(population, tuple(cuts)), batch_size)
    return float(weight @ special.entr(belief).sum(axis=1))


@checked(population=population_of, cuts=cuts_of, batch_size=batch_size_of_theory)
def same_class_probability(population: Any, cuts: Sequence[float], batch_size: int) -> float:
    """Return the probability that all values of a batch of independent values have the same class, sum of p^n.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Law of the values.
    cuts : increasing floats
        Bounds between classes. A value equal to a cut belongs to the class above.
    batch_size : int
        Values in each batch, at least 2.

    Returns
    -------
    float
        Probability.

    Raises
    ------
    ValueError
        If the source is not a population, the cuts are not increasing numbers, or `batch_size` is not a whole
        number of at least 2.

    Examples
    --------
    >>> from scipy import stats
    >>> [round(same_class_probability(stats.norm(72, 10), [60, 70, 80, 90], n), 4) for n in (2, 3, 8)]
    [0.2739, 0.0852, 0.0004]
    """
    _, chance = class_probabilities(Population.of(population), tuple(cuts))
    return float((chance**batch_size).sum())
