"""Exact values, with which simulations are compared, or which make a simulation unnecessary.

n is the batch size, sigma² the population variance, mu_k a central moment, s² the variance with ddof 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import optimize

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import interval, number, sample_size, whole
from bnstats._checks.values import choice, scalar
from bnstats.sampling.batching import IID, Batching, Clustered, WithoutReplacement, are_independent, rule
from bnstats.sampling.populations import Population, population_of
from bnstats.statistics.estimator_theory import Batches, variance_of_chi
from bnstats.statistics.estimators import ROUNDING, Estimator, estimator_named, estimator_of

MEASURES = ("rmse", "se", "median_abs_error", "bias")
_measure = partial(choice, known=MEASURES)
batch_size_of_theory = partial(whole, minimum=2, maximum=2**53)


def _moment(name: str, given: Any) -> float:
    """A number, infinite or nan too."""
    value = scalar(given)
    return np.nan if value is not None and value != value else number(name, given, "[-inf, inf]")


@checked(bias=_moment, se=_moment, median_abs_error=_moment)
@dataclass(frozen=True)
class Sampling:
    """Exact moments of an estimator's error; nan where no closed form is known, inf where infinite.

    Attributes
    ----------
    bias : float
        Expectation of the error, in the unit of the estimates.
    se : float
        Standard error, the standard deviation of the estimates.
    median_abs_error : float
        Median of the absolute error.

    Examples
    --------
    >>> Sampling(bias=3.0, se=4.0).rmse
    5.0
    """

    bias: float
    se: float
    median_abs_error: float = np.nan

    @property
    def rmse(self) -> float:
        """Root mean squared error, in the unit of the estimates."""
        return float(np.hypot(self.bias, self.se)) if not np.isinf(self.se) else np.inf


@checked(population=population_of, batch_size=batch_size_of_theory, estimator=estimator_named, batching=rule)
def sampling(population: Any, batch_size: int, estimator: str | Estimator, batching: Batching = IID()) -> Sampling:
    """Return exact bias, standard error, RMSE and median absolute error of an estimator.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Law of the values.
    batch_size : int
        Number of values in a batch, at least 2.
    estimator : str or Estimator
        Name of an estimator, or an estimator.
    batching : Batching
        Batching rule, by default independent values.

    Returns
    -------
    Sampling
        Bias, standard error, RMSE and median absolute error, in the unit of the estimates; nan where no closed form is
        known, inf where infinite.

    Raises
    ------
    ValueError
        If the batching rule cannot draw such batches.

    Notes
    -----
    The mean's moments and the bias of the variance are exact for every population and rule. The standard error of the
    variance is exact for independent values, from Var(s²) = (mu_4 - sigma⁴ (n - 3) / (n - 1)) / n. All other values are
    exact where the estimator's distribution is known, see `law`.

    Examples
    --------
    >>> sampling("normal", 32, "var").bias
    -0.03125
    >>> sampling("t3", 32, "var").rmse
    inf
    """
    population, estimator = Population.of(population), estimator_of(estimator)
    batching.check(population, batch_size)
    batches = batches_of(population, batch_size, batching)
    source = batches.source
    if batches.variance_of_mean == 0 and estimator.averages != 0:
        return _of_whole(source, estimator)
    bias = se = median = np.nan
    if estimator.theory is not None:
        target = estimator.population_value(source)
        known = estimator.theory.law_of(batches)
        bias, se = estimator.theory.moments(batches, known)
        bias += estimator.theory.limit(source) - target
        median = _median_abs_error(known, target)
    if estimator.order is not None and source.tail_index <= 2 * estimator.order:
        se = np.inf
    return Sampling(bias, se, median)


def batches_of(population: Population, batch_size: int, batching: Batching) -> Batches:
    """Return the properties of a rule's batches on which the theory of an estimator depends."""
    variance_of_mean = batching.variance_of_mean(population, batch_size)
    return Batches(batching.source(population), int(batch_size), variance_of_mean, are_independent(batching))


def _of_whole(source: Population, estimator: Estimator) -> Sampling:
    """Return the error, usually 0, that all batches have if each batch is the whole population."""
    assert source.values is not None
    bias = float(estimator.of_whole(source, estimator(source.values))) - estimator.population_value(source)
    return Sampling(bias, 0.0, abs(bias))


@checked(population=population_of, batch_size=sample_size)
def covariance_of_mean_and_variance(population: Population, batch_size: int) -> float:
    """Return Cov(mean, s²) of independent values, mu_3 / n.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Law of the values.
    batch_size : int
        Number of values in a batch.

    Returns
    -------
    float
        Covariance, in the third power of the data's unit; 0 for a symmetric population, nan where mu_3 does not exist.

    Raises
    ------
    ValueError
        If the source is not a population, or `batch_size` is not a whole number of at least 2.

    Examples
    --------
    >>> covariance_of_mean_and_variance(Population.of("exponential"), 10)
    0.2
    """
    return population.third_moment / batch_size


@checked(population=population_of, batch_size=batch_size_of_theory, estimator=estimator_named)
def law(population: Any, batch_size: int, estimator: str | Estimator) -> Any:
    """Return the distribution of an estimator on independent values; None where it is not known.

    For a normal population, mean ~ N(mu, sigma²/n) and n var / sigma² ~ chi²(n - 1). A new normal value, normalized by
    the batch, has the law of sqrt((n + 1) / (n - 1)) t(n - 1). For an exponential population, the mean has a gamma law.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Law of the values.
    batch_size : int
        Number of values in a batch, at least 2.
    estimator : str or Estimator
        Name of an estimator, or an estimator.

    Returns
    -------
    frozen SciPy distribution or None
        Distribution of the estimates.

    Examples
    --------
    >>> law("normal", 3, "var_unbiased").dist.name
    'chi2'
    """
    source, known = Population.of(population), estimator_of(estimator).theory
    batches = batches_of(source, batch_size, IID())
    return None if known is None else known.law_of(batches)


def _median_abs_error(law: Any, target: float) -> float:
    """Return the median distance from the target of a variable with this law; nan for an unknown law."""
    if law is None:
        return np.nan

    def excess(error: float) -> float:
        below, above = law.cdf([target - error, target + error])
        return float(above - below) - 0.5

    upper = float(np.abs(law.ppf([0.001, 0.999]) - target).max())
    return float(optimize.brentq(excess, 0.0, upper, xtol=1e-12 * upper, rtol=1e-10))


@checked(population=population_of, estimator=estimator_named, measure=_measure, batching=rule)
def rate(population: Any, estimator: str | Estimator, measure: str = "rmse", batching: Batching = IID()) -> float:
    """Return the exponent r of error ~ n^r for large batch sizes n.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Law of the values.
    estimator : str or Estimator
        Name of an estimator, or an estimator.
    measure : {"rmse", "se", "median_abs_error", "bias"}
        Measure of the error.
    batching : Batching
        Batching rule, by default independent values.

    Returns
    -------
    float
        Exponent; nan where there is no power law, or none is known.

    Raises
    ------
    ValueError
        If the source is not a population, or an estimator, measure or batching rule is unknown.

    Notes
    -----
    For a population of tail index alpha, x^p has the tail index b = alpha / p. For b > 2, the central limit theorem
    gives -1/2 for an average of x^p. For 1 < b < 2, the error of the average has a stable law in the limit. Its
    quantiles fall as n^{-(1 - 1/b)}, and its square has no expectation. A function of the average that reduces outliers
    (std, inv_std) has errors of order 1 with probability n^{1 - b}. Its mean squared error and its bias fall as
    n^{1 - b}.

    Examples
    --------
    >>> rate("normal", "var"), rate("t3", "var"), round(rate("t3", "var", "median_abs_error"), 3)
    (-0.5, nan, -0.333)
    """
    population, estimator = Population.of(population), estimator_of(estimator)
    if isinstance(batching, WithoutReplacement):
        return np.nan
    source, known = batching.source(population), estimator.theory
    if known is not None and known.limit(source) != estimator.population_value(source) and measure != "se":
        return 0.0
    if known is not None and known.rate is not None and measure != "bias" and are_independent(batching):
        return known.rate(source)
    if estimator.averages is None or estimator.order is None:
        return np.nan
    if measure == "bias" and (estimator.averages == 0 or _is_unbiased(estimator, population, batching)):
        return np.nan
    of_mean = 0.0 if estimator.averages == 0 else _rate_of_mean(batching)
    if of_mean != -0.5:
        return 0.0 if of_mean == 0 else np.nan
    tail = population.tail_index / estimator.averages
    if tail > 2 and estimator.averages == 2 and population.fourth_moment <= population.var**2 * (1 + 1e-12):
        return -1.0  # for two equally likely values, the average of squares has no error of first order
    if tail > 2:
        return -1.0 if measure == "bias" else -0.5
    if not 1 < tail < 2:
        return np.nan  # at 2 the power law has a logarithmic factor
    if measure == "median_abs_error":
        return float(1 / tail - 1)
    if estimator.order == estimator.averages:  # the average itself
        return -1.0 if measure == "bias" else np.nan
    return float(1 - tail if measure == "bias" else (1 - tail) / 2)


def _rate_of_mean(batching: Batching) -> float:
    """Return the exponent of the standard error of a batch's mean; nan if the rule states no variance."""
    if are_independent(batching):
        return -0.5
    if type(batching) is Clustered:
        return 0.0 if batching.icc > 0 else -0.5
    uniform = Population.of("uniform")
    with np.errstate(all="ignore"):
        large, larger = (np.float64(batching.variance_of_mean(uniform, 2**k)) for k in (42, 52))
        return float(np.round(np.log2(larger / large) / 20, 3)) + 0.0


def _is_unbiased(estimator: Estimator, population: Population, batching: Batching) -> bool:
    """Return whether the bias is 0 at every batch size, by theory or because the estimator is an average."""
    if estimator.theory is None:
        return estimator.order == estimator.averages
    batches = batches_of(population, 64, batching)
    bias, _ = estimator.theory.moments(batches)
    return bool(abs(bias) <= ROUNDING * abs(estimator.theory.limit(batches.source)))


@checked(population=population_of, estimator=estimator_named, rmse=interval("(0, inf)"), batching=rule)
def required_batch_size(population: Any, estimator: str | Estimator, *, rmse: float, batching: Batching = IID()) -> int:
    """Return the smallest batch size at which the estimator's RMSE is at most `rmse`.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Law of the values.
    estimator : str or Estimator
        Name of an estimator, or an estimator.
    rmse : float
        Largest acceptable RMSE, above 0, in the unit of the estimates.
    batching : Batching
        Batching rule, by default independent values.

    Returns
    -------
    int
        Number of values in a batch, at least 2.

    Raises
    ------
    ValueError
        If the RMSE is infinite, has no exact value, or is above `rmse` at every batch size.

    Examples
    --------
    >>> required_batch_size("normal", "mean", rmse=0.125)
    64
    """

    def error(n: int) -> float:
        return sampling(population, n, estimator, batching).rmse

    source = batching.source(Population.of(population))
    largest = 2**24
    if isinstance(batching, WithoutReplacement) and source.values is not None:
        largest = source.values.size
    known = error(min(8, largest))
    if not np.isfinite(known):
        what = "is infinite" if np.isinf(known) else f"in batches by {batching} is not known exactly"
        raise ValueError(
            f"the RMSE of {estimator_of(estimator).name} on {source.name} {what}; measure_convergence "
            f"{'has its median absolute error' if np.isinf(known) else 'measures it'}."
        )
    low, high = 1, 2
    while error(high) > rmse:
        if high >= largest:
            raise ValueError(
                f"no batch size up to {largest} has an RMSE of {rmse}; at {largest} it is {error(largest):.3g}."
            )
        low, high = high, min(2 * high, largest)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if error(middle) <= rmse else (middle, high)
    return high


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
    bias, variance : float
        Expectation and variance of the value normalized by its batch (ddof 0), less z. Both are of order 1 / n, with
        errors of order 1 / n². They are nan or infinite if the population's fourth moment is.

    Examples
    --------
    >>> normalized_member("normal", 2.0, 100)
    (-0.025, 0.03)

    Notes
    -----
    The batch has the given value and n - 1 independent ones. Its mean is z / n plus an error of variance 1 / n, its
    variance 1 + (z² - 2) / n plus an error of variance (kappa - 1) / n; the covariance is gamma / n. Here, gamma is the
    skewness and kappa the kurtosis, 3 for normal values. (z - mean) / std to the second order in the errors has the
    bias ((3/8)(kappa - 1) z - z³/2 + gamma/2) / n and the variance (1 + gamma z + z² (kappa - 1) / 4) / n.
    """
    population = Population.of(population)
    gamma, excess = population.skewness, population.excess_kurtosis + 2
    bias = 3 / 8 * excess * z - z**3 / 2 + gamma / 2
    return float(bias / batch_size), float((1 + gamma * z + z**2 * excess / 4) / batch_size)
