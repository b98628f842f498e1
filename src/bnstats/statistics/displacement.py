"""Displacement of a layer's statistics: how far off normalized values are, in their standard deviations."""

from __future__ import annotations

import math

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import interval


def noise_of_batch(mean_variance: FloatArray, var_variance: FloatArray, variance: FloatArray) -> float:
    """Return the squared displacement that the statistics of a single batch have by chance.

    The mean of N batches has 1/N of it, an exponential average the sum of its squared weights times it.

    Parameters
    ----------
    mean_variance, var_variance : array
        Variance between batches of each channel's mean and variance.
    variance : array
        Each channel's variance, with eps added.

    Returns
    -------
    float
        Mean over channels. Channels that do not vary have no displacement.

    Examples
    --------
    Of n independent normal values the variances are 1/n and 2/(n - 1).

    >>> round(noise_of_batch(np.array([1 / 32]), np.array([2 / 31]), np.array([1.0])), 4)
    0.0474
    """
    alive = variance > 0
    if not alive.any():
        return 0.0
    v = variance[alive]
    return float(np.sum(mean_variance[alive] / v + var_variance[alive] / (4 * v**2)) / len(variance))


TOLERANCE = interval("[1e-100, 1e100]", "an error in standard deviations")
"""Check of a displacement that is allowed; squares of smaller and larger ones are no floats."""


def batches_needed(noise: float, tolerance: float) -> int:
    """Return how many independent batches leave a root mean square displacement of at most the tolerance.

    Parameters
    ----------
    noise : float
        Squared displacement of a single batch.
    tolerance : float
        Displacement that is allowed, in standard deviations of the normalized values.

    Returns
    -------
    int
        Number of batches, at least 1.

    Examples
    --------
    >>> batches_needed(0.0474, 0.02)
    119
    """
    return max(math.ceil(noise / tolerance**2), 1)


def displacement(mean: FloatArray, var: FloatArray, true_mean: FloatArray, true_var: FloatArray, eps: float) -> float:
    """Return the displacement of a layer's statistics from the true ones.

    Parameters
    ----------
    mean, var : array
        Statistics of each channel.
    true_mean, true_var : array
        Mean and variance of the layer's input.
    eps : float
        Constant that the layer adds to the variance.

    Returns
    -------
    float
        Root mean square over channels of the errors of mean and scale, in standard deviations of normalized values.

    Examples
    --------
    >>> displacement(np.array([0.0]), np.array([2.25]), np.array([0.0]), np.array([1.0]), 0.0)
    0.5
    """
    scale = np.sqrt(true_var + eps)
    off = (mean - true_mean) / scale, np.sqrt(var + eps) / scale - 1
    return float(np.sqrt(np.mean(np.square(off[0]) + np.square(off[1]))))
