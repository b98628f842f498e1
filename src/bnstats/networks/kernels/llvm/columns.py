"""Loops over the rows of a batch, for some vectors of columns at a time, with sums in registers.

The loops are written in LLVM, because a Numba loop over rows and columns moves its sums to memory and back in each row.
Each column is summed in the order of its rows, so the size of vectors changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba import TypingError, types

from bnstats._checks.array_types import RealArray
from bnstats._compiled import inlined, intrinsic, private
from bnstats.networks.kernels.llvm.vectors import MOST_LANES, Matrix, Writer

# Number of vectors at a time, so that enough independent sums hide the latency of an addition.
VECTORS = 4
WIDTH = VECTORS * MOST_LANES

Vectors = list[Any]


class Columns:
    """Adjacent vectors of columns of arrays with equal width; each number fills all lanes of a vector."""

    def __init__(self, write: Writer, arrays: list[Any], numbers: list[Any], starts: list[Any]) -> None:
        self.write, self.arrays, self.numbers, self._starts = write, arrays, numbers, starts

    def _places(self, array: Any, row: Any) -> Iterator[tuple[Any, Any]]:
        """Yield pointer and number of used lanes of each vector, in a row of a matrix or in an array with one axis."""
        for start, count in self._starts:
            yield self.write.builder.gep(array.data, [start]) if row is None else array.at(row, start), count

    def load(self, array: Any, row: Any = None) -> Vectors:
        """Load the vectors from a row of a matrix, or from an array with one axis."""
        return [self.write.load(*place) for place in self._places(array, row)]

    def store(self, values: Vectors, array: Any, row: Any = None) -> None:
        """Store the vectors to a row of a matrix, or to an array with one axis."""
        for value, place in zip(values, self._places(array, row), strict=True):
            self.write.store(value, *place)

    @contextmanager
    def each_row(self) -> Iterator[Any]:
        """Loop over the rows of the first array."""
        with private.for_range(self.write.builder, self.arrays[0].rows) as loop:
            yield loop.index

    def sums(self, add: Callable[..., tuple[Vectors, ...]], count: int) -> list[Vectors]:
        """Return `count` sums over the rows; add(row, *sums so far) returns the sums with this row."""
        builder = self.write.builder
        places = [[self.write.zeros() for _ in self._starts] for _ in range(count)]
        with self.each_row() as row:
            added = add(row, *([builder.load(place) for place in total] for total in places))
            for values, total in zip(added, places, strict=True):
                each(builder.store, values, total)
        return [[builder.load(place) for place in total] for total in places]


def each(operation: Callable[..., Any], *operands: Vectors) -> Vectors:
    """Apply the operation to each vector of the operands."""
    return [operation(*values) for values in zip(*operands, strict=True)]


def columns(body: Callable[[Columns], None]) -> Any:
    """Return a function (arrays, numbers) that runs `body` on all columns; the first array is a matrix."""
    vectors, last = (_kernel(body, whole) for whole in (True, False))

    @inlined
    def run(arrays: Any, numbers: Any) -> None:
        units = arrays[0].shape[1]
        whole = units - units % WIDTH
        for j in range(0, whole, WIDTH):
            vectors(j, arrays, numbers)
        for j in range(whole, units, MOST_LANES):
            last(j, arrays, numbers)

    return run


def _kernel(body: Callable[[Columns], None], whole: bool) -> Any:
    """Return a function (j, arrays, numbers) that runs `body` on the columns from j on.

    The function runs on `WIDTH` columns if `whole`, otherwise on the columns of one vector. The numbers have the type
    of the arrays' elements.
    """

    @intrinsic
    def kernel(_: Any, j: Any, arrays: Any, numbers: Any) -> Any:
        if any(array.layout != "C" for array in arrays):
            raise TypingError("columns are of arrays whose rows lie one after the other")

        def generate(context: Any, builder: Any, __: Any, given: Any) -> Any:
            write = Writer(builder, MOST_LANES, private.value_type(context, arrays[0].dtype))
            seen = [_seen(context, write, kind, builder.extract_value(given[1], i)) for i, kind in enumerate(arrays)]
            values = [write.spread(builder.extract_value(given[2], i)) for i in range(len(numbers))]
            first = given[0]
            starts: list[Any] = [(first, builder.sub(seen[0].columns, first))]
            if whole:
                starts = [(builder.add(first, first.type(v)), None) for v in range(0, WIDTH, MOST_LANES)]
            body(Columns(write, seen, values, starts))
            return private.nothing(context)

        return types.void(j, arrays, numbers), generate

    return kernel


def _seen(context: Any, write: Writer, kind: Any, value: Any) -> Any:
    return Matrix(context, write, kind, value) if kind.ndim == 2 else private.array(context, write.builder, kind, value)


@columns
def _standardize(c: Columns) -> None:
    """Standardize values; arrays: values, mean, variance, inverse; numbers: 1 / rows, eps, 1."""
    write = c.write
    values, *statistics = c.arrays
    share, eps, one = c.numbers

    def add_squares(row: Any, before: Vectors) -> tuple[Vectors]:
        deviations = each(write.subtract, c.load(values, row), mean)
        return (each(write.in_order, deviations, deviations, before),)

    (total,) = c.sums(lambda row, before: (each(write.add, before, c.load(values, row)),), 1)
    mean = [write.times(vector, share) for vector in total]
    (squares,) = c.sums(add_squares, 1)
    var = [write.times(vector, share) for vector in squares]
    inverse = [write.over(one, write.sqrt(write.add(vector, eps))) for vector in var]
    with c.each_row() as row:
        c.store(each(write.times, each(write.subtract, c.load(values, row), mean), inverse), values, row)
    for vectors, array in zip((mean, var, inverse), statistics, strict=True):
        c.store(vectors, array)


@columns
def _standardize_back(c: Columns) -> None:
    """Compute the gradient before standardization; arrays: gradient, values, inverse; number: 1 / rows."""
    write = c.write
    gradients, values, inverses = c.arrays
    (share,) = c.numbers

    def add(row: Any, total: Vectors, dot: Vectors) -> tuple[Vectors, Vectors]:
        gradient = c.load(gradients, row)
        return each(write.add, total, gradient), each(write.in_order, gradient, c.load(values, row), dot)

    total, dot = ([write.times(vector, share) for vector in sums] for sums in c.sums(add, 2))
    inverse = c.load(inverses)
    with c.each_row() as row:
        means = each(write.in_order, c.load(values, row), dot, total)
        c.store(each(write.times, inverse, each(write.subtract, c.load(gradients, row), means)), gradients, row)


@columns
def _activate_back(c: Columns) -> None:
    """Compute the gradients before scale, shift and activation.

    Arrays: gradient, values, outputs, scale, gradients of scale and shift; numbers: slope below 0, 1.
    """
    write, builder = c.write, c.write.builder
    gradients, values, outputs, scales, of_scale, of_shift = c.arrays
    below, one = c.numbers
    scale = c.load(scales)

    def add(row: Any, by_scale: Vectors, by_shift: Vectors) -> tuple[Vectors, Vectors]:
        slopes = [
            builder.select(builder.fcmp_ordered(">", out, write.nothing), one, below) for out in c.load(outputs, row)
        ]
        gradient = each(write.times, c.load(gradients, row), slopes)
        c.store(each(write.times, gradient, scale), gradients, row)
        return each(write.in_order, gradient, c.load(values, row), by_scale), each(write.add, by_shift, gradient)

    for vectors, array in zip(c.sums(add, 2), (of_scale, of_shift), strict=True):
        c.store(vectors, array)


@inlined
def standardize(z: RealArray, mean: RealArray, var: RealArray, inverse: RealArray, eps: float) -> None:
    """Replace z by (z - mean) / s, s² = var + eps, in each column; write mean, biased var and 1 / s."""
    number = z.dtype.type
    _standardize((z, mean, var, inverse), (number(1 / z.shape[0]), number(eps), number(1)))


@inlined
def standardize_back(gradient: RealArray, value: RealArray, inverse: RealArray) -> None:
    """Replace the gradient g at the value by (g - mean(g) - value mean(g value)) / s."""
    _standardize_back((gradient, value, inverse), (gradient.dtype.type(1 / gradient.shape[0]),))


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
    arrays = (gradient, value, out, scale, scale_gradient, shift_gradient)
    _activate_back(arrays, (value.dtype.type(slope), value.dtype.type(1)))
