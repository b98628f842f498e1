"""Monotone cubic interpolation of increasing values, for quantiles that are read from histograms.

A run reads thousands of quantiles. The formulas are those of SciPy's `PchipInterpolator`, which takes a millisecond for
each function, mostly for checks.
"""

from __future__ import annotations

import numpy as np

from bnstats._checks.array_types import FloatArray


def increasing_cubic(x: FloatArray, y: FloatArray, at: FloatArray) -> FloatArray:
    """Return values at these places of the increasing cubic spline through two or more points.

    The points increase strictly. Slopes at inner points are weighted harmonic means of the slopes of the two lines that
    meet there (Fritsch & Butland 1984). Slopes at the ends are those of a parabola through three points, at least 0.
    Beyond the ends the outermost cubics continue.

    >>> increasing_cubic(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 4.0]), np.array([0.5, 1.0, 1.5]))
    array([0.3125, 1.    , 2.1875])
    """
    width = x[1:] - x[:-1]
    line = (y[1:] - y[:-1]) / width
    slope = np.empty(x.size)
    slope[0], slope[-1] = line[0], line[-1]
    if line.size > 1:
        before, after = width[1:] + 2 * width[:-1], 2 * width[1:] + width[:-1]
        slope[1:-1] = (before + after) / (after / line[:-1] + before / line[1:])
        for end, near, far in ((0, 0, 1), (-1, -1, -2)):
            parabola = line[near] + (line[near] - line[far]) * width[near] / (width[near] + width[far])
            slope[end] = max(parabola, 0.0)
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, line.size - 1)
    step, width, line, left, right = at - x[i], width[i], line[i], slope[i], slope[i + 1]
    bend = (left + right - 2 * line) / width
    return np.asarray(y[i] + step * (left + step * ((line - left) / width - bend + step * bend / width)))
