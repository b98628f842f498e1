"""Quantities that follow from a plan, each with its unit and its value."""

from __future__ import annotations

import math
from collections.abc import Callable

from bnstats.planner.plan import Plan
from bnstats.statistics import theory
from bnstats.statistics.normalized import raw_given_normalized
from bnstats.studies.gradients.exact import linear_factor

Value = Callable[[Plan, int], float]

GROWTH = "growth of squared gradients per linear layer, wide limit"


def mean_error(plan: Plan, size: int) -> float:
    """Return the standard error of a batch mean, in standard deviations of the values."""
    return theory.standard_error(plan.population, size, "mean") / plan.population.std


def variance_error(plan: Plan, size: int) -> float:
    """Return the relative standard error of an unbiased batch variance."""
    return theory.standard_error(plan.population, size, "var_unbiased") / plan.population.var


def _running_error(plan: Plan, size: int) -> float:
    return math.sqrt(plan.noise) * mean_error(plan, size)


def _raw_value(z: float) -> Value:
    """Return the spread of the raw value behind z; it is nan if z cannot occur, or the population is not normal."""
    return lambda plan, size: raw_given_normalized(plan.population, z, size)[1] / plan.population.std


def _gradient(plan: Plan, size: int) -> float:
    """Return the growth that `measure_gradients` names; nan if no formula is known.

    Positions that share weights have none, nor has an eps so large that values vanish layer by layer.
    """
    known = plan.positions == 1 and plan.convention.eps < 1
    return linear_factor(size, plan.convention.eps) if known else math.nan


QUANTITIES: tuple[tuple[str, str, Value], ...] = (
    ("independent values behind a batch statistic", "values", lambda _, size: float(size)),
    ("error of a batch mean", "sd", mean_error),
    ("relative error of a batch variance", "proportion", variance_error),
    ("spread of the raw value behind a normalized 0", "sd", _raw_value(0.0)),
    ("spread of the raw value behind a normalized 2", "sd", _raw_value(2.0)),
    ("error of the running mean by noise", "sd", _running_error),
    ("displacement of the running statistics by noise", "sd", lambda plan, size: plan.displacement(size)),
    ("weight of the start values", "proportion", lambda plan, _: plan.start_weight),
    ("steps until the start values weigh 1 %", "steps", lambda plan, _: plan.forgetting),
    ("scale of the last layer in evaluation mode", "factor", lambda plan, size: plan.scale(size)),
    (GROWTH, "factor", _gradient),
)
"""Name, unit, and value for a plan and the number of independent values behind a batch statistic."""
