"""Kinds of changeable objects: read one, tell whether it still holds the same objects, put its contents back."""

from __future__ import annotations

import copyreg
import types
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from operator import is_
from typing import Any, NamedTuple


class Container(NamedTuple):
    """A kind of changeable object.

    Attributes
    ----------
    look : callable (object) -> contents
        References to what the object holds; nothing is copied.
    same : callable (object, contents) -> bool
        True if the object holds the same objects; compares identity, and calls no code of the user.
    put : callable (object, contents) -> None
        Make the object hold these contents again.
    """

    look: Callable[[Any], Any]
    same: Callable[[Any, Any], bool]
    put: Callable[[Any, Any], None]


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


def _same_items(x: Any, contents: Any) -> bool:
    if not contents:
        return not dict.__len__(x)
    if dict.__len__(x) != len(contents) or not all(map(is_, dict.values(x), contents.values())):
        return False
    return all(map(is_, dict.__iter__(x), contents))


def _put_items(x: Any, contents: Any) -> None:
    dict.clear(x)
    dict.update(x, contents)


def _put_ordered(x: Any, contents: Any) -> None:
    OrderedDict.clear(x)
    for key, value in contents.items():
        OrderedDict.__setitem__(x, key, value)


def _put_list(x: Any, contents: Any) -> None:
    list.__setitem__(x, slice(None), contents)


def _put_set(x: Any, contents: Any) -> None:
    set.clear(x)
    set.update(x, contents)


def _put_deque(x: Any, contents: Any) -> None:
    deque.clear(x)
    deque.extend(x, contents)


def _put_objects(x: Any, contents: Any) -> None:
    flat = x.reshape(-1)  # a view, as copies are contiguous
    for place, value in enumerate(contents):
        flat[place] = value


def _put_bytes(x: Any, contents: Any) -> None:
    bytearray.__setitem__(x, slice(None), contents)


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


def _state(x: Any) -> Any:
    return reduced(x)[2]


def _same_state(x: Any, contents: Any) -> bool:
    try:
        return bool(_state(x) == contents)
    except Exception:  # arrays in it
        return False


def _items_in_order(x: Any) -> dict[Any, Any]:
    return dict(OrderedDict.items(x))


def _is_in_order(x: Any, contents: Any) -> bool:
    return all(map(is_, x, contents)) if len(x) == len(contents) else False


DICT = Container(dict.copy, _same_items, _put_items)
ORDERED = Container(_items_in_order, _same_items, _put_ordered)
LIST = Container(list.copy, lambda x, c: list.__len__(x) == len(c) and all(map(is_, list.__iter__(x), c)), _put_list)
SET = Container(set.copy, lambda x, c: set.__len__(x) == len(c) and {*map(id, x)} == {*map(id, c)}, _put_set)
DEQUE = Container(list, _is_in_order, _put_deque)
OBJECTS = Container(lambda x: list(x.flat), lambda x, c: all(map(is_, x.flat, c)), _put_objects)
BYTES = Container(bytes, lambda x, c: bytes(x) == c, _put_bytes)
CELL = Container(_in_cell, lambda x, c: all(map(is_, now := _in_cell(x), c)) and len(now) == len(c), _put_in_cell)
SLOTS = Container(_in_slots, _same_slots, _put_in_slots)
STATE = Container(_state, _same_state, lambda x, contents: x.__setstate__(contents))

_LENGTH = {dict, OrderedDict, list, set, deque}


class Contents:
    """Contents of containers at one time; most of a model's are empty, and are compared by their lengths.

    Parameters
    ----------
    changeable : sequence of (kind, source, copy, path)
        Containers; the contents of copies are kept.
    """

    def __init__(self, changeable: Sequence[tuple[Container, Any, Any, str]]) -> None:
        empty = [type(x) in _LENGTH and not x for _, _, x, _ in changeable]
        self._empty = [x for (_, _, x, _), none in zip(changeable, empty, strict=True) if none]
        self._full = [(k, x, k.look(x)) for (k, _, x, _), none in zip(changeable, empty, strict=True) if not none]

    def put_back(self) -> bool:
        """Put the contents back, and return True if they had changed."""
        moved = any(map(len, self._empty))
        if moved:
            for x in self._empty:
                x.clear()
        for kind, x, held in self._full:
            if not kind.same(x, held):
                kind.put(x, held)
                moved = True
        return moved
