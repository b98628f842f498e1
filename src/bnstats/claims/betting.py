"""A confidence sequence for the mean of bounded values, by betting (Waudby-Smith & Ramdas 2023, arXiv 2010.09686).

A bettor against a candidate mean m, value after value, with stakes that depend on earlier values only, has a capital
K(m) whose expectation stays at most 1 if m is the mean. By Ville's inequality it ever reaches 1 / error with a
probability of at most `error`. The interval holds the candidates whose capital has not reached that: it is valid at
all looks together, however many there are and for whatever reason the last one was the last.
"""

from __future__ import annotations

import numpy as np

from bnstats._checks.array_types import FloatArray

# Largest share of the capital that is staked on one value.
LARGEST_STAKE = 0.98
# Halvings of the interval in the search for its end.
HALVINGS = 40


def interval(x: FloatArray, error: float) -> tuple[float, float]:
    """Interval for the mean of values in [0, 1] that arrive in this order.

    Parameters
    ----------
    x : array, shape (replicates,)
        Independent, or with a mean that is the same given all earlier ones.
    error : float
        Chance, at most, that the mean ever lies outside.

    Returns
    -------
    low, high : float

    Examples
    --------
    >>> x = np.random.default_rng(0).beta(2, 2, size=1000)
    >>> low, high = interval(x, error=0.001)
    >>> bool(0.4 < low < 0.5 < high < 0.6)
    True
    >>> interval(x[:0], error=0.001)
    (0.0, 1.0)
    """
    stakes = stakes_of(x, error)
    return _lowest(x, stakes, error), 1 - _lowest(1 - x, stakes, error)


def stakes_of(x: FloatArray, error: float) -> FloatArray:
    """The predictable plug-in stakes, each from the values before it (equation 26)."""
    t = np.arange(1, x.size + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    var = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    before = np.concatenate([[0.25], var[:-1]])
    return np.asarray(np.sqrt(2 * np.log(2 / error) / (before * t * np.log1p(t))))


def log_capital(x: FloatArray, stakes: FloatArray, m: float) -> float:
    """Of betting that the mean is above m; it falls as m rises, so the candidates that survive are an interval."""
    return float(np.log1p(np.minimum(stakes, LARGEST_STAKE / max(m, 1e-12)) * (x - m)).sum())


def _lowest(x: FloatArray, stakes: FloatArray, error: float) -> float:
    """The largest candidate that is refused from below; half of the error is spent on either end."""
    refused, kept = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (refused + kept) / 2
        if log_capital(x, stakes, middle) >= np.log(2 / error):
            refused = middle
        else:
            kept = middle
    return refused
