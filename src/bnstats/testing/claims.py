"""Frame of assertions about an estimator: arguments, looks, verdict, and the line that repeats a call."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import interval, number
from bnstats._checks.values import shown
from bnstats.sampling.batching import Batching
from bnstats.sampling.populations import Population
from bnstats.simulation.identity import stream
from bnstats.simulation.precision.looks import decided
from bnstats.statistics.estimators import Estimator, estimator_of
from bnstats.testing.batch_estimates import estimates_of
from bnstats.testing.suite import note

false_alarm_rate = interval("(0, 0.5)", "a probability")
"""Argument check for the error rate of a verdict."""

MOST_DRAWS = 2**53
"""Upper limit of `max_draws`; floats represent no larger count exactly."""
# The advised interval is narrower than necessary by this factor, because the next estimate will differ from this one.
SURPLUS = 1.5


class InsufficientPower(AssertionError):  # noqa: N818, it says that a test has no power, not that something is wrong
    """Failure of a test that has too few draws to decide its claim.

    The message says what would decide the claim, such as a larger `max_draws` or another tolerance.
    """


def estimator_claimed(source: str | Estimator | Callable[..., Any], to: float | None) -> Estimator:
    """Return the estimator, with `to` as its population value if `to` is given."""
    if isinstance(source, str | Estimator) or not callable(source):
        known = estimator_of(source)
        return known if to is None else replace(known, target=number("to", to))
    name = _function_name(source)
    if to is None:
        raise ValueError(f"to is needed with the function {name}; give the population value that {name} estimates.")
    return Estimator(name, source, number("to", to))


def target_of(estimator: Estimator, population: Population, batching: Batching) -> float:
    """Return the population value that the estimates converge to; raise ValueError if it is not finite."""
    target = estimator.population_value(batching.source(population))
    if not math.isfinite(target):
        raise ValueError(
            f"{estimator.name} of population {population.name} is {target}: there is nothing to converge to; give a "
            "finite to."
        )
    return target


def surplus(estimate: float, margin: float, tolerance: float) -> float:
    """Return the factor by which draws must grow to decide whether the truth lies within `tolerance` of 0.

    An interval narrows as 1 / sqrt(draws). To decide, its margin must be smaller than the distance of the estimate from
    the nearest border. A margin above the tolerance leaves this distance unknown; the tolerance then takes its place.

    >>> surplus(estimate=0.0, margin=4.0, tolerance=2.0), surplus(estimate=1.5, margin=1.0, tolerance=2.0)
    (9.0, 9.0)
    """
    distance = tolerance if margin > tolerance else abs(abs(estimate) - tolerance)
    if distance == 0:
        return math.inf
    narrower = SURPLUS * margin / distance
    return narrower * narrower  # a product overflows to inf, where ** would raise OverflowError


@dataclass(frozen=True)
class Claimed:
    """Estimator, population and target that an assertion is about, and the line that repeats its call."""

    estimator: Estimator
    source: Population
    batching: Batching
    target: float
    again: str

    @staticmethod
    def of(assertion: Callable[..., None], arguments: Mapping[str, Any]) -> Claimed:
        """Return what a call of an assertion with these arguments is about; raise ValueError if it cannot be judged.

        Batches of the smallest size must suffice for the estimator, and `batching` must be able to draw them.
        """
        __tracebackhide__ = True
        source = Population.of(arguments["population"])
        estimator = estimator_claimed(arguments["estimator"], arguments["to"])
        batching, sizes = arguments["batching"], arguments.get("batch_sizes", [arguments.get("batch_size")])
        for size in sizes:
            batching.check(source, size)
        target = target_of(estimator, source, batching)
        estimator.check(source, min(sizes))
        return Claimed(estimator, source, batching, target, _repeated(assertion, arguments, estimator, source))

    def estimates(self, sizes: Sequence[int], batch_size: int, seed: int) -> Iterator[tuple[int, Iterator[FloatArray]]]:
        """Yield the number of replicates at each look, and the estimates that are new at this look."""
        rng = stream(seed, {"population": self.source, "batching": self.batching, "batch_size": batch_size}, 0)
        total = 0
        for size in sizes:
            yield size, estimates_of(self.estimator, self.source, self.batching, rng, size - total, batch_size)
            total = size


@dataclass(frozen=True)
class Look:
    """Evidence that the draws of an assertion give at a look.

    Attributes
    ----------
    interval : pair of float
        Interval of the quantity that the claim is about.
    found : str
        Estimate and interval in words.
    undecided : callable () -> str
        Sentence for the last look, if the interval decides nothing, with what would decide the claim.
    """

    interval: tuple[float, float]
    found: str
    undecided: Callable[[], str]


def settle(looks: Iterable[Look], region: tuple[float, float], otherwise: str, false_alarm: float, again: str) -> None:
    """Return at the first look whose interval lies in the region of the claim.

    Raises
    ------
    AssertionError
        At the first look whose interval lies outside; `otherwise` is the claim that is then wrong, in words.
    InsufficientPower
        If no look decides.
    """
    __tracebackhide__ = True
    look = None
    for look in looks:
        verdict = decided(look.interval, region)
        if verdict:
            note(look.found)
            return
        if verdict is False:
            raise AssertionError(f"{look.found}: {otherwise} (false alarm {false_alarm:g}).\n{again}")
    assert look is not None
    raise InsufficientPower(f"{look.undecided()}.\n{again}")


def _repeated(
    assertion: Callable[..., None], arguments: Mapping[str, Any], estimator: Estimator, source: Population
) -> str:
    """Return the line that repeats a call, without the arguments that have their defaults.

    An estimator or a population that was not given by a known name is called by the name that it has in messages.
    """
    named = {"estimator": estimator.name, "population": source.name}
    typed = [repr(arguments[name]) if isinstance(arguments[name], str) else own for name, own in named.items()]
    for name, parameter in inspect.signature(assertion).parameters.items():
        if name not in named and (text := _typed(arguments[name])) != _typed(parameter.default):
            typed.append(f"{name}={text}")
    return f"Reproduce: bn.testing.{assertion.__name__}({', '.join(typed)})"


def _typed(value: Any) -> str:
    """Return the text of an argument: a number without its NumPy type, a rule by its own repr, cut if it is long."""
    if isinstance(value, Batching):
        return shown(value)
    return repr(value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value)


def _function_name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def require(holds: bool, name: str, value: Any, requirement: str) -> None:
    """Raise ValueError, in one sentence, if an argument does not meet its requirement."""
    __tracebackhide__ = True
    if not holds:
        raise ValueError(f"{name} is {requirement}; got {shown(value)}.")
