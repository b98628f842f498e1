"""Copies of dictionaries, lists, sets, tuples, and of numbers and strings with attributes."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

from bnstats.audit.core.copier import containers
from bnstats.audit.core.copier.atoms import ATOMS
from bnstats.audit.core.copier.containers import attribute, inner, instance_dict
from bnstats.audit.core.copier.references import Handler, References


def copied_dict(base: Any, kind: containers.Container) -> Handler:
    """Return how dictionaries of a kind are copied."""

    def make(x: Any, copier: References, path: str) -> Any:
        new = copier.keep(x, base.__new__(type(x)))
        if base is defaultdict:
            new.default_factory = copier.twin(x.default_factory, attribute(path, "default_factory"))
        copier.holds(kind, x, new, path)
        copier.attributes(x, new, path)
        items = list(base.items(x))

        def fill() -> None:
            for key, value in items:
                base.__setitem__(new, copier.complete(key, f"{path}.keys"), copier.twin(value, inner(path, key)))

        copier.later(fill, hashes=not all(type(key) in ATOMS for key, _ in items))
        return new

    return make


def copied_sequence(base: Any, kind: containers.Container) -> Handler:
    """Return how lists or queues are copied."""

    def make(x: Any, copier: References, path: str) -> Any:
        new = copier.keep(x, base.__new__(type(x)))
        if base is deque:
            deque.__init__(new, (), x.maxlen)
        copier.holds(kind, x, new, path)
        copier.attributes(x, new, path)

        def fill() -> None:
            for place, value in enumerate(list(base.__iter__(x))):
                base.append(new, copier.twin(value, f"{path}[{place}]"))

        copier.later(fill)
        return new

    return make


def copied_set(x: Any, copier: References, path: str) -> Any:
    """Return a copy of a set."""
    new = copier.keep(x, set.__new__(type(x)))
    copier.holds(containers.SET, x, new, path)
    copier.attributes(x, new, path)

    def fill() -> None:
        for value in list(set.__iter__(x)):
            set.add(new, copier.complete(value, f"{path}.elements"))

    copier.later(fill, hashes=not all(type(value) in ATOMS for value in x))
    return new


def copied_bytes(x: Any, copier: References, path: str) -> Any:
    """Return a copy of a byte array."""
    new = copier.keep(x, bytearray.__new__(type(x)))
    containers.BYTES.put(new, bytes(x))
    copier.holds(containers.BYTES, x, new, path)
    copier.attributes(x, new, path)
    return new


def copied_tuple(x: Any, copier: References, path: str) -> Any:
    """Return a copy of a tuple; one of parts that never change stays."""
    names = getattr(type(x), "_fields", None) or range(len(x))
    parts = [
        copier.twin(part, f"{path}[{name}]" if isinstance(name, int) else attribute(path, name))
        for name, part in zip(names, tuple.__iter__(x), strict=True)
    ]
    if id(x) in (memo := copier.made):  # a part of it led back to it
        return memo[id(x)]
    bare = not instance_dict(x)
    if bare and all(a is b for a, b in zip(x, parts, strict=True)):
        return copier.keep(x, x)
    try:
        new = tuple.__new__(type(x), parts)
    except TypeError:  # a type of C that is no plain tuple
        new = type(x)(parts)
    copier.keep(x, new)
    if not bare:
        copier.attributes(x, new, path)
    return new


def copied_frozenset(x: Any, copier: References, path: str) -> Any:
    """Return a copy of a frozen set."""
    parts = [copier.complete(part, f"{path}.elements") for part in frozenset.__iter__(x)]
    new = copier.keep(x, frozenset.__new__(type(x), parts))
    copier.attributes(x, new, path)
    return new


def copied_value(base: Any) -> Handler:
    """Instances of subclasses of numbers and strings, which may have attributes."""

    def make(x: Any, copier: References, path: str) -> Any:
        if not instance_dict(x):
            return x
        new = copier.keep(x, base.__new__(type(x), base(x) if base is not str else str.__str__(x)))
        copier.attributes(x, new, path)
        return new

    return make
