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
from bnstats._checks.numbers import LARGEST_COUNT, interval, number, sample_size, whole
from bnstats._checks.values import scalar
from bnstats.sampling.batching import IID, Batching, WithoutReplacement, are_independent, rule
from bnstats.sampling.populations import Population, population_of
from bnstats.statistics.estimator_theory import Batches
from bnstats.statistics.estimators import Estimator, estimator_named, estimator_of

batch_size_of_theory = partial(whole, minimum=2, maximum=LARGEST_COUNT)


def _moment(name: str, given: Any) -> float:
    """Return a number, infinite or nan too."""
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
    if _are_whole(batches, estimator):
        bias, se = moments(batches, estimator)
        return Sampling(bias, se, abs(bias))
    known = None if estimator.theory is None else estimator.theory.law_of(batches)
    median = _median_abs_error(known, estimator.population_value(batches.source)) if known else np.nan
    return Sampling(*moments(batches, estimator, known), median)


def moments(batches: Batches, estimator: Estimator, known: Any = None) -> tuple[float, float]:
    """Return bias and standard error, as `sampling` does: without the median, which takes far longer."""
    source = batches.source
    if _are_whole(batches, estimator):  # their error is usually 0
        assert source.values is not None
        return float(estimator.of_whole(source, estimator(source.values))) - estimator.population_value(source), 0.0
    bias = se = np.nan
    if estimator.theory is not None:
        bias, se = estimator.theory.moments(batches, known or estimator.theory.law_of(batches))
        bias += estimator.theory.limit(source) - estimator.population_value(source)
    if estimator.order is not None and source.tail_index <= 2 * estimator.order:
        se = np.inf
    return bias, se


def standard_error(population: Population, batch_size: int, estimator: str) -> float:
    """Return the standard error of an estimator of independent values."""
    return moments(batches_of(population, batch_size, IID()), estimator_of(estimator))[1]


def _are_whole(batches: Batches, estimator: Estimator) -> bool:
    """Return True if each batch is the whole population, in another order."""
    return batches.variance_of_mean == 0 and estimator.averages != 0


def batches_of(population: Population, batch_size: int, batching: Batching) -> Batches:
    """Return the properties of a rule's batches on which the theory of an estimator depends."""
    variance_of_mean = batching.variance_of_mean(population, batch_size)
    return Batches(batching.source(population), int(batch_size), variance_of_mean, are_independent(batching))


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
    """Return the median distance from the target of a variable with this law."""

    def excess(error: float) -> float:
        below, above = law.cdf([target - error, target + error])
        return float(above - below) - 0.5

    upper = float(np.abs(law.ppf([0.001, 0.999]) - target).max())
    return float(optimize.brentq(excess, 0.0, upper, xtol=1e-12 * upper, rtol=1e-10))


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
