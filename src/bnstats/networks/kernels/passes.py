"""The compiled passes through a network: forward, and backward to new parameters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bnstats._arrays import Float32Array, IntArray
from bnstats._compiled import compiled
from bnstats.networks.kernels.layers import (
    MEAN,
    VAR,
    activate_columns,
    activate_rows,
    back_columns,
    back_rows,
    freeze,
    measure,
    renormalize,
)
from bnstats.networks.kernels.products import accumulate, multiply, multiply_transposed
from bnstats.networks.kernels.views import (
    Plan,
    Rule,
    Work,
    frames_of,
    gradient_of,
    scale_of,
    shift_of,
    statistic_of,
    values_of,
    weights_of,
    z_of,
)


class Mode(NamedTuple):
    """What a step normalises with."""

    frozen: bool
    r_max: np.float32
    d_max: np.float32


class Descent(NamedTuple):
    """What a step does with gradients."""

    learning_rate: np.float32
    momentum: np.float32
    decay: np.float32


@compiled
def gather(x: Float32Array, rows: IntArray, out: Float32Array) -> None:
    """out = x[rows]."""
    for i in range(rows.size):
        row = rows[i]
        for j in range(x.shape[1]):
            out[i, j] = x[row, j]


@compiled
def normalize(
    rule: Rule,
    mode: Mode,
    mean: Float32Array,
    var: Float32Array,
    z: Float32Array,
    frames: Float32Array,
    scale: Float32Array,
    shift: Float32Array,
    out: Float32Array,
) -> None:
    """From a hidden layer's products to what it hands on; `mean` and `var` are the running statistics."""
    if rule.groups > 0:
        activate_rows(z, frames, rule.eps, scale, shift, out)
        return
    for s in range(len(frames)):
        first, end = s * rule.set_rows, (s + 1) * rule.set_rows
        if mode.frozen:
            freeze(frames[s], mean, var, rule.eps)
        else:
            measure(z[first:end], frames[s])
            renormalize(frames[s], mean, var, rule.eps, mode.r_max, mode.d_max)
        activate_columns(z[first:end], frames[s], scale, shift, out[first:end])


@compiled
def forward(
    plan: Plan, mode: Mode, parameters: Float32Array, mean: Float32Array, var: Float32Array, work: Work, last: int
) -> None:
    """From the inputs in `work` to z of layer `last`, in the last layer of all the logits."""
    for layer in range(last + 1):
        z, shift = z_of(plan, work, layer), shift_of(plan, parameters, layer)
        multiply(values_of(plan, work, layer), weights_of(plan, parameters, layer), z)
        if layer == len(plan.sizes) - 2:
            add_row(shift, z)
        elif layer < last:
            normalize(
                plan.rule,
                mode,
                statistic_of(plan, mean, layer),
                statistic_of(plan, var, layer),
                z,
                frames_of(plan, work, layer),
                scale_of(plan, parameters, layer),
                shift,
                values_of(plan, work, layer + 1),
            )


@compiled
def add_row(row: Float32Array, out: Float32Array) -> None:
    """out = out + row, in each row."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += row[j]


@compiled
def add_rows(rows: Float32Array, out: Float32Array) -> None:
    """out = out + sum of the rows."""
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            out[j] += rows[i, j]


@compiled
def descend(gradient: Float32Array, descent: Descent, parameters: Float32Array, velocity: Float32Array) -> None:
    """Stochastic gradient descent as PyTorch defines it; velocity is times minus the learning rate."""
    rate, momentum, decay = descent.learning_rate, descent.momentum, descent.decay
    for j in range(parameters.size):
        velocity[j] = momentum * velocity[j] - rate * gradient[j] - decay * parameters[j]
        parameters[j] += velocity[j]


@compiled
def descend_product(
    a: Float32Array, b: Float32Array, descent: Descent, weights: Float32Array, velocity: Float32Array
) -> None:
    """The same where the gradient is a' b, which is never written down."""
    if descent.momentum == 0:
        accumulate(a, b, np.float32(-descent.learning_rate), np.float32(1 - descent.decay), weights)
        return
    accumulate(a, b, np.float32(-descent.learning_rate), descent.momentum, velocity)
    for i in range(weights.shape[0]):
        for j in range(weights.shape[1]):
            velocity[i, j] -= descent.decay * weights[i, j]
            weights[i, j] += velocity[i, j]


@compiled
def denormalize(
    rule: Rule,
    mode: Mode,
    scale: Float32Array,
    z: Float32Array,
    frames: Float32Array,
    out: Float32Array,
    gradient: Float32Array,
    scale_gradient: Float32Array,
    shift_gradient: Float32Array,
) -> None:
    """The way back through `normalize`: the gradient at `out` becomes that at z, and adds to the vectors'."""
    if rule.groups > 0:
        back_rows(z, frames, scale, out, gradient, scale_gradient, shift_gradient)
        return
    for s in range(len(frames)):
        first, end = s * rule.set_rows, (s + 1) * rule.set_rows
        back_columns(
            z[first:end],
            frames[s],
            scale,
            out[first:end],
            gradient[first:end],
            mode.frozen,
            scale_gradient,
            shift_gradient,
        )


@compiled
def backward(
    plan: Plan, mode: Mode, descent: Descent, parameters: Float32Array, velocity: Float32Array, work: Work
) -> None:
    """From the gradient at the logits to new parameters, last layer first."""
    for layer in range(len(plan.sizes) - 2, -1, -1):
        gradient, weights = gradient_of(plan, work, layer), weights_of(plan, parameters, layer)
        work.shift[:] = 0
        if layer == len(plan.sizes) - 2:
            add_rows(gradient, work.shift)
        else:
            scale, frames = scale_of(plan, parameters, layer), frames_of(plan, work, layer)
            z, out = z_of(plan, work, layer), values_of(plan, work, layer + 1)
            work.scale[:] = 0
            denormalize(plan.rule, mode, scale, z, frames, out, gradient, work.scale, work.shift)
            if plan.rule.learns_scale:
                descend(work.scale, descent, scale, scale_of(plan, velocity, layer))
        descend(work.shift, descent, shift_of(plan, parameters, layer), shift_of(plan, velocity, layer))
        if layer > 0:
            multiply_transposed(gradient, weights, gradient_of(plan, work, layer - 1))
        descend_product(values_of(plan, work, layer), gradient, descent, weights, weights_of(plan, velocity, layer))


@compiled
def follow(
    weight: np.float32, unbiased: np.float32, frames: Float32Array, mean: Float32Array, var: Float32Array
) -> None:
    """Move a layer's running statistics towards those of a batch, the average over its sets."""
    kept, share = np.float32(1 - weight), np.float32(weight / len(frames))
    for j in range(len(mean)):
        mean[j] *= kept
        var[j] *= kept
    for s in range(len(frames)):
        for j in range(len(mean)):
            mean[j] += share * frames[s, MEAN, j]
            var[j] += share * unbiased * frames[s, VAR, j]
