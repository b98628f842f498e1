"""Summaries of replicates by their quantiles, with errors read from the quantiles beside them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import probability as checked_probability
from bnstats.simulation.precision.degrees_of_freedom import of_quantile
from bnstats.simulation.replicates.histogram import DISTANCES, Histogram
from bnstats.simulation.replicates.sample import Replicates
from bnstats.simulation.summaries.summary import ROUNDING, Summary

# The MCSE of a quantile is read from the quantiles this many standard errors of a proportion below and above it.
WIDTH = 2.0
_AT_WIDTH = int(np.flatnonzero(DISTANCES == WIDTH)[0])


def _df_of_quantile(r: Replicates, chance: float) -> float:
    return of_quantile(float(r.n), chance, WIDTH)


def _quantile(r: Replicates, chance: float) -> float:
    return r.values.around(chance)[0] + r.origin


def _median_abs_error(r: Replicates) -> float:
    return r.magnitudes.around(0.5)[0] if math.isfinite(r.target) else abs(r.bias)


def _quantile_mcse(r: Replicates, histogram: Callable[[Replicates], Histogram], chance: float) -> float:
    """Return a quarter of the distance of the quantiles two standard errors of a proportion away.

    An interval of 95 % is then as wide as Woodruff's (1952), except for the t law. If a quantile two standard errors
    away lies beyond all replicates, they do not bound it, and the error is infinite. Between atoms the quantiles jump:
    a jump k standard errors of a proportion away counts with a k-th of its size. If an atom holds all quantiles within
    five standard errors, the quantile is that atom.
    """
    away = math.sqrt(
        r.n * min(chance / (1 - chance), (1 - chance) / chance)
    )  # distance of the nearer end, in standard errors
    if away <= WIDTH * (1 + ROUNDING):
        return math.inf
    replicates = histogram(r)
    center, lower, upper = replicates.around(chance)
    mcse = float(upper[_AT_WIDTH] - lower[_AT_WIDTH]) / (2 * WIDTH)
    if replicates.atoms.size:
        mcse = max(mcse, float(np.max(np.maximum(upper - center, center - lower) / DISTANCES)))
    return r.value_range if mcse == 0 and away <= DISTANCES[-1] else mcse


def _between_atoms(r: Replicates, histogram: Callable[[Replicates], Histogram], chance: float) -> bool:
    """Return True if a value near the quantile is an atom, and another value near it differs."""
    replicates = histogram(r)
    if not replicates.atoms.size:
        return False
    center, lower, upper = replicates.around(chance)
    near = (center, lower[-1], upper[-1])
    return bool(lower[-1] < upper[-1] and np.isin(near, replicates.atoms).any())


def _values(r: Replicates) -> Histogram:
    return r.values


def _magnitudes(r: Replicates) -> Histogram:
    return r.magnitudes


def _of_quantile(
    name: str, value: Callable[[Replicates], float], histogram: Callable[[Replicates], Histogram], chance: float
) -> Summary:
    of: dict[str, Any] = {"histogram": histogram, "chance": chance}
    mcse, at_gap = partial(_quantile_mcse, **of), partial(_between_atoms, **of)
    df = partial(_df_of_quantile, chance=chance)
    return Summary(name, value, mcse, order=0, histogram=True, at_gap=at_gap, df=df)


@checked(probability=checked_probability)
def quantile(probability: float) -> Summary:
    """Return the summary that is a quantile of the replicates.

    Parameters
    ----------
    probability : float
        Probability below the quantile, above 0 and below 1.

    Returns
    -------
    Summary
        An entry for `Study.summaries`, named after the probability.

    Raises
    ------
    ValueError
        For a probability that is not above 0 and below 1.

    Examples
    --------
    >>> quantile(0.975).name
    'quantile(0.975)'
    """
    return _of_quantile(f"quantile({probability!r})", partial(_quantile, chance=probability), _values, probability)


OF_QUANTILES = (
    _of_quantile("median_abs_error", _median_abs_error, _magnitudes, 0.5),
    *map(quantile, (0.05, 0.5, 0.95)),
)
