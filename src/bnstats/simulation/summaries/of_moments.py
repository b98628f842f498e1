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
from bnstats.simulation.replicates.sample import Evidence
from bnstats.simulation.summaries.summary import ROUNDING, Summary

SMALLEST_NORMAL = float(np.finfo(np.float64).tiny)


def _df_of_variance(e: Evidence) -> float:
    return _df_of_mean_square(e, 0.0)


def _df_of_rmse(e: Evidence) -> float:
    return _df_of_mean_square(e, e.bias)


def _df_of_mean_square(e: Evidence, mean: float) -> float:
    """Return the degrees of freedom of the mean square of values, shifted so that their mean is `mean`."""
    second = e.central(2)
    square, (low, high) = second + mean**2, (x - e.from_origin + mean for x in e.extremes)
    smallest = 0.0 if low <= 0 <= high else min(low**2, high**2)
    largest = max(max(low**2, high**2) - square, square - smallest)
    return of_largest(e.n, _variance_of_squares(e, mean), largest)


def _variance_of_squares(e: Evidence, mean: float) -> float:
    """Return the variance of the squares of values, shifted so that their mean is `mean`."""
    second = e.central(2)
    return e.central(4) - second**2 + 4 * mean * e.central(3) + 4 * mean**2 * second


def _df_of_relative_error(e: Evidence) -> float:
    """Return the smaller degrees of freedom of the two standard errors."""
    return min(_df_of_variance(e), _df_of_model_se(e))


def _mean(e: Evidence) -> float:
    return e.mean


def _bias(e: Evidence) -> float:
    return e.bias


def _relative_bias(e: Evidence) -> float:
    return float(np.divide(e.bias, e.target))


def _relative_bias_mcse(e: Evidence) -> float:
    return float(np.divide(_mean_mcse(e), abs(e.target)))


def _one(_: Evidence) -> float:
    return 1.0


def _mean_mcse(e: Evidence) -> float:
    return e.missed * e.value_range if e.all_equal else _se(e) / math.sqrt(e.n)


def _proportion_mcse(e: Evidence) -> float:
    """Return sqrt(p (1 - p) / n)."""
    return e.missed * e.value_range if e.all_equal else math.sqrt(e.central(2) / e.n)


def _gradient_of_mean(_: Evidence) -> tuple[float, float]:
    return 1.0, 0.0


def _se(e: Evidence) -> float:
    return float(np.sqrt(e.central(2) * e.n / np.float64(e.n - 1)))


def _se_mcse(e: Evidence) -> float:
    """Return the MCSE from Var(s²) = (mu_4 - sigma⁴ (n - 3) / (n - 1)) / n.

    This variance is above 0 for two equally frequent values, too.
    """
    if e.all_equal:
        return math.sqrt(e.missed) * e.value_range
    second = e.central(2)
    if e.central(4) < SMALLEST_NORMAL:  # subnormal floats have fewer digits
        return math.inf
    variance = (e.central(4) - second**2 * (e.n - 3) / (e.n - 1)) / e.n
    return float(np.sqrt(np.maximum(variance, 0.0) / (4 * second)))


def _gradient_of_se(e: Evidence) -> tuple[float, float]:
    return -e.from_origin / _se(e), 1 / (2 * _se(e))


def _mse(e: Evidence) -> float:
    return e.mean_squared_error


def _mse_mcse(e: Evidence) -> float:
    return 2 * _rmse(e) * _rmse_mcse(e) * math.sqrt(e.n / (e.n - 1))


def _rmse(e: Evidence) -> float:
    return float(np.sqrt(e.mean_squared_error))


def _rmse_mcse(e: Evidence) -> float:
    return _root_mean_square_mcse(e, e.bias)


def _root_mean_square_mcse(e: Evidence, mean: float) -> float:
    """Return the MCSE of the root mean square of values, shifted so that their mean is `mean`."""
    second = e.central(2)
    square, variance = second + mean**2, _variance_of_squares(e, mean)
    one_size = second > 1e-6 * square and variance <= ROUNDING * square**2
    if e.all_equal or one_size:
        root = float(np.sqrt(square))
        return float(np.sqrt(root**2 + e.missed * ((root + e.value_range) ** 2 - root**2))) - root
    return float(np.sqrt(np.maximum(variance, 0.0) / e.n / (4 * square)))


def _gradient_of_rmse(e: Evidence) -> tuple[float, float]:
    return (e.origin - e.target) / _rmse(e), 1 / (2 * _rmse(e))


def _root_mean(e: Evidence) -> float:
    return float(np.sqrt(e.mean))


def _root_mean_mcse(e: Evidence) -> float:
    root = _root_mean(e)
    if e.all_equal:
        return float(np.sqrt(e.mean + e.missed * e.value_range)) - root
    return _mean_mcse(e) / (2 * root)


def _gradient_of_root_mean(e: Evidence) -> tuple[float, float]:
    return 1 / (2 * _root_mean(e)), 0.0


def _model_se(e: Evidence) -> float:
    """Return the root of the mean squared standard error by the model."""
    return float(np.sqrt(e.model_se.mean_square)) if e.model_se else math.nan


def _model_se_mcse(e: Evidence) -> float:
    if e.model_se is None or e.model_se.all_equal:
        return math.inf
    return _root_mean_square_mcse(e.model_se, e.model_se.mean)


def _df_of_model_se(e: Evidence) -> float:
    return _df_of_mean_square(e.model_se, e.model_se.mean) if e.model_se else math.nan


def _model_ratio(e: Evidence) -> float:
    return float(np.divide(_model_se(e), _se(e)))


def _relative_error(e: Evidence) -> float:
    return _model_ratio(e) - 1


def _relative_error_mcse(e: Evidence) -> float:
    """Return the MCSE of the ratio of two standard errors, as if the two were independent."""
    if e.all_equal or 0 in (_model_se(e), _se(e)):
        return math.inf
    return _model_ratio(e) * math.hypot(_model_se_mcse(e) / _model_se(e), _se_mcse(e) / _se(e))


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
