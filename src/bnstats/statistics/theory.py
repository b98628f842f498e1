"""Exact values: what simulation is held against, and what needs no simulation at all.

n is the batch size, sigma² the population variance, mu_k a central moment, s² the variance with ddof 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from scipy import integrate, optimize, stats

from bnstats.sampling.batching import IID, Batching, Clustered, WithoutReplacement, check_rule
from bnstats.sampling.populations import Population
from bnstats.statistics.estimators import ESTIMATORS, Estimator, estimator_of


@dataclass(frozen=True)
class Sampling:
    """Moments of an estimator's error: exact, nan where no closed form is known, inf where they are infinite."""

    bias: float
    se: float
    median_abs_error: float = np.nan

    @property
    def rmse(self) -> float:
        """Root mean squared error."""
        return float(np.hypot(self.bias, self.se)) if not np.isinf(self.se) else np.inf


def sampling(population: Any, batch_size: int, estimator: str | Estimator, batching: Batching = IID()) -> Sampling:
    """Exact bias, standard error, RMSE and median absolute error of an estimator on batches of one size.

    Parameters
    ----------
    population : whatever `Population.of` takes
    batch_size : int
        At least 2.
    estimator : name or Estimator
    batching : Batching

    Examples
    --------
    >>> sampling("normal", 32, "var").bias
    -0.03125
    >>> sampling("t3", 32, "var").rmse
    inf

    Notes
    -----
    The mean and the bias of the variance are exact for every population and rule; the standard error of the variance
    for every independent sample, Var(s²) = (mu_4 - sigma⁴ (n - 3) / (n - 1)) / n; all else where the estimator's own
    law is known (`law`).
    """
    population, estimator = Population.of(population), estimator_of(estimator)
    check_rule(batching)
    batching.check(population, batch_size)
    source = batching.source(population)
    independent = isinstance(batching, IID)
    if batching.variance_of_mean(population, batch_size) == 0 and estimator.averages != 0:
        return _of_whole(source, estimator)
    own = law(source, batch_size, estimator) if independent else None
    if own is not None:
        return _of_law(own, estimator.population_value(source))
    bias = _bias(source, batch_size, estimator, batching.variance_of_mean(population, batch_size))
    if estimator.order is not None and source.tail_index <= 2 * estimator.order:
        return Sampling(bias, np.inf)
    if not estimator.built_in:
        return Sampling(bias, np.nan)
    if estimator.name == "mean":
        return Sampling(bias, float(np.sqrt(batching.variance_of_mean(population, batch_size))))
    if estimator.name in ("var", "var_unbiased") and independent:
        factor = 1.0 if estimator.name == "var_unbiased" else (batch_size - 1) / batch_size
        return Sampling(bias, factor * float(np.sqrt(variance_of_variance(source, batch_size))))
    return Sampling(bias, np.nan)


def _of_whole(source: Population, estimator: Estimator) -> Sampling:
    """Of batches that are the whole population: one and the same error, usually none."""
    assert source.values is not None
    bias = float(estimator.of_whole(source, estimator(source.values))) - estimator.population_value(source)
    return Sampling(bias, 0.0, abs(bias))


def variance_of_variance(population: Population, batch_size: int) -> float:
    """Var(s²) of independent values, s² with ddof 1, in the data's unit to the fourth.

    >>> variance_of_variance(Population.of("normal"), 3)
    1.0
    """
    n = batch_size
    return (population.fourth_moment - population.var**2 * (n - 3) / (n - 1)) / n


def covariance_of_mean_and_variance(population: Population, batch_size: int) -> float:
    """Cov(mean, s²) of independent values, mu_3 / n: zero only for symmetric populations.

    >>> covariance_of_mean_and_variance(Population.of("exponential"), 10)
    0.2
    """
    return population.third_moment / batch_size


def _bias(source: Population, n: int, estimator: Estimator, variance_of_mean: float) -> float:
    """E[biased var] = sigma² - Var(mean), whatever the batching."""
    if not estimator.built_in:
        return np.nan
    own = {
        "mean": 0.0,
        "var": -variance_of_mean,
        "var_unbiased": n / (n - 1) * (source.var - variance_of_mean) - source.var,
    }
    return own.get(estimator.name, np.nan) + _moved(estimator, source)


def _moved(estimator: Estimator, source: Population) -> float:
    """How far the target of a built-in estimator was moved from the population's own value."""
    own = ESTIMATORS.get(estimator.name, estimator)
    return own.population_value(source) - estimator.population_value(source)


class _InverseStd(stats.rv_continuous):
    """1 / sqrt(V + eps) where V is sigma² chi²(n - 1) / n: inverse standard deviation of a normal batch."""

    def _argcheck(self, n: Any, sigma: Any, eps: Any) -> Any:
        return (n > 1) & (sigma > 0) & (eps >= 0)

    def _get_support(self, n: Any, sigma: Any, eps: Any) -> Any:
        return 0.0, 1 / np.sqrt(eps) if np.all(eps > 0) else np.inf

    def _cdf(self, y: Any, n: Any, sigma: Any, eps: Any) -> Any:
        return stats.chi2.sf((1 / y**2 - eps) * n / sigma**2, n - 1)

    def _stats(self, n: Any, sigma: Any, eps: Any, moments: str = "mv") -> Any:
        size, scale, e = (float(np.ravel(v)[0]) for v in (n, sigma, eps))
        at_sigma = 1 / math.sqrt(scale**2 + e)
        first, second = _inverse_std_errors(size, e / scale**2)
        return at_sigma * (1 + first), at_sigma**2 * (second - first**2), None, None


def _inverse_std_errors(n: float, eps: float) -> tuple[float, float]:
    """Mean and mean square of the relative error of 1 / sqrt(V + eps), for V with the law of chi²(n - 1) / n.

    In this form nothing cancels, whether n is large or eps.
    """
    df = n - 1
    mode = math.sqrt(df - 1)

    def density(w: float) -> float:  # of chi(df), relative to that at its mode
        away = w - mode
        power = 0.0
        if df > 1:
            power = (df - 1) * (math.log1p(away / mode) if w > mode / 2 else math.log(w / mode))
        return math.exp(power - away * (mode + w) / 2)

    def moment(k: int) -> float:
        if eps == 0 and k >= df:
            return math.inf

        def integrand(w: float) -> float:
            off = (w * w - n) / (n * (1 + eps))
            log = math.log1p(off) if off > -0.5 else math.log((w * w / n + eps) / (1 + eps))
            return float(math.expm1(-0.5 * log) ** k * density(w))

        return float(
            sum(integrate.quad(integrand, *piece, epsabs=0, epsrel=1e-9, full_output=1)[0] for piece in pieces)
        )

    low, high = (float(q) for q in stats.chi(df).ppf([1e-18, 1 - 1e-16]))
    high += 10.0
    small = np.geomspace(math.sqrt(n * eps), 1.0, 40).tolist() if 0 < eps < 1 / n else []
    inner = sorted(w for w in {*small, math.sqrt(df), math.sqrt(n)} if low < w < high)
    pieces = list(pairwise([low if n > 64 else 0.0, *inner, high]))
    norm = moment(0)
    return moment(1) / norm, moment(2) / norm


_inverse_std = _InverseStd(name="inverse_std", shapes="n, sigma, eps")


def law(population: Population, batch_size: int, estimator: Estimator) -> Any:
    """The estimator's own distribution on independent values, a frozen SciPy distribution; None where unknown.

    Of a normal population: mean ~ N(mu, sigma²/n), n var / sigma² ~ chi²(n - 1), and a fresh value normalised by the
    batch is sqrt((n + 1) / (n - 1)) t(n - 1). Of an exponential one, the mean is a gamma variable.

    >>> law(Population.of("normal"), 3, estimator_of("var_unbiased")).dist.name
    'chi2'
    """
    n, name = batch_size, estimator.name
    family, _, loc, scale = population.identity if population.values is None else (None, None, 0.0, 1.0)
    if family == "expon" and name == "mean" and estimator.built_in:
        return stats.gamma(n, loc=loc, scale=scale / n)
    if family != "norm" or not estimator.built_in:
        return None
    if name.startswith("inv_std"):
        return _inverse_std(n, scale, estimator.eps)
    laws = {
        "mean": lambda: stats.norm(loc, scale / np.sqrt(n)),
        "var": lambda: stats.chi2(n - 1, scale=scale**2 / n),
        "var_unbiased": lambda: stats.chi2(n - 1, scale=scale**2 / (n - 1)),
        "std": lambda: stats.chi(n - 1, scale=scale / np.sqrt(n)),
        "fresh_normalized": lambda: stats.t(n - 1, scale=np.sqrt((n + 1) / (n - 1))),
    }
    return laws[name]() if name in laws else None


def _of_law(own: Any, target: float) -> Sampling:
    """Error moments of an estimator with a known law."""
    if own.dist.name == "t" and own.args[0] <= 2:
        bias, se = (0.0 if own.args[0] > 1 else np.nan), np.inf
    else:
        bias, se = float(own.mean()) - target, float(own.std())

    def excess(error: float) -> float:
        below, above = own.cdf([target - error, target + error])
        return float(above - below) - 0.5

    upper = float(np.abs(own.ppf([0.001, 0.999]) - target).max())
    return Sampling(bias, se, float(optimize.brentq(excess, 0.0, upper, xtol=1e-12 * upper, rtol=1e-10)))


def rate(population: Any, estimator: str | Estimator, measure: str = "rmse", batching: Batching = IID()) -> float:
    """The exponent r of error ~ n^r for large batch sizes n; nan where there is no such power law.

    Parameters
    ----------
    population, estimator, batching
        As for `sampling`.
    measure : {"rmse", "se", "median_abs_error", "bias"}

    Examples
    --------
    >>> rate("normal", "var"), rate("t3", "var"), round(rate("t3", "var", "median_abs_error"), 3)
    (-0.5, nan, -0.333)

    Notes
    -----
    An average of x^p has tail index b = alpha / p. For b > 2 the central limit theorem gives -1/2. For 1 < b < 2 the
    error has a stable law and its quantiles fall as n^{-(1 - 1/b)}; its square has no expectation. A function of that
    average that tames outliers (std, inv_std) errs by order 1 with probability n^{1 - b}, so that its mean squared
    error and its bias fall as n^{1 - b}.
    """
    population, estimator = Population.of(population), estimator_of(estimator)
    if measure not in ("rmse", "se", "median_abs_error", "bias"):
        raise ValueError(f"measure is rmse, se, median_abs_error or bias; got {measure!r}.")
    check_rule(batching)
    if isinstance(batching, WithoutReplacement) or estimator.averages is None or estimator.order is None:
        return np.nan
    if estimator.built_in and _moved(estimator, batching.source(population)) and measure != "se":
        return 0.0
    linear = estimator.order == estimator.averages
    unbiased = estimator.name in ("mean", "var_unbiased", "fresh_normalized") if estimator.built_in else linear
    if measure == "bias" and unbiased and not (isinstance(batching, Clustered) and estimator.name == "var_unbiased"):
        return np.nan
    if estimator.averages == 0 or (isinstance(batching, Clustered) and batching.icc > 0):
        return 0.0
    tail = population.tail_index / estimator.averages
    if tail > 2 and estimator.averages == 2 and population.fourth_moment <= population.var**2 * (1 + 1e-12):
        return -1.0  # two equally likely values: the average of squares has no error of first order
    if tail > 2:
        return -1.0 if measure == "bias" else -0.5
    if not 1 < tail < 2:
        return np.nan  # at 2 the power law bears a logarithm
    if measure == "median_abs_error":
        return float(1 / tail - 1)
    if linear:
        return -1.0 if measure == "bias" else np.nan
    return float(1 - tail if measure == "bias" else (1 - tail) / 2)


def required_batch_size(population: Any, estimator: str | Estimator, *, rmse: float, batching: Batching = IID()) -> int:
    """The smallest batch size at which the estimator's RMSE is at most `rmse`.

    Raises
    ------
    ValueError
        Where the RMSE is infinite, has no exact value, or does not fall that low at any batch size.

    Examples
    --------
    >>> required_batch_size("normal", "mean", rmse=0.125)
    64
    """
    if not isinstance(rmse, Real) or not rmse > 0:
        raise ValueError(f"rmse is an error to reach, above 0; got {rmse!r}.")
    check_rule(batching)

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


def normalized_member_bound(batch_size: int) -> float:
    """The largest size of a value normalised by its own batch (biased variance): sqrt(n - 1).

    >>> normalized_member_bound(2)
    1.0
    """
    return float(np.sqrt(batch_size - 1))


def raw_behind(population: Any, z: float, batch_size: int) -> tuple[float, float]:
    """Mean and standard deviation of the raw value behind a normalised value z, of a normal population; else nan.

    By Basu's theorem a normalised member z is independent of the batch's mean and s; given z the raw value
    mean + s z has mean mu + c4 sigma z and variance sigma² (1/n + z² (1 - c4²)). z is formed with ddof 1.

    >>> raw_behind("normal", 0.0, 4)
    (0.0, 0.5)
    """
    population = Population.of(population)
    if population.identity[0] != "norm":
        return np.nan, np.nan
    c4 = float(stats.chi.mean(batch_size - 1)) / np.sqrt(batch_size - 1)
    spread = np.sqrt(1 / batch_size + z**2 * (1 - c4**2))
    return float(population.mean + c4 * population.std * z), float(population.std * spread)
