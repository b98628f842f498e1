"""Tiles of products: vectors of any size give the same bits, and only the tile's own numbers are written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnstats._compiled import compiled
from bnstats.networks.kernels.llvm.products import multiply, multiply_transposed
from bnstats.networks.kernels.llvm.tiles import LANES, MOST_LANES, columns_tile, product_tile

FACTOR, KEPT = np.float32(-0.3), np.float32(0.9)


def matrices(*shapes: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(sum(map(sum, shapes)))
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def by_tiles(tile: Any, shape: tuple[int, int]) -> Any:
    height, width = shape

    @compiled
    def product(a: Any, b: Any, out: Any) -> None:
        for i in range(0, out.shape[0], height):
            for j in range(0, out.shape[1] - out.shape[1] % width, width):
                tile(a, i, b, j, FACTOR, KEPT, out)

    return product


@pytest.mark.parametrize("of_transposed", [False, True])
@pytest.mark.parametrize("adds", [False, True])
def test_vectors_of_eight_and_of_sixteen_give_the_same_bits(of_transposed: bool, adds: bool) -> None:
    found = []
    for lanes, height in ((8, 2), (16, 4)):
        shape = (height, 32)
        product = by_tiles(product_tile(shape, of_transposed, adds, lanes=lanes), shape)
        outs = []
        for rows, inner in ((1, 1), (5, 7), (8, 64), (33, 65)):
            a, b, out = matrices((inner, rows) if of_transposed else (rows, inner), (inner, 70), (rows, 70))
            exact, beyond = (a.T if of_transposed else a).astype(float) @ b, out[:, 64:].copy()
            exact = KEPT * out.astype(float) + FACTOR * exact if adds else exact
            product(a, b, out)
            np.testing.assert_allclose(out[:, :64], exact[:, :64], atol=1e-4)
            np.testing.assert_array_equal(out[:, 64:], beyond)
            outs.append(out)
        found.append(outs)
    for eight, sixteen in zip(*found, strict=True):
        np.testing.assert_array_equal(eight, sixteen)


def test_columns_of_eight_and_of_sixteen_give_the_same_bits() -> None:
    found = []
    for lanes in (8, 16):
        tile = columns_tile(2, 32, lanes=lanes)

        @compiled
        def product(a: Any, b: Any, out: Any, tile: Any = tile) -> None:
            for j in range(0, out.shape[1], 32):
                tile(a, b, j, FACTOR, KEPT, out)

        a, b, out = matrices((2, 37), (2, 64), (37, 64))
        exact = KEPT * out.astype(float) + FACTOR * a.T.astype(float) @ b
        product(a, b, out)
        np.testing.assert_allclose(out, exact, atol=1e-5)
        found.append(out)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("inputs", [1, LANES, MOST_LANES - 1, MOST_LANES, MOST_LANES + 1, 2 * MOST_LANES, 65])
@pytest.mark.parametrize("units", [3, MOST_LANES, 40, 65])
def test_a_product_with_transposed_weights_is_that_with_the_transposed(inputs: int, units: int) -> None:
    """To the bit, in batches of more rows than are multiplied by dot products."""
    for rows in (5, 8, 16, 35):
        gradient, weights = matrices((rows, units), (inputs, units))
        back, same = np.full((rows, inputs), np.nan, np.float32), np.full((rows, inputs), np.nan, np.float32)
        multiply_transposed(gradient, weights, back)
        multiply(gradient, np.ascontiguousarray(weights.T), same)
        np.testing.assert_array_equal(back, same)
        np.testing.assert_allclose(back, gradient.astype(float) @ weights.T, atol=1e-4)
