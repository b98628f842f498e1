"""What numbers are given as: refused at once if they are none, in which range they are is for others to say."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any


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
    """A number.

    >>> number("momentum", "0.1")
    Traceback (most recent call last):
        ...
    ValueError: momentum is a number; got '0.1'.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} is a number; got {value!r}.")
    return float(value)
