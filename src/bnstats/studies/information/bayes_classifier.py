"""Bayes classifier of a normalized value, with its accuracy: exact for normal populations with cuts, else learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bnstats._checks.array_types import FloatArray
from bnstats.sampling.populations import Population
from bnstats.simulation.identity import digest, stream
from bnstats.statistics.normalized import normalized
from bnstats.studies.information.class_given_normalized import normal_beliefs, standard_cuts
from bnstats.studies.information.classes import (
    Labels,
    checked_cuts,
    class_index,
    class_probabilities,
    classify,
    entropy_bits,
)

# Number of draws that a rule is learned from, and of its equally likely intervals of z.
DRAWS_LEARNED_FROM = 2**21
LEARNED_BINS = 512


@dataclass(frozen=True)
class BayesRule:
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


_one_at_a_time = Lock()


def rule_for(population: Population, labels: Labels, batch_size: int, seed: int) -> BayesRule:
    """Return the exact rule for a normal population with cuts, else class frequencies in intervals of z; learned once.

    Parameters
    ----------
    population : Population
        Law of the raw values.
    labels : tuple of float, or callable
        Cuts between classes, or a function from an array of raw values to their classes.
    batch_size : int
        Number of values in a batch.
    seed : int
        Seed of the sample that the rule is learned from.
    """
    # Threads that need the same rule wait for the first of these threads, so that no rule is learned twice.
    with _one_at_a_time:
        return _learned(population, labels, batch_size, seed)


@lru_cache(maxsize=64)
def _learned(population: Population, labels: Labels, batch_size: int, seed: int) -> BayesRule:
    classes, prior = class_probabilities(population, labels)
    if isinstance(labels, tuple) and population.family == "norm":
        z, _, belief = normal_beliefs(standard_cuts(population, labels), batch_size)
        return BayesRule((z[1:] + z[:-1]) / 2, belief, classes, prior)
    content = digest({"population": population, "labels": labels})
    batches = np.empty((max(1, DRAWS_LEARNED_FROM // batch_size), batch_size))
    population.fill(stream(seed, {"learn": content, "batch_size": batch_size}, 0), batches)
    z = np.round(normalized(batches)[0].ravel(), 7)
    chance = np.arange(1, LEARNED_BINS) / LEARNED_BINS
    edges = np.unique(np.quantile(z[: 2**17], chance, method="inverted_cdf"))
    interval = np.searchsorted(edges, z, side="right")
    place = interval * len(classes) + class_index(classes, classify(labels, batches.ravel()))
    counts = np.bincount(place, minlength=(len(edges) + 1) * len(classes)).reshape(-1, len(classes))
    belief = (counts + prior) / (counts.sum(axis=1, keepdims=True) + 1)
    return BayesRule(edges, belief, classes, prior)


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
    _, weight, belief = normal_beliefs(standard_cuts(population, cuts), batch_size)
    entropy = special.entr(belief).sum(axis=1) / np.log(2)
    _, prior = class_probabilities(population, cuts)
    return float(weight @ belief.max(axis=1)), entropy_bits(prior) - float(weight @ entropy)
