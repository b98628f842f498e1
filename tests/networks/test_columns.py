"""Loops down the columns of a batch: each column is as if it were alone, to the bit, whatever the vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba.core.errors import TypingError

from bnstats._compiled import compiled
from bnstats.networks.kernels.llvm.columns import WIDTH, activate_back, standardize, standardize_back
from bnstats.networks.kernels.llvm.vectors import MOST_LANES

EPS, SLOPE = 1e-3, 0.1
KINDS = pytest.mark.parametrize("kind", [np.float32, np.float64])
SHAPES = pytest.mark.parametrize("rows", [2, 5, 33])


@compiled
def forward(z: Any, mean: Any, var: Any, inverse: Any) -> None:
    standardize(z, mean, var, inverse, EPS)


@compiled
def backward(gradient: Any, value: Any, inverse: Any) -> None:
    standardize_back(gradient, value, inverse)


@compiled
def through(value: Any, scale: Any, out: Any, gradient: Any, of_scale: Any, of_shift: Any) -> None:
    activate_back(value, scale, SLOPE, out, gradient, of_scale, of_shift)


def arrays(kind: type, rows: int, units: int, matrices: int, vectors: int) -> list[np.ndarray]:
    """Numbers that are all different, also of columns one from the other in size."""
    rng = np.random.default_rng(rows)
    size = 10.0 ** rng.uniform(-2, 2, size=units)
    matrix = 3 * size + size * rng.normal(size=(matrices, rows, units))
    return [*matrix.astype(kind), *rng.normal(size=(vectors, units)).astype(kind)]


def column(given: list[np.ndarray], j: int) -> list[np.ndarray]:
    return [np.ascontiguousarray(array[..., j : j + 1]) for array in given]


@KINDS
@SHAPES
@pytest.mark.parametrize("units", [1, MOST_LANES, WIDTH, WIDTH + MOST_LANES + 3])
@pytest.mark.parametrize(("kernel", "matrices", "vectors"), [(forward, 1, 3), (backward, 2, 1), (through, 0, 0)])
def test_a_column_does_not_depend_on_its_neighbors(
    kernel: Any, matrices: int, vectors: int, kind: type, rows: int, units: int
) -> None:
    given = arrays(kind, rows, units, matrices, vectors)
    if kernel is through:
        value, out, gradient, *of_units = arrays(kind, rows, units, 3, 3)
        given = [value, of_units[0], out, gradient, *of_units[1:]]
    together = [array.copy() for array in given]
    kernel(*together)
    for j in range(units):
        alone = column(given, j)
        kernel(*alone)
        for mine, ours in zip(alone, column(together, j), strict=True):
            np.testing.assert_array_equal(mine, ours)


@KINDS
@SHAPES
def test_columns_are_standardized_as_by_numpy_and_back(kind: type, rows: int) -> None:
    """Against float64, of columns of one size, so that one bound of rounding holds for all."""
    rng, units = np.random.default_rng(rows), WIDTH + 5
    tolerance = {"rtol": 400 * np.finfo(kind).eps, "atol": 400 * np.finfo(kind).eps}
    z, g = rng.normal(size=(2, rows, units)).astype(kind)
    exact, mean, var = z.astype(float), z.mean(axis=0, dtype=float), z.var(axis=0, dtype=float)
    exact = (exact - mean) / np.sqrt(var + EPS)
    statistics = list(np.empty((3, units), kind))
    value = z.copy()
    forward(value, *statistics)
    for found, known in zip([value, *statistics], [exact, mean, var, 1 / np.sqrt(var + EPS)], strict=True):
        np.testing.assert_allclose(found, known, **tolerance)
    gradient = g.copy()
    backward(gradient, value, statistics[2])
    known = (g - g.mean(axis=0, dtype=float) - exact * (g * exact).mean(axis=0)) / np.sqrt(var + EPS)
    np.testing.assert_allclose(gradient, known, **(tolerance | {"atol": 40 * tolerance["atol"]}))


@KINDS
@SHAPES
def test_a_gradient_goes_back_through_the_activation_as_by_numpy(kind: type, rows: int) -> None:
    rng, units = np.random.default_rng(rows), WIDTH + 5
    value, out, gradient = rng.normal(size=(3, rows, units)).astype(kind)
    out[0, :3], scale = 0, rng.normal(size=units).astype(kind)
    of_scale, of_shift, found = np.empty(units, kind), np.empty(units, kind), gradient.copy()
    through(value, scale, out, found, of_scale, of_shift)
    inner = gradient * np.where(out > 0, 1.0, SLOPE)
    tolerance = {"rtol": 100 * np.finfo(kind).eps, "atol": 100 * np.finfo(kind).eps}
    np.testing.assert_allclose(found, inner * scale, **tolerance)
    np.testing.assert_allclose(of_scale, (inner * value).sum(axis=0), **tolerance)
    np.testing.assert_allclose(of_shift, inner.sum(axis=0), **tolerance)


def test_arrays_with_gaps_are_refused() -> None:
    z = np.ones((4, 6), np.float32)[:, ::2]
    with pytest.raises(TypingError, match="rows lie one after the other"):
        forward(z, *np.ones((3, 3), np.float32))
