"""From replicates to numbers: each summary has a value and a Monte Carlo standard error in closed form.

e is value - origin: the error of an estimate if the origin is its target. The formulas are those of Morris, White &
Crowther (2019, Table 6), with the fourth moment of the replicates in place of normality in that of the empirical
standard error, and the delta method for the root of the mean squared error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnstats.simulation.tally import DISTANCES, Evidence, Sample


@dataclass(frozen=True)
class Summary:
    """A number that summarises replicates.

    Attributes
    ----------
    value, mcse : callable (Evidence) -> float
    order : float
        The MCSE exists if the moment of |e| of this order does.
    scale : callable (Evidence) -> float, optional
        What the MCSE is divided by for a relative precision; by default the value.
    unseen : bool
        Whether a value of 0 or 1 without spread is what a rare event looks like that has not happened, or failed, yet.
    histogram : bool
        Whether it needs more of the replicates than their moments.
    at_gap : callable (Evidence) -> bool, optional
        Whether chance decides between values far apart: then more replicates make the MCSE smaller at one stroke, or,
        at a tie, never, and none are added for it.
    """

    value: Callable[[Evidence], float]
    mcse: Callable[[Evidence], float]
    order: float
    scale: Callable[[Evidence], float] | None = None
    unseen: bool = False
    histogram: bool = False
    at_gap: Callable[[Evidence], bool] | None = None

    def of(self, evidence: Evidence) -> tuple[float, float, float]:
        """Value, MCSE and relative MCSE."""
        with np.errstate(all="ignore"):
            value, mcse = float(self.value(evidence)), float(self.mcse(evidence))
            scale = abs(float((self.scale or self.value)(evidence)))
        if mcse == 0:
            return value, mcse, np.inf if self.unseen and value in (0.0, 1.0) else 0.0
        return value, mcse, mcse / scale if scale > 0 else np.inf

    def leaving_out(self, sample: Sample) -> NDArray[np.float64]:
        """The value without each of the groups in turn."""
        with np.errstate(all="ignore"):
            return np.array([self.value(evidence) for evidence in sample.left_out])


def _se(e: Evidence) -> float:
    return float(np.sqrt(e.central(2) * e.n / (e.n - 1)))


def _rmse(e: Evidence) -> float:
    return float(np.sqrt(e.mean_square))


def _mean_mcse(e: Evidence) -> float:
    return _se(e) / float(np.sqrt(e.n))


def _se_mcse(e: Evidence) -> float:
    return _root_mcse(e.central(2), e.central(4), e.n)


def _rmse_mcse(e: Evidence) -> float:
    b = e.mean
    fourth = e.central(4) + 4 * b * e.central(3) + 6 * b**2 * e.central(2) + b**4
    return _root_mcse(e.mean_square, fourth, e.n)


def _root_mcse(second: float, fourth: float, n: float) -> float:
    """MCSE of the root of a mean of squares, from the mean of their squares (delta method)."""
    return float(np.sqrt(max(fourth - second**2, 0.0) / n / (4 * second))) if second != 0 else 0.0


def _median_mcse(e: Evidence) -> float:
    """Half the distance of the quantiles one standard error of a proportion to both sides (Woodruff 1952).

    Between atoms the quantiles jump: a jump that is k standard errors of a proportion away counts for its k-th part.
    """
    center, lower, upper = e.median
    half = float(upper[0] - lower[0]) / 2
    if not e.atoms[0].size:
        return half
    return max(half, float(np.max(np.maximum(upper - center, center - lower) / DISTANCES)))


def _between_atoms(e: Evidence) -> bool:
    """Whether a quantile near the median is an atom, and another one is not the same."""
    center, lower, upper = e.median
    near = (center, lower[-1], upper[-1])
    return bool(lower[-1] < upper[-1] and np.isin(near, e.atoms[0]).any())


SUMMARIES: dict[str, Summary] = {
    "mean": Summary(lambda e: e.mean, _mean_mcse, order=2, unseen=True),
    "bias": Summary(lambda e: e.mean, _mean_mcse, order=2, scale=_rmse),
    "se": Summary(_se, _se_mcse, order=4),
    "rmse": Summary(_rmse, _rmse_mcse, order=4),
    "median_abs_error": Summary(lambda e: e.median[0], _median_mcse, order=0, histogram=True, at_gap=_between_atoms),
}


def histogram(summaries: Iterable[str]) -> bool:
    """Whether any of these summaries needs a histogram of the replicates: 160 kB a measure, moments less than 1.

    >>> histogram(["mean"]), histogram(["bias", "median_abs_error"])
    (False, True)
    """
    return any(SUMMARIES[name].histogram for name in summaries)
