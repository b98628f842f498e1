"""What is known exactly of an estimator: its limit, bias, standard error and law, as one object that it carries.

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
from bnstats._checks.numbers import whole
from bnstats.sampling.populations import Population, population_of
from bnstats.statistics.inverse_std_law import inverse_std


@dataclass(frozen=True)
class Batches:
    """How batches are drawn, as far as the theory of an estimator needs to know.

    Attributes
    ----------
    source : Population
        Whose moments the batch statistics estimate.
    size : int
        Of a batch.
    variance_of_mean : float
        Variance of a batch's mean.
    independent : bool
        Whether the values of a batch are independent.
    """

    source: Population
    size: int
    variance_of_mean: float
    independent: bool

    @property
    def normal(self) -> bool:
        """Whether the values are independent and normal."""
        return self.independent and self.source.family == "norm"


@dataclass(frozen=True)
class Theory:
    """What is known exactly of an estimator. It belongs to the function of the batch: another function, another theory.

    Attributes
    ----------
    limit : callable (Population) -> float
        What the estimates tend to in ever larger batches.
    bias : callable (Batches) -> float, optional
        Expectation less `limit`; nan where it is not known. By default that of the law.
    se : callable (Batches) -> float, optional
        Standard deviation; nan where it is not known. By default that of the law.
    law : callable (Batches) -> frozen SciPy distribution or None, optional
        The distribution of the estimates; None where it is not known.
    rate : callable (Population) -> float, optional
        The exponent r of error ~ n^r in independent batches, nan where it is not known. By default it follows from what
        the estimator averages, see `bnstats.theory.rate`.

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
        """The distribution of the estimates; None where it is not known."""
        return self.law(batches) if self.law is not None else None

    def moments(self, batches: Batches, law: Any = None) -> tuple[float, float]:
        """Bias against `limit`, and standard deviation; nan where not known. A law that is at hand is not made anew."""
        law = self.law_of(batches) if law is None else law
        bias = self.bias(batches) if self.bias is not None else math.nan
        se = self.se(batches) if self.se is not None else math.nan
        if law is not None and math.isnan(bias) and self.bias is None:
            bias = float(law.mean()) - self.limit(batches.source)
        if law is not None and math.isnan(se) and self.se is None:
            se = float(law.std())
        return float(bias), float(se)


@checked(population=population_of, batch_size=partial(whole, minimum=2, maximum=2**53))
def variance_of_variance(population: Population, batch_size: int) -> float:
    """Var(s²) of independent values, s² with ddof 1, in the data's unit to the fourth; nan without a variance.

    >>> variance_of_variance(Population.of("normal"), 3)
    1.0
    """
    n = batch_size
    return (population.fourth_moment - population.var**2 * (n - 3) / (n - 1)) / n


def variance_of_chi(df: float) -> float:
    """Return the variance of a chi variable, df - E[chi]².

    For many degrees of freedom a series in 1 / df replaces the difference, of which no digit is left from 2^50 on.

    >>> round(variance_of_chi(1), 12) == round(1 - 2 / math.pi, 12), variance_of_chi(2.0**52)
    (True, 0.5)
    """
    if df > _LARGE_DF:
        return 1 / 2 - 1 / (8 * df) - 1 / (16 * df**2) + 5 / (128 * df**3) + 23 / (256 * df**4)
    return float(df - 2 * special.poch(df / 2, 1 / 2) ** 2)


_LARGE_DF = 300


# Named functions, no lambdas: an estimator is sent to other processes.


def mean_of(population: Population) -> float:
    """The population's mean."""
    return population.mean


def var_of(population: Population) -> float:
    """The population's variance."""
    return population.var


def std_of(population: Population) -> float:
    """The population's standard deviation."""
    return population.std


def inv_std_of(population: Population, eps: float) -> float:
    """1 / sqrt(variance + eps) of the population."""
    return float(1 / np.sqrt(population.var + eps))


def _zero(_: Any) -> float:
    return 0.0


def _se_of_mean(batches: Batches) -> float:
    return math.sqrt(batches.variance_of_mean)


def _law_of_mean(batches: Batches) -> Any:
    """N(mu, sigma²/n) of normal values, a gamma law of exponential ones."""
    source, n = batches.source, batches.size
    if batches.normal:
        return stats.norm(source.mean, source.std / np.sqrt(n))
    if batches.independent and source.family == "expon":
        _, _, loc, scale = source.law_identity
        return stats.gamma(n, loc=loc, scale=scale / n)
    return None


def _bias_of_var(batches: Batches) -> float:
    """E[biased var] = sigma² - Var(mean), whatever the batching."""
    return -batches.variance_of_mean


def _bias_of_var_unbiased(batches: Batches) -> float:
    var, n = batches.source.var, batches.size
    return 0.0 if batches.independent else n / (n - 1) * (var - batches.variance_of_mean) - var


def _se_of_var_unbiased(batches: Batches) -> float:
    return math.sqrt(variance_of_variance(batches.source, batches.size)) if batches.independent else math.nan


def _se_of_var(batches: Batches) -> float:
    return (batches.size - 1) / batches.size * _se_of_var_unbiased(batches)


def _law_of_var_unbiased(batches: Batches) -> Any:
    """(n - 1) s² / sigma² ~ chi²(n - 1) of normal values."""
    if not batches.normal:
        return None
    return stats.chi2(batches.size - 1, scale=batches.source.var / (batches.size - 1))


def _law_of_var(batches: Batches) -> Any:
    return stats.chi2(batches.size - 1, scale=batches.source.var / batches.size) if batches.normal else None


def _bias_of_std(batches: Batches) -> float:
    """sigma (E[chi(n - 1)] / sqrt(n) - 1), with the digits that the difference would lose."""
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
    """Of normal values (1 + 1/n) n / (n - 3) is the variance, infinite for n <= 3."""
    n = batches.size
    if not batches.normal:
        return math.nan
    return math.sqrt((n + 1) / (n - 3)) if n > 3 else math.inf


def _law_of_fresh(batches: Batches) -> Any:
    """A fresh value normalized by the batch is sqrt((n + 1) / (n - 1)) t(n - 1), of normal values."""
    n = batches.size
    return stats.t(n - 1, scale=np.sqrt((n + 1) / (n - 1))) if batches.normal else None


MEAN = Theory(mean_of, _zero, _se_of_mean, _law_of_mean)
VAR = Theory(var_of, _bias_of_var, _se_of_var, _law_of_var)
VAR_UNBIASED = Theory(var_of, _bias_of_var_unbiased, _se_of_var_unbiased, _law_of_var_unbiased)
STD = Theory(std_of, _bias_of_std, _se_of_std, _law_of_std)
FRESH_NORMALIZED = Theory(_zero, _bias_of_fresh, _se_of_fresh, _law_of_fresh)
FRESH_NORMALIZED_WITH_EPS = Theory(_zero)


def theory_of_inv_std(eps: float) -> Theory:
    """What is known of 1 / sqrt(var + eps)."""
    return Theory(partial(inv_std_of, eps=eps), law=partial(_law_of_inv_std, eps=eps))
