"""Rates at which the errors of estimators fall with the batch size."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.values import choice
from bnstats.sampling.batching import IID, Batching, Clustered, WithoutReplacement, are_independent, rule
from bnstats.sampling.populations import Population, population_of
from bnstats.statistics.estimators import ROUNDING, Estimator, estimator_named, estimator_of
from bnstats.statistics.theory import batches_of

MEASURES = ("rmse", "se", "median_abs_error", "bias")
_measure = partial(choice, known=MEASURES)


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
