"""Claims about an estimator: arguments, draws, verdicts by intervals, and the line that repeats a call."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator

from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import number, seed
from bnstats._checks.user_code import name_of_function
from bnstats._checks.values import shown
from bnstats.sampling.batching import Batching, rule
from bnstats.sampling.populations import Population
from bnstats.simulation.identity import stream
from bnstats.simulation.precision.looks import decided
from bnstats.statistics.estimators import Estimator, estimator_of
from bnstats.statistics.moments import Moments
from bnstats.testing.sequential.looks import Look, false_alarm_rate

CHECKS = {"batching": rule, "false_alarm": false_alarm_rate, "seed": seed}
"""Checks of arguments that all assertions about an estimator have."""
VALUES_AT_ONCE = 2**20
# The advised interval is narrower than necessary by this factor, because the next estimate will differ from this one.
SURPLUS = 1.5


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
class EstimatorClaim:
    """Claim about an estimator on a population.

    Attributes
    ----------
    target : float
        Population value that the estimates converge to.
    region : pair of float
        Where the quantity of the claim lies if it is true.
    otherwise : str
        What is said if the quantity lies outside.
    again : str
        Line that repeats the call.
    """

    estimator: Estimator
    source: Population
    batching: Batching
    target: float
    region: tuple[float, float]
    otherwise: str
    again: str

    @staticmethod
    def of(
        assertion: Callable[..., None], arguments: Mapping[str, Any], region: tuple[float, float], otherwise: str
    ) -> EstimatorClaim:
        """Return the claim of a call of an assertion with these arguments; raise ValueError if it cannot be judged.

        Batches of the smallest size must suffice for the estimator, and `batching` must be able to draw them.
        """
        __tracebackhide__ = True
        source = Population.of(arguments["population"])
        estimator = _estimator(arguments["estimator"], arguments["to"])
        batching, sizes = arguments["batching"], arguments.get("batch_sizes", [arguments.get("batch_size")])
        for size in sizes:
            batching.check(source, size)
        target = _target(estimator, source, batching)
        estimator.check(source, min(sizes))
        again = _repeated(assertion, arguments, estimator, source)
        otherwise = f"{otherwise} (false alarm {arguments['false_alarm']:g})."
        return EstimatorClaim(estimator, source, batching, target, region, otherwise, again)

    def estimates(self, sizes: Sequence[int], batch_size: int, seed: int) -> Iterator[tuple[int, Iterator[FloatArray]]]:
        """Yield the number of replicates at each look, and the estimates that are new at this look."""
        rng = stream(seed, {"population": self.source, "batching": self.batching, "batch_size": batch_size}, 0)
        total = 0
        for size in sizes:
            yield size, self.drawn(rng, size - total, batch_size)
            total = size

    def drawn(self, rng: Generator, replicates: int, batch_size: int) -> Iterator[FloatArray]:
        """Yield the estimates of `replicates` batches, some at a time."""
        batches_at_once = max(1, VALUES_AT_ONCE // batch_size)
        for start in range(0, replicates, batches_at_once):
            batches = np.empty((min(batches_at_once, replicates - start), batch_size))
            self.batching.fill(self.source, rng, batches)
            yield self._estimate(rng, batches)

    def _estimate(self, rng: Generator, batches: FloatArray) -> FloatArray:
        def fresh() -> FloatArray:
            values = np.empty(len(batches))
            self.batching.source(self.source).fill(rng, values)
            return values

        if not self.estimator.takes_values:
            return self.estimator.from_moments(Moments.of(batches), fresh)
        return self.estimator(batches)

    def look(self, interval: tuple[float, float], found: str, undecided: Callable[[], str]) -> Look:
        """Return what an interval of the claim's quantity decides.

        `found` is the estimate and its interval in words, `undecided` a sentence with what would decide the claim.
        """
        verdict = decided(interval, self.region)
        if verdict is None:
            return Look(None, undecided)
        return Look(verdict, partial(str, found if verdict else f"{found}: {self.otherwise}"))


def _estimator(source: str | Estimator | Callable[..., Any], to: float | None) -> Estimator:
    """Return the estimator, with `to` as its population value if `to` is given."""
    if isinstance(source, str | Estimator) or not callable(source):
        known = estimator_of(source)
        return known if to is None else replace(known, target=number("to", to))
    name = name_of_function(source)
    if to is None:
        raise ValueError(f"to is needed with the function {name}; give the population value that {name} estimates.")
    return Estimator(name, source, number("to", to))


def _target(estimator: Estimator, population: Population, batching: Batching) -> float:
    """Return the population value that the estimates converge to; raise ValueError if it is not finite."""
    target = estimator.population_value(batching.source(population))
    if not math.isfinite(target):
        raise ValueError(
            f"{estimator.name} of population {population.name} is {target}: there is nothing to converge to; give a "
            "finite to."
        )
    return target


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
    return f"\nReproduce: bn.testing.{assertion.__name__}({', '.join(typed)})"


def _typed(value: Any) -> str:
    """Return the text of an argument: a number without its NumPy type, a rule by its own repr, cut if it is long."""
    if isinstance(value, Batching):
        return shown(value)
    return repr(value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value)
