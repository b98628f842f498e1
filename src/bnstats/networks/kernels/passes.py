"""The compiled passes through a network: forward, and backward to new parameters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bnstats._arrays import Float32Array, IntArray
from bnstats._compiled import compiled
from bnstats.networks.kernels.activation import activate, activate_back
from bnstats.networks.kernels.calls import Addresses, call, call_plain
from bnstats.networks.kernels.layers import LayerViews, layer_at
from bnstats.networks.kernels.products import accumulate, multiply, multiply_transposed


class Plan(NamedTuple):
    """A network as compiled code sees it."""

    table: IntArray  # one row for each layer, of `table_of`
    normalizer: Addresses
    learns_scale: bool
    eps: np.float32
    slope: np.float32  # of the activation below 0


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
def add_row(row: Float32Array, out: Float32Array) -> None:
    """out = out + row, in each row."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += row[j]


@compiled
def sum_rows(rows: Float32Array, out: Float32Array) -> None:
    """out = sum of the rows."""
    out[:] = 0
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            out[j] += rows[i, j]


@compiled
def forward(plan: Plan) -> None:
    """From the inputs of the first layer to the logits, which are the values of the last."""
    last = len(plan.table) - 1
    for k in range(last + 1):
        layer = layer_at(plan.table, k, plan.eps)
        multiply(layer.inputs, layer.weights, layer.values)
        if k == last:
            add_row(layer.shift, layer.values)
        else:
            if plan.normalizer.forward_is_plain:
                call_plain(plan.normalizer.forward, k)
            else:
                call(plan.normalizer.forward, (layer.values, layer.state))
            following = layer_at(plan.table, k + 1, plan.eps)
            activate(layer.values, layer.scale, layer.shift, plan.slope, following.inputs)


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
def backward(plan: Plan, layer: LayerViews, k: int, scale_gradient: Float32Array, shift_gradient: Float32Array) -> None:
    """From the gradient at what layer `k` hands on to that at its products, and those of its scale and shift."""
    if k == len(plan.table) - 1:
        sum_rows(layer.gradient, shift_gradient)
        return
    out = layer_at(plan.table, k + 1, plan.eps).inputs
    activate_back(layer.values, layer.scale, plan.slope, out, layer.gradient, scale_gradient, shift_gradient)
    if plan.normalizer.backward_is_plain:
        call_plain(plan.normalizer.backward, k)
    else:
        call(plan.normalizer.backward, (layer.gradient, layer.values, layer.state))


@compiled
def hand_down(plan: Plan, layer: LayerViews, k: int) -> None:
    """The gradient at what the layer below hands on."""
    if k > 0:
        multiply_transposed(layer.gradient, layer.weights, layer_at(plan.table, k - 1, plan.eps).gradient)


@compiled
def learn(plan: Plan, descent: Descent, scale_gradient: Float32Array, shift_gradient: Float32Array) -> None:
    """From the gradient at the logits to new parameters, last layer first."""
    for k in range(len(plan.table) - 1, -1, -1):
        layer = layer_at(plan.table, k, plan.eps)
        units = len(layer.shift)
        scale, shift = scale_gradient[:units], shift_gradient[:units]
        backward(plan, layer, k, scale, shift)
        if plan.learns_scale and k < len(plan.table) - 1:
            descend(scale, descent, layer.scale, layer.scale_velocity)
        descend(shift, descent, layer.shift, layer.shift_velocity)
        hand_down(plan, layer, k)
        descend_product(layer.inputs, layer.gradient, descent, layer.weights, layer.weights_velocity)


@compiled
def follow(
    weight: np.float32,
    unbiased: np.float32,
    new_mean: Float32Array,
    new_var: Float32Array,
    mean: Float32Array,
    var: Float32Array,
) -> None:
    """Move a layer's running statistics towards those of a batch, the average over its sets."""
    kept, share = np.float32(1 - weight), np.float32(weight / len(new_mean))
    for j in range(len(mean)):
        mean[j] *= kept
        var[j] *= kept
    for s in range(len(new_mean)):
        for j in range(len(mean)):
            mean[j] += share * new_mean[s, j]
            var[j] += share * unbiased * new_var[s, j]
