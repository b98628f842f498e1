"""Copies of all other objects, from their attributes or as they say themselves, and of weak references."""

from __future__ import annotations

import types
import weakref
from functools import cache
from typing import Any

from bnstats.audit.core.copier import containers
from bnstats.audit.core.copier.containers import inner, reduced
from bnstats.audit.core.copier.references import References


def copied_object(x: Any, copier: References, path: str) -> Any:
    """Return a copy of an object's attributes in a bare object; of a type of C, what the object says of itself."""
    cls = type(x)
    try:
        if cls.__basicsize__ > object.__basicsize__ + 8 * (2 + sum(1 for _ in containers.slots(cls))):
            return _reduced(x, copier, path)  # a type of C that keeps more than attributes
        new = object.__new__(_without_del(cls))  # type: ignore[arg-type]
    except TypeError:
        return _reduced(x, copier, path)
    copier.keep(x, new)
    copier.attributes(x, new, path)
    return new


@cache
def _without_del(cls: Any) -> Any:
    """Return a class whose instances do nothing when they are gone: what they would close is the original's."""
    if not hasattr(cls, "__del__"):
        return cls
    names = {"__del__": lambda _: None, "__slots__": (), "__module__": cls.__module__, "__qualname__": cls.__qualname__}
    return type.__new__(type(cls), cls.__name__, (cls,), names)


def _reduced(x: Any, copier: References, path: str) -> Any:
    if id(x) in copier.making:  # it is needed to make itself
        return copier.share(x, path)
    copier.making.add(id(x))
    try:
        recipe = reduced(x)
        if isinstance(recipe, str):  # a global name
            return copier.keep(x, x)
        function, arguments, state, items, pairs, setter = (*recipe, None, None, None, None)[:6]
        new = _unless_class(function, copier, path)(*(_unless_class(a, copier, path) for a in arguments))
    except Exception:  # the object's own code raises anything
        return copier.share(x, path)
    finally:
        copier.making.discard(id(x))
    copier.keep(x, new)
    if state is not None and setter:
        copier.later(lambda: setter(new, copier.complete(state, path)))
    elif state is not None and hasattr(new, "__setstate__"):
        copier.holds(containers.STATE, x, new, path, state)
    else:
        copier.attributes(x, new, path)
    copier.later(lambda: _fill(new, items, pairs, copier, path))
    return new


def _unless_class(x: Any, copier: References, path: str) -> Any:
    return x if isinstance(x, type) else copier.complete(x, path)


def _fill(new: Any, items: Any, pairs: Any, copier: References, path: str) -> None:
    for place, value in enumerate(items or ()):
        new.append(copier.twin(value, f"{path}[{place}]"))
    for key, value in pairs or ():
        new[copier.complete(key, path)] = copier.twin(value, inner(path, key))


def copied_weak(x: Any, copier: References, path: str) -> Any:
    """Return a weak reference to the copy of its target, if something else refers to the target."""
    target = x()
    if target is None:
        return x
    if not copier.leads_to(target):
        return copier.share(x, path)
    callback = copier.twin(x.__callback__, path)
    new = copier.keep(x, weakref.ref.__new__(type(x), copier.twin(target, path), callback))
    copier.attributes(x, new, path)
    return new


def copied_proxy(x: Any, copier: References, path: str) -> Any:
    """Return a proxy of the copy of its target, if something else refers to the target."""
    try:
        target = x.__repr__.__self__
    except Exception:  # it is gone
        return x
    return weakref.proxy(copier.twin(target, path)) if copier.leads_to(target) else copier.share(x, path)


def copied_view(x: Any, copier: References, path: str) -> Any:
    """Return a view of the copy of a dictionary."""
    inner = x | {} if isinstance(x, types.MappingProxyType) else x
    return types.MappingProxyType(copier.twin(inner, path))
