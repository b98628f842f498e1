"""A copy of anything along its references: what was shared stays shared, what cannot be copied is shared and listed."""

from __future__ import annotations

import functools
import threading
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Mapping
from concurrent.futures import Executor
from enum import Enum
from io import IOBase
from logging import Logger
from re import Pattern
from typing import Any

import numpy as np

from bnstats.audit.core.copier import containers
from bnstats.audit.core.copier import copied_callables as callables
from bnstats.audit.core.copier import copied_collections as collections
from bnstats.audit.core.copier import copied_objects as objects
from bnstats.audit.core.copier.copied_arrays import copied_array
from bnstats.audit.core.copier.references import Handler, References

_SHARED = (type, types.ModuleType, IOBase, threading.Thread, Executor, Logger)


def maker_of(cls: type) -> Handler | None:
    """Return how instances of a type are copied, None if they never change."""
    if cls in containers.ATOMS or issubclass(cls, (Enum, np.dtype, np.generic, Pattern)):
        return None
    if issubclass(cls, _SHARED):
        return _shared
    return next(_MAKERS[base] for base in cls.__mro__ if base in _MAKERS)


def _shared(x: Any, copier: References, path: str) -> Any:
    """Share an object; classes and modules that others know by name are the same for everybody, and are not listed."""
    known = isinstance(x, types.ModuleType) or (isinstance(x, type) and callables.by_name(x) is x)
    return copier.keep(x, x) if known else copier.share(x, path)


_MAKERS: dict[type, Handler] = {
    dict: collections.container(dict, containers.DICT),
    OrderedDict: collections.container(OrderedDict, containers.ORDERED),
    defaultdict: collections.copied_defaultdict,
    list: collections.container(list, containers.LIST),
    deque: collections.copied_deque,
    set: collections.container(set, containers.SET),
    bytearray: collections.container(bytearray, containers.BYTES),
    types.CellType: collections.container(types.CellType, containers.CELL),
    frozenset: collections.copied_frozenset,
    tuple: collections.copied_tuple,
    **{base: collections.copied_value(base) for base in (int, float, complex, str, bytes)},
    types.FunctionType: callables.copied_function,
    types.MethodType: callables.copied_method,
    types.BuiltinFunctionType: callables.copied_builtin,
    types.MethodWrapperType: callables.copied_builtin,
    functools.partial: callables.copied_partial,
    weakref.ref: objects.copied_weak,
    weakref.ProxyType: objects.copied_proxy,
    weakref.CallableProxyType: objects.copied_proxy,
    types.MappingProxyType: objects.copied_view,
    np.ndarray: copied_array,
    object: objects.copied_object,
}


class Copier(References):
    """Copier of one object along its references; see `References`.

    Parameters
    ----------
    handlers : dict of type to handler, optional
        Copy instances of these types and of their subclasses, before any general rule.

    Examples
    --------
    >>> rows = [1, 2]
    >>> copier = Copier()
    >>> first, second = copier.copy((rows, rows))
    >>> first is second, first is rows
    (True, False)
    """

    def __init__(self, handlers: Mapping[type, Handler] | None = None) -> None:
        super().__init__(handlers or {}, maker_of)
