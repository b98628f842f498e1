"""Outputs and batches as trees: every leaf changed or read, in the same structure."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Return a tree of mappings, sequences and dataclasses with every leaf changed.

    >>> mapped({"x": (1, [2, 3])}, lambda leaf: -leaf)
    {'x': (-1, [-2, -3])}
    """
    if isinstance(tree, Mapping):
        return _same_mapping(tree, {key: mapped(value, change) for key, value in tree.items()})
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(mapped(part, change) for part in tree))
    if isinstance(tree, tuple | list):
        return type(tree)(mapped(part, change) for part in tree)
    if is_dataclass(tree) and not isinstance(tree, type):
        same = copy(tree)
        for field in fields(tree):
            object.__setattr__(same, field.name, mapped(getattr(tree, field.name), change))
        return same
    return change(tree)


def _same_mapping(tree: Mapping[Any, Any], changed: dict[Any, Any]) -> Any:
    """Return a mapping of the same type, or a dict where the type is not made of one."""
    try:
        return type(tree)(changed)  # type: ignore[call-arg]
    except TypeError:
        return changed


def as_numpy(leaf: Any) -> Any:
    """Return a copy of an array of any framework as a NumPy array; other objects as they are."""
    if hasattr(leaf, "detach"):  # a tensor of PyTorch, on any device
        leaf = leaf.detach().cpu()
        leaf = (leaf.float() if "bfloat16" in str(leaf.dtype) else leaf).numpy()
    return np.array(leaf) if hasattr(leaf, "__array__") else leaf


def noise_seed(batch: Any) -> int:
    """Return a seed from the numbers of a batch."""
    seen = [0]

    def add(leaf: Any) -> Any:
        if isinstance(leaf := as_numpy(leaf), np.ndarray) and not leaf.dtype.hasobject:
            seen[0] = zlib.crc32(leaf.tobytes(), seen[0])
        return leaf

    mapped(batch, add)
    return seen[0] & 0x7FFFFFFF
