"""Evidence: independent replicates of a claim's quantity, block by block."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import getattr_static
from typing import Any

import numpy as np
from numpy.random import Generator

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import real_array
from bnstats._checks.numbers import batch_size, interval, number
from bnstats._checks.user_code import LendsArrays, called, name_of_function
from bnstats._checks.values import function, instance, shown, word
from bnstats.sampling.batching import IID, Batching, rule
from bnstats.sampling.populations import Population, population_of
from bnstats.simulation.study import Condition, Study

Blocks = Mapping[Study, Mapping[Any, Any]]
"""Simulated measures of one block, by study and measure key."""
PHRASE = "; "
"""Separator of the phrases in a scope."""


class Evidence(LendsArrays, ABC):
    """Base class of all evidence."""

    terms: tuple[tuple[Any, float], ...]
    """Pairs of a source, which has a study, the key of a measure and a scope, and of its factor."""

    @property
    def studies(self) -> tuple[Study, ...]:
        """Studies whose first condition is simulated, block by block."""
        return tuple(dict.fromkeys(source.study for source, _ in self.terms))

    @property
    def size(self) -> int:
        """Number of replicates in a block."""
        return min((study.size(study.conditions()[0]) for study in self.studies), default=1)

    @property
    def blocks(self) -> float:
        """Number of available blocks, inf if unlimited."""
        return math.inf

    @property
    def scope(self) -> str:
        """Data and networks that the evidence is about, in phrases separated by semicolons, without repetition."""
        phrases = (phrase for source, _ in self.terms for phrase in getattr(source, "scope", "").split(PHRASE))
        return PHRASE.join(dict.fromkeys(filter(None, phrases)))

    @abstractmethod
    def values(self, found: Blocks) -> FloatArray:
        """Return the replicates of the quantity in one block, shape (replicates,)."""


def _phrases(name: str, given: Any) -> str:
    return "" if isinstance(given, str) and not given else word(name, given)


@checked(scope=_phrases)
@dataclass(frozen=True)
class Measure:
    """Measure of a study, with the scope of the evidence.

    Attributes
    ----------
    study : Study
        Study whose first condition is simulated.
    key : hashable
        Key of the measure in what `study.simulate` returns.
    scope : str
        Data and networks of the study, in phrases separated by semicolons.

    Examples
    --------
    >>> study = BatchStatistic("normal", 2, np.ptp)
    >>> Measures(((Measure(study, "value", "normal values"), 2.0),)).scope
    'normal values'
    """

    study: Study
    key: Any
    scope: str = ""


@dataclass(frozen=True)
class LaterMeasure:
    """Measure of a study that is made when it is first used, because its data have to be loaded."""

    make: Callable[[], Study]
    key: Any
    scope: str

    @property
    def study(self) -> Study:
        """Study, the same at each access."""
        return self.make()


def _terms(name: str, given: Any) -> tuple[tuple[Any, float], ...]:
    """Return pairs of a source and a factor; raise ValueError if they are not."""
    pairs = given if isinstance(given, tuple) else ()
    if not pairs or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError(f"{name} is a tuple of pairs (source, factor), at least one; got {shown(given)}.")
    for source, _ in pairs:
        # A static look-up, because access to `study` may load data.
        if None in (getattr_static(source, name, None) for name in ("study", "key")):
            raise ValueError(f"each source in {name} has a study and the key of a measure; got {shown(source)}.")
    return tuple((source, number(f"each factor of {name}", factor)) for source, factor in pairs)


@checked(terms=_terms)
@dataclass(frozen=True)
class Measures(Evidence):
    """Weighted sum of measures, replicate by replicate.

    Measures of the same study come from the same replicates, so their difference is paired. Measures of different
    studies are paired if the studies have common random numbers (`Study.stream_of`).

    Attributes
    ----------
    terms : tuple of (source, float)
        Each source, such as a `Measure`, with its factor.

    Examples
    --------
    >>> a, b = (BatchStatistic("normal", n, np.ptp).evidence for n in (2, 3))
    >>> [factor for _, factor in (a - b).terms]
    [1.0, -1.0]
    """

    terms: tuple[tuple[Any, float], ...]

    def values(self, found: Blocks) -> FloatArray:
        total = np.zeros(self.size)
        for source, factor in self.terms:
            total += factor * np.asarray(found[source.study][source.key], dtype=np.float64)[: self.size]
        return total

    def __sub__(self, other: Measures) -> Measures:
        return self + other * -1.0

    def __add__(self, other: Measures) -> Measures:
        return Measures(self.terms + other.terms)

    def __mul__(self, factor: float) -> Measures:
        return Measures(tuple((source, factor * old) for source, old in self.terms))


_measures = partial(instance, required=Measures, example="bn.claims.BatchStatistic(...).evidence")


@dataclass(frozen=True)
class FunctionOfMeasures(Evidence):
    """Base class of functions of a weighted sum of measures, replicate by replicate.

    Attributes
    ----------
    measures : Measures
        Weighted sum of measures.
    """

    measures: Measures

    @property
    def terms(self) -> tuple[tuple[Any, float], ...]:  # type: ignore[override]
        return self.measures.terms

    def values(self, found: Blocks) -> FloatArray:
        return self._function(self.measures.values(found))

    @abstractmethod
    def _function(self, x: FloatArray) -> FloatArray:
        """Return the quantity, given the weighted sum of each replicate."""


@checked(
    measures=_measures,
    low=interval("[-inf, inf]"),
    high=interval("[-inf, inf]"),
)
@dataclass(frozen=True)
class Within(FunctionOfMeasures):
    """Indicator that a weighted sum of measures lies in a closed interval, replicate by replicate.

    Attributes
    ----------
    measures : Measures
        Weighted sum of measures.
    low, high : float
        Ends of the interval, in the unit of the measures; by default infinite.

    Examples
    --------
    >>> normal = BatchStatistic("normal", 2, np.ptp).evidence
    >>> in_range = Within(normal, low=0.0, high=1.0)
    >>> block = {normal.studies[0]: {"value": np.repeat([0.5, 1.5], in_range.size // 2)}}
    >>> in_range.values(block)[[0, -1]]
    array([1., 0.])
    """

    low: float = -math.inf
    high: float = math.inf

    def _function(self, x: FloatArray) -> FloatArray:
        return ((self.low <= x) & (x <= self.high)).astype(np.float64)


@checked(measures=_measures)
@dataclass(frozen=True)
class Squared(FunctionOfMeasures):
    """Square of a weighted sum of measures, replicate by replicate.

    Attributes
    ----------
    measures : Measures
        Weighted sum of measures.

    Examples
    --------
    >>> normal = BatchStatistic("normal", 2, np.ptp).evidence
    >>> block = {normal.studies[0]: {"value": np.repeat([0.5, 3.0], Squared(normal).size // 2)}}
    >>> Squared(normal).values(block)[[0, -1]]
    array([0.25, 9.  ])
    """

    def _function(self, x: FloatArray) -> FloatArray:
        return x**2


@checked(cases=partial(function, example="cases(), which returns an array"), scope=_phrases)
@dataclass(frozen=True)
class Enumerated(Evidence):
    """Quantity of every possible case, computed and not drawn.

    Attributes
    ----------
    cases : callable
        Function without arguments that returns the quantity of each case, shape (cases,); the same array at each call.
    scope : str
        Data of the cases, in phrases separated by semicolons.

    Examples
    --------
    >>> Enumerated(lambda: np.array([1.0, 2.0])).values({})
    array([1., 2.])
    """

    terms = ()
    blocks = 1
    cases: Callable[[], FloatArray]
    scope: str = ""

    def values(self, found: Blocks) -> FloatArray:
        first, second = (self._computed() for _ in range(2))
        if not np.array_equal(first, second, equal_nan=True):
            raise ValueError("cases() returned other values at the second call; compute all cases, do not draw them.")
        return first

    def _computed(self) -> FloatArray:
        """Return a copy of the cases, because a function may fill the same array again."""
        return real_array("what cases() returns", self.cases(), axes=1, minimum=0, finite=False).copy()


@checked(
    population=population_of,
    batch_size=batch_size,
    statistic=partial(function, example="statistic(batches), one number for each row"),
    batching=rule,
)
@dataclass(frozen=True)
class BatchStatistic(Study):
    """Study of a statistic of batches.

    Parameters
    ----------
    population : str, Population or any source that `Population.of` takes
        Population that the values are drawn from.
    batch_size : int
        Number of values in a batch.
    statistic : callable
        Function from batches, shape (batches, batch size), to one number for each batch.
    batching : Batching
        Rule by which batches are drawn; by default, values are independent.

    Examples
    --------
    >>> study = BatchStatistic("normal", 4, np.ptp)
    >>> study.evidence.scope
    'normal values'
    """

    population: Any
    batch_size: int
    statistic: Callable[[FloatArray], Any]
    batching: Batching = IID()

    def conditions(self) -> list[dict[str, Any]]:
        population = Population.of(self.population)
        return [{"population": population, "batch_size": self.batch_size, "batching": self.batching}]

    def size(self, condition: Condition) -> int:
        return max(64, 2**16 // self.batch_size)

    def simulate(self, condition: Condition, rng: Generator, size: int) -> dict[str, Any]:
        batches = np.empty((size, self.batch_size))
        self.batching.fill(condition["population"], rng, batches)
        # A copy, because a function may fill the same array again.
        return {"value": np.array(called(f"statistic {name_of_function(self.statistic)}", self.statistic, batches))}

    @property
    def evidence(self) -> Measures:
        """Evidence of the statistic, one replicate for each batch."""
        name = Population.of(self.population).name
        return Measures(((Measure(self, "value", f"{name} values"), 1.0),))
