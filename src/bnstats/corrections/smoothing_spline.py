"""Cubic smoothing spline; cross-validation chooses the penalty, independently of units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.linalg import cholesky_banded, solveh_banded

from bnstats._checks.array_types import FloatArray


def smoothing_spline(times: FloatArray, values: FloatArray, weights: FloatArray, penalty: float | None) -> Curve:
    """Return the curve g that minimizes sum w (y - g(t))² + penalty ∫ g''² for each column of values.

    The equations are Reinsch's (Green & Silverman 1994, section 2.3). They are solved for the residuals of a straight
    line, with times at a mean distance of 1, so that origins and units cost no digits.

    Parameters
    ----------
    times : array, shape (n,)
        Increasing times, at least 3.
    values : array, shape (n, features)
        Values y at the times.
    weights : array, shape (n,)
        Weights w of the times.
    penalty : float, optional
        Penalty in units of time³. By default each column has the penalty with its smallest generalized cross-validation
        score.

    Returns
    -------
    Curve
        The curves of all columns.

    Examples
    --------
    >>> times = np.arange(6.0)
    >>> line = smoothing_spline(times, 3 + 2 * times[:, None], np.ones(6), penalty=None)
    >>> line(np.array([2.5, 7.0])).round(9).tolist()
    [[8.0], [17.0]]
    """
    unit = np.ptp(times) / (len(times) - 1)
    t = (times - times[0]) / unit
    level, middle = np.average(values, axis=0, weights=weights), np.average(t, weights=weights)
    rest, away = values - level, (t - middle)[:, None]
    slope = (weights[:, None] * away * rest).sum(axis=0) / (weights[:, None] * away**2).sum()
    rest = rest - slope * away
    equations = _Equations.of(t, weights)
    columns = []
    for y in rest.T:
        scaled = _cross_validated(equations, y) if penalty is None else penalty / unit**3
        columns.append(y - equations.residual(y, scaled))
    bend = CubicSpline(t, np.stack(columns, axis=1), bc_type="natural")
    return Curve(float(times[0]), float(unit), level, slope, float(middle), bend)


@dataclass(frozen=True)
class Curve:
    """Curve of each feature: a straight line plus a natural cubic spline, in the time (t - start) / unit."""

    start: float
    unit: float
    level: FloatArray
    slope: FloatArray
    middle: float
    bend: CubicSpline

    def __call__(self, times: FloatArray) -> FloatArray:
        """Return the curves' values, shape (times, features)."""
        t = (times - self.start) / self.unit
        return np.asarray(self.level + self.slope * (t - self.middle)[:, None] + self.bend(t))


@dataclass(frozen=True)
class _Equations:
    """Reinsch's equations (R + penalty Q' W^-1 Q) c = Q' y.

    c is the curve's second derivative at the inner times. Q' takes second differences, R integrates. Both matrices on
    the left are stored by their diagonals.
    """

    second_difference: FloatArray  # (3, n - 2): coefficients of the times before, at and after an inner time
    integral: FloatArray  # R, (3, n - 2)
    roughness: FloatArray  # Q' W^-1 Q, (3, n - 2)
    weights: FloatArray

    @staticmethod
    def of(t: FloatArray, weights: FloatArray) -> _Equations:
        h = np.diff(t)
        q = np.stack([1 / h[:-1], -1 / h[:-1] - 1 / h[1:], 1 / h[1:]])
        v = [1 / weights[:-2], 1 / weights[1:-1], 1 / weights[2:]]
        integral, roughness = np.zeros((2, 3, q.shape[1]))
        integral[0], integral[1, :-1] = (h[:-1] + h[1:]) / 3, h[1:-1] / 6
        roughness[0] = sum(a**2 * b for a, b in zip(q, v, strict=True))
        roughness[1, :-1] = q[1, :-1] * v[1][:-1] * q[0, 1:] + q[2, :-1] * v[2][:-1] * q[1, 1:]
        roughness[2, :-2] = q[2, :-2] * v[2][:-2] * q[0, 2:]
        return _Equations(q, integral, roughness, weights)

    def residual(self, y: FloatArray, penalty: float) -> FloatArray:
        """Return y less the curve at the times."""
        q = self.second_difference
        differences = (q * np.stack([y[:-2], y[1:-1], y[2:]])).sum(axis=0)
        bend = solveh_banded(self.integral + penalty * self.roughness, differences, lower=True)
        out = np.zeros_like(y)
        for shift, part in enumerate(q * bend):
            out[shift : shift + part.size] += part
        return np.asarray(penalty * out / self.weights)

    def score(self, y: FloatArray, penalty: float) -> float:
        """Return the generalized cross-validation score, n sum w residual² / (n - degrees of freedom)².

        n - degrees of freedom is the derivative of the log determinant with respect to the log penalty.
        """
        spare = (self._log_determinant(penalty * 1.01) - self._log_determinant(penalty / 1.01)) / (2 * np.log(1.01))
        return float(y.size * (self.weights * self.residual(y, penalty) ** 2).sum() / spare**2)

    def _log_determinant(self, penalty: float) -> float:
        factor = cholesky_banded(self.integral + penalty * self.roughness, lower=True)
        return float(2 * np.log(factor[0]).sum())


def _cross_validated(equations: _Equations, y: FloatArray) -> float:
    """Return the penalty with the smallest score, between almost interpolation and almost a straight line."""
    # A wave with a period of p times keeps half of its amplitude at a penalty of (p / 2 pi)⁴ weights.
    powers = np.arange(-4.0, 4 * np.log10(y.size) + 2, 0.25) + np.log10(equations.weights.mean())
    scores = np.array([equations.score(y, 10.0**power) for power in powers])
    best = int(np.argmin(scores))
    if not 0 < best < powers.size - 1:
        return float(10.0 ** powers[best])
    # The vertex of a parabola is stable; the minimum is so flat that it would move with the values' last digits.
    before, lowest, after = scores[best - 1 : best + 2]
    return float(10.0 ** (powers[best] + 0.125 * (before - after) / (before - 2 * lowest + after)))
