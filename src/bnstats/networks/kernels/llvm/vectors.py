"""Matrices in memory, and LLVM vector instructions for kernels.

Vectors have as many numbers as the largest vector of the processor. LLVM translates them into available instructions.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from llvmlite import binding, ir
from numba import config

from bnstats._compiled import private

LANES = 8


def _most_lanes() -> int:
    """Return the numbers in the largest vector of the processor that Numba compiles for."""
    features = config.CPU_FEATURES
    if features is None and config.CPU_NAME is None:
        with suppress(RuntimeError):  # some processors do not report their features
            features = binding.get_host_cpu_features().flatten()
    return 16 if "+avx512f" in (features or "").split(",") else LANES


MOST_LANES = _most_lanes()
_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_FAST = ("contract", "reassoc", "nsz")
# Numba adds the flags of the function to instructions without a flag, and these may reorder sums.
_IN_ORDER = ("nsz",)


class Matrix:
    """Array for LLVM, with its rows one after the other."""

    def __init__(self, context: Any, write: Writer, kind: Any, value: Any) -> None:
        array = private.array(context, write.builder, kind, value)
        self._builder, self._data = write.builder, array.data
        self.rows, self.columns = private.unpack_tuple(write.builder, array.shape)
        self.last = write.builder.sub(self.rows, self.rows.type(1))

    def at(self, i: Any, j: Any) -> Any:
        """Return the pointer to an element."""
        return self._builder.gep(self._data, [self._builder.add(self._builder.mul(i, self.columns), j)])


class Writer:
    """Writer of vector instructions; `count` is the number of used lanes, by default all."""

    def __init__(self, builder: Any, lanes: int, element: Any = _FLOAT) -> None:
        self.builder, self.lanes = builder, lanes
        self._vector = ir.VectorType(element, lanes)
        self._bytes = 4 if element is _FLOAT else 8
        self._name = f"v{lanes}f{8 * self._bytes}"
        self.nothing = ir.Constant(self._vector, [0.0] * lanes)

    def least(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.icmp_signed("<", a, b), a, b)

    def zeros(self) -> Any:
        """Return a zero vector on the stack, which LLVM turns into a register."""
        place = private.alloca_once(self.builder, self._vector)
        self.builder.store(self.nothing, place)
        return place

    def spread(self, number: Any) -> Any:
        """Return a vector with the number in each lane."""
        empty = ir.Constant(ir.VectorType(number.type, self.lanes), ir.Undefined)
        return self.builder.shuffle_vector(
            self.builder.insert_element(empty, number, _INT(0)), empty, _constants(_INT, [0] * self.lanes)
        )

    def load(self, pointer: Any, count: Any = None) -> Any:
        place = self.builder.bitcast(pointer, self._vector.as_pointer())
        if count is None:
            return self.builder.load(place, align=self._bytes)
        mask = self.builder.icmp_signed("<", _constants(count.type, range(self.lanes)), self.spread(count))
        kind = ir.FunctionType(self._vector, [place.type, _INT, mask.type, self._vector])
        function = private.get_or_insert_function(
            self.builder.module, kind, f"llvm.masked.load.{self._name}.p0{self._name}"
        )
        return self.builder.call(function, [place, _INT(self._bytes), mask, self.nothing])

    def store(self, value: Any, pointer: Any, count: Any = None) -> None:
        """Store a vector, lane by lane if not all are used, because masked stores are slow on some processors."""

        def store_all() -> None:
            self.builder.store(value, self.builder.bitcast(pointer, self._vector.as_pointer()), align=self._bytes)

        if count is None:
            store_all()
            return
        with self.builder.if_else(self.builder.icmp_signed(">=", count, count.type(self.lanes))) as (whole, some):
            with whole:
                store_all()
            with some:
                for lane in range(self.lanes - 1):
                    with self.builder.if_then(self.builder.icmp_signed(">", count, count.type(lane))):
                        place = self.builder.gep(pointer, [_INT(lane)])
                        self.builder.store(self.builder.extract_element(value, _INT(lane)), place)

    def store_part(self, value: Any, first: int, size: int, pointer: Any) -> None:
        """Store `size` lanes from lane `first` on."""
        part = self._pick(value, value, range(first, first + size))
        self.builder.store(part, self.builder.bitcast(pointer, part.type.as_pointer()), align=self._bytes)

    def multiply(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=_FAST)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        return self.builder.fadd(self.multiply(a, b), c, flags=_FAST)

    def add(self, a: Any, b: Any) -> Any:
        return self.builder.fadd(a, b, flags=_IN_ORDER)

    def subtract(self, a: Any, b: Any) -> Any:
        return self.builder.fsub(a, b, flags=_IN_ORDER)

    def times(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=_IN_ORDER)

    def over(self, a: Any, b: Any) -> Any:
        return self.builder.fdiv(a, b, flags=_IN_ORDER)

    def in_order(self, a: Any, b: Any, c: Any) -> Any:
        """Return a b + c without reordering of sums, so that all tiles round alike."""
        kind = ir.FunctionType(self._vector, [self._vector] * 3)
        function = private.get_or_insert_function(self.builder.module, kind, f"llvm.fmuladd.{self._name}")
        return self.builder.call(function, [a, b, c])

    def sqrt(self, a: Any) -> Any:
        kind = ir.FunctionType(self._vector, [self._vector])
        return self.builder.call(
            private.get_or_insert_function(self.builder.module, kind, f"llvm.sqrt.{self._name}"), [a]
        )

    def add_product(self, a: Any, b: Any, total: Any) -> None:
        self.builder.store(self.multiply_add(a, b, self.builder.load(total)), total)

    def sums(self, vectors: list[Any]) -> Any:
        """Return a vector with the lane sums of eight vectors."""
        while len(vectors) > 2:
            vectors = [self._neighbors(*vectors[k : k + 2]) for k in range(0, len(vectors), 2)]
        x, y = vectors
        return self._add_picked(x, y, (0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15))

    def turned(self, vectors: list[Any]) -> list[Any]:
        """Return the transpose of as many vectors as lanes, by exchanging halves, then quarters, and so on."""
        width = self.lanes
        while width > 1:
            width //= 2
            lower = [lane for lane in range(self.lanes) if not lane & width]
            first = [lane if lane in lower else lane - width + self.lanes for lane in range(self.lanes)]
            second = [lane + width if lane in lower else lane + self.lanes for lane in range(self.lanes)]
            pairs = [(vectors[k], vectors[k + width]) for k in lower]
            vectors = list(vectors)
            for k, (x, y) in zip(lower, pairs, strict=True):
                vectors[k], vectors[k + width] = self._pick(x, y, first), self._pick(x, y, second)
        return vectors

    def _neighbors(self, x: Any, y: Any) -> Any:
        return self._add_picked(x, y, (0, 2, 8, 10, 4, 6, 12, 14), (1, 3, 9, 11, 5, 7, 13, 15))

    def _add_picked(self, x: Any, y: Any, first: tuple[int, ...], second: tuple[int, ...]) -> Any:
        return self.builder.fadd(self._pick(x, y, first), self._pick(x, y, second), flags=_FAST)

    def _pick(self, x: Any, y: Any, lanes: Iterable[int]) -> Any:
        """Return lanes of two vectors; the lanes of the second are numbered after those of the first."""
        return self.builder.shuffle_vector(x, y, _constants(_INT, lanes))


def _constants(kind: Any, values: Iterable[int]) -> Any:
    held = list(values)
    return ir.Constant(ir.VectorType(kind, len(held)), held)
