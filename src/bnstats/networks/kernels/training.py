"""Whole trainings and evaluations, each in one compiled call.

A call handles one network, so that its arrays stay in cache. Threads run several networks in parallel.
"""

from __future__ import annotations

import numpy as np

from bnstats._checks.array_types import Float32Array, FloatArray, IntArray
from bnstats.networks.kernels import views
from bnstats.networks.kernels.choice import kernels
from bnstats.networks.kernels.layers import SETS, UNITS
from bnstats.networks.kernels.passes import CompiledNetwork, Descent, follow, gather, loss


@kernels.compiled_pass
def train(
    network: CompiledNetwork,
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
    table = network.table
    last, widest = len(table) - 1, views.most_units(table)
    first_inputs = views.inputs(table, 0)
    scale_gradient, shift_gradient = np.empty(widest, np.float32), np.empty(widest, np.float32)
    for t in range(len(batches)):
        for j in range(settings.shape[1]):
            views.settings(table, 0)[j] = settings[t, j]
        gather(x, batches[t], first_inputs)
        kernels.call(network.passes.forward, (network,))
        losses[t] = loss(network, y, batches[t])
        kernels.call(network.passes.learn, (network, descent, scale_gradient, shift_gradient))
        if weights[t] > 0:
            for k in range(last):
                follow(table, k, weights[t], unbiased)
    return losses


@kernels.compiled_pass
def logits(network: CompiledNetwork, x: Float32Array, batches: IntArray) -> Float32Array:
    """Return the logits of each batch in training mode, shape (batches, batch size, classes)."""
    table, last = network.table, len(network.table) - 1
    out = np.empty((*batches.shape, table[last, UNITS]), np.float32)
    for b in range(len(batches)):
        gather(x, batches[b], views.inputs(table, 0))
        kernels.call(network.passes.forward, (network,))
        values = views.values(table, last)
        for i in range(values.shape[0]):  # the NumPy expression takes two seconds to compile, for its error messages
            for j in range(values.shape[1]):
                out[b, i, j] = values[i, j]
    return out


@kernels.compiled_pass
def batch_moments(network: CompiledNetwork, x: Float32Array, batches: IntArray) -> Float32Array:
    """Return mean and variance of each set, shape (2, batches, sets, units of all hidden layers)."""
    table, units = network.table, 0
    for k in range(len(table) - 1):
        units += table[k, UNITS]
    out = np.empty((2, len(batches), table[0, SETS], units), np.float32)
    for b in range(len(batches)):
        gather(x, batches[b], views.inputs(table, 0))
        kernels.call(network.passes.forward, (network,))
        before = 0
        for k in range(len(table) - 1):
            mean, var = views.mean(table, k), views.var(table, k)
            for s in range(mean.shape[0]):
                for j in range(mean.shape[1]):
                    out[0, b, s, before + j], out[1, b, s, before + j] = mean[s, j], var[s, j]
            before += mean.shape[1]
    return out


@kernels.compiled_pass
def gradients(
    network: CompiledNetwork,
    x: Float32Array,
    y: IntArray,
    batches: IntArray,
    parameters: Float32Array,
    velocity: Float32Array,
) -> tuple[FloatArray, Float32Array]:
    """Return the loss of each batch, and its gradient at all parameters, shape (batches, parameters).

    `parameters` and `velocity` are the flat arrays of the network. A step with learning rate -1 from velocity 0 leaves
    the gradient as the velocity; the parameters are restored afterwards.
    """
    table = network.table
    widest = views.most_units(table)
    scale, shift = np.empty(widest, np.float32), np.empty(widest, np.float32)
    descent, start = Descent(np.float32(-1), np.float32(1), np.float32(0)), parameters.copy()
    losses, found = np.empty(len(batches)), np.empty((len(batches), parameters.size), np.float32)
    for b in range(len(batches)):
        gather(x, batches[b], views.inputs(table, 0))
        kernels.call(network.passes.forward, (network,))
        losses[b] = loss(network, y, batches[b])
        velocity[:] = 0
        kernels.call(network.passes.learn, (network, descent, scale, shift))
        found[b] = velocity
        parameters[:] = start
    return losses, found
