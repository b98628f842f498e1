"""Notes on a plan: what to change, and why, judged as if all positions of a row were alike."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bnstats.planner.choices import largest_momentum
from bnstats.planner.plan import Plan
from bnstats.planner.quantities import mean_error, variance_error
from bnstats.statistics import theory
from bnstats.statistics.norm_borders import NOISY_VARIANCE, OTHER_FRAMEWORK, SMALL_BATCH, START_WEIGHT

SHRUNK = 0.05
"""Largest part of the scale that may be lost in evaluation mode."""


def notes(plan: Plan) -> Iterator[str]:
    """Yield what to change, named like the causes of an audit."""
    for note in NOTES:
        if (text := note(plan)) is not None:
            yield f"{note.__name__}: {text}"


def momentum_of_another_framework(plan: Plan) -> str | None:
    """Return the other meaning of a momentum that replaces nearly all of the statistics."""
    weight = plan.convention.momentum
    if weight is None or not OTHER_FRAMEWORK <= weight < 1:
        return None
    other = round(1 - weight, 6)
    if plan.convention.name == "torch":
        meant = f"PyTorch's momentum is the weight of the new batch: Keras's and Flax's {weight:g} is {other:g} there"
    else:
        name = plan.convention.name.capitalize()
        meant = (
            f"momentum is the weight of the new batch here, and that of the old value in {name}: {name}'s {weight:g} "
            f"is {other:g} here"
        )
    return f"a new batch replaces {weight:.0%} of the running statistics; {meant}."


def batches_seen(plan: Plan) -> str | None:
    """Return that batch norm sees fewer rows at once than an optimizer step takes, and how it sees more."""
    rows = plan.batch_size * plan.devices * plan.accumulate
    if rows == plan.rows or not (plan.rows <= SMALL_BATCH or plan.displacement(plan.rows) > plan.tolerance):
        return None
    shared = plan.batch_size * plan.devices
    change = (
        f"synchronized batch norm makes that {shared}"
        if plan.devices > 1 and not plan.synchronized
        else "a larger batch in one forward pass raises that"
    )
    return f"an optimizer step takes {rows} rows, batch norm sees {plan.rows} of them at once; {change}."


def small_batch(plan: Plan) -> str | None:
    """Return how imprecise batch statistics are, and what to use instead."""
    size = plan.rows
    if size > SMALL_BATCH and not variance_error(plan, size) > NOISY_VARIANCE:
        return None
    enough = theory.required_batch_size(plan.population, "mean", rmse=0.125 * plan.population.std)
    return (
        f"in batches of {size}, the mean that is subtracted from a value varies by {mean_error(plan, size):.2f} sd; "
        f"{enough} rows bring it to 0.125 sd, or use batch renormalization, layer or group normalization."
    )


def start_remains(plan: Plan) -> str | None:
    """Return the weight that start values have after the last step, and the momentum that takes it away."""
    if plan.updates is None or not plan.start_weight > START_WEIGHT:
        return None
    least = 1 - START_WEIGHT ** (1 / plan.updates)
    return (
        f"after {plan.steps} steps the start values still weigh {plan.start_weight:.0%}; raise momentum to at least "
        f"{math.ceil(least * 1000) / 1000}, or train longer."
    )


def noisy_average(plan: Plan) -> str | None:
    """Return the displacement by noise above the tolerance, and the momentum that keeps it."""
    found = plan.displacement(plan.rows)
    if not found > plan.tolerance:
        return None
    most = math.floor(largest_momentum(plan, 1) * 1000) / 1000
    lower = f"momentum of at most {most}, or recalibration" if most > 0 else "recalibration"
    return (
        f"noise displaces the running statistics by {found:.3f} sd, above {plan.tolerance:g}; {lower} at the end, "
        "fixes it."
    )


def variance_convention(plan: Plan) -> str | None:
    """Return the scale that unbiased running variances take away in evaluation mode."""
    if not 1 - plan.scale(plan.rows) > SHRUNK:
        return None
    return (
        f"in evaluation mode the last of {plan.layers} layers has {plan.scale(plan.rows):.3f} times the scale that it "
        "had in training mode, because the running variance is unbiased; recalibrate, or keep the biased variance."
    )


NOTES = (momentum_of_another_framework, batches_seen, small_batch, start_remains, noisy_average, variance_convention)
"""Notes in the order in which they are given; all but `batches_seen` have the name of a cause."""
