"""Values normalized by their own batch (ddof 0): computed from batches, and the exact theory of such a value."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import number
from bnstats.sampling.populations import Population, population_of
from bnstats.statistics.estimator_theory import variance_of_chi
from bnstats.statistics.theory import batch_size_of_theory


def normalized(batches: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return values normalized by their own batch, and each batch's mean and standard deviation.

    Parameters
    ----------
    batches : array, shape (batches, batch size)
        Values.

    Returns
    -------
    z : array, shape (batches, batch size)
        Normalized values; 0 if all values of a batch are equal, as with any eps > 0.
    mean, std : array, shape (batches, 1)
        Mean and standard deviation (ddof 0) of each batch.

    Examples
    --------
    >>> z, mean, std = normalized(np.array([[90.0, 80.0, 70.0], [60.0, 60.0, 60.0]]))
    >>> z.round(2).tolist(), mean.ravel().tolist()
    ([[1.22, 0.0, -1.22], [0.0, 0.0, 0.0]], [80.0, 60.0])
    """
    # The first value is subtracted, so that equal values give exactly 0 and a large mean loses no digits.
    deviation = batches - batches[:, :1]
    offset = deviation.mean(axis=1, keepdims=True)
    deviation -= offset
    std = np.sqrt(np.mean(deviation**2, axis=1, keepdims=True))
    return deviation / np.where(std > 0, std, 1.0), batches[:, :1] + offset, std


@checked(batch_size=batch_size_of_theory)
def normalized_member_bound(batch_size: int) -> float:
    """Return sqrt(n - 1), the largest absolute value of a value normalized by its own batch (ddof 0).

    Parameters
    ----------
    batch_size : int
        Number of values in a batch, at least 2.

    Returns
    -------
    float
        The bound, without a unit.

    Raises
    ------
    ValueError
        If `batch_size` is not a whole number of at least 2.

    Examples
    --------
    >>> normalized_member_bound(2)
    1.0
    """
    return float(np.sqrt(batch_size - 1))


def normalized_value_occurs(z: float, batch_size: int) -> bool:
    """Return whether a value of a batch of continuous values can have the normalized value z (ddof 0).

    abs(z) is below sqrt(n - 1), and exactly 1 in batches of 2.

    >>> normalized_value_occurs(1.9, 5), normalized_value_occurs(2.0, 5), normalized_value_occurs(0.0, 2)
    (True, False, False)
    """
    return abs(z) == 1 if batch_size == 2 else bool(abs(z) < normalized_member_bound(batch_size))


@checked(population=population_of, z=number, batch_size=batch_size_of_theory)
def raw_given_normalized(population: Any, z: float, batch_size: int) -> tuple[float, float]:
    """Return mean and standard deviation of a raw value, given its normalized value z.

    The population is normal. z is computed with ddof 0, as in batch normalization and `measure_raw_given_normalized`.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Law of the values.
    z : float
        Normalized value.
    batch_size : int
        Number of values in a batch, at least 2.

    Returns
    -------
    tuple of two floats
        Mean and standard deviation of the raw value, in the data's unit. Both are nan for a population that is not
        normal, and where no value of a batch has this z: abs(z) is below sqrt(n - 1), and exactly 1 in batches of 2.

    Raises
    ------
    ValueError
        If the source is not a population, `z` is not a number, or `batch_size` is not a whole number of at
        least 2.

    Notes
    -----
    By Basu's theorem, z is independent of the batch's mean and standard deviation s (ddof 0). Given z, the raw value
    mean + s z has the mean mu + c4 sigma z sqrt((n - 1)/n). Its variance is sigma² (1/n + z² (1 - c4²) (n - 1)/n).
    Here, c4 is E[chi(n - 1)] / sqrt(n - 1).

    Examples
    --------
    >>> raw_given_normalized("normal", 0.0, 4)
    (0.0, 0.5)
    >>> [round(value, 3) for value in raw_given_normalized("normal", 2.0, 6)]
    [1.737, 0.694]
    >>> raw_given_normalized("normal", 2.0, 5)
    (nan, nan)
    """
    population, n = Population.of(population), batch_size
    if population.family != "norm" or not normalized_value_occurs(z, n):
        return np.nan, np.nan
    variance = variance_of_chi(n - 1)
    mean = population.mean + population.std * z * np.sqrt((n - 1 - variance) / n)
    return float(mean), float(population.std * np.sqrt((1 + z**2 * variance) / n))


@checked(population=population_of, z=number, batch_size=batch_size_of_theory)
def normalized_member(population: Any, z: float, batch_size: int) -> tuple[float, float]:
    """Return bias and variance of a value that its own batch normalizes, about its population-normalized value z.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Law of the values.
    z : float
        The value less the population's mean, divided by the population's standard deviation.
    batch_size : int
        Number of values in a batch, at least 2.

    Returns
    -------
    tuple of two floats
        Expectation and variance of the value normalized by its batch (ddof 0), less z. Both are of order 1 / n, with
        errors of order 1 / n². They are nan or infinite if the population's fourth moment is.

    Raises
    ------
    ValueError
        If the source is not a population, z is not a finite number, or `batch_size` is not a whole number of at
        least 2.

    Notes
    -----
    The batch has the given value and n - 1 independent ones. Its mean is z / n plus an error of variance 1 / n, its
    variance 1 + (z² - 2) / n plus an error of variance (kappa - 1) / n; the covariance is gamma / n. Here, gamma is the
    skewness and kappa the kurtosis, 3 for normal values. (z - mean) / std to the second order in the errors has the
    bias ((3/8)(kappa - 1) z - z³/2 + gamma/2) / n and the variance (1 + gamma z + z² (kappa - 1) / 4) / n.

    Examples
    --------
    >>> normalized_member("normal", 2.0, 100)
    (-0.025, 0.03)
    """
    population = Population.of(population)
    gamma, excess, value = population.skewness, population.excess_kurtosis + 2, np.float64(z)
    with np.errstate(over="ignore", invalid="ignore"):
        bias = 3 / 8 * excess * value - value**3 / 2 + gamma / 2
        return float(bias / batch_size), float((1 + gamma * value + value**2 * excess / 4) / batch_size)
