"""Intervals of a mean over batches, which hold where rows of a batch are alike, too."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core.judging.findings import Estimate

FEWEST_BATCHES = 10
"""Fewer batches than that leave too few degrees of freedom, and rows are taken as independent."""

LEVEL = 0.95
SURE = 0.9995
"""Probability with which a gain that is called one is no chance result; several gains are looked at."""


def by_batch(batches: int) -> bool:
    """Return True if batches are the unit of an interval, False if rows are."""
    return batches >= FEWEST_BATCHES


def ratio(sums: Sequence[FloatArray], weights: Sequence[FloatArray]) -> Estimate:
    """Return the weighted mean over all rows, with the interval of a linearized ratio.

    Parameters
    ----------
    sums, weights : sequence of array
        For each batch, the sum of scores and the number of scores of each row.

    Returns
    -------
    Estimate
        Mean with Student's interval: B - 1 degrees of freedom for B batches. Under 10 batches rows are the unit.

    Examples
    --------
    >>> estimate = ratio([np.array([1.0, 2.0]), np.array([6.0])], [np.ones(2), np.ones(1)])
    >>> round(estimate.value, 3), estimate.df
    (3.0, 2.0)
    """
    if by_batch(len(sums)):
        s, w = np.array([part.sum() for part in sums]), np.array([part.sum() for part in weights])
    else:
        s, w = np.concatenate([np.zeros(0), *sums]), np.concatenate([np.zeros(0), *weights])
    s, w = s[w > 0], w[w > 0]
    units, total = len(s), float(w.sum())
    if not units:
        return Estimate(math.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        value = float(s.sum() / total)
        if units < 2 or not np.isfinite(value):
            return Estimate(value)
        se = float(np.sqrt(units / (units - 1) * np.square(s - value * w).sum())) / total
    half = float(stats.t.ppf((1 + LEVEL) / 2, units - 1)) * se
    return Estimate(value, value - half, value + half, se, float(units - 1))


def with_error(estimate: Estimate, se: float, df: float) -> Estimate:
    """Return an estimate with another, independent standard error beside its own (Satterthwaite's degrees of freedom).

    >>> found = with_error(Estimate(1.0, 0.4, 1.6, 0.3, 60.0), 0.4, 4.0)
    >>> round(found.se, 3), round(found.df, 1)
    (0.5, 9.6)
    """
    both = math.hypot(estimate.se, se)
    if both == 0:
        return estimate
    df = both**4 / (estimate.se**4 / estimate.df + se**4 / df)
    half = float(stats.t.ppf((1 + LEVEL) / 2, df)) * both
    return Estimate(estimate.value, estimate.value - half, estimate.value + half, both, df)


def most(gain: Estimate) -> float:
    """Return the largest gain that is not excluded: the true one is larger with a probability of 5 %.

    Whether a gain is below a border is a one-sided question. Several gains have all to be below it, which can only
    make a wrong answer rarer.

    >>> round(most(Estimate(0.004, 0.002, 0.006, 0.001, 60.0)), 5)
    0.00567
    """
    return gain.value + float(stats.t.ppf(LEVEL, gain.df)) * gain.se


def sure(gain: Estimate, effect: float) -> bool:
    """Return True if a gain is worth having and beyond chance, with several gains looked at."""
    if np.isposinf(gain.value):
        return True
    if not (gain.value >= effect and gain.se >= 0):
        return False
    return bool(gain.value > stats.t.ppf(SURE, gain.df) * gain.se)
