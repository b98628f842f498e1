"""The best learning rate of a kind of network, found on a grid that is widened until the best one is inside of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

FACTOR, WIDEST = 3.0, 12


def tried_rates(measure: Callable[[Sequence[float]], pd.DataFrame], start: float) -> pd.DataFrame:
    """Return what `measure` finds at start / 3, start and 3 start, and beyond the end at which `value` is the largest.

    Parameters
    ----------
    measure : function of learning rates
        Returns a table with one row per rate, in the columns learning_rate and value.
    start : float

    Returns
    -------
    DataFrame
        One row per rate, in increasing order; the largest value is in neither the first nor the last.

    Raises
    ------
    ValueError
        If the best one is still at an end of a grid of twelve rates.

    Examples
    --------
    >>> def peak_at_one(rates):
    ...     return pd.DataFrame({"learning_rate": rates, "value": [-abs(rate - 1) for rate in rates]})
    >>> tried_rates(peak_at_one, 9.0)["learning_rate"].round(3).tolist()
    [0.333, 1.0, 3.0, 9.0, 27.0]
    """
    table = measure([start / FACTOR, start, start * FACTOR])
    while len(table) < WIDEST:
        table = table.sort_values("learning_rate", ignore_index=True)
        best = table["value"].idxmax()
        if 0 < best < len(table) - 1:
            return table
        rate = table["learning_rate"].iloc[best]
        further = rate / FACTOR if best == 0 else rate * FACTOR
        table = pd.concat([table, measure([further])], ignore_index=True)
    low, high = table["learning_rate"].agg(["min", "max"])
    raise ValueError(f"the best of {len(table)} learning rates from {low:g} to {high:g} is still one of the outermost.")


def best_rate(tried: pd.DataFrame) -> float:
    """The learning rate of the largest value.

    >>> best_rate(pd.DataFrame({"learning_rate": [0.1, 0.3, 0.9], "value": [0.5, 0.9, 0.1]}))
    0.3
    """
    return float(tried.loc[tried["value"].idxmax(), "learning_rate"])
