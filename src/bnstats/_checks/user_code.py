"""Calls of a user's own functions with read-only copies of arrays; a write raises a short error.

Estimators, measures and blocks use the same draws and data. A function gets copies of its own, because not all writes
can be refused: `numpy.add.at` and PyTorch write into read-only arrays, too. The function may keep its copy: nothing
else changes it. A library that takes no read-only arrays, such as a compiled function with a fixed signature, gets
writable copies.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, partial, wraps
from threading import local
from types import FunctionType
from typing import Any, ClassVar
from weakref import WeakSet

import numpy as np

from bnstats._checks.safe_text import raised
from bnstats._checks.terminal import escaped

_PACKAGE = __name__.partition(".")[0]
# Parts of error messages: of NumPy, memory views and Numba about a write; of Cython and Numba about read-only arrays.
_WRITES = ("is read-only", "modify read-only memory", "modify readonly", "setitem(readonly array")
_NEEDS_WRITABLE = ("buffer source array is read-only", "No matching definition for argument type(s) readonly")


# Attribute of functions that only pass copies of arrays on to a user's method.
LENDING = "_bnstats_lends"


class _Checking(local):
    """State of a thread: whether arguments are checked."""

    done: bool = False
    """True while code of this package runs on arguments that were checked where the user entered."""


CHECKING = _Checking()


@contextmanager
def checked_before(code: Any) -> Iterator[None]:
    """Check no arguments again while code of this package runs; a user's code has its arguments checked.

    Parameters
    ----------
    code : function, class or object
        Code that runs.
    """
    before, CHECKING.done = CHECKING.done, not is_own(code)
    try:
        yield
    finally:
        CHECKING.done = before


class ReadOnlyError(ValueError):
    """Error of a user's function that wrote into one of its arrays."""


def is_own(function: Any) -> bool:
    """Return True for a user's function or class, False for this package's.

    >>> is_own(np.median), is_own(is_own), is_own(partial(is_own, 3))
    (True, False, False)
    """
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__module__", "")).partition(".")[0] != _PACKAGE


def called(name: str, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Call a function, with read-only copies of its arrays if it is a user's.

    Parameters
    ----------
    name : str
        Name of the user's object in an error.
    function : callable
        Function of the user or of this package.
    *given, **named
        Arguments.

    Examples
    --------
    >>> called("my rule", np.ndarray.sort, np.array([2.0, 1.0]))
    Traceback (most recent call last):
        ...
    bnstats._checks.user_code.ReadOnlyError: my rule writes into a read-only array; ...
    """
    if not is_own(function):
        return function(*given, **named)
    return _called(name, function, given, named)


def answer(name: str, kind: Callable[[Any], Any], function: Callable[..., Any], *given: Any) -> Any:
    """Call a function as `called` does and convert what it returns; a user's function fails in a sentence.

    Parameters
    ----------
    name : str
        Name of the function in an error.
    kind : callable
        Conversion of what the function returns, such as `float`.
    function : callable
        Function of the user or of this package. Errors of this package's own functions are raised as they are.
    *given
        Arguments.

    Examples
    --------
    >>> answer("my share", float, np.mean, np.array([0, 1]))
    0.5
    >>> answer("my share", float, {}.__getitem__, "p")
    Traceback (most recent call last):
        ...
    ValueError: my share fails with KeyError: 'p'.
    """
    try:
        return kind(called(name, function, *given))
    except ReadOnlyError:
        raise
    except Exception as error:  # a user's function may raise any exception
        if not is_own(function):
            raise
        raise ValueError(f"{name} fails with {raised(error)}.") from error


def _called(name: str, function: Callable[..., Any], given: Any, named: Any, kept: Collection[Any] = ()) -> Any:
    """Call a function with copies of all arguments except those in `kept`, by place or name."""

    def call(writable: bool) -> Any:
        copies = [part if i in kept else lent(part, writable) for i, part in enumerate(given)]
        return guarded(name, function, *copies, **{k: v if k in kept else lent(v, writable) for k, v in named.items()})

    if function in _need_writable:
        return call(writable=True)
    try:
        return call(writable=False)
    except (ValueError, TypeError) as error:
        if not _needs_writable(error):
            raise
    with suppress(TypeError):  # some callables have no weak references
        _need_writable.add(function)
    return call(writable=True)


# Functions that take no read-only arrays.
_need_writable: WeakSet[Any] = WeakSet()


def _needs_writable(error: Exception) -> bool:
    return any(text in str(error) for text in _NEEDS_WRITABLE)


def guarded(name: str, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Call a function with copies of its arrays; turn an error about a write into a sentence."""
    before, CHECKING.done = CHECKING.done, not is_own(function)
    try:
        return function(*given, **named)
    except ReadOnlyError:
        raise
    except Exception as error:
        kinds = isinstance(error, ValueError | TypeError) or type(error).__module__.partition(".")[0] == "numba"
        if not kinds or _needs_writable(error) or not any(text in str(error) for text in _WRITES):
            raise
        raise ReadOnlyError(
            f"{name} writes into a read-only array; all of its arrays are read-only: let it copy the array first, as "
            "in x = x.copy()."
        ) from error
    finally:
        CHECKING.done = before


def lent(value: Any, writable: bool = False) -> Any:
    """Return a read-only copy of an array, or of an object that holds arrays.

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
    """Object that user code gets as a copy, with copies of its arrays, including computed and kept ones."""


class LendsArrays:
    """Family of classes that pass read-only copies to methods that a user's subclass overrides."""

    written: ClassVar[Collection[str]] = ("out",)
    """Parameters that such a method writes to; they are not copied."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not is_own(cls):
            return
        for name, member in list(vars(cls).items()):
            function = member.__func__ if isinstance(member, staticmethod | classmethod) else member
            overrides = any(name in vars(base) and not is_own(base) for base in cls.__mro__[1:])
            if not name.startswith("_") and overrides and isinstance(function, FunctionType):
                lending = _lending(function, f"{cls.__name__}.{name}", cls.written)
                setattr(cls, name, lending if function is member else type(member)(lending))


def _lending(function: FunctionType, name: str, written: Collection[str]) -> Callable[..., Any]:
    code = function.__code__
    places = {i for i, parameter in enumerate(code.co_varnames[: code.co_argcount]) if parameter in written}

    @wraps(function)
    def lending(*given: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        return _called(name, function, given, named, kept={*places, *written})

    vars(lending)[LENDING] = True  # stores and streams identify the object by the user's code instead
    return lending


def _overridden_below(kind: type, method: str, statement: str) -> bool:
    """Return True if a class overrides a method but not a statement that a class above makes about it.

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


# Classes are asked at each batch.
overridden_below: Callable[[type, str, str], bool] = lru_cache(maxsize=1024)(_overridden_below)


def name_of_function(function: Any) -> str:
    """Return the name of a function for a message.

    >>> name_of_function(partial(is_own)), name_of_function(np.median)
    ('is_own', 'median')
    """
    while isinstance(function, partial):
        function = function.func
    return escaped(str(getattr(function, "__name__", None) or type(function).__name__))
