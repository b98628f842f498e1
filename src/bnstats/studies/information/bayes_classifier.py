"""Bayes classifier of a normalized value: exact for normal populations with cuts, else learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import plain_array
from bnstats._checks.numbers import number
from bnstats._checks.safe_text import raised
from bnstats._checks.user_code import ReadOnlyError, called, name_of_function
from bnstats._checks.values import shown
from bnstats.sampling.populations import Population, population_of
from bnstats.simulation.identity import digest, stream
from bnstats.statistics.normalized import normalized
from bnstats.statistics.normalized_member import normalized_value_occurs
from bnstats.statistics.theory import batch_size_of_theory

Labels = tuple[float, ...] | Callable[[FloatArray], NDArray[Any]]

# Number of draws that a rule is learned from.
DRAWS_LEARNED_FROM = 2**21
# Number of intervals of z. A learned rule has equally likely intervals. The exact rule has intervals so fine that
# accuracy and bits differ from the continuous rule by less than 1e-5 up to batches of 2^16.
LEARNED_BINS = 512
EXACT_BINS = 2**13


def checked_cuts(given: Any) -> tuple[float, ...]:
    """Return the cuts between classes that are given as labels."""
    return cuts_of("labels", given, ", or a function")


def cuts_of(name: str, given: Any, otherwise: str = "") -> tuple[float, ...]:
    """Return the cuts between classes; raise ValueError unless they increase and are finite.

    >>> cuts_of("cuts", [2, 1])
    Traceback (most recent call last):
        ...
    ValueError: cuts are increasing finite cuts; got [2, 1].
    """
    raw = np.atleast_1d(plain_array(name, given))
    cuts = raw.astype(np.float64) if raw.dtype.kind in "iuf" else np.empty(0)
    if cuts.ndim != 1 or not cuts.size or not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
        raise ValueError(f"{name} are increasing finite cuts{otherwise}; got {shown(given)}.")
    return tuple(cuts.tolist())


@dataclass(frozen=True)
class Rule:
    """Class probabilities for each interval of z.

    Attributes
    ----------
    edges : array, shape (intervals - 1,)
        Bounds between the intervals of z.
    belief : array, shape (intervals, classes)
        Probability of each class, given the interval.
    classes : int array, shape (classes,)
        Labels of the classes.
    prior : array, shape (classes,)
        Probability of each class before z is known.
    """

    edges: FloatArray
    belief: FloatArray
    classes: NDArray[np.int64]
    prior: FloatArray

    def __call__(self, z: FloatArray) -> FloatArray:
        """Return class probabilities, shape (*z.shape, classes)."""
        # Seven decimals of z are used, so that rounding errors do not move a value to another interval.
        return self.belief[np.searchsorted(self.edges, np.round(z, 7), side="right")]


@lru_cache(maxsize=256)
def _normal_beliefs(cuts: tuple[float, ...], n: int) -> tuple[FloatArray, FloatArray, FloatArray]:
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


def _standard(population: Population, cuts: tuple[float, ...]) -> tuple[float, ...]:
    return tuple((c - population.mean) / population.std for c in cuts)


def exact_information(population: Any, cuts: Sequence[float], batch_size: int) -> tuple[float, float]:
    """Return the Bayes accuracy for the class of x given z, and the mutual information of class and z.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Population of the raw values.
    cuts : increasing floats
        Bounds between classes. A value equal to a cut belongs to the class above.
    batch_size : int
        Values in each batch, at least 2.

    Returns
    -------
    accuracy, bits : float
        Proportion that the Bayes classifier names right, and information in bits; nan unless the population is normal.

    Examples
    --------
    In a batch of two, z shows which value is larger, which predicts the sign of x with an accuracy of 3/4.

    >>> accuracy, bits = exact_information("normal", [0.0], 2)
    >>> round(accuracy, 9), round(bits, 9)
    (0.75, 0.188721876)
    """
    population, cuts = Population.of(population), checked_cuts(cuts)
    if population.family != "norm":
        return np.nan, np.nan
    _, weight, belief = _normal_beliefs(_standard(population, cuts), batch_size)
    entropy = special.entr(belief).sum(axis=1) / np.log(2)
    return float(weight @ belief.max(axis=1)), entropy_bits(class_shares(population, cuts)[1]) - float(weight @ entropy)


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
    return np.asarray(_class_chances(_standard(population, tuple(cuts)), batch_size, np.array([z]))[0])


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
    _, weight, belief = _normal_beliefs(_standard(population, tuple(cuts)), batch_size)
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
    _, chance = class_shares(Population.of(population), tuple(cuts))
    return float((chance**batch_size).sum())


def entropy_bits(chance: FloatArray) -> float:
    """Return the entropy of class probabilities, in bits."""
    return float(special.entr(chance).sum() / np.log(2))


def classify(labels: Labels, x: FloatArray) -> NDArray[np.int64]:
    """Return the class of each raw value."""
    if isinstance(labels, tuple):
        return np.searchsorted(labels, x, side="right")
    try:
        given = np.asarray(called(f"label rule {name_of_function(labels)}", labels, x))
    except ReadOnlyError:
        raise
    except Exception as error:  # a user's function may raise anything
        raise ValueError(f"labels cannot be called with an array of values: it raises {raised(error)}.") from error
    if given.shape != x.shape or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(
            f"labels is a function from an array to whole numbers of the same shape {x.shape}; it gave {given.dtype} "
            f"of shape {given.shape}."
        )
    return given


def class_shares(population: Population, labels: Labels) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the classes and their probabilities (for a label function of a distribution, to about 1e-5)."""
    if population.values is None and isinstance(labels, tuple):
        below = population.law.cdf(np.nextafter(labels, -np.inf))
        return np.arange(len(labels) + 1), np.diff([0.0, *below, 1.0])
    values = population.values if population.values is not None else population.quantiles(2**16).values
    assert values is not None
    classes, counts = np.unique(classify(labels, values), return_counts=True)
    return classes, counts / values.size


@dataclass(frozen=True)
class TrainingSample:
    """Sample that a rule is learned from; samples of equal content are equal."""

    population: Population = field(compare=False)
    labels: Labels = field(compare=False)
    batch_size: int
    seed: int
    content: str

    @staticmethod
    def of(population: Population, labels: Labels, batch_size: int, seed: int) -> TrainingSample:
        return TrainingSample(
            population, labels, batch_size, seed, digest({"population": population, "labels": labels})
        )

    def batches(self) -> FloatArray:
        rng = stream(self.seed, {"learn": self.content, "batch_size": self.batch_size}, 0)
        batches = np.empty((max(1, DRAWS_LEARNED_FROM // self.batch_size), self.batch_size))
        self.population.fill(rng, batches)
        return batches


_one_at_a_time = Lock()


def rule_for(sample: TrainingSample) -> Rule:
    """Return the rule of a training sample, learned once."""
    # Threads that need the same rule wait for the first of these threads, so that no rule is learned twice.
    with _one_at_a_time:
        return _learn_rule(sample)


@lru_cache(maxsize=64)
def _learn_rule(sample: TrainingSample) -> Rule:
    """Return the exact rule for a normal population with cuts, else class frequencies in intervals of z."""
    population, labels = sample.population, sample.labels
    classes, prior = class_shares(population, labels)
    if isinstance(labels, tuple) and population.family == "norm":
        z, _, belief = _normal_beliefs(_standard(population, labels), sample.batch_size)
        return Rule((z[1:] + z[:-1]) / 2, belief, classes, prior)
    batches = sample.batches()
    z = np.round(normalized(batches)[0].ravel(), 7)
    chance = np.arange(1, LEARNED_BINS) / LEARNED_BINS
    edges = np.unique(np.quantile(z[: 2**17], chance, method="inverted_cdf"))
    interval = np.searchsorted(edges, z, side="right")
    place = interval * len(classes) + class_index(classes, classify(labels, batches.ravel()))
    counts = np.bincount(place, minlength=(len(edges) + 1) * len(classes)).reshape(-1, len(classes))
    belief = (counts + prior) / (counts.sum(axis=1, keepdims=True) + 1)
    return Rule(edges, belief, classes, prior)


def class_index(classes: NDArray[np.int64], label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the index of each label in `classes`; raise ValueError for a label that is not in it."""
    place = np.minimum(np.searchsorted(classes, label), len(classes) - 1)
    if not np.array_equal(classes[place], label):
        raise ValueError(
            f"labels gave {np.setdiff1d(label, classes)[0]}, a class rarer than 1 in 65536; merge it with another one."
        )
    return place
