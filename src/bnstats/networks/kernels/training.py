"""Whole trainings and evaluations, each in one compiled call.

One network at a time, so that all it touches stays in cache; threads run networks side by side.
"""

from __future__ import annotations

import numpy as np

from bnstats._arrays import Float32Array, FloatArray, IntArray
from bnstats._compiled import compiled
from bnstats.networks.kernels.layers import layer_at, most_units
from bnstats.networks.kernels.loss import cross_entropy
from bnstats.networks.kernels.passes import Descent, Plan, backward, follow, forward, gather, hand_down, learn
from bnstats.networks.kernels.products import accumulate


@compiled
def train(
    plan: Plan,
    descent: Descent,
    x: Float32Array,
    y: IntArray,
    batches: IntArray,
    weights: Float32Array,
    unbiased: np.float32,
    settings: Float32Array,
) -> Float32Array:
    """Train in place; the loss of each step, before its update.

    weights (steps,): of the batch in the running statistics, 0 where they stay; settings (steps, settings): the
    normalizer's numbers.
    """
    losses = np.empty(len(batches), np.float32)
    first, last = layer_at(plan.table, 0, plan.eps), layer_at(plan.table, len(plan.table) - 1, plan.eps)
    widest = most_units(plan.table)
    scale_gradient, shift_gradient = np.empty(widest, np.float32), np.empty(widest, np.float32)
    for t in range(len(batches)):
        for j in range(settings.shape[1]):
            first.state.settings[j] = settings[t, j]
        gather(x, batches[t], first.inputs)
        forward(plan)
        losses[t] = cross_entropy(last.values, y, batches[t], last.gradient)
        learn(plan, descent, scale_gradient, shift_gradient)
        if weights[t] > 0:
            for k in range(len(plan.table) - 1):
                state = layer_at(plan.table, k, plan.eps).state
                follow(weights[t], unbiased, state.mean, state.var, state.running_mean, state.running_var)
    return losses


@compiled
def copy(values: Float32Array, out: Float32Array) -> None:
    """out = values; NumPy's way of saying it compiles for two seconds, for its error messages."""
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            out[i, j] = values[i, j]


@compiled
def logits(plan: Plan, x: Float32Array, batches: IntArray) -> Float32Array:
    """Logits of each of the batches in training mode, shape (batches, batch size, classes)."""
    first, last = layer_at(plan.table, 0, plan.eps), layer_at(plan.table, len(plan.table) - 1, plan.eps)
    out = np.empty((*batches.shape, len(last.shift)), np.float32)
    for b in range(len(batches)):
        gather(x, batches[b], first.inputs)
        forward(plan)
        copy(last.values, out[b])
    return out


@compiled
def batch_moments(plan: Plan, x: Float32Array, batches: IntArray) -> Float32Array:
    """Statistics of every set of every batch, hidden layers side by side, shape (2, batches, sets, units)."""
    first = layer_at(plan.table, 0, plan.eps)
    sets, units = plan.table[0, 3], plan.table[:-1, 2].sum()
    out = np.empty((2, len(batches), sets, units), np.float32)
    for b in range(len(batches)):
        gather(x, batches[b], first.inputs)
        forward(plan)
        before = 0
        for k in range(len(plan.table) - 1):
            state = layer_at(plan.table, k, plan.eps).state
            after = before + state.mean.shape[1]
            copy(state.mean, out[0, b, :, before:after])
            copy(state.var, out[1, b, :, before:after])
            before = after
    return out


@compiled
def square_sum(values: Float32Array) -> float:
    """Sum of squares, in double precision."""
    total = 0.0
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            total += np.float64(values[i, j]) * np.float64(values[i, j])
    return total


@compiled
def gradient_norms(plan: Plan, x: Float32Array, y: IntArray, batches: IntArray) -> FloatArray:
    """Squared norms of the loss's gradient at each layer's products and weights, shape (2, batches, layers)."""
    first, last = layer_at(plan.table, 0, plan.eps), layer_at(plan.table, len(plan.table) - 1, plan.eps)
    widest = most_units(plan.table)
    scale, shift = np.empty(widest, np.float32), np.empty(widest, np.float32)
    found = np.empty((2, len(batches), len(plan.table)))
    for b in range(len(batches)):
        gather(x, batches[b], first.inputs)
        forward(plan)
        cross_entropy(last.values, y, batches[b], last.gradient)
        for k in range(len(plan.table) - 1, -1, -1):
            layer = layer_at(plan.table, k, plan.eps)
            units = len(layer.shift)
            backward(plan, layer, k, scale[:units], shift[:units])
            hand_down(plan, layer, k)
            of_weights = np.zeros(layer.weights.shape, np.float32)
            accumulate(layer.inputs, layer.gradient, np.float32(1), np.float32(0), of_weights)
            found[0, b, k], found[1, b, k] = square_sum(layer.gradient), square_sum(of_weights)
    return found
