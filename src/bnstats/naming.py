"""Things that go by a name: one way to find them, whose refusal names the nearest."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


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
