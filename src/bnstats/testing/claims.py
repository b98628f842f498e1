"""What the assertions share: how a claim is read, refused and repeated."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bnstats._checks.numbers import interval, number
from bnstats._checks.values import shown
from bnstats._written import Written
from bnstats.sampling.batching import Batching
from bnstats.sampling.populations import Population
from bnstats.statistics.estimators import Estimator, estimator_of

false_alarm_rate = interval("(0, 0.5)", "a probability")
"""A check for the largest chance of a wrong verdict."""

MOST_DRAWS = 2**53
"""Draws that may be allowed: floats count no further."""
# Advice is for an interval that is narrower than need be by this factor, as the next estimate will be another.
SURPLUS = 1.5


class InsufficientPower(AssertionError):  # noqa: N818, it says that a test has no power, not that something is wrong
    """A claim was neither refuted nor confirmed; the message says what would decide it."""


def estimator_claimed(source: str | Estimator | Callable[..., Any], to: float | None) -> Estimator:
    """The estimator, with `to` as its population value if that is given."""
    if isinstance(source, str | Estimator) or not callable(source):
        known = estimator_of(source)
        return known if to is None else replace(known, target=number("to", to))
    name = _function_name(source)
    if to is None:
        raise ValueError(f"to is needed with the function {name}: the population's value, which it estimates.")
    return Estimator(name, source, number("to", to))


def target_of(estimator: Estimator, population: Population, batching: Batching) -> float:
    """The finite value that estimates are claimed to converge to."""
    target = estimator.population_value(batching.source(population))
    if not math.isfinite(target):
        raise ValueError(
            f"{estimator.name} of population {population.name} is {target}: there is nothing to converge to; give a "
            "finite to."
        )
    return target


def surplus(estimate: float, margin: float, tolerance: float) -> float:
    """How many times as many draws would decide whether an estimate of 0 +- tolerance lies inside or outside.

    An interval narrows as 1 / sqrt(draws). It has to be narrower than the distance to the border; where it is wider
    than the tolerance itself, that is not known yet, and it is first made as narrow as a claim in the middle takes.

    >>> surplus(0.0, 4.0, 2.0) == (SURPLUS * 2) ** 2, surplus(1.5, 1.0, 2.0) == (SURPLUS * 2) ** 2
    (True, True)
    """
    distance = tolerance if margin > tolerance else abs(abs(estimate) - tolerance)
    if distance == 0:
        return math.inf
    narrower = SURPLUS * margin / distance
    return narrower * narrower  # inf beyond all floats, where a power is an error


def repeat_with(name: str, estimator: Any, population: Any, arguments: dict[str, Any]) -> str:
    """The line that repeats a call, and what the variables in it are."""
    written = Written()
    given = [written(estimator, "estimator"), written(population, "population")]
    given += [f"{key}={written(value, key)}" for key, value in arguments.items() if value is not None]
    call = f"{written.public(f'testing.{name}')}({', '.join(given)})"
    return f"Reproduce{written.where()}: {written.line(call)}"


def _function_name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def require(holds: bool, name: str, value: Any, wanted: str) -> None:
    """Raise ValueError, in one sentence, where an argument is not as wanted."""
    __tracebackhide__ = True
    if not holds:
        raise ValueError(f"{name} is {wanted}; got {shown(value)}.")
