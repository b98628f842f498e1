"""Moments of replicates that stand mixed in one column: one pass over the rows for all conditions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray, IntArray
from bnstats._compiled import compiled
from bnstats.simulation.replicates.sample import GROUPS, Sample
from bnstats.simulation.replicates.tally import EPSILON

IN_TURN, ALL_ROWS = np.arange(GROUPS), np.empty(0, np.bool_)
"""Groups that rows join in turn, and the choice of all rows."""


def samples_of(
    values: NDArray[Any],
    codes: IntArray,
    targets: FloatArray,
    parts: IntArray = IN_TURN,
    kept: NDArray[np.bool_] = ALL_ROWS,
) -> list[Sample]:
    """Return the replicates of each condition, with its target.

    Parameters
    ----------
    values : array, shape (rows,)
        Replicates of all conditions; booleans are events.
    codes : int array, shape (rows,)
        Condition of each row.
    targets : array, shape (conditions,)
        True value of each condition, or NaN.
    parts : int array, shape (rows,) or (GROUPS,)
        Group of each row, from 0 to GROUPS - 1; `IN_TURN` if rows join the groups in turn.
    kept : bool array, shape (rows,)
        True for rows that count; by default all do.

    Examples
    --------
    >>> samples = samples_of(np.array([2.0, 4.0, 7.0]), np.array([0, 0, 1]), np.array([1.0, 7]))
    >>> [float(sample.whole().bias) for sample in samples]
    [2.0, 0.0]
    """
    moments, mask = np.zeros((targets.size * GROUPS, 5)), GROUPS - 1 if parts is IN_TURN else -1
    if values.dtype == np.bool_:
        _count(values, codes, parts, mask, kept, moments)
        extremes = np.tile([0.0, 1.0], (targets.size, 1))
    else:
        extremes = np.tile([math.inf, -math.inf], (targets.size, 1))
        with np.errstate(all="ignore"):  # of infinite values
            _fill(values, codes, parts, mask, kept, np.where(np.isfinite(targets), targets, 0.0), moments, extremes)
    return [
        _sample(part, ends, float(target), values.dtype == np.bool_)
        for part, ends, target in zip(moments.reshape(-1, GROUPS, 5), extremes, targets, strict=True)
    ]


def _sample(moments: FloatArray, extremes: FloatArray, target: float, events: bool) -> Sample:
    """Return the replicates of a condition; a single bin holds their extremes."""
    counts = moments[:, :1].astype(np.int64)
    bins, none = np.zeros(1, np.int64), np.empty(0)
    missing = np.zeros(2, np.int64)
    histogram = bins, counts, extremes[:1], extremes[1:], none, np.empty((GROUPS, 0), np.int64)
    return Sample(moments, missing, events, *histogram, target=target)


@compiled
def _count(
    events: NDArray[np.bool_], codes: IntArray, parts: IntArray, mask: int, kept: NDArray[np.bool_], moments: FloatArray
) -> None:
    """Write count, mean and sums of powers of deviations of each slot, from the number of events."""
    for i in range(events.size):
        s = -1 if kept.size and not kept[i] else codes[i] * GROUPS + parts[i & mask]
        if s >= 0:
            moments[s, 0] += 1
            moments[s, 1] += events[i]
    for s in range(moments.shape[0]):
        n = moments[s, 0]
        p = moments[s, 1] / max(n, 1.0)
        both = p * (1 - p)
        moments[s, 1] = p
        moments[s, 2] = n * both
        moments[s, 3] = n * both * (1 - 2 * p)
        moments[s, 4] = n * both * (1 - 3 * both)


@compiled
def _fill(
    values: FloatArray,
    codes: IntArray,
    parts: IntArray,
    mask: int,
    kept: NDArray[np.bool_],
    origins: FloatArray,
    moments: FloatArray,
    extremes: FloatArray,
) -> None:
    """Write count, mean and sums of powers of deviations of each slot, and the extremes of each condition."""
    for i in range(values.size):
        s = -1 if kept.size and not kept[i] else codes[i] * GROUPS + parts[i & mask]
        if s >= 0:
            c = codes[i]
            x = values[i] - origins[c]
            moments[s, 0] += 1
            moments[s, 1] += x
            if x < extremes[c, 0]:
                extremes[c, 0] = x
            if x > extremes[c, 1]:
                extremes[c, 1] = x
    for s in range(moments.shape[0]):
        moments[s, 1] /= max(moments[s, 0], 1.0)
    first = np.zeros(moments.shape[0])
    for i in range(values.size):
        s = -1 if kept.size and not kept[i] else codes[i] * GROUPS + parts[i & mask]
        if s >= 0:
            d = values[i] - origins[codes[i]] - moments[s, 1]
            q = d * d
            first[s] += d
            moments[s, 2] += q
            moments[s, 3] += q * d
            moments[s, 4] += q * q
    for s in range(moments.shape[0]):
        n = max(moments[s, 0], 1.0)
        slip = first[s] / n  # the mean is rounded
        moments[s, 1] += slip
        moments[s, 2] -= n * slip**2
        if moments[s, 2] <= n * (4 * EPSILON * moments[s, 1]) ** 2:
            moments[s, 2:] = 0.0  # equal values, but for the rounding of their mean
