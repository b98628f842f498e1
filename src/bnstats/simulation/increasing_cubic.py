"""Monotone cubic interpolation of increasing values, as quantiles are read from a histogram thousands of times a run.

The formulas are SciPy's `PchipInterpolator`'s, which takes a millisecond for each function, most of it for checks.
"""

from __future__ import annotations

import numpy as np

from bnstats._arrays import FloatArray
from bnstats._compiled import compiled


@compiled
def increasing_cubic(x: FloatArray, y: FloatArray, at: FloatArray) -> FloatArray:
    """Values at these places of the increasing cubic spline through points whose x and y both increase strictly.

    Slopes at inner points are weighted harmonic means of those of the two lines that meet there (Fritsch & Butland
    1984), at the ends those of a parabola through three points, at least 0. Beyond the ends the last cubics go on.

    >>> increasing_cubic(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 4.0]), np.array([0.5, 1.0, 1.5]))
    array([0.3125, 1.    , 2.1875])
    """
    last = x.size - 1
    width, line = np.empty(last), np.empty(last)
    for i in range(last):
        width[i] = x[i + 1] - x[i]
        line[i] = (y[i + 1] - y[i]) / width[i]
    slope = np.empty(last + 1)
    for i in range(1, last):
        before, after = width[i] + 2 * width[i - 1], 2 * width[i] + width[i - 1]
        slope[i] = (before + after) / (after / line[i - 1] + before / line[i])
    if last == 1:
        slope[0] = slope[1] = line[0]
    else:
        for end, i, j in ((0, 0, 1), (last, last - 1, last - 2)):
            parabola = ((2 * width[i] + width[j]) * line[i] - width[i] * line[j]) / (width[i] + width[j])
            slope[end] = max(parabola, 0.0)
    found = np.empty(at.size)
    for k in range(at.size):
        i = 0
        while i < last - 1 and x[i + 1] <= at[k]:
            i += 1
        step = at[k] - x[i]
        bend = (slope[i] + slope[i + 1] - 2 * line[i]) / width[i]
        found[k] = y[i] + step * (slope[i] + step * ((line[i] - slope[i]) / width[i] - bend + step * bend / width[i]))
    return found
