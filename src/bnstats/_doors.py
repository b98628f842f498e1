"""Arguments are checked before a call: a function, class or family of classes says which check each one gets."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from types import FunctionType
from typing import Any, ClassVar, TypeVar

Check = Callable[[str, Any], Any]
"""Takes the name of an argument and what was given; returns it as it is used, or raises a ValueError."""
T = TypeVar("T")
_PACKAGE = __name__.partition(".")[0]


def checked(**checks: Check) -> Callable[[T], T]:
    """Check arguments of a function, or of the constructor of a class, before it is called.

    Examples
    --------
    >>> from bnstats._numbers import batch_size
    >>> @checked(batch_size=batch_size)
    ... def half(batch_size):
    ...     return batch_size // 2
    >>> half(64.0)
    32
    >>> half(True)
    Traceback (most recent call last):
        ...
    ValueError: batch_size is a whole number of at least 2; got True.
    """

    def decorate(thing: Any) -> Any:
        if isinstance(thing, type):
            thing.__init__ = _with_checks(thing.__init__, checks)  # type: ignore[misc]
            return thing
        return _with_checks(thing, checks)

    return decorate


class CheckedMethods:
    """A family of classes, whose public methods check the arguments that have a name in `checks`.

    It holds for the classes of this package; methods of a user's own class are only called by it.
    """

    checks: ClassVar[Mapping[str, Check]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__module__.partition(".")[0] != _PACKAGE:
            return
        for name, member in list(vars(cls).items()):
            function = member.__func__ if isinstance(member, staticmethod | classmethod) else member
            if name.startswith("_") or not isinstance(function, FunctionType):
                continue
            door = _with_checks(function, cls.checks)
            setattr(cls, name, door if function is member else type(member)(door))


def _with_checks(function: Callable[..., Any], checks: Mapping[str, Check]) -> Callable[..., Any]:
    names = list(inspect.signature(function).parameters)
    wanted = [(name, names.index(name), check) for name, check in checks.items() if name in names]
    if not wanted:
        return function

    @wraps(function)
    def door(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        given = list(args)
        for name, place, check in wanted:
            if place < len(given):
                given[place] = check(name, given[place])
            elif name in kwargs:
                kwargs[name] = check(name, kwargs[name])
        return function(*given, **kwargs)

    return door
