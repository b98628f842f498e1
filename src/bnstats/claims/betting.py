"""Confidence sequence for the mean of bounded values, by betting.

The method is that of Waudby-Smith & Ramdas (2023, arXiv 2010.09686).

A bettor bets against a candidate mean m, value after value, with stakes that depend on earlier values only. If m is the
mean, the expected capital K(m) stays at most 1. By Ville's inequality, the capital ever reaches 1 / error with a
probability of at most `error`. The interval contains the candidates whose capital has not reached 1 / error.
It is valid at all looks together, for any number of looks and any reason to stop.

The stakes are those of an interval: they depend on the values and not on m (equation 26), so that the capital falls as
m rises, and bisection finds the ends. `bnstats.testing.sequential.bets` tests two known borders instead. Its stakes
depend on the border, which decides with fewer values and gives no interval.
"""

from __future__ import annotations

import numpy as np

from bnstats._checks.array_types import FloatArray

# Largest fraction of the capital that is staked on one value.
LARGEST_STAKE = 0.98
# Number of bisections in the search for an end of the interval.
HALVINGS = 40


def interval(x: FloatArray, error: float) -> tuple[float, float]:
    """Return the interval for the mean of values in [0, 1] that arrive in this order.

    Parameters
    ----------
    x : array, shape (replicates,)
        Values that are independent, or whose conditional mean given all earlier values is constant.
    error : float
        Upper bound of the probability that the mean lies outside the interval at any look.

    Returns
    -------
    low, high : float
        Ends of the interval.

    Examples
    --------
    >>> x = np.random.default_rng(0).beta(2, 2, size=1000)
    >>> [round(end, 3) for end in interval(x, error=0.001)]
    [0.4..., 0.5...]
    >>> interval(x[:0], error=0.001)
    (0.0, 1.0)
    """
    stakes = stakes_of(x, error)
    return _lowest(x, stakes, error), 1 - _lowest(1 - x, stakes, error)


def stakes_of(x: FloatArray, error: float) -> FloatArray:
    """Return the predictable plug-in stakes, each computed from the values before it (equation 26)."""
    t = np.arange(1, x.size + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    var = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    before = np.concatenate([[0.25], var[:-1]])
    return np.asarray(np.sqrt(2 * np.log(2 / error) / (before * t * np.log1p(t))))


def log_capital(x: FloatArray, stakes: FloatArray, m: float) -> float:
    """Return the log capital of bets that the mean is above m, which falls as m rises."""
    return float(np.log1p(np.minimum(stakes, LARGEST_STAKE / max(m, 1e-12)) * (x - m)).sum())


def _lowest(x: FloatArray, stakes: FloatArray, error: float) -> float:
    """Return the lower end of the interval, at half of the error rate."""
    rejected, remaining = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (rejected + remaining) / 2
        if log_capital(x, stakes, middle) >= np.log(2 / error):
            rejected = middle
        else:
            remaining = middle
    return rejected
