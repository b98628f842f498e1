"""The compiled passes through a network: forward, backward, and a whole training in one call.

One network at a time, so that all it touches stays in cache; threads run networks side by side.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnstats.compiled import compiled
from bnstats.networks.layers import (
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
from bnstats.networks.products import accumulate, multiply, multiply_transposed

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


class Plan(NamedTuple):
    """The shape of a network, and how its hidden layers normalise."""

    sizes: Integers  # inputs, hidden units, classes
    starts: Integers  # of each layer's parameters: weights, shift, and in hidden layers scale
    set_rows: int  # rows that share a mean and variance
    groups: int  # of units in a row that share them; 0: sets are columns
    learns_scale: bool
    eps: float


class Mode(NamedTuple):
    """What a step normalises with."""

    frozen: bool
    r_max: float
    d_max: float


class Descent(NamedTuple):
    """What a step does with gradients."""

    learning_rate: np.float32
    momentum: np.float32
    decay: np.float32


class Work(NamedTuple):
    """Memory that one network's passes write to, and nothing else."""

    values: Floats  # (rows, units) of each layer in turn: what it hands on, from the inputs to the logits
    z: Floats  # the same: what its normalizer gets
    gradient: Floats  # the same
    frames: Floats  # (sets, 7, units or groups) of each hidden layer
    small: Floats  # (2, units): gradients of shift and scale


@compiled
def workspace(plan: Plan, rows: int) -> Work:
    """Memory for batches of so many rows."""
    total, widest = plan.sizes.sum(), plan.sizes.max()
    columns = max(plan.groups, 1) * rows if plan.groups else (rows // plan.set_rows) * widest
    frames = np.empty(7 * columns * plan.sizes.size, np.float32)
    big = np.empty((3, rows * total), np.float32)
    return Work(big[0], big[1], big[2], frames, np.empty(2 * widest, np.float32))


@compiled
def block(flat: Floats, start: int, rows: int, columns: int) -> Floats:
    """A matrix that stands in a flat array."""
    return flat[start : start + rows * columns].reshape(rows, columns)


@compiled
def gather(x: Floats, rows: Integers, out: Floats) -> None:
    """out = x[rows], in a flat array."""
    width = x.shape[1]
    for i in range(rows.size):
        out[i * width : (i + 1) * width] = x[rows[i]]


@compiled
def normalize(
    plan: Plan,
    mode: Mode,
    mean: Floats,
    var: Floats,
    z: Floats,
    frames: Floats,
    scale: Floats,
    shift: Floats,
    out: Floats,
) -> None:
    """From a hidden layer's products to what it hands on; `mean` and `var` are the running statistics."""
    if plan.groups > 0:
        activate_rows(z, frames, plan.eps, scale, shift, out)
        return
    for s in range(frames.shape[0]):
        first, end = s * plan.set_rows, (s + 1) * plan.set_rows
        if mode.frozen:
            freeze(frames[s], mean, var, plan.eps)
        else:
            measure(z[first:end], frames[s])
            renormalize(frames[s], mean, var, plan.eps, mode.r_max, mode.d_max)
        activate_columns(z[first:end], frames[s], scale, shift, out[first:end])


@compiled
def frames_of(plan: Plan, work: Work, rows: int, layer: int, before: int, units: int) -> Floats:
    """The frames of a hidden layer, shape (sets, 7, units or groups)."""
    if plan.groups > 0:
        start, sets, columns = 7 * rows * plan.groups * layer, rows, plan.groups
    else:
        sets, columns = rows // plan.set_rows, units
        start = 7 * sets * before
    return work.frames[start : start + 7 * sets * columns].reshape(sets, 7, columns)


@compiled
def forward(
    plan: Plan, mode: Mode, parameters: Floats, mean: Floats, var: Floats, work: Work, rows: int, layers: int
) -> None:
    """Pass the first block of `work.values` through so many layers."""
    done = 0  # units of the layers before
    for layer in range(layers):
        inputs, units = plan.sizes[layer], plan.sizes[layer + 1]
        here, start = done + inputs, plan.starts[layer]
        end = start + inputs * units
        weights, shift = block(parameters, start, inputs, units), parameters[end : end + units]
        values, z = block(work.values, rows * done, rows, inputs), block(work.z, rows * here, rows, units)
        multiply(values, weights, z)
        out = block(work.values, rows * here, rows, units)
        if layer == plan.sizes.size - 2:
            for i in range(rows):
                for j in range(units):
                    out[i, j] = z[i, j] + shift[j]
        else:
            first = here - plan.sizes[0]
            frames = frames_of(plan, work, rows, layer, first, units)
            scale = parameters[end + units : end + 2 * units]
            old_mean, old_var = mean[first : first + units], var[first : first + units]
            normalize(plan, mode, old_mean, old_var, z, frames, scale, shift, out)
        done = here


@compiled
def cross_entropy(logits: Floats, labels: Integers, rows: Integers, gradient: Floats) -> float:
    """Mean loss in nats over a batch, and its gradient at the logits."""
    share = np.float32(1 / logits.shape[0])
    loss = 0.0
    for i in range(logits.shape[0]):
        top = logits[i].max()
        total = np.float32(0)
        for j in range(logits.shape[1]):
            gradient[i, j] = math.exp(logits[i, j] - top)
            total += gradient[i, j]
        for j in range(logits.shape[1]):
            gradient[i, j] *= share / total
        label = labels[rows[i]]
        loss += math.log(total) - (logits[i, label] - top)
        gradient[i, label] -= share
    return loss / logits.shape[0]


@compiled
def descend(gradient: Floats, descent: Descent, parameters: Floats, velocity: Floats) -> None:
    """Stochastic gradient descent as PyTorch defines it; velocity is times minus the learning rate."""
    for j in range(gradient.size):
        velocity[j] = (
            descent.momentum * velocity[j] - descent.learning_rate * gradient[j] - descent.decay * parameters[j]
        )
        parameters[j] += velocity[j]


@compiled
def descend_product(a: Floats, b: Floats, descent: Descent, weights: Floats, velocity: Floats) -> None:
    """The same where the gradient is a' b, which is never written down."""
    if descent.momentum == 0:
        accumulate(a, b, -descent.learning_rate, 1 - descent.decay, weights)
        return
    accumulate(a, b, -descent.learning_rate, descent.momentum, velocity)
    for i in range(weights.shape[0]):
        for j in range(weights.shape[1]):
            velocity[i, j] -= descent.decay * weights[i, j]
            weights[i, j] += velocity[i, j]


@compiled
def backward(
    plan: Plan, mode: Mode, descent: Descent, parameters: Floats, velocity: Floats, work: Work, rows: int
) -> None:
    """From the gradient at the logits to new parameters, last layer first."""
    here = plan.sizes.sum()
    for layer in range(plan.sizes.size - 2, -1, -1):
        inputs, units = plan.sizes[layer], plan.sizes[layer + 1]
        here -= units
        start = plan.starts[layer]
        end = start + inputs * units
        gradient = block(work.gradient, rows * here, rows, units)
        shift_gradient, scale_gradient = work.small[:units], work.small[units : 2 * units]
        shift_gradient[:] = 0
        if layer == plan.sizes.size - 2:
            for i in range(rows):
                for j in range(units):
                    shift_gradient[j] += gradient[i, j]
        else:
            scale_gradient[:] = 0
            z, out = block(work.z, rows * here, rows, units), block(work.values, rows * here, rows, units)
            scale = parameters[end + units : end + 2 * units]
            frames = frames_of(plan, work, rows, layer, here - plan.sizes[0], units)
            if plan.groups > 0:
                back_rows(z, frames, scale, out, gradient, scale_gradient, shift_gradient)
            for s in range(0 if plan.groups > 0 else frames.shape[0]):
                first, last = s * plan.set_rows, (s + 1) * plan.set_rows
                back_columns(
                    z[first:last],
                    frames[s],
                    scale,
                    out[first:last],
                    gradient[first:last],
                    mode.frozen,
                    scale_gradient,
                    shift_gradient,
                )
            if plan.learns_scale:
                descend(scale_gradient, descent, scale, velocity[end + units : end + 2 * units])
        descend(shift_gradient, descent, parameters[end : end + units], velocity[end : end + units])
        weights = block(parameters, start, inputs, units)
        if layer > 0:
            multiply_transposed(gradient, weights, block(work.gradient, rows * (here - inputs), rows, inputs))
        values = block(work.values, rows * (here - inputs), rows, inputs)
        descend_product(values, gradient, descent, weights, block(velocity, start, inputs, units))


@compiled
def follow(
    plan: Plan, weight: np.float32, unbiased: np.float32, mean: Floats, var: Floats, work: Work, rows: int
) -> None:
    """Move the running statistics towards those of a batch."""
    done = 0
    for layer in range(plan.sizes.size - 2):
        units = plan.sizes[layer + 1]
        frames = frames_of(plan, work, rows, layer, done, units)
        share = np.float32(1 / frames.shape[0])
        for j in range(units):
            batch_mean = batch_var = np.float32(0)
            for s in range(frames.shape[0]):
                batch_mean += frames[s, MEAN, j]
                batch_var += frames[s, VAR, j]
            mean[done + j] += weight * (batch_mean * share - mean[done + j])
            var[done + j] += weight * (batch_var * share * unbiased - var[done + j])
        done += units


@compiled
def train(
    plan: Plan,
    descent: Descent,
    parameters: Floats,
    velocity: Floats,
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
    steps, rows = batches.shape
    work = workspace(plan, rows)
    losses = np.empty(steps, np.float32)
    layers, classes = plan.sizes.size - 1, plan.sizes[-1]
    last = rows * (plan.sizes.sum() - classes)
    logits, gradient = block(work.values, last, rows, classes), block(work.gradient, last, rows, classes)
    for t in range(steps):
        mode = Mode(frozen[t], limits[0, t], limits[1, t])
        gather(x, batches[t], work.values)
        forward(plan, mode, parameters, mean, var, work, rows, layers)
        losses[t] = cross_entropy(logits, y, batches[t], gradient)
        backward(plan, mode, descent, parameters, velocity, work, rows)
        if plan.groups == 0 and not frozen[t]:
            follow(plan, weights[t], unbiased, mean, var, work, rows)
    return losses


@compiled
def evaluate(
    plan: Plan, mode: Mode, parameters: Floats, mean: Floats, var: Floats, x: Floats, batches: Integers, layer: int
) -> Floats:
    """What layer `layer` makes of batches before it is normalised, the last layer's logits; (batches, rows, units)."""
    rows, units = batches.shape[1], plan.sizes[layer + 1]
    work = workspace(plan, rows)
    out = np.empty((batches.shape[0], rows, units), np.float32)
    start = rows * plan.sizes[: layer + 1].sum()
    source = work.values if layer == plan.sizes.size - 2 else work.z
    for b in range(batches.shape[0]):
        gather(x, batches[b], work.values)
        forward(plan, mode, parameters, mean, var, work, rows, layer + 1)
        out[b] = block(source, start, rows, units)
    return out


@compiled
def batch_moments(
    plan: Plan, mode: Mode, parameters: Floats, mean: Floats, var: Floats, x: Floats, batches: Integers
) -> Floats:
    """Mean and biased variance of every set of every batch, hidden layers side by side: (2, batches, sets, units)."""
    rows, sets = batches.shape[1], batches.shape[1] // plan.set_rows
    work = workspace(plan, rows)
    out = np.empty((2, batches.shape[0], sets, plan.sizes[1:-1].sum()), np.float32)
    for b in range(batches.shape[0]):
        gather(x, batches[b], work.values)
        forward(plan, mode, parameters, mean, var, work, rows, plan.sizes.size - 2)
        done = 0
        for layer in range(plan.sizes.size - 2):
            units = plan.sizes[layer + 1]
            frames = frames_of(plan, work, rows, layer, done, units)
            z = block(work.z, rows * (plan.sizes[0] + done), rows, units)
            for s in range(sets):
                measure(z[s * plan.set_rows : (s + 1) * plan.set_rows], frames[s])
                out[0, b, s, done : done + units] = frames[s, MEAN]
                out[1, b, s, done : done + units] = frames[s, VAR]
            done += units
    return out
