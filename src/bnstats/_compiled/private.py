"""Attributes of Numba that its documentation does not promise: all that this package uses.

A new version of Numba may change them. Without those of `KERNELS`, networks are trained by plain functions; without
those of `COMFORT`, no notice is printed and the cache on disk depends on less.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pkgutil import resolve_name
from typing import Any

import numba

KERNELS = (
    "numba.core.base.BaseContext.get_dummy_value",
    "numba.core.base.BaseContext.get_value_type",
    "numba.core.base.BaseContext.make_array",
    "numba.core.callconv.CPUCallConv.call_function",
    "numba.core.callconv.CPUCallConv.get_function_type",
    "numba.core.cgutils.alloca_once",
    "numba.core.cgutils.alloca_once_value",
    "numba.core.cgutils.for_range",
    "numba.core.cgutils.for_range_slice",
    "numba.core.cgutils.get_item_pointer",
    "numba.core.cgutils.get_or_insert_function",
    "numba.core.cgutils.unpack_tuple",
    "numba.core.codegen.JITCodeLibrary.get_pointer_to_function",
    "numba.core.compiler.CompileResult.fndesc",
    "numba.core.compiler.CompileResult.library",
    "numba.core.cpu.CPUContext.call_conv",
    "numba.core.dispatcher.Dispatcher.get_compile_result",
    "numba.core.funcdesc.FunctionDescriptor.llvm_func_name",
    "numba.core.types.ExternalFunction",
    "numba.np.arrayobj.populate_array",
)
"""Dotted names that the kernels in LLVM need."""

COMFORT = (
    "numba.core.event.Listener",
    "numba.core.event.register",
    "bnstats.networks.scores._scores._cache._cache_file._version",
)
"""Dotted names for the notice of a compilation, and for the version of what is cached on disk."""


def gone(names: tuple[str, ...]) -> list[str]:
    """Return the names that this version of Numba does not have.

    >>> gone(("numba.core.cgutils.for_range", "numba.core.cgutils.for_ever"))
    ['numba.core.cgutils.for_ever']
    """
    return [name for name in names if not _is_there(name)]


def _is_there(name: str) -> bool:
    try:
        resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def __getattr__(name: str) -> Any:
    """Return the function or class of `KERNELS` with this last name."""
    for path in KERNELS:
        if path.endswith(f".{name}"):
            return resolve_name(path)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def array(context: Any, builder: Any, kind: Any, value: Any = None) -> Any:
    """Return the LLVM structure of an array of this type, with its fields as attributes; by default an empty one."""
    made = context.make_array(kind)
    return made(context, builder) if value is None else made(context, builder, value)


def nothing(context: Any) -> Any:
    """Return the LLVM value of None."""
    return context.get_dummy_value()


def value_type(context: Any, kind: Any) -> Any:
    """Return the LLVM type of a value of this type."""
    return context.get_value_type(kind)


def call(context: Any, builder: Any, address: Any, kinds: Any, values: list[Any]) -> None:
    """Write a call of the compiled function at an address, which returns nothing."""
    convention, none = context.call_conv, numba.types.none
    kind = convention.get_function_type(none, kinds).as_pointer()
    convention.call_function(builder, builder.inttoptr(address, kind), none, kinds, values)


@cache
def address_of(function: Any, signature: Any) -> int:
    """Return the address of a compiled function, compiled for this signature if necessary."""
    result = function.get_compile_result(signature)
    return int(result.library.get_pointer_to_function(result.fndesc.llvm_func_name))


def on_compilation(start: Callable[[Any], None], end: Callable[[Any], None]) -> None:
    """Call `start` and `end`, each with the event of Numba, when a compilation begins and ends."""
    listener, register = map(resolve_name, COMFORT[:2])
    methods = {"on_start": lambda _, event: start(event), "on_end": lambda _, event: end(event)}
    register("numba:compile", type("Compilation", (listener,), methods)())


def mark_cache(jitted: Any, mark: str) -> None:
    """Add a mark to the version of what is kept on disk of a function; files of another version are not read."""
    file = jitted._cache._cache_file
    file._version = f"{file._version} {mark}"
