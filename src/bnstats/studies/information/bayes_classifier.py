"""Bayes classifier of a normalized value: exact for normal populations with cuts, else learned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats.sampling.populations import Population
from bnstats.simulation.identity import digest, stream
from bnstats.statistics.normalized import normalized
from bnstats.studies.information.class_given_normalized import normal_beliefs, standard_cuts
from bnstats.studies.information.classes import Labels, class_index, class_probabilities, classify

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
