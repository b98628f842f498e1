"""Summaries of replicates by their moments: each has a Monte Carlo standard error in closed form.

Bias, RMSE and median absolute error summarize the errors, value - target; all other summaries describe the values. The
formulas are those of Morris, White & Crowther (2019, Table 6), with two changes. Errors of standard errors use the
fourth moment of the replicates instead of assuming normality. Roots use the delta method.

An error is 0 only if all possible replicates are known to be equal. If the simulated replicates merely happen to be
equal, other values may be unseen. With 95 % confidence, an event that none of n replicates shows has a probability of
at most 3 / n. The error is the change that such an event would make.
"""

from __future__ import annotations

import math

import numpy as np

from bnstats.simulation.precision.degrees_of_freedom import of_largest
from bnstats.simulation.replicates.central_moments import variance_of_variance
from bnstats.simulation.replicates.sample import Replicates
from bnstats.simulation.summaries.summary import ROUNDING, Summary

SMALLEST_NORMAL = float(np.finfo(np.float64).tiny)


def _df_of_variance(r: Replicates) -> float:
    return _df_of_mean_square(r, 0.0)


def _df_of_rmse(r: Replicates) -> float:
    return _df_of_mean_square(r, r.bias)


def _df_of_mean_square(r: Replicates, mean: float) -> float:
    """Return the degrees of freedom of the mean square of values, shifted so that their mean is `mean`."""
    second = r.central(2)
    square, (low, high) = second + mean**2, (x - r.from_origin + mean for x in r.extremes)
    smallest = 0.0 if low <= 0 <= high else min(low**2, high**2)
    largest = max(max(low**2, high**2) - square, square - smallest)
    return of_largest(r.n, _variance_of_squares(r, mean), largest)


def _variance_of_squares(r: Replicates, mean: float) -> float:
    """Return the variance of the squares of values, shifted so that their mean is `mean`."""
    second = r.central(2)
    return r.central(4) - second**2 + 4 * mean * r.central(3) + 4 * mean**2 * second


def _df_of_relative_error(r: Replicates) -> float:
    """Return the smaller degrees of freedom of the two standard errors."""
    return min(_df_of_variance(r), _df_of_model_se(r))


def _mean(r: Replicates) -> float:
    return r.mean


def _bias(r: Replicates) -> float:
    return r.bias


def _relative_bias(r: Replicates) -> float:
    return float(np.divide(r.bias, r.target))


def _relative_bias_mcse(r: Replicates) -> float:
    return float(np.divide(_mean_mcse(r), abs(r.target)))


def _one(_: Replicates) -> float:
    return 1.0


def _mean_mcse(r: Replicates) -> float:
    return r.missed * r.value_range if r.all_equal else _se(r) / math.sqrt(r.n)


def _proportion_mcse(r: Replicates) -> float:
    """Return sqrt(p (1 - p) / n)."""
    return r.missed * r.value_range if r.all_equal else math.sqrt(r.central(2) / r.n)


def _gradient_of_mean(_: Replicates) -> tuple[float, float]:
    return 1.0, 0.0


def _se(r: Replicates) -> float:
    return float(np.sqrt(r.central(2) * r.n / np.float64(r.n - 1)))


def _se_mcse(r: Replicates) -> float:
    """Return the MCSE from the variance of s².

    This variance is above 0 for two equally frequent values, too.
    """
    if r.all_equal:
        return math.sqrt(r.missed) * r.value_range
    second = r.central(2)
    if r.central(4) < SMALLEST_NORMAL:  # subnormal floats have fewer digits
        return math.inf
    variance = variance_of_variance(r.central(4), second, r.n)
    return float(np.sqrt(np.maximum(variance, 0.0) / (4 * second)))


def _gradient_of_se(r: Replicates) -> tuple[float, float]:
    return -r.from_origin / _se(r), 1 / (2 * _se(r))


def _mse(r: Replicates) -> float:
    return r.mean_squared_error


def _mse_mcse(r: Replicates) -> float:
    return 2 * _rmse(r) * _rmse_mcse(r) * math.sqrt(r.n / (r.n - 1))


def _rmse(r: Replicates) -> float:
    return float(np.sqrt(r.mean_squared_error))


def _rmse_mcse(r: Replicates) -> float:
    return _root_mean_square_mcse(r, r.bias)


def _root_mean_square_mcse(r: Replicates, mean: float) -> float:
    """Return the MCSE of the root mean square of values, shifted so that their mean is `mean`."""
    second = r.central(2)
    square, variance = second + mean**2, _variance_of_squares(r, mean)
    one_size = second > 1e-6 * square and variance <= ROUNDING * square**2
    if r.all_equal or one_size:
        root = float(np.sqrt(square))
        return float(np.sqrt(root**2 + r.missed * ((root + r.value_range) ** 2 - root**2))) - root
    return float(np.sqrt(np.maximum(variance, 0.0) / r.n / (4 * square)))


def _gradient_of_rmse(r: Replicates) -> tuple[float, float]:
    return (r.origin - r.target) / _rmse(r), 1 / (2 * _rmse(r))


def _root_mean(r: Replicates) -> float:
    return float(np.sqrt(r.mean))


def _root_mean_mcse(r: Replicates) -> float:
    root = _root_mean(r)
    if r.all_equal:
        return float(np.sqrt(r.mean + r.missed * r.value_range)) - root
    return _mean_mcse(r) / (2 * root)


def _gradient_of_root_mean(r: Replicates) -> tuple[float, float]:
    return 1 / (2 * _root_mean(r)), 0.0


def _model_se(r: Replicates) -> float:
    """Return the root of the mean squared standard error by the model."""
    return float(np.sqrt(r.model_se.mean_square)) if r.model_se else math.nan


def _model_se_mcse(r: Replicates) -> float:
    if r.model_se is None or r.model_se.all_equal:
        return math.inf
    return _root_mean_square_mcse(r.model_se, r.model_se.mean)


def _df_of_model_se(r: Replicates) -> float:
    return _df_of_mean_square(r.model_se, r.model_se.mean) if r.model_se else math.nan


def _model_ratio(r: Replicates) -> float:
    return float(np.divide(_model_se(r), _se(r)))


def _relative_error(r: Replicates) -> float:
    return _model_ratio(r) - 1


def _relative_error_mcse(r: Replicates) -> float:
    """Return the MCSE of the ratio of two standard errors, as if the two were independent."""
    if r.all_equal or 0 in (_model_se(r), _se(r)):
        return math.inf
    return _model_ratio(r) * math.hypot(_model_se_mcse(r) / _model_se(r), _se_mcse(r) / _se(r))


OF_MOMENTS = (
    Summary("mean", _mean, _mean_mcse, order=2, gradient=_gradient_of_mean),
    Summary("bias", _bias, _mean_mcse, order=2, scale=_rmse, gradient=_gradient_of_mean),
    Summary("relative_bias", _relative_bias, _relative_bias_mcse, order=2, scale=_one),
    Summary("se", _se, _se_mcse, order=4, gradient=_gradient_of_se, histogram=True, df=_df_of_variance),
    Summary("mse", _mse, _mse_mcse, order=4, histogram=True, df=_df_of_rmse),
    Summary("rmse", _rmse, _rmse_mcse, order=4, gradient=_gradient_of_rmse, histogram=True, df=_df_of_rmse),
    Summary("root_mean", _root_mean, _root_mean_mcse, order=2, gradient=_gradient_of_root_mean),
    Summary("coverage", _mean, _proportion_mcse, order=2, of_events=True),
    Summary("rejection_rate", _mean, _proportion_mcse, order=2, of_events=True),
    Summary("failure_rate", _mean, _proportion_mcse, order=2, of_events=True),
    Summary("model_se", _model_se, _model_se_mcse, order=4, of_model_se=True, histogram=True, df=_df_of_model_se),
    Summary(
        "relative_error_of_model_se",
        _relative_error,
        _relative_error_mcse,
        order=4,
        scale=_model_ratio,
        of_model_se=True,
        histogram=True,
        df=_df_of_relative_error,
    ),
)
