"""Performance measures of replicates: each has values of the replicates, and the summary that is taken of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats.simulation.summaries.grouped_moments import ALL_ROWS
from bnstats.simulation.summaries.replicate_table import ReplicateTable

Values = NDArray[Any]


@dataclass(frozen=True)
class Performance:
    """Performance measure.

    Attributes
    ----------
    summary : str
        Name of the summary that is taken of the values.
    needs : tuple of str
        Names in `NEEDS` of what the measure is computed from.
    values : callable (ReplicateTable) -> array, shape (rows,), optional
        Values of the replicates; by default the estimates, which are summarized about the truth.
    rows : callable (ReplicateTable) -> bool array, optional
        Replicates that count; by default all.
    of_failures : bool
        True if replicates that failed count, too.
    """

    summary: str
    needs: tuple[str, ...]
    values: Callable[[ReplicateTable], Values] | None = None
    rows: Callable[[ReplicateTable], NDArray[np.bool_]] | None = None
    of_failures: bool = False


def _wrong_sign(table: ReplicateTable) -> Values:
    """Return True for estimates on the other side of the null value than the truth (Gelman & Carlin 2014)."""
    return np.asarray((table.columns["estimate"] - table.null) * (table.truth_of_rows - table.null) <= 0)


def _exaggeration(table: ReplicateTable) -> Values:
    """Return the size of the estimated effect in units of the true effect (Gelman & Carlin 2014)."""
    return np.abs((table.columns["estimate"] - table.null) / (table.truth_of_rows - table.null))


def _rejected_with_effect(table: ReplicateTable) -> NDArray[np.bool_]:
    """Return True for replicates that reject the null value where it is not the truth."""
    return np.asarray(table.rejected & (table.truth_of_rows != table.null))


def _with_mean(table: ReplicateTable) -> NDArray[np.bool_]:
    """Return True for replicates of conditions whose mean estimate is finite."""
    finite = np.isfinite(table.mean_estimate)
    return ALL_ROWS if finite.all() else finite[table.codes]


_ESTIMATED, _EFFECT = ("estimate", "truth"), ("decision", "estimate", "truth", "effect")
PERFORMANCE: Mapping[str, Performance] = {
    "mean": Performance("mean", ("estimate",)),
    "bias": Performance("bias", _ESTIMATED),
    "relative_bias": Performance("relative_bias", (*_ESTIMATED, "nonzero")),
    "se": Performance("se", ("estimate",)),
    "mse": Performance("mse", _ESTIMATED),
    "rmse": Performance("rmse", _ESTIMATED),
    "model_se": Performance("model_se", ("estimate", "se")),
    "relative_error_of_model_se": Performance("relative_error_of_model_se", ("estimate", "se")),
    "coverage": Performance("coverage", ("interval", "truth"), lambda table: table.covers(table.truth_of_rows)),
    # Of intervals that hold the mean estimate, so that bias plays no part.
    "bias_eliminated_coverage": Performance(
        "coverage",
        ("interval", "estimate"),
        lambda table: table.covers(table.per_row(table.mean_estimate)),
        _with_mean,
    ),
    "width": Performance("mean", ("interval",), lambda table: table.interval[1] - table.interval[0]),
    "rejection_rate": Performance("rejection_rate", ("decision",), lambda table: table.rejected),
    "type_s_error": Performance("rejection_rate", _EFFECT, _wrong_sign, _rejected_with_effect),
    "type_m_error": Performance("mean", _EFFECT, _exaggeration, _rejected_with_effect),
    "failure_rate": Performance("failure_rate", (), lambda table: table.failed, of_failures=True),
}
"""Performance measures by name, in the order of the table."""
