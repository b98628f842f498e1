"""Runs of studies: `run` simulates a study, with any workers, until its numbers are precise enough."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Unpack

import numpy as np
import pandas as pd

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import proportion
from bnstats._checks.user_code import checked_before
from bnstats._checks.values import optional
from bnstats._warnings import SHOWN, NotFiniteWarning, PrecisionWarning, first_of, notify
from bnstats.simulation.checks import check, distinct
from bnstats.simulation.condition_run import ConditionRun
from bnstats.simulation.identity import definition
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.precision.first_block import FirstBlock
from bnstats.simulation.precision.stopping import NumberKind
from bnstats.simulation.progress import Bar
from bnstats.simulation.result import Simulation
from bnstats.simulation.study import Study
from bnstats.simulation.workers.dispatch import block_source
from bnstats.simulation.workers.job_array import job_array_of
from bnstats.simulation.workers.remote import Output


@checked(max_failures=optional(proportion))
@run_options(precision=None, max_replicates=1_000_000)
def run(study: Study, *, max_failures: float | None = None, **options: Unpack[RunOptions]) -> Simulation:
    """Simulate a study until every number is precise enough.

    Parameters
    ----------
    study : Study
        Conditions, replicates and summaries; see `bn.Study` for an example.
    max_failures : float, optional
        Proportion of failed replicates from which on a run ends with an error. It is checked in each condition after
        each block, of as many replicates as the first look has, or of all so far if they are more.
    **options : RunOptions

    Returns
    -------
    Simulation
        `table` has one row per condition, measure and summary. The columns that describe condition and measure come
        first: the keys of `Study.columns` and `Study.key_columns`. The other columns are:

        - `summary`: name of the summary; only if a measure has several summaries.
        - `value`: estimate, or the exact value if that is infinite, in the unit of the measure.
        - `mcse`: Monte Carlo standard error, in the unit of `value`. It is NaN for an infinite value. It is inf if the
          replicates' tails are too heavy for it to exist. It is also inf if all replicates are equal and nothing bounds
          unseen values (`Study.value_range`); it is 0 only if all possible replicates are known to be equal.
        - `mcse_df`: degrees of freedom of `mcse`. A 95 % interval is value ± t mcse, where t is the 97.5 % quantile of
          Student's law with these degrees of freedom. They are inf if `mcse` is 0, and NaN if `mcse` is inf or NaN.
        - `exact`: exact value, in the unit of `value`; NaN if it is unknown.
        - `replicates`: number of replicates that `value` is computed from.
        - `n_failed`: number of replicates that failed so far in the condition; only for a study whose replicates may
          fail. `failures` then counts them by reason.
        - `precision_reached`: True if `mcse`, divided by the scale of the summary, is at most `precision`, or if no
          precision was asked of the number.
        - `variance_ratio`: factor by which more replicates would have been needed without control variates; only for a
          study that has control variates.

    Raises
    ------
    ValueError
        If an argument is invalid, before anything is simulated.
    BlockError
        If a block fails.
    TooManyFailures
        If more replicates failed than `max_failures` allows.
    WorkersLostError
        If workers were lost. Finished blocks stay in the store.
    OSError
        If the store cannot be written. Its contents are kept.

    Warns
    -----
    PrecisionWarning
        If `max_replicates` did not suffice, or if the tails of a measure are too heavy for a standard error. The column
        `precision_reached` marks the rows.
    NotFiniteWarning
        If replicates are NaN, or infinite although the exact value is finite or unknown.

    Examples
    --------
    Estimate the mean of the larger of two uniform numbers, which is 2 / 3:

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class LargerOfTwo(Study):
    ...     def conditions(self):
    ...         return [{"draws": 2}]
    ...
    ...     def simulate(self, condition, rng, size):
    ...         return {"larger": rng.random((size, condition["draws"])).max(axis=1)}
    >>> run(LargerOfTwo(), precision=0.005).table[["value", "mcse", "replicates"]].round(4)
        value    mcse  replicates
    0  0.6643  0.0026        8000
    """
    precision, store = options["precision"], options["store"]
    seed: Any = options["seed"]  # a whole number, which `run_options` makes of a SeedSequence
    condition_runs = [
        ConditionRun(study, condition, options["max_replicates"], (0, place))
        for place, condition in enumerate(distinct(check(study)))
    ]
    job_array = job_array_of(options["executor"], precision, store)
    if job_array.of > 1:
        job_array.limit(condition_runs)
    looks = {c: c.looks(precision) for c in condition_runs}
    max_looks = max(map(len, looks.values()))
    bar = Bar(len(condition_runs), "condition", options["progress"])
    own_definition, output = partial(definition, study, seed), Output(merged=job_array.of == 1)
    given: dict[str, Any] = {"seed": seed, "executor": job_array.executor, "store": store}
    with checked_before(study), block_source([study], own_definition, bar, output, **given) as source:
        for look in range(max_looks):
            last = look == max_looks - 1
            own = {c: range(c.blocks, looks[c][min(look, len(looks[c]) - 1)]) for c in condition_runs if not c.done}
            with source([(c, job_array.blocks(numbers)) for c, numbers in own.items()]) as finished:
                for condition_run, block, part in finished:
                    before = condition_run.blocks
                    condition_run.add(block // job_array.of, part)
                    condition_run.check_failures(max_failures)
                    bar.drew(condition_run.draws * (condition_run.blocks - before))
                    # The precision is checked while workers simulate the next condition.
                    if condition_run.blocks == own[condition_run].stop:
                        condition_run.finish_measures(precision, last)
            # These conditions had all allowed blocks before.
            for condition_run in [c for c, numbers in own.items() if not numbers]:
                condition_run.finish_measures(precision, last)
            worst = max(c.worst for c in condition_runs)
            bar.finished(sum(c.done for c in condition_runs), f"worst MCSE {worst:.2g}, ")
    return _simulation(condition_runs, max_looks, precision, seed)


def _simulation(condition_runs: Sequence[ConditionRun], looks: int, precision: float | None, seed: int) -> Simulation:
    measures = [condition_run.finished[key] for condition_run in condition_runs for key in condition_run.keys]
    rows = [row for measure in measures for row in measure]
    by_summary = "measure" in condition_runs[0].study.key_columns and any(len(measure) > 1 for measure in measures)
    table = pd.DataFrame([row.columns(by_summary) for row in rows])
    table["precision_reached"] = [row.number.precision_reached(precision) for row in rows]
    if type(condition_runs[0].study).controls is not Study.controls:
        table["variance_ratio"] = [row.number.variance_ratio for row in rows]
    if precision is not None:
        missed, asked = ~table["precision_reached"], np.array([row.number.asked for row in rows], dtype=bool)
        _report(
            table[missed & asked],
            f"of {len(table)} numbers did not reach a relative standard error of {precision}; raise the limit on "
            "replicates or the precision.",
        )
        # NaN is no heavy tail, and NotFiniteWarning names it.
        heavy = np.array(
            [row.number.kind is NumberKind.HEAVY_TAILED and not row.sample.missing[0] for row in rows], bool
        )
        _report(
            table[missed & ~asked & heavy],
            f"of {len(table)} numbers have no standard error (mcse is inf) and did not reach the precision: their "
            "replicates' tails are too heavy, and no limit on replicates would help; a median always has a standard "
            "error.",
        )
    _report_not_finite(condition_runs)
    _report_contradicted(condition_runs)
    places = []
    for run in condition_runs:
        block = FirstBlock(run.study, run.condition, seed)
        places += [(block, key) for key in run.keys for _ in run.finished[key]]
    samples, summaries = [row.sample for row in rows], [row.summary for row in rows]
    return Simulation(table, samples, summaries, looks, places, _failures(condition_runs))


def _failures(condition_runs: Sequence[ConditionRun]) -> pd.DataFrame:
    """Return how often replicates failed in each condition, by reason."""
    rows = [
        condition_run.columns | {"reason": reason, "n_failed": count}
        for condition_run in condition_runs
        for reason, count in (condition_run.failures or {}).items()
    ]
    return pd.DataFrame(rows, columns=[*condition_runs[0].columns, "reason", "n_failed"])


def _report(rows: pd.DataFrame, said: str) -> None:
    """Warn of these rows of the table, if there are any."""
    if len(rows):
        notify(f"{len(rows)} {said} {first_of(rows)}", PrecisionWarning)


def _report_contradicted(condition_runs: Sequence[ConditionRun]) -> None:
    wrong = sorted({str(name) for condition_run in condition_runs for name in condition_run.contradicted})
    if wrong:
        notify(
            f"{len(wrong)} control variates were not used, because the means of their replicates are not 0; let "
            f"simulate subtract their expected values. The first of them: {', '.join(wrong[:SHOWN])}."
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
