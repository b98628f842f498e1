"""The frame: runs any study, with any workers, until its numbers are precise enough."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bnstats._checks.numbers import whole
from bnstats._warnings import SHOWN, NotFiniteWarning, PrecisionWarning, first_of, notify
from bnstats.simulation.checks import check, distinct
from bnstats.simulation.condition_run import ConditionRun
from bnstats.simulation.identity import definition
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.precision.first_block import FirstBlock
from bnstats.simulation.precision.stopping import Case, looks
from bnstats.simulation.progress import Bar
from bnstats.simulation.replicates.sample import Sample
from bnstats.simulation.result import Result
from bnstats.simulation.storage.store import Store
from bnstats.simulation.study import Study
from bnstats.simulation.summaries import Summary
from bnstats.simulation.workers.dispatch import tallies
from bnstats.simulation.workers.executors import Workers
from bnstats.simulation.workers.job_array import job_array_of


@dataclass(frozen=True, repr=False)
class Simulation(Result):
    """The outcome of a study.

    Attributes
    ----------
    table : DataFrame
        One row per condition, measure and summary: value, mcse (Monte Carlo standard error), mcse_df, exact,
        replicates, and reached, whether the relative mcse is as small as asked, or nothing was asked of that number.
        The column summary is there if a measure has several. Infinite values are not estimated and have no mcse; mcse
        is inf where the replicates' tails are too heavy for it to exist, and where they are all equal and nothing
        bounds what others would be (`Study.span`); it is 0 only where they are known to be all the same. mcse_df are
        its degrees of freedom: an interval of 95 % is value ± t mcse, where Student's law with these exceeds t with 2.5
        %. They are inf where mcse is 0, and nan where there is none. Of a study with control variates also
        variance_ratio: so many times as many replicates would have been needed without them; 1 where they were not
        used.
    samples, summaries : list
        The tally behind each row, and how it was summarized.
    looks : int
        How often, at most, the precision was checked.
    places : list of (FirstBlock, key)
        The condition and measure of each row.
    """

    table: pd.DataFrame
    samples: Sequence[Sample] = dataclasses.field(repr=False)
    summaries: Sequence[Summary] = dataclasses.field(repr=False)
    looks: int = 1
    places: Sequence[tuple[FirstBlock, tuple[Any, ...]]] = dataclasses.field(default=(), repr=False)

    @property
    def simulation(self) -> Simulation:  # type: ignore[override]
        """Itself: other results hold one under this name."""
        return self

    def leaving_out(self, row: int) -> NDArray[np.float64]:
        """The value of one row without each of the independent groups of its blocks, shape (GROUPS,)."""
        row = whole("row", row, minimum=0, maximum=len(self.samples) - 1)
        return self.summaries[row].leaving_out(self.samples[row])


@run_options(precision=None, max_replicates=1_000_000)
def run(
    study: Study,
    **options: Unpack[RunOptions],
) -> Simulation:
    """Simulate a study until every number is precise enough.

    Parameters
    ----------
    study : Study
    **options : RunOptions

    Raises
    ------
    ValueError
        For bad arguments, before anything is simulated.
    BlockError
        If a block fails.
    WorkersLostError
        If workers were lost; finished blocks are kept in the store.
    OSError
        If the store cannot be written; what it holds is kept.

    Warns
    -----
    PrecisionWarning
        If `max_replicates` did not suffice, or if a number's tails are too heavy for a standard error; the column
        `precision_reached` says where.
    NotFiniteWarning
        If replicates are NaN, or infinite without the exact value being so.
    """
    precision, seed, store = options["precision"], options["seed"], options["store"]
    conditions = check(study)
    condition_runs = [
        ConditionRun(study, condition_run, options["max_replicates"]) for condition_run in distinct(conditions)
    ]
    share = job_array_of(options["executor"], precision, store)
    if share.of > 1:
        share.limit(condition_runs)
    most_looks = looks(max(c.max_blocks for c in condition_runs), precision)
    workers = Workers(share.executor, study, seed, condition_runs, merge=share.of == 1, pack=store is not None)
    with ExitStack() as stack:
        blocks = None
        if store is not None:
            blocks = Store(store, definition(study, seed))
            stack.callback(blocks.close)
        stack.enter_context(workers)
        bar = stack.enter_context(Bar(study, len(condition_runs), options["progress"]))
        for look in range(most_looks):
            last = look == most_looks - 1
            own = {c: c.blocks_until(look, last) for c in condition_runs if not c.done}
            wanted = [(c, share.blocks(numbers)) for c, numbers in own.items()]
            with closing(tallies(study, seed, wanted, workers, blocks)) as finished:
                for condition_run, block, part in finished:
                    before = condition_run.blocks
                    condition_run.add(block // share.of, part)
                    bar.blocks(condition_run.condition, condition_run.blocks - before)
                    if (
                        condition_run.blocks == own[condition_run].stop
                    ):  # judged while workers simulate the next condition
                        condition_run.settle(precision, last)
            for condition_run in [
                c for c, numbers in own.items() if not numbers
            ]:  # all that are allowed were judged before
                condition_run.settle(precision, last)
            bar.look(condition_runs)
    return _simulation(condition_runs, most_looks, precision, seed)


def _simulation(condition_runs: Sequence[ConditionRun], looks: int, precision: float | None, seed: int) -> Simulation:
    measures = [condition_run.settled[key] for condition_run in condition_runs for key in condition_run.keys]
    rows = [row for measure in measures for row in measure]
    by_summary = "measure" in condition_runs[0].study.key_columns and any(len(measure) > 1 for measure in measures)
    table = pd.DataFrame([row.columns(by_summary) for row in rows])
    table["precision_reached"] = [row.number.precision_reached(precision) for row in rows]
    if type(condition_runs[0].study).controls is not Study.controls:
        table["variance_ratio"] = [row.number.variance_ratio for row in rows]
    if precision is not None:
        missed, asked = ~table["precision_reached"], np.array([row.number.asked for row in rows], dtype=bool)
        _report_missed(table[missed & asked], len(table), precision)
        # NaN is no heavy tail, and has a warning of its own.
        heavy = np.array([row.number.case is Case.HEAVY_TAILED and not row.sample.missing[0] for row in rows], bool)
        _report_without_error(table[missed & ~asked & heavy], len(table))
    _report_not_finite(condition_runs)
    _report_contradicted(condition_runs)
    blocks = [
        (FirstBlock(condition_run.study, condition_run.condition, seed), condition_run)
        for condition_run in condition_runs
    ]
    places = [
        (block, key)
        for block, condition_run in blocks
        for key in condition_run.keys
        for _ in condition_run.settled[key]
    ]
    return Simulation(table, [row.sample for row in rows], [row.summary for row in rows], looks, places)


def _report_missed(missed: pd.DataFrame, of: int, precision: float) -> None:
    if len(missed):
        notify(
            f"{len(missed)} of {of} numbers did not reach a relative standard error of {precision}; raise the limit on "
            f"replicates or the precision. {first_of(missed)}",
            PrecisionWarning,
        )


def _report_without_error(rows: pd.DataFrame, of: int) -> None:
    if len(rows):
        notify(
            f"{len(rows)} of {of} numbers have no standard error (mcse is inf) and did not reach the precision: their "
            "replicates' tails are too heavy, and no limit on replicates would help; a median always has one. "
            f"{first_of(rows)}",
            PrecisionWarning,
        )


def _report_contradicted(condition_runs: Sequence[ConditionRun]) -> None:
    wrong = sorted({str(name) for condition_run in condition_runs for name in condition_run.contradicted})
    if wrong:
        notify(
            f"{len(wrong)} control variates were not used, as the means of their replicates are not 0; let simulate "
            f"subtract what is expected of them. The first of them: {', '.join(wrong[:SHOWN])}."
        )


def _report_not_finite(condition_runs: Sequence[ConditionRun]) -> None:
    lines = [line for condition_run in condition_runs for line in condition_run.not_finite()]
    if lines:
        shown, measures = "\n".join(lines[:SHOWN]), sum(len(condition_run.keys) for condition_run in condition_runs)
        notify(
            f"{len(lines)} of {measures} measures have replicates that are NaN or infinite, and no value; "
            f"find out why, run_block shows them. The first of them:\n{shown}",
            NotFiniteWarning,
        )
