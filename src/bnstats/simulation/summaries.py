"""From replicates to numbers: each summary has a value and a Monte Carlo standard error in closed form.

e is value - origin: the error of an estimate if the origin is its target. The formulas are those of Morris, White &
Crowther (2019, Table 6), with the fourth moment of the replicates in place of normality in that of the empirical
standard error, and the delta method for the root of the mean squared error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from bnstats.simulation.tally import EDGES, Sample

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """A number that summarises replicates.

    Attributes
    ----------
    value, mcse : callable
        Of the merged moments and of the quantile function of |e|.
    order : float
        The MCSE is finite if the moment of |e| of this order is.
    relative_to : callable, optional
        What the MCSE is compared with for a relative precision; the value itself if left out.
    """

    value: Callable[[Array, Quantile], float]
    mcse: Callable[[Array, Quantile], float]
    order: float
    relative_to: Callable[[Array], float] | None = None

    def of(self, sample: Sample) -> tuple[float, float, float]:
        """Value, MCSE and relative MCSE."""
        moments, counts = sample.whole()
        quantile = Quantile(counts, sample.low, sample.high)
        with np.errstate(invalid="ignore", divide="ignore"):
            value, mcse = float(self.value(moments, quantile)), float(self.mcse(moments, quantile))
        scale = abs(self.relative_to(moments) if self.relative_to else value)
        return value, mcse, mcse / scale if scale > 0 else (0.0 if mcse == 0 else np.inf)

    def leaving_out(self, sample: Sample) -> Array:
        """The value without each of the groups in turn."""
        parts = [sample.without(g) for g in range(len(sample.moments))]
        return np.array([self.value(m, Quantile(c, sample.low, sample.high)) for m, c in parts])


@dataclass(frozen=True)
class Quantile:
    """The quantile function of |e| from its histogram."""

    counts: NDArray[np.int64]
    low: Array
    high: Array

    def __call__(self, probability: float) -> float:
        """Cubic monotone interpolation between bin edges; exact where the bin holds a single value."""
        below = np.cumsum(self.counts)
        target = probability * below[-1]
        b = int(np.searchsorted(below, target))
        if self.low[b] == self.high[b] or b in (0, len(below) - 1):
            return float(self.low[b])
        near = np.arange(max(b - 3, 0), min(b + 4, len(below)))
        rising = near[np.diff(below[near], prepend=-1) > 0]
        if len(rising) < 2:
            return float(self.high[b])
        value = float(PchipInterpolator(below[rising], EDGES[rising + 1])(target))
        return min(max(value, float(self.low[b])), float(self.high[b]))

    def median_mcse(self) -> float:
        """Half the distance of the quantiles one standard error of a proportion to both sides (Woodruff 1952)."""
        step = 0.5 / np.sqrt(self.counts.sum())
        return (self(min(0.5 + step, 1.0)) - self(max(0.5 - step, 0.0))) / 2


def _variance(m: Array) -> float:
    return float(m[2] / (m[0] - 1))


def _mean_square(m: Array) -> float:
    return float(m[2] / m[0] + m[1] ** 2)


def _mean_mcse(m: Array, _: Quantile) -> float:
    return float(np.sqrt(_variance(m) / m[0]))


def _se_mcse(m: Array, _: Quantile) -> float:
    n, s2 = m[0], m[2] / m[0]
    return float(np.sqrt((m[4] / n - s2**2) / n / (4 * s2)))


def _rmse_mcse(m: Array, _: Quantile) -> float:
    n, b, square = m[0], m[1], _mean_square(m)
    fourth = m[4] / n + 4 * b * m[3] / n + 6 * b**2 * m[2] / n + b**4
    return float(np.sqrt(max(fourth - square**2, 0.0) / n / (4 * square)))


SUMMARIES: dict[str, Summary] = {
    "mean": Summary(lambda m, _: m[1], _mean_mcse, 2),
    "bias": Summary(lambda m, _: m[1], _mean_mcse, 2, lambda m: np.sqrt(_mean_square(m))),
    "se": Summary(lambda m, _: np.sqrt(_variance(m)), _se_mcse, 4),
    "rmse": Summary(lambda m, _: np.sqrt(_mean_square(m)), _rmse_mcse, 4),
    "median_abs_error": Summary(lambda _, q: q(0.5), lambda _, q: q.median_mcse(), 0),
}
