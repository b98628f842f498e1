"""Moments, median and atoms of a frozen SciPy distribution, by SciPy or, where it has none, by quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats._warnings import warnings_are
from bnstats.sampling.named_laws import parameters
from bnstats.sampling.tails import binned

# Limits of the pieces of each tail, as -log probabilities; in a piece, the quantiles are smooth enough for 20 nodes.
PIECES = np.array([np.log(2), 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 700])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)

# The table of a discrete distribution omits values beyond the quantiles of this probability.
RARE = 1e-13
# Maximum number of values in the table of a discrete distribution.
MAX_VALUES = 2**20


def law_mean(law: Any) -> float:
    """Return SciPy's mean of the law, or the integral of the quantiles where SciPy has none."""
    # A failed integration of SciPy warns and returns nan; the value is enough.
    with np.errstate(all="ignore"), warnings_are("ignore"):
        mean = float(law.mean())
    return mean if np.isfinite(mean) or hasattr(law, "pmf") else moments_by_quantiles(law)[0]


def law_moments(law: Any, tail: float) -> tuple[float, float, float]:
    """Return central moments of order 2, 3, 4, SciPy's where available; inf or nan if they do not exist."""
    if tail <= 2:
        return (np.inf if tail > 1 else np.nan), np.nan, np.nan
    with np.errstate(all="ignore"), warnings_are("ignore"):
        var, skewness, excess = (float(moment) for moment in law.stats("vsk"))
    found = var, skewness * var**1.5, (excess + 3) * var**2
    if not np.isfinite(found[: 1 + (tail > 3) + (tail > 4)]).all() and not hasattr(law, "pmf"):
        found = moments_by_quantiles(law)[1:]
    return found[0], found[1] if tail > 3 else np.nan, found[2] if tail > 4 else np.inf


def law_median(law: Any) -> float:
    """Return the median of the law, the mean of the two middle values if P(X <= the smaller one) is 1/2."""
    low = float(law.median())
    if hasattr(law, "pmf") and abs(float(law.cdf(low)) - 0.5) < 1e-12:
        return (low + float(law.ppf(0.5 + 1e-9))) / 2
    return low


@np.errstate(all="ignore")
def moments_by_quantiles(law: Any) -> tuple[float, float, float, float]:
    """Return mean, and central moments of order 2, 3, 4, of a continuous law that has these moments.

    A moment is the integral of x(p)^k over the probabilities p. Each half is an integral over s = -log p or
    s = -log(1 - p).

    >>> from scipy import stats
    >>> [round(m, 6) for m in moments_by_quantiles(stats.expon())]
    [1.0, 1.0, 2.0, 9.0]
    """
    width = np.diff(PIECES)[:, None] / 2
    s = (PIECES[:-1, None] + width * (1 + NODES)).ravel()
    weight = (width * WEIGHTS).ravel() * np.exp(-s)
    values, weights = (np.concatenate(both) for both in ((law.ppf(np.exp(-s)), law.isf(np.exp(-s))), (weight, weight)))
    known = np.isfinite(values)
    values, weights = values[known], weights[known] / weights[known].sum()
    middle = float(law.median())
    mean = float(weights @ (values - middle))
    second, third, fourth = (float(weights @ (values - middle - mean) ** order) for order in (2, 3, 4))
    return mean + middle, second, third, fourth


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
