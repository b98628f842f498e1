"""Evidence: independent replicates of the quantity that a claim is about, block by block."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from inspect import getattr_static
from typing import Any, Protocol

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
"""What one block of each study returned."""
PHRASE = "; "
"""Between the phrases of a scope."""


class Evidence(LendsArrays, ABC):
    """What every kind of evidence offers."""

    @property
    @abstractmethod
    def studies(self) -> tuple[Study, ...]:
        """The studies whose first condition is simulated, block by block."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Replicates in a block."""

    @property
    def blocks(self) -> float:
        """How many blocks there are."""
        return math.inf

    @property
    def scope(self) -> str:
        """The data and networks that the evidence is about, in phrases."""
        return ""

    @abstractmethod
    def values(self, found: Blocks) -> FloatArray:
        """One block's replicates of the quantity."""


def _phrases(name: str, given: Any) -> str:
    return "" if isinstance(given, str) and not given else word(name, given)


class Source(Protocol):
    """One measure of a study, and perhaps its `scope`.

    The study may be made when it is first asked for, as those that need data are.
    """

    @property
    def study(self) -> Study: ...

    @property
    def key(self) -> Any: ...


@checked(scope=_phrases)
@dataclass(frozen=True)
class Measure:
    """One measure of a study that stands ready, and its scope: data and networks, in phrases between semicolons."""

    study: Study
    key: Any
    scope: str = ""


def _terms(name: str, given: Any) -> tuple[tuple[Source, float], ...]:
    """Pairs of a source and a factor."""
    pairs = given if isinstance(given, tuple) else ()
    if not pairs or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError(f"{name} is a tuple of pairs (source, factor), at least one; got {shown(given)}.")
    for source, _ in pairs:
        # Looked up, not asked for: a study may need data, which are loaded when it is.
        if None in (getattr_static(source, name, None) for name in ("study", "key")):
            raise ValueError(f"each source of {name} has a study and the key of a measure; got {shown(source)}.")
    return tuple((source, number(f"each factor of {name}", factor)) for source, factor in pairs)


@checked(terms=_terms)
@dataclass(frozen=True)
class Measures(Evidence):
    """A sum of measures of studies, each times a factor, replicate by replicate.

    Measures of the same study are of the same replicates, so that their difference is paired. Those of different
    studies are paired where the studies have common random numbers (`Study.stream_of`).

    >>> a, b = (BatchStatistic("normal", n, np.ptp) .evidence for n in (2, 3))
    >>> [factor for _, factor in (a - b).terms]
    [1.0, -1.0]
    """

    terms: tuple[tuple[Source, float], ...]

    @property
    def studies(self) -> tuple[Study, ...]:
        return tuple(dict.fromkeys(source.study for source, _ in self.terms))

    @property
    def size(self) -> int:
        return min(study.size(study.conditions()[0]) for study in self.studies)

    @property
    def scope(self) -> str:
        """The phrases of all sources, each once."""
        phrases = (phrase for source, _ in self.terms for phrase in getattr(source, "scope", "").split(PHRASE))
        return PHRASE.join(dict.fromkeys(filter(None, phrases)))

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


@checked(
    measures=partial(instance, wanted=Measures, example="bn.claims.BatchStatistic(...).evidence"),
    low=interval("[-inf, inf]"),
    high=interval("[-inf, inf]"),
)
@dataclass(frozen=True)
class Within(Evidence):
    """Whether a sum of measures lies between two ends, replicate by replicate."""

    measures: Measures
    low: float
    high: float

    @property
    def studies(self) -> tuple[Study, ...]:
        return self.measures.studies

    @property
    def size(self) -> int:
        return self.measures.size

    @property
    def scope(self) -> str:
        return self.measures.scope

    def values(self, found: Blocks) -> FloatArray:
        value = self.measures.values(found)
        return ((self.low <= value) & (value <= self.high)).astype(np.float64)


@checked(measures=partial(instance, wanted=Measures, example="bn.claims.BatchStatistic(...).evidence"))
@dataclass(frozen=True)
class Squared(Evidence):
    """The square of a sum of measures, replicate by replicate."""

    measures: Measures

    @property
    def studies(self) -> tuple[Study, ...]:
        return self.measures.studies

    @property
    def size(self) -> int:
        return self.measures.size

    @property
    def scope(self) -> str:
        return self.measures.scope

    def values(self, found: Blocks) -> FloatArray:
        return self.measures.values(found) ** 2


@checked(cases=partial(function, example="cases(), which returns an array"), scope=_phrases)
@dataclass(frozen=True)
class Enumerated(Evidence):
    """All cases that there are: the quantity of each, computed and not drawn, so the same at every call."""

    cases: Callable[[], FloatArray]
    scope: str = ""

    @property
    def studies(self) -> tuple[Study, ...]:
        return ()

    @property
    def size(self) -> int:
        return 1

    @property
    def blocks(self) -> float:
        return 1

    def values(self, found: Blocks) -> FloatArray:
        first, second = (self._computed() for _ in range(2))
        if not np.array_equal(first, second, equal_nan=True):
            raise ValueError("cases() returned other values at the second call; compute all cases, do not draw them.")
        return first

    def _computed(self) -> FloatArray:
        """A copy, as a function may fill the same array again."""
        return real_array("what cases() returns", self.cases(), axes=1, minimum=0, finite=False).copy()


@checked(
    population=population_of,
    batch_size=batch_size,
    statistic=partial(function, example="statistic(batches), one number for each row"),
    batching=rule,
)
@dataclass(frozen=True)
class BatchStatistic(Study):
    """Batches of values, and a number computed from each.

    Parameters
    ----------
    population : whatever `Population.of` takes
    batch_size : int
    statistic : function
        From batches, shape (batches, batch size), to one number for each of them.
    batching : Batching
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
        # A copy, as a function may fill the same array again.
        return {"value": np.array(called(f"statistic {name_of_function(self.statistic)}", self.statistic, batches))}

    @property
    def evidence(self) -> Measures:
        """The number computed from each batch."""
        name = Population.of(self.population).name
        return Measures(((Measure(self, "value", f"{name} values"), 1.0),))
