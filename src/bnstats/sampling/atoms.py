"""Atoms of a population: single values with a positive probability."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.sampling.named_laws import parameters
from bnstats.sampling.tails import binned

# The table of a discrete distribution omits values beyond the quantiles of this probability.
RARE = 1e-13
# Maximum number of values in the table of a discrete distribution.
MAX_VALUES = 2**20


def atoms_of_law(law: Any) -> tuple[FloatArray, FloatArray] | None:
    """Return the sizes of deviations from the mean, and their probabilities; None if there is no table.

    A law has no table if it is not discrete, or has too many values.

    >>> from scipy import stats
    >>> atoms_of_law(stats.bernoulli(0.5)), atoms_of_law(stats.norm())
    ((array([1.]), array([1.])), None)
    """
    if not hasattr(law, "pmf"):
        return None
    dist, (shapes, _, _) = law.dist, parameters(law)
    try:
        low, high = float(dist.ppf(RARE, *shapes)), float(dist.isf(RARE, *shapes))
    except (OverflowError, RuntimeError):  # SciPy's search for the quantile has failed
        return None
    if not high - low < MAX_VALUES:
        return None
    values = np.arange(low, high + 1)
    chance = np.asarray(dist.pmf(values, *shapes))
    return binned(values - values @ chance, chance)


def largest_atom_of_law(law: Any) -> float:
    """Return the probability of the most frequent value; for a continuous law, that of its lower end.

    >>> from scipy import stats
    >>> largest_atom_of_law(stats.norm()), round(largest_atom_of_law(stats.bernoulli(0.1)), 9)
    (0.0, 0.9)
    """
    if hasattr(law, "pmf"):
        return float(law.pmf(law.ppf(np.linspace(0.005, 0.995, 199))).max())
    lowest = law.support()[0]
    return float(law.cdf(np.nextafter(lowest, np.inf))) if np.isfinite(lowest) else 0.0
