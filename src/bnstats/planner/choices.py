"""Choices that keep running statistics within a tolerance: momentum, batch size, steps, rows of a recalibration."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bnstats.planner.plan import Plan
from bnstats.statistics.displacement import batches_needed
from bnstats.statistics.norm_borders import START_WEIGHT

LARGEST_BATCH = 2**27
MOST_UPDATES = 2**20
# A debiased average comes down to the noise of its limit, and reaches this multiple of the noise.
TRANSIENT = 1 + START_WEIGHT


def recalibration_rows(plan: Plan, positions: int) -> float:
    """Return how many rows bring pooled statistics to the tolerance, in batches of the plan."""
    noise = plan.batch_noise(plan.rows * positions)
    return float(batches_needed(noise, plan.tolerance) * plan.rows) if math.isfinite(noise) else math.inf


def largest_momentum(plan: Plan, positions: int) -> float:
    """Return the largest weight of a new batch whose noise stays within the tolerance: a / (2 - a) = u² / noise."""
    share = plan.tolerance**2 / plan.batch_noise(plan.rows * positions)
    return min(2 * share / (1 + share), 1.0)


def smallest_batch(plan: Plan, positions: int) -> float:
    """Return the fewest rows whose running statistics, at the plan's momentum, stay within the tolerance."""
    plateau = plan.convention.plateau

    def enough(rows: int) -> bool:
        return plateau * plan.batch_noise(rows * positions) <= plan.tolerance**2

    return _first(enough, 2 if positions == 1 else 1, LARGEST_BATCH)


def trusted_steps(plan: Plan, positions: int) -> float:
    """Return the optimizer steps after which start values and noise are small, at a momentum within the tolerance."""
    noise, convention = plan.batch_noise(plan.rows * positions), plan.convention
    if not math.isfinite(noise):
        return math.inf
    if convention.momentum is not None:
        convention = replace(convention, momentum=min(convention.momentum, largest_momentum(plan, positions)))

    def enough(updates: int) -> bool:
        weights = convention.weights(updates)
        return bool(weights[0] < START_WEIGHT and np.square(weights[1:]).sum() * noise <= plan.tolerance**2 * TRANSIENT)

    return float(np.ceil(_first(enough, 1, MOST_UPDATES) / plan.accumulate))


def _first(enough: Callable[[int], bool], least: int, most: int) -> float:
    """Return the first number that is enough, if larger ones are enough too; inf if none is."""
    high = least
    while not enough(high):
        if high >= most:
            return math.inf
        least, high = high + 1, min(2 * high, most)
    while least < high:
        middle = (least + high) // 2
        least, high = (least, middle) if enough(middle) else (middle + 1, high)
    return float(high)


Choice = Callable[[Plan, int], float]
CHOICES: tuple[tuple[str, str, Choice, Callable[[Plan], float | None]], ...] = (
    ("rows that a recalibration reads", "rows", recalibration_rows, lambda _: math.nan),
    ("largest momentum", "weight", largest_momentum, lambda plan: plan.convention.momentum),
    ("smallest batch that is normalized together", "rows", smallest_batch, lambda plan: float(plan.rows)),
    ("steps until evaluation mode may be trusted", "steps", trusted_steps, lambda plan: float(plan.steps or math.nan)),
)
"""Name, unit, value for a plan and its independent positions (inf if none keeps the tolerance), and the plan's own.

The plan's own is nan where it says nothing, and None where there is nothing to choose. The simplest choice comes first.
"""
