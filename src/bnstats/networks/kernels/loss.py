"""Cross-entropy of a batch and its gradient, with an exponential that compiles to vector instructions."""

from __future__ import annotations

import math

import numpy as np

from bnstats._checks.array_types import Float32Array, IntArray
from bnstats._compiled import inlined

_LOWEST = np.float32(-87.0)  # for smaller x, e^x is no normal float32
_LOG2E = np.float32(1 / math.log(2))
_LN2_HIGH = np.float32(0.693359375)  # few bits, so that its multiples are exact
_LN2_LOW = np.float32(math.log(2) - 0.693359375)
_TAYLOR = tuple(np.float32(1 / math.factorial(k)) for k in range(8))


@inlined
def exponential(x: np.float32) -> np.float32:
    """Return e^x for x <= 0, with a relative error of at most 5e-7.

    The result is 2^k, made by setting bits, times a Taylor series on [-ln 2 / 2, ln 2 / 2].
    """
    x = _LOWEST if x < _LOWEST else x  # this order of cases keeps nan
    k = np.floor(x * _LOG2E + np.float32(0.5))
    rest = x - k * _LN2_HIGH - k * _LN2_LOW
    value = _TAYLOR[7]
    value = value * rest + _TAYLOR[6]
    value = value * rest + _TAYLOR[5]
    value = value * rest + _TAYLOR[4]
    value = value * rest + _TAYLOR[3]
    value = value * rest + _TAYLOR[2]
    value = value * rest + _TAYLOR[1]
    value = value * rest + _TAYLOR[0]
    power: np.float32 = np.int32((np.int32(k) + np.int32(127)) << np.int32(23)).view(np.float32)
    return np.float32(value * power)


@inlined
def cross_entropy(
    logits: Float32Array, labels: IntArray, rows: IntArray, gradient: Float32Array, powers: Float32Array
) -> float:
    """Return the mean loss of a batch in nats, and write its gradient at the logits to `gradient`.

    Row i of the batch has the class labels[rows[i]]. `powers` is a flat view of `gradient`.
    """
    share = np.float32(1 / logits.shape[0])
    loss = 0.0
    for i in range(logits.shape[0]):
        top = logits[i, 0]
        for j in range(logits.shape[1]):
            top = top if logits[i, j] <= top else logits[i, j]
        for j in range(logits.shape[1]):
            gradient[i, j] = logits[i, j] - top
        loss -= gradient[i, labels[rows[i]]]
    for k in range(powers.size):  # all rows at once, because a single row may be shorter than a vector
        powers[k] = exponential(powers[k])
    for i in range(logits.shape[0]):
        total = np.float32(0)
        for j in range(logits.shape[1]):
            total += gradient[i, j]
        for j in range(logits.shape[1]):
            gradient[i, j] *= share / total
        loss += math.log(total)
        gradient[i, labels[rows[i]]] -= share
    return float(loss / logits.shape[0])
