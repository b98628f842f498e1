"""The functions in LLVM once more, in plain Numba and Python.

Tests compare both. These run where those in LLVM do not compile: the products and the loops over columns compiled, the
passes through a network by the interpreter.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any, ParamSpec, TypeVar

import numpy as np

from bnstats._checks.array_types import Float32Array, RealArray
from bnstats._compiled import inlined
from bnstats.networks.kernels.layers import Addresses, LayerViews

P = ParamSpec("P")
R = TypeVar("R")


@inlined
def multiply(a: Float32Array, b: Float32Array, out: Float32Array) -> None:
    """Write a b to `out`."""
    out[:] = 0
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                out[i, j] += a[i, k] * b[k, j]


@inlined
def multiply_transposed(a: Float32Array, b: Float32Array, out: Float32Array) -> None:
    """Write a b' to `out`."""
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            total = np.float32(0)
            for k in range(a.shape[1]):
                total += a[i, k] * b[j, k]
            out[i, j] = total


@inlined
def accumulate(a: Float32Array, b: Float32Array, factor: np.float32, kept: np.float32, out: Float32Array) -> None:
    """Write kept out + factor a' b to `out`."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] *= kept
        for k in range(a.shape[0]):
            for j in range(out.shape[1]):
                out[i, j] += factor * a[k, i] * b[k, j]


@inlined
def standardize(z: RealArray, mean: RealArray, var: RealArray, inverse: RealArray, eps: float) -> None:
    """Replace z by (z - mean) / s, s² = var + eps, in each column; write mean, biased var and 1 / s."""
    number = z.dtype.type
    share = number(1 / z.shape[0])
    for j in range(z.shape[1]):
        total = squares = number(0)
        for i in range(z.shape[0]):
            total += z[i, j]
        mean[j] = total * share
        for i in range(z.shape[0]):
            squares += (z[i, j] - mean[j]) * (z[i, j] - mean[j])
        var[j] = squares * share
        inverse[j] = number(1) / np.sqrt(var[j] + number(eps))
        for i in range(z.shape[0]):
            z[i, j] = (z[i, j] - mean[j]) * inverse[j]


@inlined
def standardize_back(gradient: RealArray, value: RealArray, inverse: RealArray) -> None:
    """Replace the gradient g at the value by (g - mean(g) - value mean(g value)) / s."""
    number = gradient.dtype.type
    share = number(1 / gradient.shape[0])
    for j in range(gradient.shape[1]):
        total = dot = number(0)
        for i in range(gradient.shape[0]):
            total += gradient[i, j]
            dot += gradient[i, j] * value[i, j]
        for i in range(gradient.shape[0]):
            gradient[i, j] = inverse[j] * (gradient[i, j] - (total * share + value[i, j] * (dot * share)))


@inlined
def activate_back(
    value: RealArray,
    scale: RealArray,
    slope: Any,
    out: RealArray,
    gradient: RealArray,
    scale_gradient: RealArray,
    shift_gradient: RealArray,
) -> None:
    """Turn the gradient at `out` into the gradient at `value`, and write the gradients of scale and shift."""
    number = value.dtype.type
    scale_gradient[:] = 0
    shift_gradient[:] = 0
    for i in range(value.shape[0]):
        for j in range(value.shape[1]):
            inner = gradient[i, j] * (number(1) if out[i, j] > 0 else number(slope))
            scale_gradient[j] += inner * value[i, j]
            shift_gradient[j] += inner
            gradient[i, j] = inner * scale[j]


def view(place: int, shape: tuple[int, ...]) -> Callable[..., Any]:
    """Return a function (table, number) that views the array whose address stands at `place` in a row of the table.

    `shape` contains the places of the array's sizes.
    """

    def seen(table: Any, number: int) -> Float32Array:
        sizes = [int(table[number, size]) for size in shape]
        memory: Any = (ctypes.c_float * prod(sizes)).from_address(int(table[number, place]))
        return np.ndarray(sizes, np.float32, memory)

    return seen


def call(function: Callable[..., None], arguments: Any) -> None:
    """Call a function with a tuple of arguments."""
    function(*arguments)


call_plain = call


def address_of(function: Any, *_: Any) -> Any:
    """Return the function itself, which `call` takes in place of its address."""
    return function


@contextmanager
def addresses(
    forward: Callable[..., None], backward: Callable[..., None], _: tuple[LayerViews, ...], /
) -> Iterator[Addresses]:
    """Yield a normalizer's two functions, in place of their addresses; the interpreter raises their errors."""
    yield Addresses(forward, False, backward, False)


def compiled_pass(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function itself, for the interpreter."""
    return function


inlined_pass = compiled_pass
