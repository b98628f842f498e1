"""The share of one job, where several jobs without a common scheduler divide the blocks of a run by their index."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bnstats._checks.numbers import whole

if TYPE_CHECKING:
    from bnstats.simulation.condition_run import ConditionRun


@dataclass(frozen=True)
class JobArray:
    """The share of one job, as the `executor=` of any measuring function.

    Job `index` simulates the blocks whose number leaves that remainder when divided by `of`, and keeps them in a store
    of its own. Its result is an estimate of its own, from so many fewer replicates. Once the stores are merged, the
    same call without a share finds all blocks in them, and its result is that of a single run, bit for bit.

    Parameters
    ----------
    index : int
        From 0 to `of` - 1, such as the number of the task in a job array.
    of : int
        How many jobs there are.
    executor : None, int or concurrent.futures.Executor
        Who simulates this share.

    Examples
    --------
    >>> JobArray(3, of=8).blocks(range(0, 4))
    range(3, 35, 8)
    """

    index: int
    of: int
    executor: Executor | int | None = None

    def __post_init__(self) -> None:
        whole("index", self.index, minimum=0, maximum=whole("of", self.of, minimum=1) - 1)

    def blocks(self, own: range) -> range:
        """Where these blocks of its own stand among all blocks of a condition."""
        return range(self.index + self.of * own.start, self.index + self.of * own.stop, self.of)

    def limit(self, condition_runs: Sequence[ConditionRun]) -> None:
        """Limit each condition to this share of its blocks; ValueError if that is less than two blocks."""
        for run in condition_runs:
            if run.max_blocks < 2 * self.of:
                raise ValueError(
                    f"{self.of} jobs are too many for a condition that has less than {2 * self.of} blocks: divide it "
                    "among fewer, or raise max_replicates."
                )
            run.max_blocks = len(range(self.index, run.max_blocks, self.of))


def job_array_of(executor: Any, precision: float | None, store: Any) -> JobArray:
    """The share that was given as an executor, or all of the run; ValueError if a share cannot be merged later."""
    if not isinstance(executor, JobArray):
        return JobArray(0, 1, executor)
    if precision is not None:
        raise ValueError(
            f"a share needs precision=None, as a job does not know how precise all of them are; got {precision}."
        )
    if store is None:
        raise ValueError("a share needs a store, one for each job, to be merged later; got None.")
    return executor
