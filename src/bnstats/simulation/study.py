"""Study: the conditions to simulate, and the independent replicates of one block of each."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import namedtuple
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from numpy.random import Generator
from numpy.typing import NDArray

from bnstats._checks.user_code import LendsArrays
from bnstats._families.docstrings import describe_parameters
from bnstats.simulation.one_by_one import one_by_one
from bnstats.simulation.summaries.summary import Summary

Condition = Mapping[str, Any]


@describe_parameters(
    condition="mapping\nParameters of the condition, read-only.",
    key="str or named tuple\nName of the measure, as `key_of` returns it.",
    other="str or named tuple\nName of the other measure.",
    parts="tuple\nValue for each of `key_columns`.",
    summary="str\nName of the summary.",
    rng="Generator\nRandom stream of the block, or of the one replicate.",
    size="int\nReplicates in the block.",
    replicates="int\nNumber of replicates.",
    max_replicates="int\nMaximum number of replicates of the run.",
)
@dataclass(frozen=True)
class Study(LendsArrays, ABC):
    """Base class of what `bn.run` simulates.

    A subclass is a frozen dataclass with the methods `conditions` and `simulate`, or `simulate_one`. All other methods
    have defaults.

    Examples
    --------
    Estimate the probability that a batch of n fair coins shows only one face:

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
    >>> print(table[["batch_size", "measure", "value", "mcse", "exact"]].round(4).to_string(index=False))
     batch_size  measure  value   mcse  exact
              2 one_face 0.5041 0.0040 0.5000
              5 one_face 0.0619 0.0005 0.0625
    """

    summaries: ClassVar[tuple[str | Summary, ...]] = ("mean",)
    """Summaries of all measures: names in `bn.summaries.SUMMARIES`, or objects as by `bn.summaries.quantile(0.975)`."""
    key_columns: ClassVar[tuple[str, ...]] = ("measure",)
    """Columns for the parts of a measure's name. Methods get a name of several parts as a named tuple of these."""
    grid: ClassVar[tuple[str, ...]] = ()
    """Fields that only choose the conditions: one store serves all values of these fields."""
    paired: ClassVar[bool] = False
    """True if all measures of a condition stop at the same number of replicates, so that their differences add up."""
    sample_heavy_tails: ClassVar[bool] = False
    """True to keep sampling heavy-tailed measures if `max_replicates` would suffice to estimate their errors."""

    @abstractmethod
    def conditions(self) -> Sequence[Condition]:
        """Return one mapping of parameters for each condition.

        Each condition has its own random stream, unless `stream_of` says otherwise. The other methods get a read-only
        copy of the mapping.
        """

    def simulate(self, condition: Condition, rng: Generator, size: int) -> Mapping[Any, NDArray[Any]]:
        """Return the replicates of one block; by default `size` times what `simulate_one` returns.

        Returns
        -------
        mapping of arrays
            For each measure, `size` independent replicates along the first axis, or a multiple of `size`; further axes
            hold more of them. A measure's name is a string, or a tuple with a value for each of `key_columns`. Booleans
            are events. Replicates may fail: `failure_reason` then names an array of texts, one for each replicate,
            empty for those that did not fail. Replicates with a reason or with NaN count in the measure `failure_rate`
            only, and all other numbers are of the rest.
        """
        return one_by_one(self.simulate_one, condition, rng, size)

    def simulate_one(self, condition: Condition, rng: Generator) -> Mapping[Any, Any]:
        """Return one replicate, for studies that simulate one at a time; see `bnstats.exceptions.ReplicateFailed`.

        Returns
        -------
        mapping
            Number, or boolean, of each measure.

        Raises
        ------
        ReplicateFailed
            If the replicate failed; the run goes on without it and counts the message.
        """
        raise NotImplementedError

    def cache_key(self, condition: Condition) -> Mapping[str, Any]:
        """Return the values of `grid` fields that change the replicates of a block.

        A store keeps blocks with different values apart. Random streams do not depend on these values.

        Returns
        -------
        mapping
            Values by name; by default none.
        """
        return {}

    def stream_of(self, condition: Condition) -> Condition:
        """Return the parameters that determine the random stream of a condition, by default all of them.

        By default no two conditions use the same draws. Conditions with equal returned parameters have common random
        numbers in each block. A difference between two such conditions is more precise if the common numbers move both
        conditions in the same direction.

        Returns
        -------
        mapping
            Parameters by name.
        """
        return condition

    def size(self, condition: Condition) -> int:
        """Return the number of replicates in a block.

        Returns
        -------
        int
            Number of replicates; by default 1000.
        """
        return 1000

    def max_replicates_of(self, condition: Condition, max_replicates: int) -> int:
        """Return the maximum replicates of this condition, given the `max_replicates` of the run.

        Returns
        -------
        int
            Number of replicates; by default that of the run.
        """
        return max_replicates

    def draws_per_replicate(self, condition: Condition) -> int:
        """Return the number of random draws in a replicate; the progress bar uses it.

        Returns
        -------
        int
            Number of draws; by default 1.
        """
        return 1

    def target(self, condition: Condition, key: Any) -> float:
        """Return the true value that the replicates of this measure estimate; NaN if there is none.

        Only bias, RMSE and median absolute error use the target: they summarize value - target. All other summaries
        describe the values themselves. With the default, 0, the replicates are themselves errors.

        Returns
        -------
        float
            True value, in the unit of the measure.
        """
        return 0.0

    def summaries_of(self, condition: Condition, key: Any) -> tuple[str | Summary, ...]:
        """Return the summaries of this measure, a subset of `summaries`.

        Returns
        -------
        tuple of str or Summary
            Names or summaries; by default all of `summaries`.
        """
        return self.summaries

    def model_se(self, condition: Condition, key: Any) -> Any:
        """Return the measure that holds a model's standard errors of the estimates in this measure.

        Returns
        -------
        str, tuple or None
            Name of the other measure; by default None, if there is no model.
        """
        return None

    def controls(self, condition: Condition, key: Any) -> Sequence[Any]:
        """Return the control variates of this measure: measures with known expectation 0 that vary with it.

        `simulate` returns the control variates, replicate by replicate beside the replicates of this measure. They have
        no rows in the table. They are used for a mean, bias, standard error or RMSE without a known exact value, where
        they make it more precise. The column `variance_ratio` of the table then exceeds 1. Control variates with a
        `tail_index` of 2 or less are not used. See `bnstats.simulation.replicates.control_variates`.

        Returns
        -------
        sequence of str or tuple
            Names of measures; by default none.
        """
        return ()

    def value_range(self, condition: Condition, key: Any) -> float:
        """Return the largest possible difference between two replicates: 0 if all are equal, inf if unknown.

        The value range bounds the error from unseen values if all replicates are equal: the error is then 0 only if the
        value range is 0. Events (booleans) have the value range 1.

        Returns
        -------
        float
            Difference in the unit of the measure; by default inf.
        """
        return math.inf

    def always_equal(self, condition: Condition, key: Any, other: Any) -> bool:
        """Return True if two measures are equal in every replicate, so that their difference is known to be 0.

        Returns
        -------
        bool
            True if the measures are known to be equal; by default False.
        """
        return False

    def exact(self, condition: Condition, key: Any, summary: str) -> float:
        """Return the exact value of a summary: NaN if it is unknown, inf if it is infinite.

        Returns
        -------
        float
            Exact value, in the unit of the summary; by default NaN.
        """
        return math.nan

    def tail_index(self, condition: Condition, key: Any, replicates: int) -> float:
        """Return the order below which moments of the replicates exist, as far as so many replicates can show.

        Returns
        -------
        float
            Order of the moments, without unit; by default inf.
        """
        return math.inf

    def precision_required(self, condition: Condition, key: Any, summary: str) -> bool:
        """Return True if this number has to reach the precision of the run.

        A number that need not reach it has a standard error, too. No replicates are added for it, and no warning names
        it.

        Returns
        -------
        bool
            True if replicates are added until the number is precise enough; by default True.
        """
        return True

    def columns(self, condition: Condition) -> Mapping[str, Any]:
        """Return the columns of the table that describe a condition.

        Returns
        -------
        mapping
            Values by column name; by default the parameters of the condition.
        """
        return condition

    def key_of(self, parts: tuple[Any, ...]) -> Any:
        """Return a measure's name as methods get it: the only part, or a named tuple of the parts.

        Returns
        -------
        str or named tuple
            Name of the measure.
        """
        return parts[0] if len(self.key_columns) == 1 else _key_type(self.key_columns)(*parts)


@lru_cache
def _key_type(columns: tuple[str, ...]) -> Any:
    return namedtuple("Key", columns, rename=True)
