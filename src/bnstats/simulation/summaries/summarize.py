"""Performance measures of anyone's replicates: from R, a cluster, or a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd

from bnstats._checks.arguments import checked
from bnstats._checks.numbers import number, probability
from bnstats._checks.values import choices, optional
from bnstats._warnings import NotFiniteWarning, first_of, notify
from bnstats.simulation.replicates.sample import Sample
from bnstats.simulation.result import Simulation
from bnstats.simulation.summaries.grouped_moments import ALL_ROWS
from bnstats.simulation.summaries.measures_of_tables import PERFORMANCE
from bnstats.simulation.summaries.read_replicates import read
from bnstats.simulation.summaries.registry import SUMMARIES
from bnstats.simulation.summaries.replicate_table import NEEDS, ReplicateTable
from bnstats.simulation.summaries.summarized import Summarized
from bnstats.simulation.summaries.summary import Summary, df_beside


def _measures(name: str, given: Any) -> tuple[str, ...]:
    return choices(name, given, list(PERFORMANCE))


@checked(measures=optional(_measures), level=probability, null=number)
def summarize(
    replicates: Any,
    *,
    estimate: str | None = None,
    se: str | None = None,
    low: str | None = None,
    high: str | None = None,
    p: str | None = None,
    truth: float | str | None = None,
    by: str | Sequence[str] = (),
    method: str | None = None,
    dataset: str | None = None,
    measures: str | Sequence[str] | None = None,
    level: float = 0.95,
    null: float = 0.0,
) -> Summarized:
    """Summarize replicates of a simulation study from anywhere, each number with its Monte Carlo standard error.

    The formulas are those of Morris, White & Crowther (2019, Table 6), see `bn.summaries`. A replicate with a missing
    value in one of its columns has failed; all numbers but the failure rate are of the other replicates.

    Parameters
    ----------
    replicates : DataFrame, table of polars or Arrow, or mapping of arrays
        One row per replicate, or per replicate and method.
    estimate, se : str, optional
        Columns of the estimate and of its standard error by the model.
    low, high : str, optional
        Columns of the ends of an interval. By default it is estimate ± z se.
    p : str, optional
        Column of the p-value. By default the null hypothesis is rejected if the interval misses `null`.
    truth : float or str, optional
        True value, or the column that holds it, the same in all rows of a condition.
    by : str or sequence of str
        Columns that name the condition.
    method : str, optional
        Column that names the method.
    dataset : str, optional
        Column that names the data set, such as the number of the replicate. Methods on the same data sets can be
        compared in pairs, see `Summarized.compare`.
    measures : str or sequence of str, optional
        Performance measures; by default all that the columns allow.
    level : float
        Nominal level of the intervals; a p-value below 1 - level rejects.
    null : float
        Value of the null hypothesis, in the unit of the estimate.

    Returns
    -------
    Summarized
        `table` has one row per condition, method and measure. The columns that name them come first; the others are:

        - `measure`: performance measure, see below.
        - `value`: estimate, in the unit of the measure; NaN if no replicate shows it.
        - `mcse`: Monte Carlo standard error, in the unit of `value`; inf if it is unknown.
        - `mcse_df`: degrees of freedom of `mcse`; NaN if `mcse` is inf.
        - `replicates`: number of replicates that the value is computed from.
        - `n_failed`: number of replicates of the condition that failed.

        The measures are `mean`, `bias`, `relative_bias`, `se` (empirical standard error), `mse` and `rmse` of the
        estimates; `model_se`, the root mean square of the standard errors by the model, and
        `relative_error_of_model_se`; `coverage` and `width` of the intervals, and `bias_eliminated_coverage`, how
        often they hold the mean estimate; `rejection_rate`, which is the power, or the type I error rate where the null
        hypothesis is true; of the estimates that reject it, `type_s_error`, how often their sign is wrong, and
        `type_m_error`, how many times too large the effect is on average; and `failure_rate`.

    Raises
    ------
    ValueError
        If a column is missing, holds what it cannot hold, or is needed by one of `measures`; if the truth varies in a
        condition; if a method has a data set twice or lacks one.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(0.5, 1.0, size=(1000, 10))
    >>> frame = pd.DataFrame({"b": x.mean(axis=1), "s": x.std(axis=1, ddof=1) / 10**0.5})
    >>> found = summarize(frame, estimate="b", se="s", truth=0.5)
    >>> found.table.set_index("measure").loc[["bias", "coverage"], ["value", "mcse"]].round(4)
               value    mcse
    measure
    bias      0.0063  0.0101
    coverage  0.9030  0.0094
    """
    numbers = {"estimate": estimate, "se": se, "low": low, "high": high, "p": p}
    table = read(replicates, numbers, truth, by, method, dataset, level, null)
    found = [
        (place, name, SUMMARIES[PERFORMANCE[name].summary], sample)
        for name in _possible(table, measures)
        for place, sample in enumerate(_samples(table, name))
    ]
    found.sort(key=itemgetter(0))  # stable: measures keep their order
    frame = _frame(table, [(place, name, *_number(summary, sample)) for place, name, summary, sample in found])
    _report_without_value(frame)
    behind = Simulation(frame, [sample for *_, sample in found], [summary for _, _, summary, _ in found])
    return Summarized(frame, table, method, simulation=behind)


def _report_without_value(frame: pd.DataFrame) -> None:
    without = frame[frame["value"].isna() & (frame["replicates"] > 1)]
    if len(without):
        notify(
            f"{len(without)} of {len(frame)} numbers have replicates, but no value: replicates are infinite, too large "
            f"or small for their squares, or all equal. {first_of(without)}",
            NotFiniteWarning,
        )


def _possible(table: ReplicateTable, asked: Sequence[str] | None) -> list[str]:
    """Return the measures that were asked for, or all that the columns allow."""
    lacking = {name: [need for need in entry.needs if table.lacks(need)] for name, entry in PERFORMANCE.items()}
    if asked is None:
        return [name for name, needs in lacking.items() if not needs]
    for name in asked:
        if lacking[name]:
            raise ValueError(f"{name} needs {NEEDS[lacking[name][0]]}.")
    return [*asked]


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # replicates may be infinite
def _samples(table: ReplicateTable, name: str) -> list[Sample]:
    """Return the replicates of a measure in each condition."""
    entry = PERFORMANCE[name]
    if entry.values is None:
        return table.estimates
    kept = ALL_ROWS if entry.of_failures else table.present
    if entry.rows is not None:
        rows = entry.rows(table)
        kept = rows & kept if rows.size and kept.size else rows if rows.size else kept
    return table.samples(entry.values(table), np.zeros(len(table.conditions)), kept)


def _number(summary: Summary, sample: Sample) -> tuple[float, float, float, int]:
    """Return value, error, its degrees of freedom, and the number of replicates."""
    replicates = sample.whole()
    n = int(replicates.n)
    value, mcse, _ = summary.of(replicates) if n else (math.nan, math.inf, math.inf)
    if not math.isfinite(value):
        return math.nan, math.inf, math.nan, n
    return value, mcse, df_beside(mcse, summary, replicates), n


def _frame(table: ReplicateTable, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Return the table of the result."""
    numbers = pd.DataFrame(rows, columns=["place", "measure", "value", "mcse", "mcse_df", "replicates"])
    place = numbers.pop("place").to_numpy()
    failed = np.bincount(table.codes[table.failed], minlength=len(table.conditions))
    conditions = table.conditions.iloc[place].reset_index(drop=True)
    return pd.concat([conditions, numbers], axis=1).assign(n_failed=failed[place])
