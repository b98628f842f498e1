"""Argument checks before a call, declared by a function, a class or a family of classes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import wraps
from types import FunctionType
from typing import Any, ClassVar, TypeVar

from bnstats._checks.labels import aligned, has_labels
from bnstats._checks.safe_text import write_out_codes
from bnstats._checks.tables import like
from bnstats._checks.user_code import CHECKING, LendsArrays

Check = Callable[[str, Any], Any]
"""Function of an argument's name and value; it returns the value for use, or raises a ValueError."""
T = TypeVar("T")
_PACKAGE = __name__.partition(".")[0]


def checked(**checks: Check) -> Callable[[T], T]:
    """Check arguments of a function, or of the constructor of a class, before it is called.

    Parameters
    ----------
    **checks : Check
        Check of each argument, by name.

    Examples
    --------
    >>> from bnstats._checks.numbers import batch_size
    >>> @checked(batch_size=batch_size)
    ... def half(batch_size):
    ...     return batch_size // 2
    >>> half(64.0)
    32
    >>> half(True)
    Traceback (most recent call last):
        ...
    ValueError: batch_size is a whole number of at least 2; got True.

    A check of what is no parameter would check nothing:

    >>> checked(size=batch_size)(half)
    Traceback (most recent call last):
        ...
    TypeError: half has no parameter 'size'.
    """

    return _decorator(checks, lambda function: _with_checks(function, checks))


def aligned_by_label(*rows: str) -> Callable[[T], T]:
    """Align arguments that have a value for each row before a call.

    Write it above `checked`, whose checks remove labels.

    >>> import pandas as pd
    >>> @aligned_by_label("x", "y")
    ... def pairs(x, y):
    ...     return list(zip(x, y))
    >>> pairs(pd.Series([1, 2], index=["a", "b"]), y=pd.Series([3, 4], index=["b", "a"]))
    [(1, 4), (2, 3)]
    """

    return _decorator(rows, lambda function: _with_labels(function, rows))


def _decorator(named: Iterable[str], wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Callable[[T], T]:
    """Return a decorator that wraps a function, or the constructor of a class, which has the named parameters."""

    def decorate(thing: Any) -> Any:
        _must_be_parameters(thing, named, _parameters(thing))
        if not isinstance(thing, type):
            return wrap(thing)
        thing.__init__ = wrap(thing.__init__)  # type: ignore[misc]
        return thing

    return decorate


class CheckedMethods(LendsArrays):
    """Family of classes whose public methods check the arguments named in `checks`.

    Arguments named in `per_row` have a value for each row, and are aligned by label. If the arguments named in
    `gives_back` are of pandas, the method returns pandas objects with their labels. This applies to classes of this
    package. Methods of a user's own class are only called by this package, with arrays that they cannot write to.
    """

    checks: ClassVar[Mapping[str, Check]] = {}
    per_row: ClassVar[tuple[str, ...]] = ()
    gives_back: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__module__.partition(".")[0] != _PACKAGE:
            return
        found: set[str] = set()
        for name, member in list(vars(cls).items()):
            function = member.__func__ if isinstance(member, staticmethod | classmethod) else member
            if name.startswith("_") or not isinstance(function, FunctionType):
                continue
            found.update(_parameters(function))
            checking = _with_labels(_with_checks(function, cls.checks), cls.per_row, cls.gives_back)
            setattr(cls, name, checking if function is member else type(member)(checking))
        for declared in ("checks", "per_row", "gives_back"):
            _must_be_parameters(cls, vars(cls).get(declared, ()), found)


def _parameters(thing: Any) -> list[str]:
    """Return the names of the parameters of a function, or of the constructor of a class."""
    function = thing.__init__ if isinstance(thing, type) else thing  # type: ignore[misc]
    return list(inspect.signature(function).parameters)


def _must_be_parameters(thing: Any, named: Iterable[str], parameters: Collection[str]) -> None:
    """Raise TypeError for a name that is no parameter: after a renaming, its check would silently check nothing."""
    for name in named:
        if name not in parameters:
            raise TypeError(f"{thing.__qualname__} has no parameter {name!r}.")


def _with_labels(function: Callable[..., Any], rows: tuple[str, ...], back: tuple[str, ...] = ()) -> Callable[..., Any]:
    names = _parameters(function)
    present = [(name, names.index(name)) for name in rows if name in names]
    if len(present) < 2:
        return function

    @wraps(function)
    def checking(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if CHECKING.done:
            return function(*args, **kwargs)
        here = {name: place for name, place in present if place < len(args)}
        given = {name: args[here[name]] if name in here else kwargs.get(name) for name, _ in present}
        if sum(map(has_labels, given.values())) > 1:
            given, listed = aligned(given), list(args)
            for name, place in here.items():
                listed[place] = given[name]
            args, kwargs = tuple(listed), {**kwargs, **{name: given[name] for name in given if name in kwargs}}
        found = function(*args, **kwargs)
        return tuple(like(given[name], part) for name, part in zip(back, found, strict=True)) if back else found

    checking.per_row = tuple(name for name, _ in present)  # type: ignore[attr-defined]
    return checking


def _with_checks(function: Callable[..., Any], checks: Mapping[str, Check]) -> Callable[..., Any]:
    names = _parameters(function)
    present = [(name, names.index(name), check) for name, check in checks.items() if name in names]
    if not present:
        return function

    @wraps(function)
    def checking(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if CHECKING.done:
            return function(*args, **kwargs)
        given = list(args)
        try:
            for name, place, check in present:
                if place < len(given):
                    given[place] = check(name, given[place])
                elif name in kwargs:
                    kwargs[name] = check(name, kwargs[name])
            return function(*given, **kwargs)
        except (ValueError, AssertionError) as error:
            write_out_codes(error)
            raise

    return checking
