"""Tiles of matrix products: some rows and columns of the output, summed in vector registers.

A library packs its operands first. For batches of few rows, packing takes longer than the product. Tiles read the
operands in place. They are written in LLVM, with vectors of eight float32, or of sixteen if the processor has these.
Each number of a product is summed in the same order with any vector size, so the vector size changes no bit.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from bnstats._compiled import intrinsic, private
from bnstats.networks.kernels.llvm.vectors import LANES, MOST_LANES, Matrix, Writer

# Rows and columns of tiles, so that enough independent sums hide the latency of an addition.
WIDE, NARROW, SINGLE, DOTS = (MOST_LANES // 4, 4 * LANES), (4, 2 * LANES), (4, LANES), (2, 4)
_INT = ir.IntType(32)


def written(lanes: int) -> Callable[[Callable[..., None]], Any]:
    """Return a decorator for functions of compiled code that return nothing and are written in LLVM.

    The decorated function gets a `Writer` with `lanes` lanes, and then the arguments: arrays as a `Matrix`, numbers as
    they are.
    """

    def decorate(body: Callable[..., None]) -> Any:
        def kernel(_: Any, *kinds: Any) -> Any:
            def generate(context: Any, builder: Any, __: Any, given: Any) -> Any:
                write = Writer(builder, lanes)
                arguments = [
                    Matrix(context, write, kind, value) if isinstance(kind, types.Array) else value
                    for kind, value in zip(kinds, given, strict=True)
                ]
                body(write, *arguments)
                return private.nothing(context)

            return types.void(*kinds), generate

        kernel.__signature__ = inspect.signature(body)  # type: ignore[attr-defined]
        return intrinsic(kernel)

    return decorate


def product_tile(
    shape: tuple[int, int],
    of_transposed: bool = False,
    adds: bool = False,
    least_columns: int | None = None,
    lanes: int = LANES,
) -> Any:
    """Return a function (a, i, b, j, factor, kept, out) that writes a tile of a b to `out`.

    The tile begins at row i and column j.
    Rows beyond the last row of `out` are left out.

    Parameters
    ----------
    shape : tuple of (int, int)
        Rows and columns of the tile.
    of_transposed : bool
        If True, the product is a' b.
    adds : bool
        If True, the tile becomes kept out + factor a b.
    least_columns : int, optional
        Number of columns that `out` certainly has from j on; by default all columns of the tile. With `LANES` columns,
        the tile ends with the last columns, and two vectors may overlap. With fewer columns, single columns are left
        out, which takes longer.
    lanes : int
        Numbers in a vector.
    """

    @written(lanes)
    def tile(
        write: Writer, left: Matrix, i: Any, right: Matrix, j: Any, factor: Any, kept: Any, result: Matrix
    ) -> None:
        builder, scale, share = write.builder, write.spread(factor), write.spread(kept)
        columns = _columns(write, j, shape[1], result, least_columns)
        counts: list[Any] = [None] * len(columns)
        if least_columns not in (None, LANES):
            counts = [builder.sub(result.columns, column) for column in columns]
        totals = _summed(write, left, i, right, columns, counts, shape[0], of_transposed)
        for r, sums in enumerate(totals):
            row = builder.add(i, i.type(r))
            with builder.if_then(builder.icmp_signed("<", row, result.rows)):
                places = [(result.at(row, column), count) for column, count in zip(columns, counts, strict=True)]
                if adds:  # all vectors are loaded before any is stored, because vectors may overlap
                    held = [write.load(place, count) for place, count in places]
                    sums = [
                        write.multiply_add(share, old, write.multiply(scale, new))
                        for old, new in zip(held, sums, strict=True)
                    ]
                for value, (place, count) in zip(sums, places, strict=True):
                    write.store(value, place, count)

    return tile


def columns_tile(most_rows: int, width: int, least_columns: int | None = None, lanes: int = LANES) -> Any:
    """Return a function (a, b, j, factor, kept, out) that writes kept out + factor a' b from column j on.

    The function writes `width` columns. This part of b, which has at most `most_rows` rows, stays in registers for all
    rows of `out`. Rows beyond the last row of b count as zeros. `least_columns` is None or `LANES`; `least_columns` and
    `lanes` have the same meaning as in `product_tile`.
    """

    @written(lanes)
    def tile(write: Writer, left: Matrix, right: Matrix, j: Any, factor: Any, kept: Any, result: Matrix) -> None:
        builder, scale, share = write.builder, write.spread(factor), write.spread(kept)
        columns = _columns(write, j, width, result, least_columns)
        rows = [write.least(j.type(k), right.last) for k in range(most_rows)]
        held = []
        for k, row in enumerate(rows):
            exists = builder.icmp_signed("<", row.type(k), right.rows)
            vectors = [write.load(right.at(row, column)) for column in columns]
            held.append([builder.select(exists, vector, write.nothing) for vector in vectors])
        starts = [left.at(row, row.type(0)) for row in rows]
        with private.for_range(builder, result.rows) as loop:
            totals = [write.nothing for _ in columns]
            for start, vectors in zip(starts, held, strict=True):
                value = write.spread(builder.load(builder.gep(start, [loop.index])))
                totals = [write.in_order(value, vector, total) for vector, total in zip(vectors, totals, strict=True)]
            places = [result.at(loop.index, column) for column in columns]
            before = [write.load(place) for place in places]  # loaded before any is stored, as in `product_tile`
            for total, old, place in zip(totals, before, places, strict=True):
                write.store(write.in_order(share, old, builder.fmul(scale, total)), place)

    return tile


@written(MOST_LANES)
def turned_tile(write: Writer, source: Matrix, i: Any, j: Any, result: Matrix) -> None:
    """Write the transpose of the square of `MOST_LANES` rows and columns of a matrix, from i and j on, to `result`."""
    builder = write.builder
    rows = [write.load(source.at(builder.add(i, i.type(r)), j)) for r in range(MOST_LANES)]
    for c, value in enumerate(write.turned(rows)):
        write.store(value, result.at(builder.add(j, j.type(c)), i))


def _columns(write: Writer, j: Any, width: int, result: Matrix, least_columns: int | None) -> list[Any]:
    """Return the first column of each vector of a tile; with `LANES`, all vectors end within `result`."""
    columns = [write.builder.add(j, j.type(v)) for v in range(0, width, write.lanes)]
    if least_columns != LANES:
        return columns
    return [write.least(column, write.builder.sub(result.columns, j.type(LANES))) for column in columns]


def _summed(
    write: Writer, left: Matrix, i: Any, right: Matrix, columns: Any, counts: Any, rows: int, of_transposed: bool
) -> list[list[Any]]:
    """Return the sums over the inner index of the product for each row and vector of columns."""
    builder, zero = write.builder, i.type(0)
    last = builder.sub(left.columns if of_transposed else left.rows, i.type(1))
    beginning = [write.least(builder.add(i, i.type(r)), last) for r in range(rows)]
    starts = [left.at(zero, row) if of_transposed else left.at(row, zero) for row in beginning]
    totals = [[write.zeros() for _ in columns] for _ in range(rows)]
    with private.for_range(builder, right.rows) as loop:
        along = builder.mul(loop.index, left.columns) if of_transposed else loop.index
        factors = [
            write.load(right.at(loop.index, column), count) for column, count in zip(columns, counts, strict=True)
        ]
        for start, sums in zip(starts, totals, strict=True):
            value = write.spread(builder.load(builder.gep(start, [along])))
            for vector, total in zip(factors, sums, strict=True):
                write.add_product(value, vector, total)
    return [[builder.load(total) for total in sums] for sums in totals]


@written(LANES)
def dots_tile(write: Writer, left: Matrix, i: Any, right: Matrix, j: Any, result: Matrix) -> None:
    """Write the tile of a b' from row i and column j of `result` on, by dot products of rows.

    Rows and columns beyond the last ones of `result` are left out.
    """
    builder = write.builder
    rows = [write.least(builder.add(i, i.type(r)), left.last) for r in range(DOTS[0])]
    others = [write.least(builder.add(j, j.type(c)), right.last) for c in range(DOTS[1])]
    totals = [[write.zeros() for _ in others] for _ in rows]

    def add(k: Any, count: Any = None) -> None:
        vectors = [write.load(left.at(row, k), count) for row in rows]
        for c, other in enumerate(others):
            weights = write.load(right.at(other, k), count)
            for vector, sums in zip(vectors, totals, strict=True):
                write.add_product(vector, weights, sums[c])

    in_vectors = builder.and_(left.columns, i.type(-LANES))
    with private.for_range_slice(builder, i.type(0), in_vectors, i.type(LANES)) as (k, _):
        add(k)
    with builder.if_then(builder.icmp_signed("<", in_vectors, left.columns)):
        add(in_vectors, builder.sub(left.columns, in_vectors))
    dots = write.sums([builder.load(total) for sums in totals for total in sums])
    with builder.if_else(builder.icmp_signed("<=", builder.add(j, j.type(DOTS[1])), right.rows)) as (whole, some):
        with whole:
            for r, row in enumerate(rows):
                write.store_part(dots, r * DOTS[1], DOTS[1], result.at(row, j))
        with some:
            for lane, (row, c) in enumerate((row, c) for row in rows for c in range(DOTS[1])):
                with builder.if_then(builder.icmp_signed("<", builder.add(j, j.type(c)), right.rows)):
                    builder.store(builder.extract_element(dots, _INT(lane)), result.at(row, others[c]))
