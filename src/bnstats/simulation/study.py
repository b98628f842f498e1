"""A study: what a block of independent replicates is, under each condition."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import namedtuple
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.random import Generator
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bnstats.simulation.summaries import Summary

Condition = Mapping[str, Any]


@dataclass(frozen=True)
class Study(ABC):
    """What is simulated. A subclass is a frozen dataclass with `conditions` and `simulate`; the rest has defaults.

    Examples
    --------
    How often does a batch of n fair coins show only one face?

    >>> @dataclass(frozen=True)
    ... class OneFace(Study):
    ...     batch_sizes: tuple[int, ...]
    ...
    ...     def conditions(self):
    ...         return [{"batch_size": n} for n in self.batch_sizes]
    ...
    ...     def simulate(self, condition, rng, size):
    ...         heads = rng.binomial(condition["batch_size"], 0.5, size)
    ...         return {"one_face": (heads == 0) | (heads == condition["batch_size"])}
    ...
    ...     def exact(self, condition, key, summary):
    ...         return 2 * 0.5 ** condition["batch_size"]
    >>> from bnstats.simulation.run import run
    >>> table = run(OneFace((2, 5)), precision=0.01).table
    >>> table[["batch_size", "measure", "exact"]].values.tolist()
    [[2, 'one_face', 0.5], [5, 'one_face', 0.0625]]
    >>> bool((abs(table.value - table.exact) < 6 * table.mcse).all())
    True
    """

    summaries: ClassVar[tuple[str | Summary, ...]] = ("mean",)
    """All that are taken, by name in `SUMMARIES` or as `Summary`, such as `quantile(0.9)`."""
    key_columns: ClassVar[tuple[str, ...]] = ("measure",)
    """What a measure's name consists of; if of several parts, methods get it as a named tuple of these."""
    grid: ClassVar[tuple[str, ...]] = ()
    """Fields that only say which conditions there are: a store serves any values of them."""
    paired: ClassVar[bool] = False
    """Whether all measures of a condition stop together, at the same replicates, so that their differences add up."""
    sample_heavy_tails: ClassVar[bool] = False
    """Whether replicates are also added where they are too few to estimate an error, but the most allowed would do."""

    @abstractmethod
    def conditions(self) -> Sequence[Condition]:
        """One mapping of parameters per condition; each has its own random stream unless `stream_of` says otherwise.

        Methods get a copy that cannot be changed.
        """

    @abstractmethod
    def simulate(self, condition: Condition, rng: Generator, size: int) -> Mapping[Any, NDArray[Any]]:
        """An array of `size` independent replicates, or a multiple of it, for each measure; further axes hold more.

        A measure's name is a string, or a tuple with a value for each of `key_columns`. Booleans are events.
        """

    def cache_key(self, condition: Condition) -> Mapping[str, Any]:
        """What, in the `grid` fields, decides what a block holds: stores distinguish blocks by it, streams do not."""
        return {}

    def stream_of(self, condition: Condition) -> Condition:
        """What decides a condition's random stream, by default the condition itself: no two conditions share any draws.

        Conditions of which it is the same have common random numbers, block by block. That makes a difference of two of
        them more precise, where the same numbers move both the same way.
        """
        return condition

    def size(self, condition: Condition) -> int:
        """Replicates in a block."""
        return 1000

    def max_replicates_of(self, condition: Condition, max_replicates: int) -> int:
        """The most replicates of this condition, where `max_replicates` was given for all conditions."""
        return max_replicates

    def draws_per_replicate(self, condition: Condition) -> int:
        """How many random numbers a replicate takes, for the progress bar."""
        return 1

    def target(self, condition: Condition, key: Any) -> float:
        """Return the true value of what the replicates of this measure estimate; nan where nothing is estimated.

        Only bias, RMSE and median absolute error use the target: they summarize value - target. All other summaries
        are of the values themselves. With the default, 0, the replicates are themselves errors.
        """
        return 0.0

    def summaries_of(self, condition: Condition, key: Any) -> tuple[str | Summary, ...]:
        """Those of `summaries` that are taken of this measure."""
        return self.summaries

    def model_se(self, condition: Condition, key: Any) -> Any:
        """The measure that holds the standard errors which a model gave for the estimates in this one."""
        return None

    def controls(self, condition: Condition, key: Any) -> Sequence[Any]:
        """Control variates of this measure: measures whose expectation is known to be 0, and which vary with it.

        They are among what `simulate` returns, replicate by replicate beside those of this measure, and are no rows of
        the table. Where they make a mean, bias, standard error or RMSE of which no exact value is known more precise,
        they are used; the table says so in a column `variance_ratio`. Those whose `tail_index` is not above 2 are not
        used. See `bnstats.simulation.replicates.control_variates`.
        """
        return ()

    def value_range(self, condition: Condition, key: Any) -> float:
        """The most by which two replicates can differ: 0 where all are known to be the same, inf where it is not known.

        It bounds what may have been missed where all replicates are equal: their error is 0 only where the span is 0.
        Events (booleans) have the span 1.
        """
        return math.inf

    def always_equal(self, condition: Condition, key: Any, other: Any) -> bool:
        """Whether two measures are the same in every replicate: then their difference is known to be 0."""
        return False

    def exact(self, condition: Condition, key: Any, summary: str) -> float:
        """The exact value, nan where it is not known, inf where it is infinite."""
        return math.nan

    def tail_index(self, condition: Condition, key: Any, replicates: int) -> float:
        """Moments of the replicates below this order exist, as far as this number of replicates can show."""
        return math.inf

    def precision_required(self, condition: Condition, key: Any, summary: str) -> bool:
        """Whether this number has to reach the precision of the run.

        One that need not has its standard error, too, but no replicates are added for it, and no warning names it.
        """
        return True

    def columns(self, condition: Condition) -> Mapping[str, Any]:
        """The columns of the table that describe a condition."""
        return condition

    def key_of(self, parts: tuple[Any, ...]) -> Any:
        """A measure's name as methods get it: the value itself, or a named tuple with the names of `key_columns`."""
        return parts[0] if len(self.key_columns) == 1 else _key_type(self.key_columns)(*parts)


@lru_cache
def _key_type(columns: tuple[str, ...]) -> Any:
    return namedtuple("Key", columns, rename=True)
