"""Calls of functions, and views of arrays, through their addresses."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.extending import is_jitted

from bnstats._compiled import intrinsic, private
from bnstats.networks.kernels.layers import Addresses, LayerState, LayerViews

_MATRIX, _VECTOR = (types.Array(types.float32, dimensions, "C") for dimensions in (2, 1))
_STATE = types.NamedTuple((*[_MATRIX] * 2, *[_VECTOR] * 2, _MATRIX, _VECTOR, types.float32), LayerState)
_FORWARD, _BACKWARD = types.void(_MATRIX, _STATE), types.void(_MATRIX, _MATRIX, _STATE)
_PLAIN = ctypes.CFUNCTYPE(None, ctypes.c_ssize_t)
_ITEM = np.float32().itemsize


@contextmanager
def addresses(
    forward: Callable[..., None], backward: Callable[..., None], layers: tuple[LayerViews, ...], /
) -> Iterator[Addresses]:
    """Yield the addresses of a normalizer's two functions, valid until the exit.

    Compiled code calls a plain function with the number of a layer, and the function gets the views of this layer. An
    error in a plain function is raised at the exit, because no error can pass through compiled code.
    """
    errors: list[Exception] = []

    def plain(function: Callable[..., None], *arguments: str) -> Any:
        def call_with_layer(number: int) -> None:
            layer = layers[number]
            if not errors:
                try:
                    function(*(getattr(layer, name) for name in arguments), layer.state)
                except Exception as error:  # the user's own function may raise anything
                    errors.append(error)

        return _PLAIN(call_with_layer)

    held = [
        None if is_jitted(forward) else plain(forward, "values"),
        None if is_jitted(backward) else plain(backward, "gradient", "values"),
    ]
    found = [
        ctypes.cast(one, ctypes.c_void_p).value or 0 if one else private.address_of(function, signature)
        for one, function, signature in zip(held, (forward, backward), (_FORWARD, _BACKWARD), strict=True)
    ]
    yield Addresses(found[0], held[0] is not None, found[1], held[1] is not None)
    if errors:
        raise errors[0]


def address_of(function: Any, *arguments: Any) -> int:
    """Return the address of a Numba function, compiled for arguments of these types if necessary."""
    return private.address_of(function, types.void(*map(typeof, arguments)))


@intrinsic
def call(_: Any, address: Any, arguments: Any) -> Any:
    """Call the compiled function at an address with a tuple of arguments; the function returns nothing."""

    def generate(context: Any, builder: Any, __: Any, values: Any) -> Any:
        kinds = arguments.types
        given = [builder.extract_value(values[1], i) for i in range(len(kinds))]
        private.call(context, builder, values[0], kinds, given)
        return private.nothing(context)

    return types.void(address, arguments), generate


@intrinsic
def call_plain(_: Any, address: Any, number: Any) -> Any:
    """Call the plain function at an address with the number of a layer."""

    def generate(context: Any, builder: Any, __: Any, values: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [values[1].type]).as_pointer()
        builder.call(builder.inttoptr(values[0], kind), [values[1]])
        return private.nothing(context)

    return types.void(address, number), generate


def view(place: int, shape: tuple[int, ...]) -> Any:
    """Return a function (table, number) that views the array whose address stands at `place` in a row of the table.

    `shape` contains the places of the array's sizes. The view counts no references, because this would take a third of
    the time of a step in small layers. It compiles quickly, whereas a view of all arrays at once takes seconds to
    compile wherever it is used.
    """
    kind = types.Array(types.float32, len(shape), "C")

    @intrinsic
    def seen(_: Any, table: Any, __: Any) -> Any:
        def generate(context: Any, builder: Any, ___: Any, given: Any) -> Any:
            rows = private.array(context, builder, table, given[0])

            def at(column: int) -> Any:
                indices = [given[1], given[1].type(column)]
                return builder.load(private.get_item_pointer(context, builder, table, rows, indices))

            sizes, made = [at(size) for size in shape], private.array(context, builder, kind)
            bytes_of_row = [builder.mul(size, size.type(_ITEM)) for size in sizes[1:]]
            data = builder.inttoptr(at(place), made.data.type)
            private.populate_array(made, data, sizes, [*bytes_of_row, sizes[0].type(_ITEM)], _ITEM, None)
            return made._getvalue()

        return kind(table, types.intp), generate

    return seen
