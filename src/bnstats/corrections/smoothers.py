"""Corrections of drift: a smooth curve of time is estimated and subtracted.

Rows of the same time are averaged first, and each average is weighted by its number of rows. An effect is the fitted
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
from bnstats._checks.numbers import LARGEST_COUNT, number, whole
from bnstats._checks.values import shown
from bnstats.corrections.correction import Correction
from bnstats.corrections.groups import Groups
from bnstats.corrections.properties import PLAIN
from bnstats.corrections.rules import CorrectionRule, centered
from bnstats.corrections.smoothing_spline import smoothing_spline


def moving_average(window: int = 9) -> Correction:
    """Return the correction that subtracts a centered moving average over distinct times.

    At both ends the window is cut off: of a trend of slope b per step, b (window - 1) / 4 remains there.

    Parameters
    ----------
    window : int
        Odd number of distinct times in the average: the present time and as many before as after it.

    Returns
    -------
    Correction
        Does not apply to new times. Its fit raises ValueError if the window holds all times wherever it is placed.

    Raises
    ------
    ValueError
        If window is even or below 1.

    Examples
    --------
    >>> moving_average(window=3).fit([0.0, 3.0, 0.0, 0.0], [1, 2, 3, 4]).effect([2, 3])
    array([0.125, 0.125])
    """
    window = whole("window", window, 1, maximum=LARGEST_COUNT)
    if window % 2 == 0:
        raise ValueError(f"window of a centered average is odd; got {window}: use {window + 1}, or trailing_average.")
    return Correction.made_by(moving_average, "time", False, _moving_average, PLAIN, window=window)


def trailing_average(window: int = 9) -> Correction:
    """Return the correction that subtracts the mean of the rows at the last `window` distinct times.

    The average follows a trend with a lag of (window - 1) / 2 steps. The effect of a new time is the average at the
    last fitted time before it.

    Parameters
    ----------
    window : int
        Number of distinct times in the average, the present time included.

    Returns
    -------
    Correction
        Applies to new times after the first fitted time.

    Raises
    ------
    ValueError
        If window is below 1.

    Examples
    --------
    >>> trailing_average(window=2).fit([0.0, 3.0, 6.0], [1, 2, 3]).effect([1, 2, 3])
    array([-2. , -0.5,  2.5])
    """
    whole("window", window, 1)
    return Correction.made_by(trailing_average, "time", True, _trailing_average, PLAIN, window=window)


def exponential_average(weight: float = 0.2) -> Correction:
    """Return the correction that subtracts the exponential average of past and present rows.

    With each distinct time back, the weight of a row is multiplied by 1 - weight. The average is zero-debiased, as for
    running statistics. A trailing average with a window of 2 / weight - 1 has the same lag. The effect of a new time is
    the average at the last fitted time before it.

    Parameters
    ----------
    weight : float in (0, 1]
        Weight of the present time.

    Returns
    -------
    Correction
        Applies to new times after the first fitted time.

    Raises
    ------
    ValueError
        If weight is not above 0 and at most 1.

    Examples
    --------
    >>> exponential_average(weight=0.5).fit([0.0, 3.0], [1, 2]).effect([1, 2])
    array([-1.,  1.])
    """
    if not 0 < number("weight", weight) <= 1:
        raise ValueError(f"weight, the weight of the present time, is above 0 and at most 1; got {weight}.")
    return Correction.made_by(exponential_average, "time", True, _exponential_average, PLAIN, weight=weight)


def polynomial(degree: int = 2) -> Correction:
    """Return the correction that subtracts the least-squares polynomial of time.

    Parameters
    ----------
    degree : int
        Degree of the polynomial, at least 0.

    Returns
    -------
    Correction
        Applies to new times, where the polynomial is extrapolated.

    Raises
    ------
    ValueError
        If degree is below 0.

    Examples
    --------
    >>> polynomial(degree=1).fit([0.0, 3.0, 6.0], [1, 2, 3]).effect([1, 2, 3, 4]).round(9)
    array([-3.,  0.,  3.,  6.])
    """
    whole("degree", degree, 0)
    return Correction.made_by(polynomial, "time", True, _polynomial, (*PLAIN, "removes_lines"), degree=degree)


def spline(penalty: float | None = None) -> Correction:
    """Return the correction that subtracts the cubic smoothing spline of time.

    Parameters
    ----------
    penalty : float, optional
        Finite penalty of the squared second derivative, at least 0, in units of time³. 0 interpolates; large penalties
        approach a line. By default generalized cross-validation (Craven & Wahba 1979) chooses it, between almost
        interpolation and almost a line.

    Returns
    -------
    Correction
        Applies to new times. Beyond the fitted times the last cubic piece is extrapolated, which soon misleads.

    Raises
    ------
    ValueError
        If penalty is negative or infinite.

    Examples
    --------
    >>> spline(penalty=0.0).fit([0.0, 1.0, 0.0, 1.0, 0.0], [1, 2, 3, 4, 5]).effect([1, 2]).round(9)
    array([-0.4,  0.6])
    """
    if penalty is not None and not 0 <= number("penalty", penalty) < np.inf:
        raise ValueError(f"penalty is finite and at least 0, or None to choose it; got {penalty}: use polynomial(1).")
    return Correction.made_by(spline, "time", True, _spline, (*PLAIN, "removes_lines"), penalty=penalty)


def lowess(proportion: float = 0.3, *, iterations: int = 0) -> Correction:
    """Return the correction that subtracts local lines (Cleveland 1979), fitted by statsmodels' `lowess`.

    Unlike in other corrections along time, all distinct times have the same weight.

    Parameters
    ----------
    proportion : float in (0, 1]
        Proportion of the distinct times that each local line is fitted to; it is raised to 5 times if that is more.
    iterations : int
        Number of refits in which outliers are weighted down.

    Returns
    -------
    Correction
        Applies to new times near the fitted times.

    Raises
    ------
    ValueError
        If `proportion` is not above 0 and at most 1, or iterations is below 0.

    Examples
    --------
    >>> lowess(proportion=1.0).fit([0.0, 1.0, 2.0, 3.0, 4.0], [1, 2, 3, 4, 5]).effect([1, 5]).round(9)
    array([-2.,  2.])
    """
    whole("iterations", iterations, 0)
    if not 0 < number("proportion", proportion) <= 1:
        raise ValueError(
            f"proportion (of distinct times in each local line) is above 0 and at most 1; got {proportion}."
        )
    return Correction.made_by(
        lowess, "time", True, _lowess, (*PLAIN, "removes_lines"), proportion=proportion, iterations=iterations
    )


def _moving_average(groups: Groups, window: int) -> CorrectionRule:
    times = _count(groups, 2, "a moving average")
    if window // 2 >= times - 1:
        raise ValueError(f"window={window} holds all {times} distinct times wherever it is placed: give a smaller one.")
    return _window_means(groups, window // 2, window // 2)


def _trailing_average(groups: Groups, window: int) -> CorrectionRule:
    _count(groups, 2, "a trailing average")
    return _window_means(groups, window - 1, 0)


def _window_means(groups: Groups, before: int, after: int) -> CorrectionRule:
    times = len(groups.labels)
    at = np.arange(times)
    first, last = np.maximum(at - before, 0), np.minimum(at + after + 1, times)
    level = groups.level  # subtracted before the cumulative sums, so that a large mean costs no digits
    sums = np.vstack([np.zeros_like(level), np.cumsum(groups.n * (groups.mean - level), axis=0)])
    rows = np.append(0, np.cumsum(groups.n))[:, None]
    return _stepwise(groups, level + (sums[last] - sums[first]) / (rows[last] - rows[first]))


def _exponential_average(groups: Groups, weight: float) -> CorrectionRule:
    _count(groups, 2, "an exponential average")
    level = groups.level
    sums, rows = (lfilter([1.0], [1.0, weight - 1.0], v, axis=0) for v in (groups.n * (groups.mean - level), groups.n))
    return _stepwise(groups, level + sums / rows)


def _polynomial(groups: Groups, degree: int) -> CorrectionRule:
    _count(groups, degree + 1, f"a polynomial of degree {degree}")
    fit = partial(_in_unit, domain=groups.labels[[0, -1]])
    basis = np.polynomial.chebyshev.chebfit(fit(groups.labels), groups.mean, degree, w=np.sqrt(groups.n[:, 0]))
    return centered(partial(_chebyshev, unit=fit, coefficients=basis), groups)


def _in_unit(times: FloatArray, domain: FloatArray) -> FloatArray:
    """Return times scaled so that the domain becomes -1 to 1."""
    return np.asarray((2 * times - domain.sum()) / (np.ptp(domain) or 1.0))


def _chebyshev(groups: Groups, unit: Callable[[FloatArray], FloatArray], coefficients: NDArray[Any]) -> FloatArray:
    return np.asarray(np.polynomial.chebyshev.chebval(unit(groups.labels), coefficients).T)


def _spline(groups: Groups, penalty: float | None) -> CorrectionRule:
    _count(groups, 5, "a smoothing spline")
    curve = smoothing_spline(groups.labels, groups.mean, groups.n[:, 0], penalty)
    return centered(partial(_at_times, curve=curve), groups)


def _at_times(groups: Groups, curve: Callable[[FloatArray], FloatArray]) -> FloatArray:
    return curve(groups.labels)


def _lowess(groups: Groups, proportion: float, iterations: int) -> CorrectionRule:
    frac = max(proportion, 5 / _count(groups, 5, "lowess"))
    unit = partial(_in_unit, domain=groups.labels[[0, -1]])  # statsmodels treats close times as tied
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


def _stepwise(groups: Groups, values: FloatArray) -> CorrectionRule:
    return centered(partial(_last_of, times=groups.labels, values=values), groups)


def _last_of(groups: Groups, times: FloatArray, values: FloatArray) -> FloatArray:
    at = np.searchsorted(times, groups.labels, side="right") - 1
    if (at < 0).any():
        raise ValueError(
            f"time {shown(groups.labels[0])} is before the first that was fitted, {shown(times[0])}, so an average of "
            "past times has no value there; use 'polynomial', 'spline' or 'lowess'."
        )
    return values[at]


def _count(groups: Groups, minimum: int, method: str) -> int:
    """Return the number of distinct times; raise ValueError if the method needs more."""
    times = len(groups.labels)
    if times < minimum:
        first = shown(groups.labels[0])
        raise ValueError(f"{method} takes {minimum} distinct times or more; got {times}, first {first}.")
    return times
