"""Exact theory of an estimator: its limit, bias, standard error and law, in one object.

n is the batch size, sigma² the population variance, mu_k a central moment, s² the variance with ddof 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import special, stats

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import LARGEST_COUNT, whole
from bnstats._checks.values import function, optional
from bnstats.sampling.populations import Population, population_of
from bnstats.simulation.replicates import central_moments
from bnstats.statistics.inverse_std_law import inverse_std


@dataclass(frozen=True)
class Batches:
    """The properties of batches on which the theory of an estimator depends.

    Attributes
    ----------
    source : Population
        Population whose moments the batch statistics estimate.
    size : int
        Number of values in a batch.
    variance_of_mean : float
        Variance of a batch's mean, in the data's unit squared.
    independent : bool
        True if the values of a batch are independent.
    """

    source: Population
    size: int
    variance_of_mean: float
    independent: bool

    @property
    def normal(self) -> bool:
        """True if the values are independent and normal."""
        return self.independent and self.source.family == "norm"


_of_population = partial(function, example="f(population)")
_of_batches = optional(partial(function, example="f(batches)"))


@checked(limit=_of_population, bias=_of_batches, se=_of_batches, law=_of_batches, rate=optional(_of_population))
@dataclass(frozen=True)
class Theory:
    """Exact theory of an estimator, valid for a single function of the batch.

    Attributes
    ----------
    limit : callable (Population) -> float
        Limit of the estimates for large batches.
    bias : callable (Batches) -> float, optional
        Expectation less `limit`; nan where it is not known. By default, the bias under `law`.
    se : callable (Batches) -> float, optional
        Standard deviation; nan where it is not known. By default, the standard deviation under `law`.
    law : callable (Batches) -> frozen SciPy distribution or None, optional
        Distribution of the estimates; None where it is not known.
    rate : callable (Population) -> float, optional
        Exponent r of error ~ n^r in independent batches; nan where it is not known. By default, it follows from the
        estimator's `averages`, see `bnstats.theory.rate`.

    Examples
    --------
    The mean of a batch, doubled:

    >>> twice = Theory(limit=lambda pop: 2 * pop.mean, bias=lambda _: 0.0, se=lambda b: 2 * b.variance_of_mean**0.5)
    >>> twice.moments(Batches(Population.of("normal"), 4, 0.25, independent=True))
    (0.0, 1.0)
    """

    limit: Callable[[Population], float]
    bias: Callable[[Batches], float] | None = None
    se: Callable[[Batches], float] | None = None
    law: Callable[[Batches], Any] | None = None
    rate: Callable[[Population], float] | None = None

    def law_of(self, batches: Batches) -> Any:
        """Return the distribution of the estimates; None where it is not known.

        Parameters
        ----------
        batches : Batches
            Properties of the batches.

        Returns
        -------
        frozen SciPy distribution or None
            Distribution of the estimates.
        """
        return self.law(batches) if self.law is not None else None

    def moments(self, batches: Batches, law: Any = None) -> tuple[float, float]:
        """Return the bias relative to `limit`, and the standard deviation; nan where not known.

        Parameters
        ----------
        batches : Batches
            Properties of the batches.
        law : frozen SciPy distribution, optional
            Result of `law_of`, if it has been computed already.

        Returns
        -------
        tuple of two floats
            Bias and standard deviation of the estimates, in the unit of the estimator.
        """
        law = self.law_of(batches) if law is None else law
        bias = self.bias(batches) if self.bias is not None else math.nan
        se = self.se(batches) if self.se is not None else math.nan
        if law is not None and math.isnan(bias) and self.bias is None:
            bias = float(law.mean()) - self.limit(batches.source)
        if law is not None and math.isnan(se) and self.se is None:
            se = float(law.std())
        return float(bias), float(se)


@checked(population=population_of, batch_size=partial(whole, minimum=2, maximum=LARGEST_COUNT))
def variance_of_variance(population: Population, batch_size: int) -> float:
    """Return Var(s²) of independent values, where s² has ddof 1.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Law of the values.
    batch_size : int
        Number of values in a batch, at least 2.

    Returns
    -------
    float
        Variance, in the fourth power of the data's unit; nan if the population's variance is not finite.

    Raises
    ------
    ValueError
        If the source is not a population, or `batch_size` is not a whole number of at least 2.

    Examples
    --------
    >>> variance_of_variance(Population.of("normal"), 3)
    1.0
    """
    return central_moments.variance_of_variance(population.fourth_moment, population.var, batch_size)


def variance_of_chi(df: float) -> float:
    """Return the variance of a chi variable, df - E[chi]².

    For many degrees of freedom, a series in 1 / df replaces the difference, which has no correct digit from 2^50 on.

    For one degree of freedom, the variance is 1 - 2 / pi:

    >>> round(variance_of_chi(1), 6), round(1 - 2 / math.pi, 6), variance_of_chi(2.0**52)
    (0.36338, 0.36338, 0.5)
    """
    if df > _LARGE_DF:
        return 1 / 2 - 1 / (8 * df) - 1 / (16 * df**2) + 5 / (128 * df**3) + 23 / (256 * df**4)
    return float(df - 2 * special.poch(df / 2, 1 / 2) ** 2)


_LARGE_DF = 300


# Estimators are sent to other processes, so their functions have names: lambdas cannot be pickled.


def mean_of(population: Population) -> float:
    """Return the population's mean."""
    return population.mean


def var_of(population: Population) -> float:
    """Return the population's variance."""
    return population.var


def std_of(population: Population) -> float:
    """Return the population's standard deviation."""
    return population.std


def inv_std_of(population: Population, eps: float) -> float:
    """Return 1 / sqrt(variance + eps) of the population."""
    return float(1 / np.sqrt(population.var + eps))


def _zero(_: Any) -> float:
    return 0.0


def _se_of_mean(batches: Batches) -> float:
    return math.sqrt(batches.variance_of_mean)


def _law_of_mean(batches: Batches) -> Any:
    """Return N(mu, sigma²/n) for normal values, a gamma law for exponential values, None for all others."""
    source, n = batches.source, batches.size
    if batches.normal:
        return stats.norm(source.mean, source.std / np.sqrt(n))
    if batches.independent and source.family == "expon":
        _, _, loc, scale = source.law_identity
        return stats.gamma(n, loc=loc, scale=scale / n)
    return None


def _bias_of_var(batches: Batches) -> float:
    """Return the bias from E[biased var] = sigma² - Var(mean), which holds for every batching rule."""
    return -batches.variance_of_mean


def _bias_of_var_unbiased(batches: Batches) -> float:
    var, n = batches.source.var, batches.size
    return 0.0 if batches.independent else n / (n - 1) * (var - batches.variance_of_mean) - var


def _se_of_var_unbiased(batches: Batches) -> float:
    return math.sqrt(variance_of_variance(batches.source, batches.size)) if batches.independent else math.nan


def _se_of_var(batches: Batches) -> float:
    return (batches.size - 1) / batches.size * _se_of_var_unbiased(batches)


def _law_of_var_unbiased(batches: Batches) -> Any:
    """Return the law from (n - 1) s² / sigma² ~ chi²(n - 1), which holds for normal values."""
    if not batches.normal:
        return None
    return stats.chi2(batches.size - 1, scale=batches.source.var / (batches.size - 1))


def _law_of_var(batches: Batches) -> Any:
    return stats.chi2(batches.size - 1, scale=batches.source.var / batches.size) if batches.normal else None


def _bias_of_std(batches: Batches) -> float:
    """Return sigma (E[chi(n - 1)] / sqrt(n) - 1), without the rounding errors of the difference."""
    if not batches.normal:
        return math.nan
    missing = (1 + variance_of_chi(batches.size - 1)) / batches.size
    return batches.source.std * math.expm1(math.log1p(-missing) / 2)


def _se_of_std(batches: Batches) -> float:
    if not batches.normal:
        return math.nan
    return batches.source.std * math.sqrt(variance_of_chi(batches.size - 1) / batches.size)


def _law_of_std(batches: Batches) -> Any:
    return stats.chi(batches.size - 1, scale=batches.source.std / np.sqrt(batches.size)) if batches.normal else None


def _law_of_inv_std(batches: Batches, eps: float) -> Any:
    return inverse_std(batches.size, batches.source.std, eps) if batches.normal else None


def _bias_of_fresh(batches: Batches) -> float:
    return 0.0 if batches.normal and batches.size > 2 else math.nan


def _se_of_fresh(batches: Batches) -> float:
    """Return the root of the variance (1 + 1/n) n / (n - 3) for normal values; inf for n <= 3."""
    n = batches.size
    if not batches.normal:
        return math.nan
    return math.sqrt((n + 1) / (n - 3)) if n > 3 else math.inf


def _law_of_fresh(batches: Batches) -> Any:
    """Return the law of a new normal value normalized by the batch, sqrt((n + 1) / (n - 1)) t(n - 1)."""
    n = batches.size
    return stats.t(n - 1, scale=np.sqrt((n + 1) / (n - 1))) if batches.normal else None


MEAN = Theory(mean_of, _zero, _se_of_mean, _law_of_mean)
VAR = Theory(var_of, _bias_of_var, _se_of_var, _law_of_var)
VAR_UNBIASED = Theory(var_of, _bias_of_var_unbiased, _se_of_var_unbiased, _law_of_var_unbiased)
STD = Theory(std_of, _bias_of_std, _se_of_std, _law_of_std)


def theory_of_inv_std(eps: float) -> Theory:
    """Return the theory of 1 / sqrt(var + eps)."""
    return Theory(partial(inv_std_of, eps=eps), law=partial(_law_of_inv_std, eps=eps))


def theory_of_fresh(eps: float) -> Theory:
    """Return the theory of a new value that is normalized by the batch."""
    return Theory(_zero) if eps else Theory(_zero, _bias_of_fresh, _se_of_fresh, _law_of_fresh)
