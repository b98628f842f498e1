"""Trial of what the functions in LLVM are made of, on matrices of a few numbers.

The functions take seconds to compile. The trial takes a fraction of a second, and is kept on disk.
"""

from __future__ import annotations

import numpy as np

from bnstats._checks.array_types import Float32Array, IntArray
from bnstats._compiled import compiled
from bnstats.networks.kernels.llvm.calls import address_of, call, view
from bnstats.networks.kernels.llvm.columns import standardize
from bnstats.networks.kernels.llvm.tiles import SINGLE, dots_tile, product_tile

_view, _tile = view(2, (0, 1)), product_tile(SINGLE, adds=True, least_columns=1)
_FACTOR, _KEPT = np.float32(2), np.float32(0.5)


@compiled
def _double(a: Float32Array) -> None:
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] *= np.float32(2)


@compiled
def _tried(table: IntArray, double: int, b: Float32Array, products: Float32Array, statistics: Float32Array) -> None:
    a = _view(table, 0)
    call(double, (a,))
    _tile(a, 0, b, 0, _FACTOR, _KEPT, products[0])
    dots_tile(a, 0, a, 0, products[1])
    standardize(b, statistics[0], statistics[1], statistics[2], 0.0)


def trial() -> None:
    """Compile the trial, and compare its numbers with NumPy's.

    Raises
    ------
    ArithmeticError
        If a number is wrong. If something does not compile, the error is that of Numba or LLVM.
    """
    a, b = np.array([[1, 2, 3], [4, 5, 7]], np.float32), np.array([[1, 2], [3, 5], [8, 1]], np.float32)
    twice, values, products, statistics = 2 * a, b.copy(), np.ones((2, 2, 2), np.float32), np.empty((3, 2), np.float32)
    table = np.array([[*a.shape, a.ctypes.data]], dtype=np.int64)
    _tried(table, address_of(_double, a), values, products, statistics)
    standardized = (b - b.mean(axis=0)) / b.std(axis=0)
    for found, right in (
        (products[0], 2 * twice @ b + 0.5),
        (products[1], twice @ twice.T),
        (statistics, [b.mean(axis=0), b.var(axis=0), 1 / b.std(axis=0)]),
        (values, standardized),
    ):
        if not np.allclose(found, right, rtol=1e-4):
            raise ArithmeticError(f"{found.tolist()} instead of {np.asarray(right).tolist()}")
