"""Errors of a batch's mean and variance, and products of these errors: the control variates of estimates."""

from __future__ import annotations

from bnstats._checks.array_types import FloatArray
from bnstats.statistics.estimator_theory import Batches, variance_of_variance
from bnstats.statistics.moments import Moments
from bnstats.statistics.theory import covariance_of_mean_and_variance

_WHATEVER_THE_BATCHING = {"mean": 1, "variance": 2, "mean²": 2}
_INDEPENDENT = {**_WHATEVER_THE_BATCHING, "mean x variance": 3, "variance²": 4}
_PREFIXES = {False: "control: ", True: "control of fresh values: "}
# Power of an outlier with which each control variate grows.
ORDERS = {prefix + name: order for prefix in _PREFIXES.values() for name, order in _INDEPENDENT.items()}


def names(independent: bool, fresh: bool) -> list[str]:
    """Return the names of control variates with known expectations, for independent or other values.

    Examples
    --------
    >>> names(independent=False, fresh=False)
    ['control: mean', 'control: variance', 'control: mean²']
    """
    return [_PREFIXES[fresh] + name for name in (_INDEPENDENT if independent else _WHATEVER_THE_BATCHING)]


def control_variates(batches: Batches, moments: Moments, fresh: FloatArray | None = None) -> dict[str, FloatArray]:
    """Return errors of batch means and biased variances, and their products, less the expectations.

    E[biased var] = sigma² - Var(mean). For independent values Var(s²) and Cov(mean, s²) = mu_3 / n are known, too.

    Parameters
    ----------
    batches : Batches
        Population, size and independence of the batches.
    moments : Moments
        Moments of the batches, arrays of any shape.
    fresh : array, optional
        A value for each batch that is not in the batch. Its distance from the batch's mean replaces the error of the
        mean.

    Returns
    -------
    dict of str to array
        The control variates by name, in the shape of the moments, each with expectation 0.
    """
    source, n = batches.source, batches.size
    mean, sign, variance_of_mean = moments.mean - source.mean, 1, batches.variance_of_mean
    if fresh is not None:
        mean, sign, variance_of_mean = fresh - moments.mean, -1, source.var + variance_of_mean
    variance, biased = moments.biased_var - (source.var - batches.variance_of_mean), (n - 1) / n
    found = [mean, variance, mean**2 - variance_of_mean]
    if batches.independent:
        found.append(mean * variance - sign * biased * covariance_of_mean_and_variance(source, n))
        found.append(variance**2 - biased**2 * variance_of_variance(source, n))
    return dict(zip(names(batches.independent, fresh is not None), found, strict=True))
