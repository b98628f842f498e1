"""Kinds of changeable objects: read one, copy its contents, tell whether it still holds them, put them back."""

from __future__ import annotations

import copyreg
import types
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from operator import is_
from re import Pattern
from typing import Any, NamedTuple

import numpy as np


class Container(NamedTuple):
    """A kind of changeable object.

    Attributes
    ----------
    look : callable (object) -> contents
        References to what the object holds; nothing is copied.
    same : callable (object, contents) -> bool
        True if the object holds the same objects; compares identity, and calls no code of the user.
    put : callable (object, contents) -> None
        Make the object hold these contents.
    copied : callable (contents, copier, path) -> contents
        Copy contents; by default those that do not change.
    hashes : bool
        True if putting contents hashes them.
    """

    look: Callable[[Any], Any]
    same: Callable[[Any, Any], bool]
    put: Callable[[Any, Any], None]
    copied: Callable[[Any, Any, str], Any] = lambda contents, *_: contents
    hashes: bool = False


ATOMS = frozenset(
    (
        type(None), bool, int, float, complex, str, bytes, range, slice, type(...), type(NotImplemented),
        types.CodeType, types.GetSetDescriptorType, types.MemberDescriptorType, types.WrapperDescriptorType,
        types.MethodDescriptorType, property, staticmethod, classmethod, Pattern, np.dtype, np.generic, np.ufunc,
    )
)  # fmt: skip
"""Types whose values never change."""


def attribute(path: str, name: str) -> str:
    """Return the path of an attribute, as a user would write it."""
    if name in ("_parameters", "_buffers", "_modules"):  # PyTorch finds these by the names within
        return path
    return f"{path}.{name}" if path else name


def inner(path: str, key: Any) -> str:
    """Return the path of an entry of a mapping."""
    return attribute(path, key) if type(key) is str and key.replace("_", "").isalnum() else f"{path}[{key!s:.40}]"


def instance_dict(x: Any) -> dict[str, Any] | None:
    """Return an object's own `__dict__`, None if it has none."""
    try:
        found = object.__getattribute__(x, "__dict__")
    except AttributeError:
        return None
    return found if type(found) is dict else None


def _items(contents: Any, copier: Any, path: str) -> dict[Any, Any]:
    """Return copies of keys, which are hashed and so have to be complete, and of values."""
    return {
        key if type(key) in ATOMS else copier.complete(key, f"{path}.keys"): copier.twin(value, inner(path, key))
        for key, value in contents.items()
    }


def _attributes(contents: dict[str, Any], copier: Any, path: str) -> dict[str, Any]:
    return {name: copier.twin(value, attribute(path, name)) for name, value in contents.items()}


def _elements(contents: Any, copier: Any, path: str) -> set[Any]:
    return {copier.complete(value, f"{path}.elements") for value in set.__iter__(contents)}


def _entries(contents: Any, copier: Any, path: str) -> list[Any]:
    return [copier.twin(value, f"{path}[{place}]") for place, value in enumerate(contents)]


def _same_items(x: Any, contents: Any) -> bool:
    if not contents:
        return not dict.__len__(x)
    if dict.__len__(x) != len(contents) or not all(map(is_, dict.values(x), contents.values())):
        return False
    return all(map(is_, dict.__iter__(x), contents))


def _cleared(base: Any, fill: Callable[[Any, Any], object]) -> Callable[[Any, Any], None]:
    """Return how contents are put into what was emptied first, without methods of subclasses."""

    def put(x: Any, contents: Any) -> None:
        base.clear(x)
        fill(x, contents)

    return put


def _put_ordered(x: Any, contents: Any) -> None:
    for key, value in contents.items():
        OrderedDict.__setitem__(x, key, value)


def _put_objects(x: Any, contents: Any) -> None:
    flat = x.reshape(-1)  # a view, as copies are contiguous
    for place, value in enumerate(contents):
        flat[place] = value


def _in_cell(cell: Any) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # it is empty
        return ()


def _put_in_cell(cell: Any, contents: tuple[Any, ...]) -> None:
    if contents:
        cell.cell_contents = contents[0]
    elif _in_cell(cell):
        del cell.cell_contents


def slots(cls: type) -> Iterator[Any]:
    """Yield the descriptors of all slots that a class and its bases declare."""
    for base in cls.__mro__:
        if "__slots__" in vars(base):
            yield from (d for d in vars(base).values() if isinstance(d, types.MemberDescriptorType))


def _in_slots(x: Any) -> tuple[Any, ...]:
    found = []
    for slot in slots(type(x)):
        try:
            found.append((slot, slot.__get__(x)))
        except AttributeError:  # it is empty
            continue
    return tuple(found)


def _same_slots(x: Any, contents: tuple[Any, ...]) -> bool:
    now = _in_slots(x)
    return len(now) == len(contents) and all(a[0] is b[0] and a[1] is b[1] for a, b in zip(now, contents, strict=True))


def _put_in_slots(x: Any, contents: tuple[Any, ...]) -> None:
    for slot, _ in _in_slots(x):
        slot.__delete__(x)
    for slot, value in contents:
        slot.__set__(x, value)


def reduced(x: Any) -> Any:
    """Return what an object says of how to make it anew; raises whatever its own code raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # iterators of itertools say that they will lose this
        maker = copyreg.dispatch_table.get(type(x))
        return maker(x) if maker else x.__reduce_ex__(4)


def _same_state(x: Any, contents: Any) -> bool:
    try:
        return bool(reduced(x)[2] == contents)
    except Exception:  # arrays in it
        return False


_ALL = slice(None)
DICT = Container(dict.copy, _same_items, _cleared(dict, dict.update), _items, hashes=True)
ATTRIBUTES = DICT._replace(copied=_attributes, hashes=False)
ORDERED = Container(
    lambda x: dict(OrderedDict.items(x)), _same_items, _cleared(OrderedDict, _put_ordered), _items, hashes=True
)
LIST = Container(
    list.copy,
    lambda x, c: list.__len__(x) == len(c) and all(map(is_, list.__iter__(x), c)),
    lambda x, c: list.__setitem__(x, _ALL, c),
    _entries,
)
SET = Container(
    set.copy,
    lambda x, c: set.__len__(x) == len(c) and {*map(id, x)} == {*map(id, c)},
    _cleared(set, set.update),
    _elements,
    hashes=True,
)
DEQUE = Container(
    lambda x: list(deque.__iter__(x)),
    lambda x, c: len(x) == len(c) and all(map(is_, x, c)),
    _cleared(deque, deque.extend),
    _entries,
)
OBJECTS = Container(lambda x: list(x.flat), lambda x, c: all(map(is_, x.flat, c)), _put_objects, _entries)
BYTES = Container(bytes, lambda x, c: bytes(x) == c, lambda x, c: bytearray.__setitem__(x, _ALL, c))
CELL = Container(
    _in_cell,
    lambda x, c: all(map(is_, now := _in_cell(x), c)) and len(now) == len(c),
    _put_in_cell,
    lambda contents, copier, path: tuple(copier.twin(value, path) for value in contents),
)
SLOTS = Container(
    _in_slots,
    _same_slots,
    _put_in_slots,
    lambda contents, copier, path: tuple((s, copier.twin(v, attribute(path, s.__name__))) for s, v in contents),
)
STATE = Container(
    lambda x: reduced(x)[2],
    _same_state,
    lambda x, contents: x.__setstate__(contents),
    lambda contents, copier, path: copier.complete(contents, path),
)
