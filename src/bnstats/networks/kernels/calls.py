"""Calls from compiled code to compiled or plain Python functions, through their addresses."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types

from bnstats._compiled import intrinsic
from bnstats.networks.kernels.layers import LayerState, LayerViews

_MATRIX, _VECTOR = (types.Array(types.float32, dimensions, "C") for dimensions in (2, 1))
_STATE = types.NamedTuple((*[_MATRIX] * 2, *[_VECTOR] * 2, _MATRIX, _VECTOR, types.float32), LayerState)
_FORWARD, _BACKWARD = types.void(_MATRIX, _STATE), types.void(_MATRIX, _MATRIX, _STATE)
_PLAIN = ctypes.CFUNCTYPE(None, ctypes.c_ssize_t)


class Addresses(NamedTuple):
    """Addresses of a normalizer's functions, with a flag for plain Python functions."""

    forward: int
    forward_is_plain: bool
    backward: int
    backward_is_plain: bool


class Callbacks:
    """Addresses of a normalizer's two functions for compiled code; valid while the object exists.

    Compiled code calls a plain function with the number of a layer, and the function gets the views of this layer. An
    error in a plain function is stored until compiled code has returned; `raise_error` then raises it.
    """

    def __init__(
        self, forward: Callable[..., None], backward: Callable[..., None], layers: tuple[LayerViews, ...]
    ) -> None:
        self._layers = layers
        self._error: Exception | None = None
        self._held = [
            None if is_compiled(forward) else _PLAIN(lambda k: self._call(forward, k, "values")),
            None if is_compiled(backward) else _PLAIN(lambda k: self._call(backward, k, "gradient", "values")),
        ]
        first, second = (
            (ctypes.cast(held, ctypes.c_void_p).value or 0, True) if held else (address_of(function, signature), False)
            for held, function, signature in zip(self._held, (forward, backward), (_FORWARD, _BACKWARD), strict=True)
        )
        self.addresses = Addresses(*first, *second)

    def _call(self, function: Callable[..., None], number: int, *arguments: str) -> None:
        layer = self._layers[number]
        if self._error is None:
            try:
                function(*(getattr(layer, name) for name in arguments), layer.state)
            except Exception as error:  # no error can pass through compiled code, so it is raised afterwards
                self._error = error

    def raise_error(self) -> None:
        """Raise the stored error of a plain function, if any."""
        if self._error is not None:
            raise self._error


def is_compiled(function: Callable[..., None]) -> bool:
    """Return True for a function that Numba compiles."""
    return hasattr(function, "get_compile_result")


@cache
def address_of(function: Any, signature: Any) -> int:
    """Return the address of a Numba function, compiled for this signature if necessary."""
    result = function.get_compile_result(signature)
    return int(result.library.get_pointer_to_function(result.fndesc.llvm_func_name))


@intrinsic
def call(_: Any, address: Any, arguments: Any) -> Any:
    """Call the compiled function at an address with a tuple of arguments; the function returns nothing."""

    def generate(context: Any, builder: Any, __: Any, values: Any) -> Any:
        kinds = arguments.types
        convention = context.call_conv
        kind = convention.get_function_type(types.none, kinds).as_pointer()
        given = [builder.extract_value(values[1], i) for i in range(len(kinds))]
        convention.call_function(builder, builder.inttoptr(values[0], kind), types.none, kinds, given)
        return context.get_dummy_value()

    return types.void(address, arguments), generate


@intrinsic
def call_plain(_: Any, address: Any, number: Any) -> Any:
    """Call the plain function at an address with the number of a layer."""

    def generate(context: Any, builder: Any, __: Any, values: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [values[1].type]).as_pointer()
        builder.call(builder.inttoptr(values[0], kind), [values[1]])
        return context.get_dummy_value()

    return types.void(address, number), generate
