"""Checks of arguments, each kind in one place, so that all functions accept the same values.

Each check takes the argument's name and value. It returns the value for use, or raises a ValueError of one sentence.
Numbers are checked in `bnstats._checks.numbers`, arrays in `bnstats._checks.arrays`.
"""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bnstats._checks.safe_text import raised
from bnstats._checks.synonyms import meant
from bnstats._checks.terminal import escaped

T = TypeVar("T")

MOST_THINGS = 10_000
"""Maximum number of items in a list of arguments: an iterator may never end."""
NAMES_LISTED = 30
"""Maximum number of known names that an error lists in full; of more names it lists the first ten."""
LONGEST_NAME = 100
"""Maximum letters of a name that are compared with the known names."""

# Matches file:x?mode=memory and sqlite:///x, of which a path keeps one slash; C: is a drive.
_ADDRESS = re.compile(r"file:|[a-z][a-z0-9+.-]+:/", re.IGNORECASE)

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 80  # characters


def shown(value: Any) -> str:
    """Return an object's text, short enough for a sentence, whatever its own `repr` does; NumPy's numbers are plain.

    >>> shown(list(range(1000))), shown(np.int64(3))
    ('[0, 1, 2, 3, 4, 5, ...]', '3')
    """
    try:
        text = _REPR.repr(value.item() if isinstance(value, np.bool_ | np.number | np.str_) else value)
    except Exception:  # a user's own `repr` may raise anything
        text = f"an object of type {type(value).__name__}"
    return escaped(" ".join(text.split()))


def require(holds: bool, name: str, value: Any, requirement: str) -> None:
    """Raise ValueError, in one sentence, if an argument does not meet its requirement.

    >>> require(False, "x", 3, "a list")
    Traceback (most recent call last):
        ...
    ValueError: x is a list; got 3.
    """
    __tracebackhide__ = True
    if not holds:
        raise ValueError(f"{name} is {requirement}; got {shown(value)}.")


def flag(name: str, value: Any) -> bool:
    """Return True or False; refuse other values, including 0 and 1.

    >>> flag("refit", "no")
    Traceback (most recent call last):
        ...
    ValueError: refit is True or False; got 'no'.
    """
    require(isinstance(value, bool | np.bool_), name, value, "True or False")
    return bool(value)


def generator(name: str, value: Any) -> np.random.Generator:
    """Return a generator of random numbers: the given generator, or a new one from a seed or None.

    >>> generator("rng", 1.5)
    Traceback (most recent call last):
        ...
    ValueError: rng is a numpy.random.Generator, a whole number of at least 0, or None; got 1.5.
    """
    if isinstance(value, np.random.Generator):
        return value
    given = scalar(value)
    seeds = value is None or (isinstance(given, Integral) and int(given) >= 0)
    require(seeds, name, value, "a numpy.random.Generator, a whole number of at least 0, or None")
    return np.random.default_rng(None if given is None else int(given))


def function(name: str, value: Any, example: str) -> Callable[..., Any]:
    """Return a callable; raise ValueError for anything else.

    >>> function("function", 3, "f(x, axis)")
    Traceback (most recent call last):
        ...
    ValueError: function can be called as f(x, axis); got 3.
    """
    if not callable(value):
        raise ValueError(f"{name} can be called as {example}; got {shown(value)}.")
    called: Callable[..., Any] = value
    return called


def path(name: str, value: Any) -> Path:
    """Return the path of a file.

    >>> path("store", "")
    Traceback (most recent call last):
        ...
    ValueError: store is the path of a file; got ''.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else ""
    text = text if isinstance(text, str) else ""
    require(bool(text) and "\0" not in text, name, value, "the path of a file")
    return Path(text)


def store_path(name: str, value: Any) -> Path:
    """Return the path of a store: an existing file, or a file that can be created, on a disk.

    SQLite's own names for databases in memory, and addresses of any kind, are no paths.

    >>> store_path("store", "file:x?mode=memory")
    Traceback (most recent call last):
        ...
    ValueError: store is the path of a file; got 'file:x?mode=memory', which is an address. Give the path alone.
    """
    found = path(name, value)
    if str(found).casefold() == ":memory:":
        raise ValueError(f"{name} is the path of a file; got {shown(value)}, which does not outlive the run.")
    if _ADDRESS.match(str(found)):
        raise ValueError(f"{name} is the path of a file; got {shown(value)}, which is an address. Give the path alone.")
    if os.path.exists(found) and not os.path.isfile(found):
        kind = "a folder" if os.path.isdir(found) else "no regular file"
        raise OSError(f"{name} {str(found)!r} is {kind}; give another path, of a file.")
    return found


def instance(name: str, value: Any, required: type[Any], example: str) -> Any:
    """Return an object of the required class, which may be abstract.

    >>> instance("batching", 3, np.ndarray, "np.zeros(3)")
    Traceback (most recent call last):
        ...
    ValueError: batching is an object such as np.zeros(3); got 3.
    """
    require(isinstance(value, required), name, value, f"an object such as {example}")
    return value


def several(name: str, given: Any) -> tuple[Any, ...]:
    """Return one object, or an iterable of objects, as a tuple; a string or a mapping is one object.

    >>> several("momentum", 0.1), several("momentum", [0.1, None])
    ((0.1,), (0.1, None))
    """
    one = isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable) or isscalar(given)
    try:
        things = (given,) if one else tuple(islice(given, MOST_THINGS + 1))
    except Exception as error:  # an iterator may raise anything
        raise ValueError(f"{name} cannot be listed: {raised(error)}.") from error
    if not things:
        raise ValueError(f"{name} is empty: give at least one.")
    if len(things) > MOST_THINGS:
        raise ValueError(f"{name} has more than {MOST_THINGS} members: give fewer.")
    return things


def each(name: str, given: Any, check: Callable[[Any], T]) -> tuple[T, ...]:
    """Return the results of `check` for one object or several, without duplicates.

    >>> each("names", ["a", "b", "a"], lambda name: word("each of names", name))
    ('a', 'b')
    """
    return tuple(dict.fromkeys(check(thing) for thing in several(name, given)))


def choice(name: str, value: Any, known: Sequence[str]) -> str:
    """Return one of the known words.

    >>> choice("labels", "signl", ("nuisance", "signal"))
    Traceback (most recent call last):
        ...
    ValueError: labels is one of nuisance, signal; got 'signl'.
    """
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} is one of {', '.join(map(escaped, known))}; got {shown(value)}.")
    return str(value)


def choices(name: str, given: Any, known: Sequence[str]) -> tuple[str, ...]:
    """Return one or more of the known words, without duplicates."""
    return each(name, given, lambda word: choice(f"each of {name}", word, known))


def optional(check: Callable[[str, Any], T]) -> Callable[[str, Any], T | None]:
    """Return a check that also accepts None.

    >>> optional(word)("name", None) is None
    True
    """
    return lambda name, value: None if value is None else check(name, value)


def word(name: str, value: Any) -> str:
    """Return a string that is not empty.

    >>> word("name", 3)
    Traceback (most recent call last):
        ...
    ValueError: name is a string that is not empty; got 3.
    """
    require(isinstance(value, str) and bool(value), name, value, "a string that is not empty")
    return str(value)


def named(kind: str, name: object, known: Mapping[str, T], otherwise: str) -> T:
    """Return the object of that name; `otherwise` describes the alternative to a name.

    The error for an unknown name suggests known names with a similar meaning or spelling (`synonyms.meant`).

    >>> named("estimator", "men", {"mean": 1, "var": 2}, "a bn.Estimator")
    Traceback (most recent call last):
        ...
    ValueError: estimator 'men' is not known; did you mean 'mean'? Known: mean, var.
    >>> named("estimator", "mode", {"mean": 1, "var": 2}, "a bn.Estimator")
    Traceback (most recent call last):
        ...
    ValueError: estimator 'mode' is not known; give a bn.Estimator or a known name. Known: mean, var.
    """
    if not isinstance(name, str):
        raise ValueError(f"{kind} takes a name ({_listed(known)}) or {otherwise}; got {shown(name)}.")
    if name not in known:
        near = " or ".join(map(repr, meant(name[:LONGEST_NAME], known)))
        listed = f"Known: {_listed(known)}" if known else "None is"
        said = f"did you mean {near}? {listed}" if near else f"give {otherwise} or a known name. {listed}"
        raise ValueError(f"{kind} {shown(name)} is not known; {said}.")
    return known[name]


def _listed(known: Iterable[str]) -> str:
    """Return the names in one string, or the first ten if there are more than NAMES_LISTED.

    >>> _listed(["mean", "var"]), _listed(map(str, range(99)))
    ('mean, var', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 89 more')
    """
    names = list(map(escaped, known))
    if len(names) <= NAMES_LISTED:
        return ", ".join(names)
    return f"{', '.join(names[:10])} and {len(names) - 10} more"


def scalar(value: Any) -> Any:
    """Return the number in an array without axes; None for anything else, as a NumPy duration."""
    if isscalar(value) and not isinstance(value, np.ma.MaskedArray):
        value = value[()]
    return None if isinstance(value, bool | np.timedelta64) or not isinstance(value, Real) else value


def isscalar(given: Any) -> bool:
    """Return True for an array without axes."""
    return isinstance(given, np.ndarray) and given.ndim == 0
