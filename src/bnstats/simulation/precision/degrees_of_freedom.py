"""Degrees of freedom of Monte Carlo standard errors.

They are the number of normal replicates, less 1, whose error would be as precise.

An estimate divided by its standard error follows a t law if the replicates are normal. For other laws two things
matter. First, the relative variance of the squared error; a chi-squared law with this relative variance gives the
degrees of freedom (Satterthwaite 1946). Second, the dependence of the error on the estimate where replicates are skewed
(Hall 1992, the Edgeworth expansion of Student's ratio). The smaller of both degrees of freedom are taken.
"""

from __future__ import annotations

import math

# End of a 95 % interval, in standard errors; the expansion depends on it.
_Z = 1.959964
_SKEWNESS = 2 * (_Z**4 + 2 * _Z**2 - 3) / (9 * (_Z**2 + 1))
_EXCESS = (_Z**2 - 3) / (3 * (_Z**2 + 1))


def of_mean(n: float, skewness: float, kurtosis: float) -> float:
    """Return the degrees of freedom of the standard error of a mean of n replicates.

    Parameters
    ----------
    n : float
        Number of replicates.
    skewness, kurtosis : float
        Skewness and kurtosis of the replicates; a normal law has 0 and 3.

    Returns
    -------
    float
        At most n - 1; NaN for n of at most 1.

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
    # Var(s²) over that of normal replicates, 2 sigma⁴ / (n - 1), see `central_moments.variance_of_variance`.
    varies = (kurtosis - (n - 3) / (n - 1)) * (n - 1) / (2 * n)
    goes_along = 1 + _SKEWNESS * skewed - _EXCESS * (kurtosis - 3)
    return (n - 1) / max(1.0, varies, goes_along)


def of_largest(n: float, variance: float, largest: float) -> float:
    """Return the degrees of freedom of the error of a mean of n numbers, by their largest deviation.

    If the numbers are squares of replicates, their kurtosis needs moments of order eight, which few replicates show. A
    bound shows more: the relative variance of a sum of squares is at most the proportion of the largest square in it.

    Examples
    --------
    >>> of_largest(1000, 1.0, 10.0), of_largest(1000, 1.0, 1.0)
    (20.0, 999)
    """
    squared = largest**2
    return min(n - 1, 2 * n * variance / squared) if squared > 0 else n - 1


def of_quantile(n: float, chance: float, distance: float) -> float:
    """Return the degrees of freedom of an error that is read from the distance of two quantiles.

    The two quantiles lie `distance` standard errors of a proportion below and above the quantile. Of n uniform numbers,
    the numbers between them fill a part p of the range, with the relative variance (1 - p) / (n p).

    Examples
    --------
    >>> round(of_quantile(1000, 0.5, 1.0), 1), round(of_quantile(1000, 0.5, 2.0), 1)
    (16.3, 33.8)
    """
    part = min(2 * distance * math.sqrt(chance * (1 - chance) / n), 1.0)
    return n * part / (2 * (1 - part)) if part < 1 else n - 1
