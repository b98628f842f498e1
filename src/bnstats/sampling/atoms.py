"""Atoms of a population: single values that have a probability of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.sampling.named_laws import parameters
from bnstats.sampling.tails import binned

# Rarer values of a discrete distribution are left out of its table.
RARE = 1e-13
# Values in such a table, at most.
MOST_VALUES = 2**20


def atoms_of_law(law: Any) -> tuple[FloatArray, FloatArray] | None:
    """Sizes of the deviations from the mean, and their shares; None where the law is not discrete, or too long.

    >>> from scipy import stats
    >>> atoms_of_law(stats.bernoulli(0.5)), atoms_of_law(stats.norm())
    ((array([1.]), array([1.])), None)
    """
    if not hasattr(law, "pmf"):
        return None
    dist, (shapes, _, _) = law.dist, parameters(law)
    try:
        low, high = float(dist.ppf(RARE, *shapes)), float(dist.isf(RARE, *shapes))
    except (OverflowError, RuntimeError):  # SciPy gave up its search
        return None
    if not high - low < MOST_VALUES:
        return None
    values = np.arange(low, high + 1)
    chance = np.asarray(dist.pmf(values, *shapes))
    return binned(values - values @ chance, chance)


def largest_atom_of_law(law: Any) -> float:
    """Chance of the most frequent single value; 0 for a continuous law, but for an atom at its lower end.

    >>> from scipy import stats
    >>> largest_atom_of_law(stats.norm()), round(largest_atom_of_law(stats.bernoulli(0.1)), 9)
    (0.0, 0.9)
    """
    if hasattr(law, "pmf"):
        return float(law.pmf(law.ppf(np.linspace(0.005, 0.995, 199))).max())
    lowest = law.support()[0]
    return float(law.cdf(np.nextafter(lowest, np.inf))) if np.isfinite(lowest) else 0.0
