"""Whole trainings and evaluations, each in one compiled call.

One network at a time, so that all it touches stays in cache; threads run networks side by side. `memory` is what
`memory_size` asks for; it comes from outside because views into it do not keep it alive.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnstats.compiled import compiled
from bnstats.networks.layers import MEAN, VAR, measure
from bnstats.networks.loss import cross_entropy
from bnstats.networks.passes import Descent, Mode, backward, follow, forward, gather
from bnstats.networks.views import Floats, Integers, Plan, layers_of, running_of, work_in


@compiled
def train(
    memory: Floats,
    plan: Plan,
    descent: Descent,
    flat_parameters: Floats,
    flat_velocity: Floats,
    mean: Floats,
    var: Floats,
    x: Floats,
    y: Integers,
    batches: Integers,
    weights: Floats,
    unbiased: np.float32,
    frozen: NDArray[np.bool_],
    limits: Floats,
) -> Floats:
    """Train in place; the loss of each step, before its update.

    weights (steps,): of the batch in the running statistics; limits (2, steps): r_max and d_max.
    """
    work = work_in(memory, plan, batches.shape[1])
    parameters, velocity = layers_of(plan.sizes, flat_parameters), layers_of(plan.sizes, flat_velocity)
    running = running_of(plan.sizes, mean, var)
    losses = np.empty(len(batches), np.float32)
    last = len(plan.sizes) - 2
    for t in range(len(batches)):
        mode = Mode(frozen[t], limits[0, t], limits[1, t])
        gather(x, batches[t], work.values[0])
        forward(plan, mode, parameters, running, work, last)
        losses[t] = cross_entropy(work.z[last], y, batches[t], work.gradient[last])
        backward(plan, mode, descent, parameters, velocity, work)
        if plan.rule.groups == 0 and not frozen[t]:
            for layer in range(last):
                follow(weights[t], unbiased, work.frames[layer], running.mean[layer], running.var[layer])
    return losses


@compiled
def copy(values: Floats, out: Floats) -> None:
    """out = values; NumPy's way of saying it compiles for two seconds, for its error messages."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            out[i, j] = values[i, j]


@compiled
def evaluate(
    memory: Floats,
    plan: Plan,
    mode: Mode,
    flat: Floats,
    mean: Floats,
    var: Floats,
    x: Floats,
    batches: Integers,
    last: int,
) -> Floats:
    """z of layer `last` for each of the batches, in the last layer of all the logits; (batches, rows, units)."""
    work = work_in(memory, plan, batches.shape[1])
    parameters, running = layers_of(plan.sizes, flat), running_of(plan.sizes, mean, var)
    out = np.empty((*batches.shape, plan.sizes[last + 1]), np.float32)
    for b in range(len(batches)):
        gather(x, batches[b], work.values[0])
        forward(plan, mode, parameters, running, work, last)
        copy(work.z[last], out[b])
    return out


@compiled
def batch_moments(
    memory: Floats, plan: Plan, mode: Mode, flat: Floats, mean: Floats, var: Floats, x: Floats, batches: Integers
) -> Floats:
    """Mean and biased variance of every set of every batch, hidden layers side by side: (2, batches, sets, units)."""
    work = work_in(memory, plan, batches.shape[1])
    parameters, running = layers_of(plan.sizes, flat), running_of(plan.sizes, mean, var)
    out = np.empty((2, len(batches), batches.shape[1] // plan.rule.set_rows, plan.sizes[1:-1].sum()), np.float32)
    for b in range(len(batches)):
        gather(x, batches[b], work.values[0])
        forward(plan, mode, parameters, running, work, plan.sizes.size - 2)
        done = 0
        for layer in range(len(work.frames)):
            frames, z = work.frames[layer], work.z[layer]
            units = z.shape[1]
            for s in range(out.shape[2]):
                measure(z[s * plan.rule.set_rows : (s + 1) * plan.rule.set_rows], frames[s])
                for j in range(units):
                    out[0, b, s, done + j], out[1, b, s, done + j] = frames[s, MEAN, j], frames[s, VAR, j]
            done += units
    return out
