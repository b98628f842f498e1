"""Properties that a correction declares, and checks of its arguments."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, get_args

from bnstats._checks.arguments import Check
from bnstats._checks.values import choice, choices, flag, function, shown, word

PROPERTIES = {
    "affine": "an effect is subtracted from the values of a batch or time, and the rest is multiplied by a factor",
    "by_feature": "each feature is corrected by itself",
    "keeps_mean": "the mean of all fitted rows does not change",
    "equal_means": "the means of corrected batches are equal",
    "equal_variances": "the variances of corrected batches are equal (ddof 1)",
    "equal_quantiles": "corrected batches of the same size have the same values",
    "shrinks": "the effect of a new batch is a part of its mean's deviation, which increases with the number of rows",
    "removes_lines": "a straight line over time is removed, and continued at new times",
}
"""Properties that a correction may declare, by name; tests hold each correction to what it declares."""

PLAIN = ("affine", "by_feature", "keeps_mean")
"""Properties of most corrections, which subtract effects that average 0 over rows."""

Along = Literal["batch", "time"]
NanPolicy = Literal["raise", "omit"]


def _parameters(name: str, given: Any) -> tuple[tuple[str, Any], ...]:
    """Return pairs of a name and a value."""
    pairs = given if isinstance(given, tuple) else (None,)
    if not all(isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs):
        raise ValueError(f"{name} is a tuple of pairs (name, value); got {shown(given)}.")
    return pairs


def _properties(name: str, given: Any) -> tuple[str, ...]:
    nothing = isinstance(given, tuple | list) and not given
    return () if nothing else choices(name, given, tuple(PROPERTIES))


_OF_BOTH: dict[str, Check] = {
    "along": partial(choice, known=get_args(Along)),
    "applies_to_new": flag,
    "estimate": partial(function, example="estimate(groups), which returns a rule"),
    "properties": _properties,
}
OF_CORRECTIONS: dict[str, Check] = {"name": word, "parameters": _parameters, **_OF_BOTH}
OF_METHODS: dict[str, Check] = {
    **_OF_BOTH,
    "nan_policy": partial(choice, known=get_args(NanPolicy)),
    "factory": partial(function, example="factory(), which returns a correction"),
}
