"""Do estimates agree with true values to within their Monte Carlo errors?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from bnstats._arrays import FloatArray
from bnstats.statistics.estimators import ROUNDING
from bnstats.testing.claims import InsufficientPower, check_false_alarm, require


def assert_within_mcse(
    estimate: ArrayLike,
    truth: ArrayLike,
    mcse: ArrayLike,
    false_alarm: float = 1e-6,
    *,
    detect: ArrayLike | None = None,
    scale: ArrayLike = 0.0,
) -> Any:
    """Assert that estimates agree with true values to within their Monte Carlo standard errors.

    Parameters
    ----------
    estimate, truth, mcse : float or array
        Broadcast to a family of cells. Where mcse is 0, estimate and truth are equal but for rounding.
    false_alarm : float
        Chance that the family fails although every estimate is normal around its truth. It is split evenly over the
        cells (Bonferroni), so it holds whatever their dependence.
    detect : float or array, optional
        A discrepancy to be found: the assertion does not pass where it would overlook one of that size, in a single
        cell, with a chance above `false_alarm`.
    scale : float or array, optional
        Size of the numbers that an estimate near 0 was computed from, such as the data's standard deviation: says how
        large its rounding error is. By default that of estimate and truth themselves.

    Returns
    -------
    float or array
        The smallest discrepancy of each cell that is detected with a probability of at least 1 - `false_alarm`.

    Raises
    ------
    AssertionError
        If an estimate is too far from its truth.
    InsufficientPower
        If an mcse is infinite, or too large to detect `detect`.
    ValueError
        For NaN, an infinite estimate or truth, a negative mcse, or no cells at all.

    Examples
    --------
    >>> round(assert_within_mcse(0.503, 0.5, mcse=0.001, detect=0.01), 5)
    0.00965
    >>> assert_within_mcse(1.1e-16, 0.0, mcse=0.0, scale=1.0) < 1e-13
    True
    >>> assert_within_mcse([0.503, 0.52], [0.5, 0.5], mcse=[0.001, 0.001])
    Traceback (most recent call last):
    AssertionError: not within Monte Carlo error of the truth: 1 of 2 estimates (false alarm 1e-06 in all), the worst:
           estimate  truth   mcse     low    high   z
    cell 1     0.52    0.5  0.001 0.51497 0.52503  20
    Reproduce: assert_within_mcse(0.52, 0.5, 0.001, false_alarm=5e-07)
    """
    __tracebackhide__ = True
    check_false_alarm(false_alarm)
    value, true, error = _family(estimate, truth, mcse)
    z = float(stats.norm.isf(false_alarm / (2 * value.size)))
    size = np.broadcast_to(np.asarray(scale, float), value.shape)
    require(bool((size >= 0).all()), "scale", scale, "the size of numbers, at least 0")
    margin = z * error + ROUNDING * np.maximum(np.maximum(np.abs(value), np.abs(true)), size)
    wrong = np.abs(value - true) > margin
    if wrong.any():
        cells = _cells(value, true, error, margin, estimate)
        raise AssertionError(_discrepancy(cells[wrong.ravel()], value.size, false_alarm))
    power = float(stats.norm.isf(false_alarm))
    detectable = margin + power * error
    if detect is not None:
        _check_power(np.broadcast_to(np.asarray(detect, float), value.shape), detectable, error, z + power, false_alarm)
    return detectable if detectable.ndim else float(detectable)


def _family(estimate: ArrayLike, truth: ArrayLike, mcse: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The cells, all three of one shape, or the reason why they cannot be judged."""
    __tracebackhide__ = True
    given = {"estimate": estimate, "truth": truth, "mcse": mcse}
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in given.items()}
    try:
        value, true, error = np.broadcast_arrays(*arrays.values())
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"estimate, truth and mcse have shapes that do not fit together: {shapes}.") from None
    require(value.size > 0, "estimate", estimate, "at least one number, or the test would pass whatever is true")
    for name, array in (("estimate", value), ("truth", true)):
        bad = array[~np.isfinite(array)]
        require(not bad.size, name, bad[:3], "finite; leave cells out where it is not known or infinite")
    bad = error[~(error >= 0)]
    require(not bad.size, "mcse", bad[:3], "a standard error of at least 0; leave cells out that have none")
    if np.isinf(error).any():
        raise InsufficientPower(
            f"mcse is infinite in {np.count_nonzero(np.isinf(error))} of {error.size} cells, where no discrepancy "
            "would be detected: leave them out, or use a measure without heavy tails, such as median_abs_error."
        )
    return value, true, error


def _check_power(
    wanted: FloatArray, detectable: FloatArray, error: FloatArray, needed: float, false_alarm: float
) -> None:
    __tracebackhide__ = True
    require(bool((wanted > 0).all()), "detect", wanted, "a discrepancy above 0")
    if (detectable > wanted).any():
        worst = np.unravel_index(np.argmax(detectable / wanted), wanted.shape)
        wish, mcse = wanted[worst], error[worst]
        raise InsufficientPower(
            f"a discrepancy of {wish:g} could be overlooked: with an mcse of {mcse:.3g} only {detectable[worst]:.3g} "
            f"and more is detected with a probability of {1 - false_alarm:.8g}. Take {(mcse * needed / wish) ** 2:.3g} "
            f"times as many replicates, for an mcse of {wish / needed:.3g}."
        )


def _cells(value: FloatArray, true: FloatArray, error: FloatArray, margin: FloatArray, given: Any) -> pd.DataFrame:
    """A row for each cell, named by its place in the array or by the index of the given Series."""
    named = isinstance(given, pd.Series) and len(given) == value.size
    places = list(given.index) if named else list(np.ndindex(value.shape))
    names = [place[0] if not named and len(place) == 1 else place for place in places]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (value - true) / error
    columns = {"estimate": value, "truth": true, "mcse": error, "low": value - margin, "high": value + margin, "z": z}
    index = [f"cell {name}" if value.ndim else "" for name in names]
    return pd.DataFrame({name: column.ravel() for name, column in columns.items()}, index=index)


def _discrepancy(wrong: pd.DataFrame, size: int, false_alarm: float) -> str:
    worst = wrong.sort_values("z", key=np.abs, ascending=False).head(5)
    estimate, truth, mcse = (float(x) for x in worst.iloc[0, :3])
    return (
        f"not within Monte Carlo error of the truth: {len(wrong)} of {size} estimates (false alarm {false_alarm:g} "
        f"in all), the worst:\n{worst.to_string(float_format='{:.5g}'.format)}\n"
        f"Reproduce: assert_within_mcse({estimate!r}, {truth!r}, {mcse!r}, false_alarm={false_alarm / size!r})"
    )
