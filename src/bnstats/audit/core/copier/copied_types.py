"""Copies of instances, by their type."""

from __future__ import annotations

import functools
import threading
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from concurrent.futures import Executor
from enum import Enum
from io import IOBase
from logging import Logger
from re import Pattern
from typing import Any

import numpy as np

from bnstats.audit.core.copier import containers
from bnstats.audit.core.copier.atoms import ATOMS
from bnstats.audit.core.copier.copied_arrays import copied_array
from bnstats.audit.core.copier.copied_callables import (
    by_name,
    copied_builtin,
    copied_cell,
    copied_function,
    copied_method,
    copied_partial,
)
from bnstats.audit.core.copier.copied_collections import (
    copied_bytes,
    copied_dict,
    copied_frozenset,
    copied_sequence,
    copied_set,
    copied_tuple,
    copied_value,
)
from bnstats.audit.core.copier.copied_objects import copied_object, copied_proxy, copied_view, copied_weak
from bnstats.audit.core.copier.references import Handler, References

_SHARED = (type, types.ModuleType, IOBase, threading.Thread, Executor, Logger)


def maker_of(cls: type) -> Handler | None:
    """Return how instances of a type are copied, None if they never change."""
    if cls in ATOMS or issubclass(cls, (Enum, np.dtype, np.generic, Pattern)):
        return None
    if issubclass(cls, _SHARED):
        return _shared
    return next(_MAKERS[base] for base in cls.__mro__ if base in _MAKERS)


def _shared(x: Any, copier: References, path: str) -> Any:
    """Share an object; classes and modules that others know by name are the same for everybody, and are not listed."""
    known = isinstance(x, types.ModuleType) or (isinstance(x, type) and by_name(x) is x)
    return copier.keep(x, x) if known else copier.share(x, path)


_MAKERS: dict[type, Handler] = {
    dict: copied_dict(dict, containers.DICT),
    OrderedDict: copied_dict(OrderedDict, containers.ORDERED),
    defaultdict: copied_dict(defaultdict, containers.DICT),
    list: copied_sequence(list, containers.LIST),
    deque: copied_sequence(deque, containers.DEQUE),
    set: copied_set,
    frozenset: copied_frozenset,
    bytearray: copied_bytes,
    tuple: copied_tuple,
    int: copied_value(int),
    float: copied_value(float),
    complex: copied_value(complex),
    str: copied_value(str),
    bytes: copied_value(bytes),
    types.CellType: copied_cell,
    types.FunctionType: copied_function,
    types.MethodType: copied_method,
    types.BuiltinFunctionType: copied_builtin,
    types.MethodWrapperType: copied_builtin,
    functools.partial: copied_partial,
    weakref.ref: copied_weak,
    weakref.ProxyType: copied_proxy,
    weakref.CallableProxyType: copied_proxy,
    types.MappingProxyType: copied_view,
    np.ndarray: copied_array,
    object: copied_object,
}
