"""Arrays within batches and outputs: tuples, mappings, dataclasses and objects, in any nesting."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

Path = tuple[Any, ...]


def is_array(leaf: Any) -> bool:
    """Return True for arrays of any framework."""
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype") and hasattr(leaf, "__getitem__")


def children(tree: Any) -> list[tuple[Any, Any]]:
    """Return the named parts of a container; none of a leaf."""
    if isinstance(tree, Mapping):
        return list(tree.items())
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return list(zip(tree._fields, tree, strict=True))
    if isinstance(tree, tuple | list):
        return list(enumerate(tree))
    if is_dataclass(tree) and not isinstance(tree, type):
        return [(f.name, getattr(tree, f.name)) for f in fields(tree) if hasattr(tree, f.name)]
    if not is_array(tree) and hasattr(tree, "__dict__") and not callable(tree):
        return list(vars(tree).items())
    return []


def arrays(tree: Any, path: Path = (), depth: int = 0) -> Iterator[tuple[Path, Any]]:
    """Yield each array that has an axis, with its path."""
    if is_array(tree):
        if len(tree.shape):
            yield path, tree
    elif depth < 8:
        for name, part in children(tree):
            yield from arrays(part, (*path, name), depth + 1)


def rows_of(tree: Any) -> int:
    """Return the number of rows of the first array; 1 where there is none."""
    return next((int(leaf.shape[0]) for _, leaf in arrays(tree)), 1)


def sliced(tree: Any, index: Any) -> Any:
    """Return chosen rows of every array; None if a part of the tree has no rows or another number of them.

    A matrix of all rows by all rows relates them to each other, as edges of a graph do.
    """
    shapes = [tuple(leaf.shape) for _, leaf in arrays(tree)]
    counts = {int(shape[0]) for shape in shapes}
    if len(counts) != 1 or any(_unsliced(tree)):
        return None
    if any(len(shape) == 2 and shape[0] == shape[1] for shape in shapes[1:]):
        return None
    return mapped(tree, lambda leaf: leaf[index])


def _unsliced(tree: Any, depth: int = 0) -> Iterator[bool]:
    """Yield True for each leaf that belongs to rows in a way that is not known."""
    if is_array(tree):
        yield not len(tree.shape)
    elif not isinstance(tree, tuple | dict | list) or depth > 8:
        yield True
    else:
        for _, part in children(tree):
            yield from _unsliced(part, depth + 1)


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Return a tree of mappings, sequences and dataclasses with every leaf changed.

    >>> mapped({"x": (1, [2, 3])}, lambda leaf: -leaf)
    {'x': (-1, [-2, -3])}
    """
    if is_array(tree) or not (isinstance(tree, Mapping | tuple | list) or is_dataclass(tree)) or isinstance(tree, type):
        return change(tree)
    parts = {name: mapped(part, change) for name, part in children(tree)}
    if isinstance(tree, tuple | list):
        return type(tree)(*parts.values()) if hasattr(tree, "_fields") else type(tree)(parts.values())
    made = copy.copy(tree)
    if isinstance(made, MutableMapping):
        made.update(parts)
    elif isinstance(made, Mapping):
        return parts
    else:
        for name, part in parts.items():
            object.__setattr__(made, name, part)
    return made


def chunks(batch: Any, parts: int) -> list[Any] | None:
    """Return a batch in parts of alternating rows; None where rows cannot be told apart in all of it."""
    count = rows_of(batch)
    made = [sliced(batch, np.arange(k, count, parts)) for k in range(min(parts, count))]
    return None if any(part is None for part in made) else made


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
