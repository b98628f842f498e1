"""Choices that keep running statistics within a tolerance: momentum, batch size, steps, rows of a recalibration."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from bnstats.planner.plan import Plan
from bnstats.statistics.displacement import batches_needed
from bnstats.statistics.norm_borders import START_WEIGHT

LARGEST_BATCH = 2**27
MOST_UPDATES = 2**20
# A debiased average comes down to the noise of its limit, and reaches this multiple of the noise.
TRANSIENT = 1 + START_WEIGHT


@dataclass(frozen=True)
class Choice:
    """A quantity to choose, at both bounds of the number of independent values.

    Attributes
    ----------
    quantity, unit : str
        Name and unit.
    alike, independent : float
        Value if all positions of a row are alike, and if they are independent; inf if none keeps the tolerance.
    given : float
        Value in the plan; nan if the plan says nothing about the quantity.
    """

    quantity: str
    unit: str
    alike: float
    independent: float
    given: float


def choices(plan: Plan) -> Iterator[Choice]:
    """Yield what to choose so that the tolerance is kept, the simplest choice first."""
    momentum = plan.convention.momentum
    of = _Bounds(plan)
    yield Choice("rows that a recalibration reads", "rows", *of(recalibration_rows), math.nan)
    if momentum is not None:
        yield Choice("largest momentum", "weight", *of(largest_momentum), momentum)
    yield Choice("smallest batch that is normalized together", "rows", *of(smallest_batch), float(plan.rows))
    steps = math.nan if plan.steps is None else float(plan.steps)
    yield Choice("steps until evaluation mode may be trusted", "steps", *of(trusted_steps), steps)


@dataclass(frozen=True)
class _Bounds:
    """Values of a choice if positions are alike, and if they are independent."""

    plan: Plan

    def __call__(self, choice: Callable[[Plan, int], float]) -> tuple[float, float]:
        alike = choice(self.plan, 1)
        return alike, alike if self.plan.positions == 1 else choice(self.plan, self.plan.positions)


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
