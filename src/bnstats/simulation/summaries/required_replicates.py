"""Number of replicates that a Monte Carlo standard error needs, planned before a study."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import interval
from bnstats._checks.numbers import probability as checked_probability
from bnstats._checks.values import choice, optional

_OF_SPREAD: dict[str, Callable[[float], float]] = {
    "mean": lambda ratio: ratio**2,
    "bias": lambda ratio: ratio**2,
    "width": lambda ratio: ratio**2,
    "type_m_error": lambda ratio: ratio**2,
    "se": lambda ratio: ratio**2 / 2 + 1,
}
"""Replicates for a measure of values, from their standard deviation in units of the MCSE."""
_OF_EVENTS = ("coverage", "bias_eliminated_coverage", "rejection_rate", "type_s_error", "failure_rate")


def _measure(name: str, given: Any) -> str:
    return choice(name, given, [*_OF_SPREAD, "relative_error_of_model_se", *_OF_EVENTS])


@checked(
    measure=_measure,
    mcse=interval("(0, inf)", "a standard error"),
    se=optional(interval("(0, inf)")),
    probability=optional(checked_probability),
)
def required_replicates(measure: str, *, mcse: float, se: float | None = None, probability: float | None = None) -> int:
    """Return how many replicates a Monte Carlo standard error needs.

    The formulas are those of Morris, White & Crowther (2019, Section 5.3), for normal estimates.

    Parameters
    ----------
    measure : str
        Performance measure, named as in `bn.summarize`.
    mcse : float
        Monte Carlo standard error to reach, in the unit of the measure.
    se : float, optional
        Standard deviation of the values: of the estimates for "mean", "bias" and "se". Needed for these measures, and
        for "width" and "type_m_error".
    probability : float, optional
        Expected proportion, for coverage and other proportions; by default the least favorable one, 0.5.

    Returns
    -------
    int
        Number of replicates; of those that reject for "type_s_error" and "type_m_error".

    Raises
    ------
    ValueError
        If the measure is not known, or `se` is missing.

    Examples
    --------
    Coverage of 95 % to within half a percentage point:

    >>> required_replicates("coverage", mcse=0.005, probability=0.95)
    1900
    >>> required_replicates("bias", mcse=0.005, se=0.2)
    1600
    """
    if measure in _OF_EVENTS:
        chance = 0.5 if probability is None else probability
        return _up(chance * (1 - chance) / mcse**2)
    if measure == "relative_error_of_model_se":
        return _up(1 / (2 * mcse**2) + 1)
    if se is None:
        raise ValueError(f"se is needed for {measure}: the standard deviation of the values, as a pilot run shows it.")
    return _up(_OF_SPREAD[measure](se / mcse))


def _up(replicates: float) -> int:
    """Return the next whole number, of at least 2; a number that is whole but for rounding stays."""
    return max(2, math.ceil(replicates * (1 - 1e-12)))
