"""Whole trainings and evaluations, each in one compiled call.

A call handles one network, so that its arrays stay in cache. Threads run several networks in parallel.
"""

from __future__ import annotations

import numpy as np

from bnstats._checks.array_types import Float32Array, FloatArray, IntArray
from bnstats._compiled import compiled, inlined
from bnstats.networks.kernels import layers
from bnstats.networks.kernels.calls import call
from bnstats.networks.kernels.loss import cross_entropy
from bnstats.networks.kernels.passes import Descent, Plan, backward, follow, gather
from bnstats.networks.kernels.products import accumulate, multiply_transposed


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
    """Train in place, and return the loss of each step before its update, shape (steps,).

    `weights`, shape (steps,), are the weights of each batch in the running statistics, 0 for steps that do not change
    them. `settings`, shape (steps, settings), are the numbers of the normalizer.
    """
    losses = np.empty(len(batches), np.float32)
    table = plan.table
    last, widest = len(table) - 1, layers.most_units(table)
    first_inputs, logits, gradient = layers.inputs(table, 0), layers.values(table, last), layers.gradient(table, last)
    powers = gradient.reshape(gradient.size)
    scale_gradient, shift_gradient = np.empty(widest, np.float32), np.empty(widest, np.float32)
    for t in range(len(batches)):
        for j in range(settings.shape[1]):
            layers.settings(table, 0)[j] = settings[t, j]
        gather(x, batches[t], first_inputs)
        call(plan.passes.forward, (plan,))
        losses[t] = cross_entropy(logits, y, batches[t], gradient, powers)
        call(plan.passes.learn, (plan, descent, scale_gradient, shift_gradient))
        if weights[t] > 0:
            for k in range(last):
                follow(table, k, weights[t], unbiased)
    return losses


@compiled
def logits(plan: Plan, x: Float32Array, batches: IntArray) -> Float32Array:
    """Return the logits of each batch in training mode, shape (batches, batch size, classes)."""
    table, last = plan.table, len(plan.table) - 1
    out = np.empty((*batches.shape, table[last, layers.UNITS]), np.float32)
    for b in range(len(batches)):
        gather(x, batches[b], layers.inputs(table, 0))
        call(plan.passes.forward, (plan,))
        values = layers.values(table, last)
        for i in range(values.shape[0]):  # the NumPy expression takes two seconds to compile, for its error messages
            for j in range(values.shape[1]):
                out[b, i, j] = values[i, j]
    return out


@compiled
def batch_moments(plan: Plan, x: Float32Array, batches: IntArray) -> Float32Array:
    """Return mean and variance of each set, shape (2, batches, sets, units of all hidden layers)."""
    table, units = plan.table, 0
    for k in range(len(table) - 1):
        units += table[k, layers.UNITS]
    out = np.empty((2, len(batches), table[0, layers.SETS], units), np.float32)
    for b in range(len(batches)):
        gather(x, batches[b], layers.inputs(table, 0))
        call(plan.passes.forward, (plan,))
        before = 0
        for k in range(len(table) - 1):
            mean, var = layers.mean(table, k), layers.var(table, k)
            for s in range(mean.shape[0]):
                for j in range(mean.shape[1]):
                    out[0, b, s, before + j], out[1, b, s, before + j] = mean[s, j], var[s, j]
            before += mean.shape[1]
    return out


@inlined
def square_sum(values: Float32Array) -> float:
    """Return the sum of squares, in double precision."""
    total = 0.0
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            total += np.float64(values[i, j]) * np.float64(values[i, j])
    return total


@compiled
def gradient_norms(plan: Plan, x: Float32Array, y: IntArray, batches: IntArray) -> FloatArray:
    """Return squared gradient norms at each layer's products and weights, shape (2, batches, layers)."""
    table = plan.table
    last, widest = len(table) - 1, layers.most_units(table)
    scale, shift = np.empty(widest, np.float32), np.empty(widest, np.float32)
    found = np.empty((2, len(batches), len(table)))
    for b in range(len(batches)):
        gather(x, batches[b], layers.inputs(table, 0))
        call(plan.passes.forward, (plan,))
        of_logits = layers.gradient(table, last)
        cross_entropy(layers.values(table, last), y, batches[b], of_logits, of_logits.reshape(of_logits.size))
        for k in range(last, -1, -1):
            units = table[k, layers.UNITS]
            backward(plan, k, scale[:units], shift[:units])
            gradient, weights = layers.gradient(table, k), layers.weights(table, k)
            if k > 0:
                multiply_transposed(gradient, weights, layers.gradient(table, k - 1))
            of_weights = np.zeros(weights.shape, np.float32)
            accumulate(layers.inputs(table, k), gradient, np.float32(1), np.float32(0), of_weights)
            found[0, b, k], found[1, b, k] = square_sum(gradient), square_sum(of_weights)
    return found
