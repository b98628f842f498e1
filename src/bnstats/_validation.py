"""Checks of arguments: each kind in one place, so that the same value is accepted or refused everywhere."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, TypeVar

T = TypeVar("T")


def whole(name: str, value: Any, least: int) -> int:
    """A whole number of at least `least`.

    >>> whole("steps", 2.5, least=1)
    Traceback (most recent call last):
        ...
    ValueError: steps is a whole number of at least 1; got 2.5.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} is a whole number of at least {least}; got {value!r}.")
    return int(value)


def number(name: str, value: Any) -> float:
    """A number; the caller checks its range.

    >>> number("momentum", "0.1")
    Traceback (most recent call last):
        ...
    ValueError: momentum is a number; got '0.1'.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} is a number; got {value!r}.")
    return float(value)


def named(kind: str, name: object, known: Mapping[str, T], otherwise: str) -> T:
    """The thing of that name; `otherwise` is what it could be instead of a name.

    >>> named("estimator", "men", {"mean": 1, "var": 2}, "a bn.Estimator")
    Traceback (most recent call last):
        ...
    ValueError: estimator 'men' is not known; did you mean 'mean'? Known: mean, var.
    """
    if not isinstance(name, str):
        raise ValueError(f"{kind} takes a name ({', '.join(known)}) or {otherwise}; got {name!r}.")
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        raise ValueError(f"{kind} {name!r} is not known; did you mean {near[0]!r}? Known: {', '.join(known)}.")
    return known[name]
