"""Copies of containers, tuples and frozen sets, and of numbers and strings with attributes."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

from bnstats.audit.core.copier import containers
from bnstats.audit.core.copier.containers import Container, attribute, instance_dict
from bnstats.audit.core.copier.references import Handler, References


def container(base: Any, kind: Container) -> Handler:
    """Return how containers of a kind are copied; subclasses are made without their own code."""

    def make(x: Any, copier: References, path: str) -> Any:
        new = copier.keep(x, base.__new__(type(x)))
        copier.attributes(x, new, path)
        copier.holds(kind, x, new, path)
        return new

    return make


def copied_defaultdict(x: Any, copier: References, path: str) -> Any:
    """Return a copy of a dictionary with a factory."""
    new = container(defaultdict, containers.DICT)(x, copier, path)
    new.default_factory = copier.twin(x.default_factory, attribute(path, "default_factory"))
    return new


def copied_deque(x: Any, copier: References, path: str) -> Any:
    """Return a copy of a queue, as long at most as the original."""
    new = container(deque, containers.DEQUE)(x, copier, path)
    deque.__init__(new, (), x.maxlen)
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
    """Return the copier of instances of subclasses of numbers and strings, which may have attributes."""

    def make(x: Any, copier: References, path: str) -> Any:
        if not instance_dict(x):
            return x
        new = copier.keep(x, base.__new__(type(x), base(x) if base is not str else str.__str__(x)))
        copier.attributes(x, new, path)
        return new

    return make
