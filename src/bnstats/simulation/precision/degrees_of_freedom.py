"""Degrees of freedom of Monte Carlo standard errors: how many normal replicates would know an error as well.

An estimate over its standard error follows a t law if the replicates are normal. Of others, two things matter: how
much the squared error varies, which has the degrees of freedom of a chi-squared law with that relative variance
(Satterthwaite 1946), and how it goes with the estimate, where replicates are skewed (Hall 1992, the Edgeworth expansion
of Student's ratio). The fewer of both are taken.
"""

from __future__ import annotations

import math

# Where intervals of 95 % end, as the expansion depends on it.
_Z = 1.959964
_SKEWNESS = 2 * (_Z**4 + 2 * _Z**2 - 3) / (9 * (_Z**2 + 1))
_EXCESS = (_Z**2 - 3) / (3 * (_Z**2 + 1))


def of_mean(n: float, skewness: float, kurtosis: float) -> float:
    """Degrees of freedom of the standard error of a mean of n replicates.

    Parameters
    ----------
    n : float
    skewness, kurtosis : float
        Of the replicates; 0 and 3 are those of a normal law.

    Examples
    --------
    >>> round(of_mean(1001, 0.0, 3.0)), round(of_mean(1001, 2.0, 9.0))
    (1000, 237)
    """
    if not n > 1:
        return math.nan
    if not (math.isfinite(skewness) and math.isfinite(kurtosis)):
        return n - 1
    by_chance = 6 * (n - 2) / ((n + 1) * (n + 3))  # the squared skewness of normal replicates
    skewed = max(skewness**2 - by_chance, 0.0)
    varies = (kurtosis - (n - 3) / (n - 1)) * (n - 1) / (2 * n)
    goes_along = 1 + _SKEWNESS * skewed - _EXCESS * (kurtosis - 3)
    return (n - 1) / max(1.0, varies, goes_along)


def of_largest(n: float, variance: float, largest: float) -> float:
    """Degrees of freedom of the standard error of a mean of n numbers, by the largest of their deviations.

    Where the numbers are squares of replicates, their kurtosis takes moments of order eight, which few replicates show.
    A bound shows more: the relative variance of a sum of squares is at most the part of it that the largest one has.

    Examples
    --------
    >>> of_largest(1000, 1.0, 10.0), of_largest(1000, 1.0, 1.0)
    (20.0, 999)
    """
    squared = largest**2
    return min(n - 1, 2 * n * variance / squared) if squared > 0 else n - 1


def of_quantile(n: float, chance: float, distance: float) -> float:
    """Degrees of freedom of an error that is read from the distance of two quantiles.

    Of n uniform numbers, those between two that are `distance` standard errors of a proportion to both sides of the
    quantile fill a part of the range with the relative variance (1 - p) / (n p), p being that part.

    Examples
    --------
    >>> round(of_quantile(1000, 0.5, 1.0), 1), round(of_quantile(1000, 0.5, 2.0), 1)
    (16.3, 33.8)
    """
    part = min(2 * distance * math.sqrt(chance * (1 - chance) / n), 1.0)
    return n * part / (2 * (1 - part)) if part < 1 else n - 1
