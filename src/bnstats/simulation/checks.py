"""Checks of a study before anything is simulated, names of its methods included; each error is one sentence."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from types import FunctionType
from typing import Any

from bnstats._checks.values import shown
from bnstats.simulation.identity import digest, function_of
from bnstats.simulation.study import Condition, Study
from bnstats.simulation.summaries.registry import summary_of

# Columns of every table; a parameter of a condition must have another name.
NUMBER_COLUMNS = (
    "measure",
    "summary",
    "value",
    "mcse",
    "mcse_df",
    "exact",
    "replicates",
    "n_failed",
    "precision_reached",
    "variance_ratio",
)
NEAR = 0.8
"""Minimum similarity (difflib's ratio) of a misspelled name."""


def check(study: Any) -> Sequence[Condition]:
    """Return the conditions of the study; raise ValueError if the study is invalid."""
    if not isinstance(study, Study):
        raise ValueError(f"study is an object of a class derived from bn.Study; got {shown(study)}.")
    check_names(type(study))
    if type(study).simulate is Study.simulate and type(study).simulate_one is Study.simulate_one:
        raise ValueError(f"{type(study).__name__} has neither simulate nor simulate_one; define one of them.")
    for summary in study.summaries:
        summary_of(summary)
    conditions = study.conditions()
    if not isinstance(conditions, Sequence) or not all(isinstance(condition, Mapping) for condition in conditions):
        raise ValueError(
            f"{type(study).__name__}.conditions returns a list of mappings, one per condition; got {shown(conditions)}."
        )
    if not conditions:
        raise ValueError("the study has no conditions: give at least one condition.")
    for condition in conditions:
        taken = sorted({*NUMBER_COLUMNS, *study.key_columns}.intersection(study.columns(condition)))
        if taken:
            raise ValueError(
                f"a condition has a parameter {taken[0]!r}, which is a column of numbers in every table; give the "
                "parameter another name."
            )
    for size in map(study.size, conditions):
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(f"{type(study).__name__}.size returns a whole number of at least 1; got {shown(size)}.")
    return conditions


def target_of(study: Study, condition: Condition, key: Any) -> float:
    """Return `study.target` of a measure as a float; raise ValueError if it is no number."""
    target = study.target(condition, key)
    if isinstance(target, bool) or not isinstance(target, Real):
        raise ValueError(
            f"{type(study).__name__}.target returns a number, the true value that {key!r} estimates, or nan; got "
            f"{shown(target)}."
        )
    return float(target)


def distinct(conditions: Sequence[Condition]) -> list[Condition]:
    """Return the conditions in their order, without duplicates."""
    return list({digest(condition): condition for condition in conditions}.values())


@functools.cache
def check_names(kind: type[Study]) -> None:
    """Raise ValueError if a class of studies defines a method or class attribute by a misspelled name.

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
