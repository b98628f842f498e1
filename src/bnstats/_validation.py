"""Checks of arguments: each kind in one place, so that the same value is accepted or refused everywhere.

Each takes the argument's name and what was given, and returns it as the rest of the code wants it, or raises a
ValueError of one sentence. Arrays are checked in `bnstats._real_arrays`.
"""

from __future__ import annotations

import difflib
import math
import os
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bnstats._raised import raised

T = TypeVar("T")

LARGEST_BATCH = 2**27
"""Values in a batch, at most, where batches are simulated: one gigabyte."""
MOST_THINGS = 10_000
"""Things in a list of arguments, at most: an iterator may never end."""
NAMES_LISTED = 30
"""Known names that a refusal lists whole; of more it lists the first."""
MOST_THREADS = 2**16

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 80  # characters


def shown(value: Any) -> str:
    """What was given, short enough for a sentence, whatever its own `repr` does.

    >>> shown(list(range(1000)))
    '[0, 1, 2, 3, 4, 5, ...]'
    """
    try:
        text = _REPR.repr(value)
    except Exception:  # a user's own `repr` may raise anything
        text = f"an object of type {type(value).__name__}"
    return " ".join(text.split())


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number of at least `least`, of any type: 64.0 is one, True is none.

    >>> whole("batch_size", 64.0, least=2), whole("batch_size", np.int8(3), least=2)
    (64, 3)
    >>> whole("steps", 2.5, least=1)
    Traceback (most recent call last):
        ...
    ValueError: steps is a whole number of at least 1; got 2.5.
    """
    given = _scalar(value)
    fits = isinstance(given, Integral) or (given is not None and _float(given).is_integer())
    if not fits or given < least or (most is not None and given > most):
        too_large = fits and most is not None and given > most
        allowed = f"from {least} to {most}" if too_large else f"of at least {least}"
        raise ValueError(f"{name} is a whole number {allowed}; got {shown(value)}.")
    return int(given)


def batch_size(name: str, value: Any, least: int = 2, most: int = LARGEST_BATCH) -> int:
    """How many values, or rows, a batch has.

    >>> batch_size("batch_size", 2**40)
    Traceback (most recent call last):
        ...
    ValueError: batch_size is a whole number from 2 to 134217728; got 1099511627776.
    """
    return whole(name, value, least, most)


def sample_size(name: str, value: Any) -> int:
    """How many values a formula speaks of: nothing is drawn, so that there may be more than memory holds.

    >>> sample_size("batch_size", 1e12)
    1000000000000
    """
    return whole(name, value, least=1, most=2**53)


def batch_sizes(name: str, given: Any, least: int = 2) -> tuple[int, ...]:
    """One batch size or several, each once.

    >>> batch_sizes("batch_sizes", [2, 64.0, 2])
    (2, 64)
    """
    return each(name, given, lambda n: batch_size(f"each of {name}", n, least))


def number(name: str, value: Any, within: str = "(-inf, inf)", meaning: str = "a number") -> float:
    """A number in an interval, which is written as in mathematics: "[0, 1)" has 0 and not 1.

    >>> number("phi", 1, within="[0, 1)")
    Traceback (most recent call last):
        ...
    ValueError: phi is a number, at least 0 and below 1; got 1.
    >>> number("momentum", "0.1")
    Traceback (most recent call last):
        ...
    ValueError: momentum is a number, finite; got '0.1'.
    """
    given = _scalar(value)
    if given is None or not _within(_float(given), within):
        allowed = ", ".join(filter(None, (meaning, _spoken(within))))
        raise ValueError(f"{name} is {allowed}; got {shown(value)}.")
    return _float(given)


def count(name: str, value: Any) -> int:
    """How many of something: a whole number of at least 1."""
    return whole(name, value, least=1, most=LARGEST_BATCH)


def share(name: str, value: Any) -> float:
    """A part of a whole, from none to all.

    >>> share("smoothness", 2)
    Traceback (most recent call last):
        ...
    ValueError: smoothness is a share, from 0 to 1; got 2.
    """
    return number(name, value, "[0, 1]", "a share")


def probability(name: str, value: Any) -> float:
    """A probability that is neither 0 nor 1, as a confidence or the chance of a false alarm.

    >>> probability("confidence", 1.5)
    Traceback (most recent call last):
        ...
    ValueError: confidence is a probability, above 0 and below 1; got 1.5.
    """
    return number(name, value, "(0, 1)", "a probability")


def flag(name: str, value: Any) -> bool:
    """True or False, and nothing that merely counts as one of them.

    >>> flag("refit", "no")
    Traceback (most recent call last):
        ...
    ValueError: refit is True or False; got 'no'.
    """
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} is True or False; got {shown(value)}.")
    return bool(value)


def seed(name: str, value: Any) -> int:
    """What streams of random numbers start from: a whole number of at least 0."""
    return whole(name, value, least=0)


def generator(name: str, value: Any) -> np.random.Generator:
    """A generator of random numbers: the one given, or a new one from a seed, or from None.

    >>> generator("rng", 1.5)
    Traceback (most recent call last):
        ...
    ValueError: rng is a numpy.random.Generator, a whole number of at least 0, or None; got 1.5.
    """
    if isinstance(value, np.random.Generator):
        return value
    given = _scalar(value)
    if value is not None and not (isinstance(given, Integral) and int(given) >= 0):
        allowed = "a numpy.random.Generator, a whole number of at least 0, or None"
        raise ValueError(f"{name} is {allowed}; got {shown(value)}.")
    return np.random.default_rng(None if given is None else int(given))


def function(name: str, value: Any, example: str) -> Callable[..., Any]:
    """Something that can be called.

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
    """The path of a file.

    >>> path("store", "")
    Traceback (most recent call last):
        ...
    ValueError: store is the path of a file; got ''.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(f"{name} is the path of a file; got {shown(value)}.")
    return Path(text)


def instance(name: str, value: Any, wanted: type[Any], example: str) -> Any:
    """An object of the (perhaps abstract) class that is wanted.

    >>> instance("batching", 3, np.ndarray, "np.zeros(3)")
    Traceback (most recent call last):
        ...
    ValueError: batching is an object such as np.zeros(3); got 3.
    """
    if not isinstance(value, wanted):
        raise ValueError(f"{name} is an object such as {example}; got {shown(value)}.")
    return value


def several(name: str, given: Any) -> tuple[Any, ...]:
    """One thing, or an iterable of things, as a tuple; a string or a mapping is one thing.

    >>> several("momentum", 0.1), several("momentum", [0.1, None])
    ((0.1,), (0.1, None))
    """
    one = isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable) or _is_scalar(given)
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
    """What `check` makes of one thing, or of each of several, each once.

    >>> each("steps", [2, 4.0, 2], lambda n: whole("each of steps", n, least=1))
    (2, 4)
    """
    return tuple(dict.fromkeys(check(thing) for thing in several(name, given)))


def choice(name: str, value: Any, known: Sequence[str]) -> str:
    """One of a few words.

    >>> choice("labels", "globl", ("relative", "global"))
    Traceback (most recent call last):
        ...
    ValueError: labels is one of relative, global; got 'globl'.
    """
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} is one of {', '.join(known)}; got {shown(value)}.")
    return str(value)


def choices(name: str, given: Any, known: Sequence[str]) -> tuple[str, ...]:
    """One or more of a few words, each once."""
    return each(name, given, lambda word: choice(f"each of {name}", word, known))


def optional(check: Callable[[str, Any], T]) -> Callable[[str, Any], T | None]:
    """The same check of what may be left out with None.

    >>> optional(share)("icc", None) is None
    True
    """
    return lambda name, value: None if value is None else check(name, value)


def interval(within: str, meaning: str = "a number") -> Callable[[str, Any], float]:
    """A check for numbers of an interval, see `number`.

    >>> interval("(0, 1]")("weight", 1)
    1.0
    """
    return lambda name, value: number(name, value, within, meaning)


def word(name: str, value: Any) -> str:
    """A string that is not empty.

    >>> word("name", 3)
    Traceback (most recent call last):
        ...
    ValueError: name is a string that is not empty; got 3.
    """
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is a string that is not empty; got {shown(value)}.")
    return str(value)


def named(kind: str, name: object, known: Mapping[str, T], otherwise: str) -> T:
    """The thing of that name; `otherwise` is what it could be instead of a name.

    >>> named("estimator", "men", {"mean": 1, "var": 2}, "a bn.Estimator")
    Traceback (most recent call last):
        ...
    ValueError: estimator 'men' is not known; did you mean 'mean'? Known: mean, var.
    """
    if not isinstance(name, str):
        raise ValueError(f"{kind} takes a name ({_listed(known)}) or {otherwise}; got {shown(name)}.")
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        raise ValueError(f"{kind} {shown(name)} is not known; did you mean {near[0]!r}? Known: {_listed(known)}.")
    return known[name]


def _listed(known: Iterable[str]) -> str:
    """The names, or the first of very many.

    >>> _listed(["mean", "var"]), _listed(map(str, range(99)))
    ('mean, var', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 89 more')
    """
    names = list(known)
    if len(names) <= NAMES_LISTED:
        return ", ".join(names)
    return f"{', '.join(names[:10])} and {len(names) - 10} more"


def _scalar(value: Any) -> Any:
    """The number in an array without axes; None for what is no number."""
    if _is_scalar(value) and not isinstance(value, np.ma.MaskedArray):
        value = value[()]
    return None if isinstance(value, bool) or not isinstance(value, Real) else value


def _float(given: Any) -> float:
    try:
        return float(given)
    except OverflowError:  # a whole number or fraction beyond all floats
        return math.inf if given > 0 else -math.inf


def _is_scalar(given: Any) -> bool:
    return isinstance(given, np.ndarray) and given.ndim == 0


def _spoken(interval: str) -> str:
    """An interval in words.

    >>> _spoken("(0, 1]"), _spoken("[0, 2]"), _spoken("[0, inf)"), _spoken("(-inf, inf)")
    ('above 0 and at most 1', 'from 0 to 2', 'at least 0 and finite', 'finite')
    """
    low, high = interval[1:-1].split(", ")
    if interval[0] == "[" and interval[-1] == "]" and low != "-inf" and high != "inf":
        return f"from {low} to {high}"
    above = "" if low == "-inf" else f"{'at least' if interval[0] == '[' else 'above'} {low}"
    below = f"{'at most' if interval[-1] == ']' else 'below'} {high}"
    below = {"at most inf": "", "below inf": "finite"}.get(below, below)
    return " and ".join(part for part in (above, below) if part)


def _within(given: float, interval: str) -> bool:
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = given >= low if interval[0] == "[" else given > low
    return above and (given <= high if interval[-1] == "]" else given < high)
