"""Matrix products for compiled code: small ones by tiles, large ones by SciPy's BLAS.

No product calls the interpreter. Each product can add the scaled old values of its output, so that the product which
makes a gradient also adds it to the weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import binding
from numba import types
from numba.extending import get_cython_function_address

from bnstats._checks.array_types import Float32Array
from bnstats._compiled import inlined, intrinsic, private
from bnstats.networks.kernels.llvm.tiles import (
    DOTS,
    NARROW,
    SINGLE,
    WIDE,
    columns_tile,
    dots_tile,
    product_tile,
    turned_tile,
)
from bnstats.networks.kernels.llvm.vectors import LANES, MOST_LANES

# The function is called by name, because compiled code is cached on disk and addresses differ between processes.
binding.add_symbol("bnstats_sgemm", get_cython_function_address("scipy.linalg.cython_blas", "sgemm"))
_sgemm = private.ExternalFunction("bnstats_sgemm", types.void(*[types.uintp] * 13))
_AS_IS, _TRANSPOSED = ord("N"), ord("T")
_ZERO, _ONE = np.float32(0), np.float32(1)
# Largest number of multiplications for which tiles, which need no packing, are at least as fast as the library.
SMALL = 2**21
# Largest number of rows for which dot products are faster than transposing the weights first.
ROWS_OF_DOTS = 4
# Largest number of batch rows whose columns in a tile stay in registers while the weights are read and written.
FEW = 2
_wide = product_tile(WIDE, lanes=MOST_LANES)
_narrow, _single = product_tile(NARROW, least_columns=LANES), product_tile(SINGLE, least_columns=1)
_wide_columns_added = columns_tile(FEW, WIDE[1], lanes=MOST_LANES)
_narrow_columns_added = columns_tile(FEW, NARROW[1], LANES)
_wide_added = product_tile(WIDE, of_transposed=True, adds=True, lanes=MOST_LANES)
_narrow_added = product_tile(NARROW, of_transposed=True, adds=True, least_columns=LANES)
_single_added = product_tile(SINGLE, of_transposed=True, adds=True, least_columns=1)


@intrinsic
def _address(_: Any, value: Any) -> Any:
    """Return the address of a number on the stack, because Fortran takes every argument by address."""

    def generate(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        place = private.alloca_once_value(builder, arguments[0])
        return builder.ptrtoint(place, private.value_type(context, types.uintp))

    return types.uintp(value), generate


@inlined
def _gemm(
    flip_a: int,
    flip_b: int,
    k: int,
    alpha: np.float32,
    a: Float32Array,
    b: Float32Array,
    beta: np.float32,
    out: Float32Array,
) -> None:
    """Write beta out + alpha a b to `out`, as out' = beta out' + alpha b' a', because BLAS stores columns."""
    _sgemm(
        _address(np.uint8(flip_b)),
        _address(np.uint8(flip_a)),
        _address(np.int32(out.shape[1])),
        _address(np.int32(out.shape[0])),
        _address(np.int32(k)),
        _address(alpha),
        b.ctypes.data,
        _address(np.int32(b.shape[1])),
        a.ctypes.data,
        _address(np.int32(a.shape[1])),
        _address(beta),
        out.ctypes.data,
        _address(np.int32(out.shape[1])),
    )


@inlined
def _is_small(rows: int, weights: Float32Array) -> bool:
    return rows * weights.size <= SMALL


@inlined
def multiply(a: Float32Array, b: Float32Array, out: Float32Array) -> None:
    """Write a b to `out`."""
    if not _is_small(a.shape[0], b):
        _gemm(_AS_IS, _AS_IS, a.shape[1], _ONE, a, b, _ZERO, out)
        return
    whole = out.shape[1] - out.shape[1] % WIDE[1]
    for j in range(0, whole, WIDE[1]):
        for i in range(0, out.shape[0], WIDE[0]):
            _wide(a, i, b, j, _ONE, _ZERO, out)
    for j in range(whole, out.shape[1], NARROW[1]):
        for i in range(0, out.shape[0], NARROW[0]):
            if out.shape[1] - j >= LANES:
                _narrow(a, i, b, j, _ONE, _ZERO, out)
            else:
                _single(a, i, b, j, _ONE, _ZERO, out)


@inlined
def multiply_transposed(a: Float32Array, b: Float32Array, out: Float32Array) -> None:
    """Write a b' to `out`."""
    rows, columns = out.shape
    if not _is_small(rows, b):
        _gemm(_AS_IS, _TRANSPOSED, a.shape[1], _ONE, a, b, _ZERO, out)
    elif rows <= ROWS_OF_DOTS:
        for i in range(0, rows, DOTS[0]):
            for j in range(0, columns, DOTS[1]):
                dots_tile(a, i, b, j, out)
    else:
        turned = np.empty((b.shape[1], b.shape[0]), np.float32)
        _transpose(b, turned)
        multiply(a, turned, out)


@inlined
def _transpose(a: Float32Array, out: Float32Array) -> None:
    """Write a' to `out`; the last tiles end with the last row and column and may overlap earlier tiles."""
    rows, columns = a.shape[0] - MOST_LANES, a.shape[1] - MOST_LANES
    if rows < 0 or columns < 0:
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                out[j, i] = a[i, j]
        return
    for i in range(0, a.shape[0], MOST_LANES):
        for j in range(0, a.shape[1], MOST_LANES):
            turned_tile(a, min(i, rows), min(j, columns), out)


@inlined
def accumulate(a: Float32Array, b: Float32Array, factor: np.float32, kept: np.float32, out: Float32Array) -> None:
    """Write kept out + factor a' b to `out`."""
    if not _is_small(a.shape[0], out):
        _gemm(_TRANSPOSED, _AS_IS, a.shape[0], factor, a, b, kept, out)
        return
    whole = out.shape[1] - out.shape[1] % WIDE[1]
    few = a.shape[0] <= FEW
    for i in range(0, 0 if few else out.shape[0], WIDE[0]):  # row by row, because the weights are read and written
        for j in range(0, whole, WIDE[1]):
            _wide_added(a, i, b, j, factor, kept, out)
    for j in range(0, whole if few else 0, WIDE[1]):
        _wide_columns_added(a, b, j, factor, kept, out)
    for j in range(whole, out.shape[1], NARROW[1]):
        vectors = out.shape[1] - j >= LANES
        if few and vectors:
            _narrow_columns_added(a, b, j, factor, kept, out)
            continue
        for i in range(0, out.shape[0], NARROW[0]):
            if vectors:
                _narrow_added(a, i, b, j, factor, kept, out)
            else:
                _single_added(a, i, b, j, factor, kept, out)
