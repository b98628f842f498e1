"""Outputs and batches as trees: a change of every leaf, in the same structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import fields, is_dataclass
from typing import Any


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
