"""Names of what a study may define: earlier and misspelled names are refused, because a run would ignore them."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
from types import FunctionType
from typing import Any

from bnstats.simulation.identity import function_of
from bnstats.simulation.study import Study

EARLIER = {
    "cells": "conditions",
    "origin": "target",
    "content": "cache_key",
    "draws": "draws_per_replicate",
    "at_most": "max_replicates_of",
    "span": "value_range",
    "wanted": "precision_required",
    "patient": "sample_heavy_tails",
}
NEAR = 0.8
"""Minimum similarity (difflib's ratio) of a misspelled name."""


@functools.cache
def check_names(kind: type[Study]) -> None:
    """Raise ValueError if a class of studies defines a method or class attribute by an earlier or misspelled name.

    A name is misspelled if it is near that of a method or class attribute of `Study` that the class does not define,
    and if both are methods with as many parameters, or both are class attributes. Names of fields, and names that begin
    with an underscore, are free.
    """
    own = _defined(kind)
    hooks = {name: value for name, value in vars(Study).items() if not name.startswith("_")}
    for name, value in own.items():
        if name in hooks:
            continue
        what = f"{kind.__name__} has a {'method' if _is_method(value) else 'class attribute'} {name}"
        helper = "begin the name of a helper with an underscore."
        if name in EARLIER:
            raise ValueError(f"{what}, which is now called {EARLIER[name]}: rename it, or {helper}")
        alike = [hook for hook, v in hooks.items() if hook not in own and _parameters(v) == _parameters(value)]
        for meant in difflib.get_close_matches(name, alike, n=1, cutoff=NEAR):
            raise ValueError(f"{what}, which a run does not use; did you mean {meant}? Otherwise, {helper}")


def _defined(kind: type[Study]) -> dict[str, Any]:
    """Return public methods and class attributes, not fields, of a class and its bases below `Study`."""
    fields = {field.name for field in dataclasses.fields(kind)}
    bases = [base for base in reversed(kind.__mro__) if base not in Study.__mro__]
    members = {name: value for base in bases for name, value in vars(base).items()}
    return {name: value for name, value in members.items() if not name.startswith("_") and name not in fields}


def _is_method(value: Any) -> bool:
    return isinstance(function_of(value), FunctionType) and not isinstance(value, property | functools.cached_property)


def _parameters(value: Any) -> int:
    """Return the number of parameters of a method besides the study, and -1 for a class attribute."""
    if not _is_method(value):
        return -1
    return len(inspect.signature(function_of(value)).parameters) - (not isinstance(value, staticmethod))
