"""Monotone cubic interpolation of increasing values, as quantiles are read from a histogram thousands of times a run.

The formulas are those of SciPy's `PchipInterpolator`, which takes a millisecond for each function, mostly for checks.
"""

from __future__ import annotations

import numpy as np

from bnstats._arrays import FloatArray
from bnstats._compiled import compiled


@compiled
def increasing_cubic(x: FloatArray, y: FloatArray, at: FloatArray) -> FloatArray:
    """Values at these places of the increasing cubic spline through two or more points, which increase strictly.

    Slopes at inner points are weighted harmonic means of those of the two lines that meet there (Fritsch & Butland
    1984), at the ends those of a parabola through three points, at least 0. Beyond the ends the last cubics go on.

    >>> increasing_cubic(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 4.0]), np.array([0.5, 1.0, 1.5]))
    array([0.3125, 1.    , 2.1875])
    """
    lines = x.size - 1
    width, line, slope = np.empty(lines), np.empty(lines), np.empty(x.size)
    for i in range(lines):
        width[i] = x[i + 1] - x[i]
        line[i] = (y[i + 1] - y[i]) / width[i]
    slope[0], slope[lines] = line[0], line[lines - 1]
    if lines > 1:
        for i in range(1, lines):
            before, after = width[i] + 2 * width[i - 1], 2 * width[i] + width[i - 1]
            slope[i] = (before + after) / (after / line[i - 1] + before / line[i])
        for end, near, far in ((0, 0, 1), (lines, lines - 1, lines - 2)):
            slope[end] = max(0.0, line[near] + (line[near] - line[far]) * width[near] / (width[near] + width[far]))
    out = np.empty(at.size)
    for k in range(at.size):
        i = 0
        while i < lines - 1 and x[i + 1] <= at[k]:
            i += 1
        step, left, right = at[k] - x[i], slope[i], slope[i + 1]
        bend = (left + right - 2 * line[i]) / width[i]
        out[k] = y[i] + step * (left + step * ((line[i] - left) / width[i] - bend + step * bend / width[i]))
    return out
