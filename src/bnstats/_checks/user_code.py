"""Calls of a user's own functions: their arrays are read-only copies, and a write ends in one sentence.

Draws and data are shared by estimators, measures and blocks. A function gets copies of its own, since not all writes
can be refused: `numpy.add.at` and PyTorch write into read-only arrays, too. A copy may be kept: nothing else changes
it. A library that takes no read-only arrays, such as a compiled function with a fixed signature, gets writable copies.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial, wraps
from types import FunctionType
from typing import Any, ClassVar
from weakref import WeakSet

import numpy as np

_PACKAGE = __name__.partition(".")[0]
# Errors of NumPy, of memory views and of Numba about a write; of Cython and Numba about arrays that they cannot take.
_WRITES = ("is read-only", "modify read-only memory", "modify readonly", "setitem(readonly array")
_NEEDS_WRITABLE = ("buffer source array is read-only", "No matching definition for argument type(s) readonly")


# An attribute of functions that do nothing but lend.
LENDING = "_bnstats_lends"


class ReadOnlyError(ValueError):
    """A user's function wrote into an array that it was given."""


def is_own(function: Any) -> bool:
    """Return whether a function or class is a user's, and not this package's.

    >>> is_own(np.median), is_own(is_own), is_own(partial(is_own, 3))
    (True, False, False)
    """
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__module__", "")).partition(".")[0] != _PACKAGE


def called(name: str, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Call a function with read-only copies of its arrays, if it is a user's; the package's get them as they are.

    Parameters
    ----------
    name : str
        The user's object, as the error calls it.

    Examples
    --------
    >>> called("my rule", np.ndarray.sort, np.array([2.0, 1.0]))
    Traceback (most recent call last):
        ...
    bnstats._checks.user_code.ReadOnlyError: my rule writes into a read-only array, ...
    """
    if not is_own(function):
        return function(*given, **named)
    return _called(name, function, given, named)


def _called(name: str, function: Callable[..., Any], given: Any, named: Any, kept: Collection[Any] = ()) -> Any:
    """Lend all arguments but those that are kept, by place or name."""

    def call(writable: bool) -> Any:
        held = [part if i in kept else lent(part, writable) for i, part in enumerate(given)]
        return guarded(name, function, *held, **{k: v if k in kept else lent(v, writable) for k, v in named.items()})

    if function in _need_writable:
        return call(writable=True)
    try:
        return call(writable=False)
    except (ValueError, TypeError) as error:
        if not _needs_writable(error):
            raise
    with suppress(TypeError):  # of what has no weak references
        _need_writable.add(function)
    return call(writable=True)


# Functions that take no read-only arrays.
_need_writable: WeakSet[Any] = WeakSet()


def _needs_writable(error: Exception) -> bool:
    return any(text in str(error) for text in _NEEDS_WRITABLE)


def guarded(name: str, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Call a function with arguments that are lent already; an error about a write becomes a sentence."""
    try:
        return function(*given, **named)
    except ReadOnlyError:
        raise
    except Exception as error:
        kinds = isinstance(error, ValueError | TypeError) or type(error).__module__.partition(".")[0] == "numba"
        if not kinds or _needs_writable(error) or not any(text in str(error) for text in _WRITES):
            raise
        raise ReadOnlyError(
            f"{name} writes into a read-only array, as all are that it is given: let it copy the array first, as in "
            "x = x.copy()."
        ) from error


def lent(value: Any, writable: bool = False) -> Any:
    """Return a copy of an array, or of what holds arrays, that cannot be written to.

    >>> lent((np.zeros(2), 3))[0].flags.writeable
    False
    """
    if isinstance(value, np.ndarray):
        array = value.copy(order="K")
        array.flags.writeable = writable
        return array
    if type(value) in (tuple, list):
        return type(value)(lent(part, writable) for part in value)
    if type(value) is dict:
        return {key: lent(part, writable) for key, part in value.items()}
    if isinstance(value, HoldsArrays):
        twin = copy.copy(value)
        vars(twin).update({name: lent(part, writable) for name, part in vars(value).items()})
        return twin
    return value


class HoldsArrays:
    """An object that is lent as a copy with copies of its arrays, those that it has computed and kept among them."""


class LendsArrays:
    """A family of classes: methods of the package's that a user's subclass overrides are lent their arrays."""

    written: ClassVar[Collection[str]] = ("out",)
    """Parameters that such a method writes to."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not is_own(cls):
            return
        for name, member in list(vars(cls).items()):
            function = member.__func__ if isinstance(member, staticmethod | classmethod) else member
            overrides = any(name in vars(base) and not is_own(base) for base in cls.__mro__[1:])
            if not name.startswith("_") and overrides and isinstance(function, FunctionType):
                door = _lending(function, f"{cls.__name__}.{name}", cls.written)
                setattr(cls, name, door if function is member else type(member)(door))


def _lending(function: FunctionType, name: str, written: Collection[str]) -> Callable[..., Any]:
    code = function.__code__
    places = {i for i, parameter in enumerate(code.co_varnames[: code.co_argcount]) if parameter in written}

    @wraps(function)
    def door(*given: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        return _called(name, function, given, named, kept={*places, *written})

    vars(door)[LENDING] = True  # it is not the user's code, which is what stores and streams know an object by
    return door


def overridden_below(kind: type, method: str, statement: str) -> bool:
    """Return whether a class overrides a method, but not what a class above it states of its own such method.

    >>> class Above:
    ...     def draw(self): ...
    ...     def variance(self): ...
    >>> class Below(Above):
    ...     def draw(self): ...
    >>> overridden_below(Above, "draw", "variance"), overridden_below(Below, "draw", "variance")
    (False, True)
    """
    methods, statements = ([base for base in kind.__mro__ if name in vars(base)] for name in (method, statement))
    return statements[0] in methods[1:]


def name_of_function(function: Any) -> str:
    """Return what a function is called in a message.

    >>> name_of_function(partial(is_own)), name_of_function(np.median)
    ('is_own', 'median')
    """
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", None) or type(function).__name__)
