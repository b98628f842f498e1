"""Whole trainings and evaluations, each in one compiled call.

One network at a time, so that all it touches stays in cache; threads run networks side by side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnstats._arrays import Float32Array, IntArray
from bnstats._compiled import compiled
from bnstats.networks.kernels.layers import MEAN, VAR, measure
from bnstats.networks.kernels.loss import cross_entropy
from bnstats.networks.kernels.passes import Descent, Mode, backward, follow, forward, gather
from bnstats.networks.kernels.views import (
    Plan,
    Work,
    frames_of,
    gradient_of,
    statistic_of,
    values_of,
    z_of,
)


@compiled
def train(
    work: Work,
    plan: Plan,
    descent: Descent,
    parameters: Float32Array,
    velocity: Float32Array,
    mean: Float32Array,
    var: Float32Array,
    x: Float32Array,
    y: IntArray,
    batches: IntArray,
    weights: Float32Array,
    unbiased: np.float32,
    frozen: NDArray[np.bool_],
    limits: Float32Array,
) -> Float32Array:
    """Train in place; the loss of each step, before its update.

    weights (steps,): of the batch in the running statistics; limits (2, steps): r_max and d_max.
    """
    losses = np.empty(len(batches), np.float32)
    last = len(plan.sizes) - 2
    for t in range(len(batches)):
        mode = Mode(frozen[t], limits[0, t], limits[1, t])
        gather(x, batches[t], values_of(plan, work, 0))
        forward(plan, mode, parameters, mean, var, work, last)
        losses[t] = cross_entropy(z_of(plan, work, last), y, batches[t], gradient_of(plan, work, last))
        backward(plan, mode, descent, parameters, velocity, work)
        if plan.rule.groups == 0 and not frozen[t]:
            for layer in range(last):
                old_mean, old_var = statistic_of(plan, mean, layer), statistic_of(plan, var, layer)
                follow(weights[t], unbiased, frames_of(plan, work, layer), old_mean, old_var)
    return losses


@compiled
def copy(values: Float32Array, out: Float32Array) -> None:
    """out = values; NumPy's way of saying it compiles for two seconds, for its error messages."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            out[i, j] = values[i, j]


@compiled
def evaluate(
    work: Work,
    plan: Plan,
    mode: Mode,
    parameters: Float32Array,
    mean: Float32Array,
    var: Float32Array,
    x: Float32Array,
    batches: IntArray,
    last: int,
) -> Float32Array:
    """z of layer `last` for each of the batches, in the last layer of all the logits; (batches, rows, units)."""
    out = np.empty((*batches.shape, plan.sizes[last + 1]), np.float32)
    for b in range(len(batches)):
        gather(x, batches[b], values_of(plan, work, 0))
        forward(plan, mode, parameters, mean, var, work, last)
        copy(z_of(plan, work, last), out[b])
    return out


@compiled
def batch_moments(
    work: Work,
    plan: Plan,
    mode: Mode,
    parameters: Float32Array,
    mean: Float32Array,
    var: Float32Array,
    x: Float32Array,
    batches: IntArray,
) -> Float32Array:
    """Mean and biased variance of every set of every batch, hidden layers side by side: (2, batches, sets, units)."""
    set_rows, last = plan.rule.set_rows, len(plan.sizes) - 2
    out = np.empty((2, len(batches), batches.shape[1] // set_rows, plan.sizes[1:-1].sum()), np.float32)
    for b in range(len(batches)):
        gather(x, batches[b], values_of(plan, work, 0))
        forward(plan, mode, parameters, mean, var, work, last)
        for layer in range(last):
            z, frames = z_of(plan, work, layer), frames_of(plan, work, layer)
            first = plan.before[layer + 1] - plan.sizes[0]
            for s in range(out.shape[2]):
                measure(z[s * set_rows : (s + 1) * set_rows], frames[s])
                for j in range(z.shape[1]):
                    out[0, b, s, first + j], out[1, b, s, first + j] = frames[s, MEAN, j], frames[s, VAR, j]
    return out
