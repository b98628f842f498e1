"""Job arrays: several jobs without a common scheduler that divide the blocks of a run by their index."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import MOST_THREADS, whole
from bnstats._checks.values import shown
from bnstats.simulation.condition_run import ConditionRun


def _blocks(name: str, given: Any) -> range:
    """Return the numbers of consecutive blocks."""
    if not isinstance(given, range) or given.step != 1:
        raise ValueError(f"{name} is a range of consecutive blocks, as range(0, 4); got {shown(given)}.")
    return given


def executor_of(name: str, given: Any) -> Executor | int | None:
    """Return what simulates: None for all processors, a number of threads, or an executor."""
    if given is None or (callable(getattr(given, "submit", None)) and not isinstance(given, type)):
        executor: Executor | None = given
        return executor
    try:
        return whole(name, given, minimum=1, maximum=MOST_THREADS)
    except ValueError:
        raise ValueError(
            f"{name} is None, a number of threads of at least 1, or a concurrent.futures.Executor; got {shown(given)}."
        ) from None


@dataclass(frozen=True)
class JobArray:
    """One job's part of a run, as the `executor=` of any measuring function.

    Job `index` simulates the blocks whose number leaves the remainder `index` when divided by `of`. It keeps them in a
    store of its own. Its result is an estimate from its own replicates. Merge the stores with `bn.merge_stores`: the
    same call without a job array then finds all blocks, and its result is that of a single run, bit for bit.

    Parameters
    ----------
    index : int
        Number of the job, from 0 to `of` - 1, such as the task's number in a job array.
    of : int
        Number of jobs.
    executor : None, int or concurrent.futures.Executor
        Workers that simulate the blocks of this job. None: one thread per core; an int: number of threads.

    Raises
    ------
    ValueError
        If `index` is not from 0 to `of` - 1.

    Examples
    --------
    >>> JobArray(3, of=8).blocks(range(0, 4))
    range(3, 35, 8)
    """

    index: int
    of: int
    executor: Executor | int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", whole("of", self.of, minimum=1))
        object.__setattr__(self, "index", whole("index", self.index, minimum=0, maximum=self.of - 1))
        object.__setattr__(self, "executor", executor_of("executor", self.executor))

    @checked(own=_blocks)
    def blocks(self, own: range) -> range:
        """Return the numbers of these blocks of the job among all blocks of a condition.

        Parameters
        ----------
        own : range
            Numbers of this job's blocks, from 0 on.

        Returns
        -------
        range
            Numbers of these blocks in the whole run.
        """
        return range(self.index + self.of * own.start, self.index + self.of * own.stop, self.of)

    def limit(self, condition_runs: Sequence[ConditionRun]) -> None:
        """Limit each condition to this job's blocks; raise ValueError if a job has fewer than two blocks.

        Parameters
        ----------
        condition_runs : list of ConditionRun
            Conditions of the run, changed in place.
        """
        for run in condition_runs:
            if run.max_blocks < 2 * self.of:
                raise ValueError(
                    f"{self.of} jobs are too many for a condition that has less than {2 * self.of} blocks: use fewer "
                    "jobs, or raise max_replicates."
                )
            run.max_blocks = len(range(self.index, run.max_blocks, self.of))


def job_array_of(executor: Any, precision: float | None, store: Any) -> JobArray:
    """Return the given job array, or one job for the whole run.

    Raise ValueError if the blocks of the job could not be merged later.
    """
    if not isinstance(executor, JobArray):
        return JobArray(0, 1, executor)
    if precision is not None:
        raise ValueError(
            "a JobArray needs precision=None, because a job does not know the replicates of the other jobs; got "
            f"{precision}."
        )
    if store is None:
        raise ValueError("a JobArray needs a store, one for each job, to be merged later; got None.")
    return executor
