"""Corrections along time: what drifts smoothly is estimated from neighboring times and taken out.

Rows of the same time are averaged first, and each average weighs as many rows as it holds. Every effect is the fitted
curve less the curve's mean over the rows, so that the mean of all rows stays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from statsmodels.nonparametric.smoothers_lowess import lowess as statsmodels_lowess

from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import number, whole
from bnstats.corrections.correction import Correction, Rule, centered
from bnstats.corrections.groups import Groups, shown
from bnstats.corrections.smoothing_spline import smoothing_spline


def moving_average(window: int = 9) -> Correction:
    """Subtracts the mean of the rows at the nearest `window` distinct times, half of them before, half after.

    At the ends the window is cut off, so of a trend of slope b it leaves b (window - 1) / 4 steps there. Says nothing
    about times that it has not seen.

    >>> moving_average(window=3).fit([0.0, 3.0, 0.0, 0.0], [1, 2, 3, 4]).effect([2, 3])
    array([0.125, 0.125])
    """
    window = whole("window", window, 1, maximum=2**53)
    if window % 2 == 0:
        raise ValueError(f"a centered window is odd; got {window}: use {window + 1}, or trailing_average.")
    return Correction.made_by(moving_average, "time", False, _moving_average, window=window)


def trailing_average(window: int = 9) -> Correction:
    """Subtracts the mean of the rows at the last `window` distinct times, the present one among them.

    Follows a trend of slope b with a lag of (window - 1) / 2 steps. A new time gets the average as it stood then.
    """
    whole("window", window, 1)
    return Correction.made_by(trailing_average, "time", True, _trailing_average, window=window)


def exponential_average(weight: float = 0.2) -> Correction:
    """Subtracts the average of past and present rows, one a distinct time back weighing 1 - weight as much.

    The zero-debiased exponential average of running statistics, of all rows so far; a window of 2 / weight - 1 lags as
    much. A new time gets the average as it stood then.

    >>> exponential_average(weight=0.5).fit([0.0, 3.0], [1, 2]).effect([1, 2])
    array([-1.,  1.])
    """
    if not 0 < number("weight", weight) <= 1:
        raise ValueError(f"weight is that of the present time, above 0 and at most 1; got {weight}.")
    return Correction.made_by(exponential_average, "time", True, _exponential_average, weight=weight)


def polynomial(degree: int = 2) -> Correction:
    """Subtracts the least-squares polynomial of time; beyond the fitted times it goes on as the polynomial does."""
    whole("degree", degree, 0)
    return Correction.made_by(polynomial, "time", True, _polynomial, degree=degree)


def spline(penalty: float | None = None) -> Correction:
    """Subtracts the cubic smoothing spline of time.

    Beyond the fitted times it goes on as its last cubic piece, which soon leads astray.

    Parameters
    ----------
    penalty : float, optional
        Of the squared second derivative, at least 0, in units of time³: 0 interpolates, inf is a line. By default
        chosen by generalized cross-validation (Craven & Wahba 1979), between all but interpolation and all but a line.
    """
    if penalty is not None and not 0 <= number("penalty", penalty) < np.inf:
        raise ValueError(f"penalty is finite and at least 0, or None to choose it; got {penalty}: use polynomial(1).")
    return Correction.made_by(spline, "time", True, _spline, penalty=penalty)


def lowess(share: float = 0.3, *, iterations: int = 0) -> Correction:
    """Subtracts local lines (Cleveland 1979), statsmodels' `lowess`; each distinct time weighs the same here.

    Parameters
    ----------
    share : float in (0, 1]
        Of the distinct times, in each local line; at least 5 of them.
    iterations : int
        Rounds of weighing outliers down.
    """
    whole("iterations", iterations, 0)
    if not 0 < number("share", share) <= 1:
        raise ValueError(f"share is that of the times in each local line, above 0 and at most 1; got {share}.")
    return Correction.made_by(lowess, "time", True, _lowess, share=share, iterations=iterations)


def _moving_average(groups: Groups, window: int) -> Rule:
    times = _count(groups, 2, "a moving average")
    if window // 2 >= times - 1:
        raise ValueError(f"window={window} holds all {times} distinct times wherever it stands: narrow it.")
    return _window_means(groups, window // 2, window // 2)


def _trailing_average(groups: Groups, window: int) -> Rule:
    _count(groups, 2, "a trailing average")
    return _window_means(groups, window - 1, 0)


def _window_means(groups: Groups, before: int, after: int) -> Rule:
    times = len(groups.labels)
    at = np.arange(times)
    first, last = np.maximum(at - before, 0), np.minimum(at + after + 1, times)
    level = groups.level  # taken off before sums run up, so that a large mean costs no digits
    sums = np.vstack([np.zeros_like(level), np.cumsum(groups.n * (groups.mean - level), axis=0)])
    rows = np.append(0, np.cumsum(groups.n))[:, None]
    return _stepwise(groups, level + (sums[last] - sums[first]) / (rows[last] - rows[first]))


def _exponential_average(groups: Groups, weight: float) -> Rule:
    _count(groups, 2, "an exponential average")
    level = groups.level
    sums, rows = (lfilter([1.0], [1.0, weight - 1.0], v, axis=0) for v in (groups.n * (groups.mean - level), groups.n))
    return _stepwise(groups, level + sums / rows)


def _polynomial(groups: Groups, degree: int) -> Rule:
    _count(groups, degree + 1, f"a polynomial of degree {degree}")
    fit = partial(_in_unit, domain=groups.labels[[0, -1]])
    basis = np.polynomial.chebyshev.chebfit(fit(groups.labels), groups.mean, degree, w=np.sqrt(groups.n[:, 0]))
    return centered(partial(_chebyshev, unit=fit, coefficients=basis), groups)


def _in_unit(times: FloatArray, domain: FloatArray) -> FloatArray:
    """Times between -1 and 1 over the domain, beyond it outside."""
    return np.asarray((2 * times - domain.sum()) / (np.ptp(domain) or 1.0))


def _chebyshev(groups: Groups, unit: Callable[[FloatArray], FloatArray], coefficients: NDArray[Any]) -> FloatArray:
    return np.asarray(np.polynomial.chebyshev.chebval(unit(groups.labels), coefficients).T)


def _spline(groups: Groups, penalty: float | None) -> Rule:
    _count(groups, 5, "a smoothing spline")
    curve = smoothing_spline(groups.labels, groups.mean, groups.n[:, 0], penalty)
    return centered(partial(_at_times, curve=curve), groups)


def _at_times(groups: Groups, curve: Callable[[FloatArray], FloatArray]) -> FloatArray:
    return curve(groups.labels)


def _lowess(groups: Groups, share: float, iterations: int) -> Rule:
    frac = max(share, 5 / _count(groups, 5, "lowess"))
    unit = partial(_in_unit, domain=groups.labels[[0, -1]])  # statsmodels takes close times for tied ones
    smooth = partial(statsmodels_lowess, exog=unit(groups.labels), frac=frac, it=iterations)
    return centered(partial(_local_lines, unit=unit, smooth=smooth, mean=groups.mean), groups)


def _local_lines(
    groups: Groups, unit: Callable[[FloatArray], FloatArray], smooth: Callable[..., FloatArray], mean: FloatArray
) -> FloatArray:
    lines = np.stack([smooth(y, xvals=unit(groups.labels)) for y in mean.T], axis=1)
    known = np.isfinite(lines).all(axis=1)
    if not known.all():
        raise ValueError(f"{groups.named(~known)} is too far from the fitted times for local lines; use 'polynomial'.")
    return lines


def _stepwise(groups: Groups, values: FloatArray) -> Rule:
    return centered(partial(_last_of, times=groups.labels, values=values), groups)


def _last_of(groups: Groups, times: FloatArray, values: FloatArray) -> FloatArray:
    at = np.searchsorted(times, groups.labels, side="right") - 1
    if (at < 0).any():
        raise ValueError(
            f"time {shown(groups.labels[0])} is before the first that was fitted, {shown(times[0])}: an average of the "
            "past says nothing about it; use 'polynomial', 'spline' or 'lowess'."
        )
    return values[at]


def _count(groups: Groups, least: int, what: str) -> int:
    times = len(groups.labels)
    if times < least:
        raise ValueError(f"{what} takes {least} distinct times or more; got {times}, first {shown(groups.labels[0])}.")
    return times
