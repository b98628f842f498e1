"""Copies of NumPy arrays, which share memory as before."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from bnstats.audit.core.copier import containers
from bnstats.audit.core.copier.references import References


def copied_array(x: Any, copier: References, path: str) -> Any:
    """Return a copy of an array; arrays that nobody can write into stay."""
    if x.dtype.hasobject:
        return _array_of_objects(x, copier, path)
    if not x.size or not _can_change(x):
        return copier.keep(x, x)
    low, high = np.lib.array_utils.byte_bounds(x)
    memory, start = copier.blocks.copy_of(id(_owner(x)), low, high, _memory)
    new = np.ndarray(x.shape, x.dtype, memory, low - start + x.__array_interface__["data"][0] - low, x.strides)
    if not isinstance(x, np.memmap):
        new = new.view(type(x))
    copier.keep(x, new)
    copier.leaves.append((x, new, path))
    if type(new) is not np.ndarray:
        copier.attributes(x, new, path)
    return new


def _memory(low: int, high: int) -> Any:
    """Return a copy of memory, aligned as the original is."""
    raw = (ctypes.c_byte * (high - low)).from_address(low)
    source = np.frombuffer(memoryview(raw), np.uint8)
    room = np.empty(len(source) + 64, np.uint8)
    shift = (low - room.ctypes.data) % 64
    room[shift : shift + len(source)] = source
    return room[shift : shift + len(source)]


def _owner(x: Any) -> Any:
    while isinstance(x, np.ndarray) and x.base is not None:
        x = x.base
    return x.obj if isinstance(x, memoryview) else x


def _can_change(x: Any) -> bool:
    while isinstance(x, np.ndarray):
        if x.flags.writeable:
            return True
        x = x.base
    return False


def _array_of_objects(x: Any, copier: References, path: str) -> Any:
    if x.dtype.names:
        return copier.share(x, path)
    new = copier.keep(x, np.empty(x.shape, x.dtype).view(type(x)))
    copier.holds(containers.OBJECTS, x, new, path)
    return new
