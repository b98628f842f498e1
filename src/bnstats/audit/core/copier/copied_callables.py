"""Copies of functions, of methods and of partial functions."""

from __future__ import annotations

import functools
import sys
import types
from typing import Any

from bnstats.audit.core.copier import containers
from bnstats.audit.core.copier.containers import ATOMS, attribute
from bnstats.audit.core.copier.references import References

FIXED = ATOMS | {type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType}
"""Types of what a function may refer to and stay as it is."""


def copied_function(x: Any, copier: References, path: str) -> Any:
    """Return a function whose cells and defaults are copies."""
    if _stays(x):
        return copier.keep(x, x)
    names = x.__code__.co_freevars
    cells = tuple(copier.twin(c, attribute(path, n)) for n, c in zip(names, x.__closure__ or (), strict=True))
    if id(x) in copier.made:
        return copier.made[id(x)]
    new = copier.keep(x, types.FunctionType(x.__code__, x.__globals__, x.__name__, None, cells or None))
    new.__qualname__, new.__doc__, new.__module__ = x.__qualname__, x.__doc__, x.__module__
    new.__annotations__ = x.__annotations__
    copier.attributes(x, new, path)

    def fill() -> None:
        new.__defaults__ = copier.twin(x.__defaults__, f"{path}.__defaults__")
        new.__kwdefaults__ = copier.twin(x.__kwdefaults__, f"{path}.__kwdefaults__")

    copier.later(fill)
    return new


def _stays(x: Any) -> bool:
    """Return True for a function that refers to nothing that can change, or that others know by its name."""
    held = [*(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values(), *vars(x).values()]
    plain = all(type(value) in FIXED for value in held)
    if not x.__closure__:
        return plain
    inside = [value for cell in x.__closure__ for value in containers.CELL.look(cell)]
    return plain and all(type(value) in FIXED for value in inside) and by_name(x) is x


def by_name(x: Any) -> Any:
    """Return what is found in a function's or a class's module under its name."""
    return functools.reduce(
        lambda found, part: getattr(found, part, None), x.__qualname__.split("."), sys.modules.get(x.__module__)
    )


def copied_method(x: Any, copier: References, path: str) -> Any:
    """Return a method of the copy of its object."""
    owner, function = copier.twin(x.__self__, path), copier.twin(x.__func__, path)
    return x if owner is x.__self__ and function is x.__func__ else types.MethodType(function, owner)


def copied_builtin(x: Any, copier: References, path: str) -> Any:
    """Return a built-in method of the copy of its object."""
    owner = getattr(x, "__self__", None)
    if owner is None or isinstance(owner, types.ModuleType | type):
        return x
    new = copier.twin(owner, path)
    return x if new is owner else getattr(new, x.__name__)


def copied_partial(x: Any, copier: References, path: str) -> Any:
    """Return a partial function of copies."""
    function, arguments = copier.twin(x.func, path), copier.twin(x.args, path)
    named = {name: copier.twin(value, attribute(path, name)) for name, value in x.keywords.items()}
    if id(x) in copier.made:
        return copier.made[id(x)]
    new = copier.keep(x, functools.partial.__new__(type(x), function, *arguments, **named))
    copier.attributes(x, new, path)
    return new
