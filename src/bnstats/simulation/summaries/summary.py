"""Summary: a number computed from replicates, with its Monte Carlo standard error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import interval
from bnstats._checks.user_code import answer, is_own
from bnstats._checks.values import flag, function, optional, word
from bnstats._families.docstrings import describe_parameters
from bnstats.simulation.precision.degrees_of_freedom import of_mean
from bnstats.simulation.replicates.control_variates import LEAST_GAIN
from bnstats.simulation.replicates.sample import Replicates, Sample

ROUNDING = 1e-12
"""Relative differences below this are rounding errors."""


def _df_of_mean(r: Replicates) -> float:
    return of_mean(r.n, r.skewness, r.kurtosis)


def _of_replicates(name: str, given: Any) -> Any:
    return function(name, given, "f(replicates), which returns a number")


@describe_parameters(replicates="Replicates\nMoments and quantiles of the replicates.")
@checked(
    name=word,
    value=_of_replicates,
    mcse=_of_replicates,
    order=interval("[0, inf)"),
    scale=optional(_of_replicates),
    histogram=flag,
    at_gap=optional(_of_replicates),
    of_events=flag,
    of_model_se=flag,
    gradient=optional(_of_replicates),
    df=optional(_of_replicates),
)
@dataclass(frozen=True)
class Summary:
    """Number that summarizes replicates.

    Attributes
    ----------
    name : str
        Name in the column `summary`.
    value, mcse : callable (Replicates) -> float
        Value and Monte Carlo standard error, from moments and quantiles of the replicates.
    df : callable (Replicates) -> float, optional
        Degrees of freedom of the MCSE; by default those of the MCSE of a mean.
    order : float
        The MCSE exists if the moment of abs(value) of this order exists.
    scale : callable (Replicates) -> float, optional
        The relative MCSE is the MCSE divided by the scale; by default the scale is the value.
    histogram : bool
        True if the summary needs a histogram of the replicates, besides their moments.
    at_gap : callable (Replicates) -> bool, optional
        True if chance decides between two values far apart. More replicates then reduce the MCSE suddenly or, at a tie,
        never.
    of_events : bool
        True if the summary is the proportion of replicates that are True.
    of_model_se : bool
        True if the summary uses standard errors by a model, see `Study.model_se`.
    gradient : callable (Replicates) -> pair of floats, optional
        Derivatives by the mean and the mean square of value - origin, if the summary is a function of the two. Only
        summaries with a gradient can use control variates.

    Examples
    --------
    The proportion of events has the variance p (1 - p) / n:

    >>> proportion = Summary("proportion", lambda r: r.mean, lambda r: (r.central(2) / r.n) ** 0.5, order=2)
    >>> proportion.name
    'proportion'
    """

    name: str
    value: Callable[[Replicates], float]
    mcse: Callable[[Replicates], float]
    order: float
    scale: Callable[[Replicates], float] | None = None
    histogram: bool = False
    at_gap: Callable[[Replicates], bool] | None = None
    of_events: bool = False
    of_model_se: bool = False
    gradient: Callable[[Replicates], tuple[float, float]] | None = None
    df: Callable[[Replicates], float] | None = None

    def _of(self, part: str, replicates: Replicates, kind: Callable[[Any], Any] = float) -> Any:
        """Return what one of the functions returns for these replicates; a user's function fails in a sentence."""
        function = getattr(self, part)
        if not (is_own(function) or isinstance(function, type)):
            return kind(function(replicates))
        return answer(f"{part} of summary {self.name!r}", kind, function, replicates)

    def chance_decides(self, replicates: Replicates) -> bool:
        """Return True if `at_gap` is true of these replicates.

        Returns
        -------
        bool
            True if chance decides between two values far apart.
        """
        return self.at_gap is not None and self._of("at_gap", replicates, bool)

    def of(self, replicates: Replicates) -> tuple[float, float, float]:
        """Return value, MCSE and relative MCSE.

        Returns
        -------
        tuple of float
            Value, MCSE and relative MCSE; the first two in the unit of the summary.
        """
        with np.errstate(all="ignore"):
            value = self._of("value", replicates)
            if replicates.value_range == 0:
                return value, 0.0, 0.0
            return value, *self._errors(replicates, self._of("mcse", replicates))

    def df_of(self, replicates: Replicates) -> float:
        """Return the degrees of freedom of the MCSE.

        Returns
        -------
        float
            Degrees of freedom.
        """
        return _df_of_mean(replicates) if self.df is None else float(self._of("df", replicates))

    def of_controlled(self, replicates: Replicates) -> tuple[float, float, float] | None:
        """Return value, MCSE and relative MCSE with control variates, by the delta method.

        None if there are no control variates, or if they do not make the number more precise.

        Returns
        -------
        tuple of float, or None
            Value, MCSE and relative MCSE.
        """
        if self.gradient is None or replicates.controlled is None or not replicates.enough_for_slopes:
            return None
        controlled, covariance = replicates.controlled
        with np.errstate(all="ignore"):
            slope = self._of("gradient", controlled, np.array)
            value, mcse = self._of("value", controlled), float(np.sqrt(slope @ covariance @ slope))
            plain = self._of("mcse", replicates)
            if not (math.isfinite(value) and mcse**2 * LEAST_GAIN < plain**2):
                return None
            return value, *self._errors(controlled, mcse)

    def _errors(self, replicates: Replicates, mcse: float) -> tuple[float, float]:
        """Return the MCSE, and the MCSE divided by the scale."""
        scale = abs(self._of("scale" if self.scale else "value", replicates))
        if mcse == 0:
            return mcse, 0.0
        if math.isnan(mcse):  # fourth powers exceed the largest float
            return math.inf, math.inf
        return mcse, mcse / scale if scale > 0 else np.inf

    def leaving_out(self, sample: Sample, groups: int | None = None) -> FloatArray:
        """Return the value without each group in turn, with control variates if the sample has any.

        The value is NaN without the only group that holds replicates. With fewer `groups` than the sample has, the
        later groups are merged into the first ones in turn.

        Parameters
        ----------
        sample : Sample
            Replicates in independent groups of blocks.
        groups : int, optional
            Number of groups; by default as many as the sample has.

        Returns
        -------
        array, shape (groups,)
            Value without each group, in the unit of the summary.
        """
        replicates = sample.left_out if groups is None else sample.without_each_of(groups)
        if sample.controlled and self.gradient is not None:
            controlled = [r.controlled[0] for r in replicates if r.controlled]
            replicates = controlled if len(controlled) == len(replicates) else replicates
        with np.errstate(all="ignore"):
            return np.array([self._of("value", r) if r.n > 0 else math.nan for r in replicates])


def df_beside(mcse: float, summary: Summary, replicates: Replicates) -> float:
    """Return the degrees of freedom of a summary's MCSE: inf if it is 0, NaN if it is inf or NaN."""
    with np.errstate(all="ignore"):
        return math.inf if mcse == 0 else summary.df_of(replicates) if math.isfinite(mcse) else math.nan
