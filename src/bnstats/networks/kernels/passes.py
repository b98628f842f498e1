"""Compiled passes through a network: forward, and backward to new parameters."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from bnstats._checks.array_types import Float32Array, IntArray, RealArray
from bnstats._compiled import inlined
from bnstats.networks.kernels import views
from bnstats.networks.kernels.choice import kernels
from bnstats.networks.kernels.layers import UNITS, Addresses
from bnstats.networks.kernels.loss import cross_entropy


class PassAddresses(NamedTuple):
    """Addresses of `forward` and `learn`, which are compiled once and not again in each calling function."""

    forward: Any
    learn: Any


class CompiledNetwork(NamedTuple):
    """Network for compiled code."""

    table: IntArray  # one row for each layer, of `table_of`
    normalizer: Addresses
    learns_scale: bool
    eps: np.float32
    slope: np.float32  # of the activation below 0
    rows_in_loss: int  # the first rows of a batch; the other ones only enter the statistics
    passes: PassAddresses


class Descent(NamedTuple):
    """Settings of a step of gradient descent."""

    learning_rate: np.float32
    momentum: np.float32
    decay: np.float32


@inlined
def gather(x: Float32Array, rows: IntArray, out: Float32Array) -> None:
    """Write x[rows] to `out`."""
    for i in range(rows.size):
        row = rows[i]
        for j in range(x.shape[1]):
            out[i, j] = x[row, j]


@inlined
def add_row(row: Float32Array, out: Float32Array) -> None:
    """Add `row` to each row of `out`."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += row[j]


@inlined
def sum_rows(rows: Float32Array, out: Float32Array) -> None:
    """Write the sum of the rows to `out`."""
    out[:] = 0
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            out[j] += rows[i, j]


@inlined
def activate(value: RealArray, scale: RealArray, shift: RealArray, slope: Any, out: RealArray) -> None:
    """Write activation(scale value + shift) to `out`; below 0, the activation is the slope times its argument."""
    below = value.dtype.type(slope)
    for i in range(value.shape[0]):
        for j in range(value.shape[1]):
            v = scale[j] * value[i, j] + shift[j]
            out[i, j] = below * v if v <= 0 else v  # this order of cases keeps nan


@kernels.compiled_pass
def forward(network: CompiledNetwork) -> None:
    """Compute the logits, the values of the last layer, from the inputs of the first layer."""
    table = network.table
    last = len(table) - 1
    for k in range(last + 1):
        values, shift = views.values(table, k), views.shift(table, k)
        kernels.multiply(views.inputs(table, k), views.weights(table, k), values)
        if k == last:
            add_row(shift, values)
        else:
            if network.normalizer.forward_is_plain:
                kernels.call_plain(network.normalizer.forward, k)
            else:
                kernels.call(network.normalizer.forward, (values, views.state_of(table, k, network.eps)))
            activate(values, views.scale(table, k), shift, network.slope, views.inputs(table, k + 1))


@kernels.inlined_pass
def loss(network: CompiledNetwork, labels: IntArray, rows: IntArray) -> float:
    """Return the mean loss of a batch, and write its gradient at the logits; see `cross_entropy`."""
    table, counted = network.table, network.rows_in_loss
    last = len(table) - 1
    logits, gradient = views.values(table, last), views.gradient(table, last)
    flat = gradient.reshape(gradient.size)
    flat[counted * gradient.shape[1] :] = 0
    flat = flat[: counted * gradient.shape[1]]
    return cross_entropy(logits[:counted], labels, rows[:counted], gradient[:counted], flat)


@inlined
def descend(gradient: Float32Array, descent: Descent, parameters: Float32Array, velocity: Float32Array) -> None:
    """Update parameters by stochastic gradient descent as in PyTorch.

    The velocity is minus the learning rate times PyTorch's momentum buffer.
    """
    rate, momentum, decay = descent.learning_rate, descent.momentum, descent.decay
    for j in range(parameters.size):
        velocity[j] = momentum * velocity[j] - rate * gradient[j] - decay * parameters[j]
        parameters[j] += velocity[j]


@inlined
def descend_product(
    a: Float32Array, b: Float32Array, descent: Descent, weights: Float32Array, velocity: Float32Array
) -> None:
    """Update weights by stochastic gradient descent with the gradient a' b, which needs no array."""
    plain = descent.momentum == 0
    kept = np.float32(1 - descent.decay) if plain else descent.momentum
    kernels.accumulate(a, b, np.float32(-descent.learning_rate), kept, weights if plain else velocity)
    for i in range(0 if plain else weights.shape[0]):
        for j in range(weights.shape[1]):
            velocity[i, j] -= descent.decay * weights[i, j]
            weights[i, j] += velocity[i, j]


@kernels.inlined_pass
def backward(network: CompiledNetwork, k: int, scale_gradient: Float32Array, shift_gradient: Float32Array) -> None:
    """Compute the gradients at the products, scale and shift of layer `k` from the gradient at its output."""
    table = network.table
    values, gradient = views.values(table, k), views.gradient(table, k)
    if k == len(table) - 1:
        sum_rows(gradient, shift_gradient)
        return
    handed_on = views.inputs(table, k + 1)
    kernels.activate_back(
        values, views.scale(table, k), network.slope, handed_on, gradient, scale_gradient, shift_gradient
    )
    if network.normalizer.backward_is_plain:
        kernels.call_plain(network.normalizer.backward, k)
    else:
        kernels.call(network.normalizer.backward, (gradient, values, views.state_of(table, k, network.eps)))


@kernels.compiled_pass
def learn(
    network: CompiledNetwork, descent: Descent, scale_gradient: Float32Array, shift_gradient: Float32Array
) -> None:
    """Update all parameters from the gradient at the logits, the last layer first."""
    table = network.table
    for k in range(len(table) - 1, -1, -1):
        units = table[k, UNITS]
        of_scale, of_shift = scale_gradient[:units], shift_gradient[:units]
        backward(network, k, of_scale, of_shift)
        if network.learns_scale and k < len(table) - 1:
            descend(of_scale, descent, views.scale(table, k), views.scale_velocity(table, k))
        descend(of_shift, descent, views.shift(table, k), views.shift_velocity(table, k))
        gradient, weights = views.gradient(table, k), views.weights(table, k)
        if k > 0:
            kernels.multiply_transposed(gradient, weights, views.gradient(table, k - 1))
        descend_product(views.inputs(table, k), gradient, descent, weights, views.weights_velocity(table, k))


@kernels.inlined_pass
def follow(table: IntArray, k: int, weight: np.float32, unbiased: np.float32) -> None:
    """Move a layer's running statistics toward the batch statistics, averaged over the sets of the batch."""
    mean, var = views.running_mean(table, k), views.running_var(table, k)
    new_mean, new_var = views.mean(table, k), views.var(table, k)
    kept, share = np.float32(1 - weight), np.float32(weight / len(new_mean))
    for j in range(len(mean)):
        mean[j] *= kept
        var[j] *= kept
    for s in range(len(new_mean)):
        for j in range(len(mean)):
            mean[j] += share * new_mean[s, j]
            var[j] += share * unbiased * new_var[s, j]


@cache
def passes() -> PassAddresses:
    """Return the addresses of both passes, from arguments of the types that all networks have."""
    table, number, vector = np.empty((0, 0), np.int64), np.float32(0), np.empty(0, np.float32)
    network = CompiledNetwork(table, Addresses(0, False, 0, False), False, number, number, 0, PassAddresses(0, 0))
    return PassAddresses(
        kernels.address_of(forward, network),
        kernels.address_of(learn, network, Descent(number, number, number), vector, vector),
    )
