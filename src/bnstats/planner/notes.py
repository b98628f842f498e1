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
"""Part of the scale that may be lost in evaluation mode."""


def notes(plan: Plan) -> Iterator[str]:
    """Yield what to change, named like the causes of an audit."""
    for note in (_momentum, _devices, _small_batch, _start_remains, _noisy_average, _variance_convention):
        yield from note(plan)


def _momentum(plan: Plan) -> Iterator[str]:
    weight = plan.convention.momentum
    if weight is None or not OTHER_FRAMEWORK <= weight < 1:
        return
    other = round(1 - weight, 6)
    if plan.convention.name == "torch":
        meant = f"PyTorch's momentum is the weight of the new batch: Keras's and Flax's {weight:g} is {other:g} there"
    else:
        name = plan.convention.name.capitalize()
        meant = (
            f"momentum is the weight of the new batch here, and that of the old value in {name}: {name}'s {weight:g} "
            f"is {other:g} here"
        )
    yield f"momentum_of_another_framework: a new batch replaces {weight:.0%} of the running statistics; {meant}."


def _devices(plan: Plan) -> Iterator[str]:
    rows = plan.batch_size * plan.devices * plan.accumulate
    if rows == plan.rows or not (plan.rows <= SMALL_BATCH or plan.displacement(plan.rows) > plan.tolerance):
        return
    shared = plan.batch_size * plan.devices
    change = (
        f"synchronized batch norm makes that {shared}"
        if plan.devices > 1 and not plan.synchronized
        else "a larger batch in one forward pass raises that"
    )
    yield f"batches_seen: an optimizer step takes {rows} rows, batch norm sees {plan.rows} of them at once; {change}."


def _small_batch(plan: Plan) -> Iterator[str]:
    size = plan.rows
    if size <= SMALL_BATCH or variance_error(plan, size) > NOISY_VARIANCE:
        enough = theory.required_batch_size(plan.population, "mean", rmse=0.125 * plan.population.std)
        yield (
            f"small_batch: batches of {size} give the same raw value a meaning that varies by "
            f"{mean_error(plan, size):.2f} sd; {enough} rows bring it to 0.125 sd, or take batch renormalization, "
            "layer or group normalization."
        )


def _start_remains(plan: Plan) -> Iterator[str]:
    if plan.updates is not None and plan.start_weight > START_WEIGHT:
        least = 1 - START_WEIGHT ** (1 / plan.updates)
        yield (
            f"start_remains: after {plan.steps} steps the start values still weigh {plan.start_weight:.0%}; raise "
            f"momentum to at least {math.ceil(least * 1000) / 1000}, or train longer."
        )


def _noisy_average(plan: Plan) -> Iterator[str]:
    found = plan.displacement(plan.rows)
    if not found > plan.tolerance:
        return
    most = math.floor(largest_momentum(plan, 1) * 1000) / 1000
    lower = f"momentum of at most {most}, or recalibration" if most > 0 else "recalibration"
    yield (
        f"noisy_average: noise displaces the running statistics by {found:.3f} sd, above {plan.tolerance:g}; {lower} "
        "at the end, fixes it."
    )


def _variance_convention(plan: Plan) -> Iterator[str]:
    if 1 - plan.scale(plan.rows) > SHRUNK:
        yield (
            f"variance_convention: in evaluation mode the last of {plan.layers} layers has {plan.scale(plan.rows):.3f} "
            "times the scale that it had in training mode, because the running variance is unbiased; recalibrate, or "
            "keep the biased variance."
        )
