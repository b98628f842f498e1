"""Assertion that estimates agree with true values to within their Monte Carlo standard errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bnstats._checks.arguments import aligned_by_label, checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import real_array
from bnstats._checks.tables import like
from bnstats._checks.values import require
from bnstats.statistics.estimators import ROUNDING
from bnstats.testing.error_bounds import bounds, quantile
from bnstats.testing.sequential.looks import InsufficientPower, false_alarm_rate


@aligned_by_label("estimate", "truth", "mcse", "replicates", "mcse_df", "exact", "detect", "scale")
@checked(false_alarm=false_alarm_rate)
def assert_within_mcse(
    estimate: ArrayLike | pd.DataFrame,
    truth: ArrayLike | None = None,
    mcse: ArrayLike | None = None,
    false_alarm: float = 1e-6,
    *,
    replicates: ArrayLike | None = None,
    mcse_df: ArrayLike | None = None,
    exact: ArrayLike = False,
    detect: ArrayLike | None = None,
    scale: ArrayLike = 0.0,
) -> Any:
    """Assert that estimates agree with true values to within their Monte Carlo standard errors.

    Parameters
    ----------
    estimate : float, array or DataFrame
        Estimates; `estimate`, `truth` and `mcse` are broadcast to a family of numbers. All arguments that are a Series
        are aligned by their labels. A table of this package may be given alone. Its columns value, exact, mcse, mcse_df
        and replicates are read. An mcse of 0 in a table means that the value is known exactly. Rows without a finite
        exact value or a finite mcse are left out.
    truth : float or array, optional
        True values; left out with a table.
    mcse : float or array, optional
        Monte Carlo standard errors of the estimates; left out with a table.
    false_alarm : float
        Probability that the family fails although every estimate is normal around its true value. It is split evenly
        over the estimates (Bonferroni), so it holds for any dependence between them.
    replicates : int or array, optional
        Number of replicates from which mcse was estimated. The bounds are then those of Student's t. For a proportion,
        which an mcse of sqrt(p (1 - p) / replicates) shows, they are those of the binomial distribution. By default
        mcse is taken as known, and few replicates cause more false alarms: at a rate of 0.05, mcse from 5, 10 and 30
        replicates causes 0.11, 0.07 and 0.06.
    mcse_df : float or array, optional
        Degrees of freedom of mcse, inf if mcse is known; the bounds are those of Student's t with these degrees of
        freedom. By default replicates - 1.
    exact : bool or array
        True if an mcse of 0 means that the estimate is known exactly, so that it differs from the truth by rounding at
        most. If False, an mcse of 0 decides nothing where estimate and truth differ: an event may not have occurred.
    detect : float or array, optional
        Discrepancy that must be detected. The assertion does not pass if it would overlook a discrepancy of this size
        of a single estimate with a probability above `false_alarm`.
    scale : float or array, optional
        Size of the numbers that an estimate near 0 was computed from, such as the data's standard deviation. It sets
        the size of the rounding error. By default the size of estimate and truth.

    Returns
    -------
    float, array or Series
        Smallest discrepancy of each estimate that is detected with a probability of at least 1 - `false_alarm`. It has
        the unit and the labels of `estimate`.

    Raises
    ------
    AssertionError
        If an estimate is too far from its true value.
    InsufficientPower
        If an mcse is infinite, if it is too large to detect `detect`, or if it is 0 without `exact` where estimate and
        truth differ.
    ValueError
        If an estimate or truth is NaN or infinite, if an mcse is NaN or negative, or if there are no estimates.

    Examples
    --------
    >>> round(assert_within_mcse(0.503, 0.5, mcse=0.001, detect=0.01), 5)
    0.00965
    >>> f"{assert_within_mcse(1.1e-16, 0.0, mcse=0.0, exact=True, scale=1.0):.1g}"
    '1e-14'
    >>> assert_within_mcse([0.503, 0.52], [0.5, 0.5], mcse=[0.001, 0.001], replicates=10_000)
    Traceback (most recent call last):
    AssertionError: not within Monte Carlo error of the truth: 1 of 2 estimates (false alarm 1e-06 in all), the worst:
             estimate  truth   mcse     low    high   z
    number 1     0.52    0.5  0.001 0.51497 0.52503  20
    Reproduce: bn.testing.assert_within_mcse(0.52, 0.5, 0.001, false_alarm=5e-07, replicates=10000)
    """
    __tracebackhide__ = True
    if isinstance(estimate, pd.DataFrame):
        require(
            truth is None and mcse is None, "truth and mcse", (truth, mcse), "left out with a table, which has both"
        )
        estimate, truth, mcse, replicates, mcse_df = _of_table(estimate)
        exact = True
    value, true, error = _family(estimate, truth, mcse)
    # Without a number of replicates, mcse is taken as known.
    count = np.full(value.shape, np.inf) if replicates is None else _per_estimate("replicates", replicates, value, 2)
    df = np.maximum(count - 1, 1) if mcse_df is None else _per_estimate("mcse_df", mcse_df, value, 0)
    size, known_exactly = (np.broadcast_to(np.asarray(x, float), value.shape) for x in (scale, exact))
    require(bool((size >= 0).all()), "scale", scale, "the size of numbers, at least 0")
    rounding = ROUNDING * np.maximum(np.maximum(np.abs(value), np.abs(true)), size)
    unseen = (error == 0) & (known_exactly == 0) & (np.abs(value - true) > rounding)
    if unseen.any():
        raise InsufficientPower(
            f"mcse is 0 in {np.count_nonzero(unseen)} of {error.size} estimates that differ from the truth, although "
            "events that did not occur have an error, too. Give exact=True if the estimates are known exactly, "
            "otherwise an mcse above 0, such as 3 / replicates for the proportion of an event."
        )
    below, above = bounds(value, error, df, count, false_alarm / (2 * value.size))
    low, high = value - below - rounding, value + above + rounding
    wrong = (true < low) | (true > high)
    if wrong.any():
        columns = {"estimate": value, "truth": true, "mcse": error, "low": low, "high": high}
        rows = _rows(columns | {"replicates": count, "mcse_df": df}, estimate)
        raise AssertionError(_discrepancy(rows[wrong.ravel()], value.size, false_alarm))
    power = quantile(false_alarm, df)
    detectable = np.maximum(below, above) + rounding + power * error
    if detect is not None:
        _check_power(np.broadcast_to(np.asarray(detect, float), value.shape), detectable, error, false_alarm)
    if np.shape(estimate) == detectable.shape:
        detectable = like(estimate, detectable)
    return detectable if np.ndim(detectable) else float(detectable)


def _of_table(table: pd.DataFrame) -> tuple[Any, ...]:
    """Return estimate, truth, mcse, replicates and degrees of freedom of the rows that can be judged."""
    columns = ["value", "exact", "mcse", "replicates"]
    missing = [name for name in columns if name not in table]
    require(not missing, "a table", list(table.columns), f"one of this package, with the columns {', '.join(columns)}")
    judged = table[np.isfinite(table[columns].astype(float)).all(axis=1)]
    require(
        len(judged) > 0,
        "a table",
        f"{len(table)} rows without",
        "one with a finite exact value and mcse in some row",
    )
    return (*(judged[name] for name in columns), judged.get("mcse_df"))


def _per_estimate(name: str, given: ArrayLike, value: FloatArray, least: float) -> FloatArray:
    """Return one number for each estimate, of at least `least`, or above 0 if that is 0."""
    __tracebackhide__ = True
    number = real_array(name, given, finite=False, minimum=0)
    allowed = number >= least if least else number > 0
    required = f"a number of at least {least:g} for each estimate" if least else "a number above 0 for each estimate"
    require(bool(allowed.all()), name, given, required)
    try:
        return np.broadcast_to(number, value.shape)
    except ValueError:
        raise ValueError(f"{name} of shape {number.shape} do not fit estimates of shape {value.shape}.") from None


def _family(
    estimate: ArrayLike, truth: ArrayLike | None, mcse: ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return estimate, truth and mcse broadcast to one shape; raise an error if they cannot be judged."""
    __tracebackhide__ = True
    given = {"estimate": estimate, "truth": truth, "mcse": mcse}
    for name, values in given.items():
        require(values is not None, name, values, "needed, unless a table is given alone")
    arrays = {name: real_array(name, values, finite=False, minimum=0) for name, values in given.items()}
    try:
        value, true, error = np.broadcast_arrays(*arrays.values())
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"estimate, truth and mcse have shapes that do not fit together: {shapes}.") from None
    require(value.size > 0, "estimate", estimate, "at least one number, as a test of no number always passes")
    for name, array in (("estimate", value), ("truth", true)):
        bad = array[~np.isfinite(array)]
        require(not bad.size, name, bad[:3], f"finite; leave out estimates whose {name} is unknown or infinite")
    bad = error[~(error >= 0)]
    require(not bad.size, "mcse", bad[:3], "a standard error of at least 0; leave out estimates without an mcse")
    if np.isinf(error).any():
        raise InsufficientPower(
            f"mcse is infinite in {np.count_nonzero(np.isinf(error))} of {error.size} estimates, where no discrepancy "
            "would be detected. Leave these out, or use a measure without heavy tails, such as median_abs_error."
        )
    return value, true, error


def _check_power(detect: FloatArray, detectable: FloatArray, error: FloatArray, false_alarm: float) -> None:
    __tracebackhide__ = True
    require(bool((detect > 0).all()), "detect", detect, "a discrepancy above 0")
    if (detectable > detect).any():
        with np.errstate(over="ignore"):  # for a discrepancy that no number of replicates detects
            ratio = detectable / detect
            worst = np.unravel_index(np.argmax(ratio), detect.shape)
            size, mcse, times = detect[worst], error[worst], ratio[worst] ** 2
        raise InsufficientPower(
            f"a discrepancy of {size:g} could be overlooked: an mcse of {mcse:.3g} detects only discrepancies of at "
            f"least {detectable[worst]:.3g} with a probability of {1 - false_alarm:.8g}. Take {times:.3g} times as "
            f"many replicates, for an mcse of {mcse / math.sqrt(times):.3g}."
        )


def _rows(columns: dict[str, FloatArray], given: Any) -> pd.DataFrame:
    """Return a table with one row for each estimate, named by array index or by the label of the Series."""
    value = columns["estimate"]
    named = isinstance(given, pd.Series) and len(given) == value.size
    places = list(given.index) if named else list(np.ndindex(value.shape))
    names = [place[0] if not named and len(place) == 1 else place for place in places]
    index = [f"number {name}" if value.ndim else "" for name in names]
    rows = pd.DataFrame({name: column.ravel() for name, column in columns.items()}, index=index)
    return rows.assign(z=(rows["estimate"] - rows["truth"]) / rows["mcse"])


def _discrepancy(wrong: pd.DataFrame, size: int, false_alarm: float) -> str:
    worst = wrong.sort_values("z", key=np.abs, ascending=False).head(5)
    estimate, truth, mcse = (float(x) for x in worst.iloc[0, :3])
    count, df = (float(worst[name].iloc[0]) for name in ("replicates", "mcse_df"))
    options = f", replicates={count:.0f}" if math.isfinite(count) else ""
    options += f", mcse_df={df!r}" if math.isfinite(df) and df != count - 1 else ""
    options += ", exact=True" if mcse == 0 else ""
    shown = worst.drop(columns=["replicates", "mcse_df"]).to_string(float_format="{:.5g}".format)
    return (
        f"not within Monte Carlo error of the truth: {len(wrong)} of {size} estimates (false alarm {false_alarm:g} "
        f"in all), the worst:\n{shown}\n"
        f"Reproduce: bn.testing.assert_within_mcse({estimate!r}, {truth!r}, {mcse!r}, "
        f"false_alarm={false_alarm / size!r}{options})"
    )
