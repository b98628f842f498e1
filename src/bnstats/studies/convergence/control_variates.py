"""Control variates of estimates: errors of a batch's mean and variance, and products of these, of known expectation."""

from __future__ import annotations

from bnstats._checks.array_types import FloatArray
from bnstats.statistics.estimator_theory import Batches, variance_of_variance
from bnstats.statistics.moments import Moments
from bnstats.statistics.theory import covariance_of_mean_and_variance

_WHATEVER_THE_BATCHING = {"mean": 1, "variance": 2, "mean²": 2}
_INDEPENDENT = {**_WHATEVER_THE_BATCHING, "mean x variance": 3, "variance²": 4}
_PREFIXES = {False: "control: ", True: "control of fresh values: "}
# Each grows like this power of an outlier.
ORDERS = {prefix + name: order for prefix in _PREFIXES.values() for name, order in _INDEPENDENT.items()}


def names(independent: bool, fresh: bool) -> list[str]:
    """The control variates whose expectations are known, of batches of independent or other values.

    >>> names(independent=False, fresh=False)
    ['control: mean', 'control: variance', 'control: mean²']
    """
    return [_PREFIXES[fresh] + name for name in (_INDEPENDENT if independent else _WHATEVER_THE_BATCHING)]


def control_variates(batches: Batches, moments: Moments, fresh: FloatArray | None = None) -> dict[str, FloatArray]:
    """Errors of the batches' means and biased variances, and products of these, less their expectations.

    E[biased var] = sigma² - Var(mean); of independent values also Var(s²) and Cov(mean, s²) = mu_3 / n are known.

    Parameters
    ----------
    batches : Batches
    moments : Moments
        Of the batches, arrays of any shape.
    fresh : array, optional
        A value for each batch that is not in it: its distance from the batch's mean takes the place of that mean.
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
