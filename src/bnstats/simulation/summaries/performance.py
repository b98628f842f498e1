"""Performance measures of replicates: each has values of the replicates, and the summary that is taken of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
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
    values : callable (ReplicateTable) -> array, shape (rows,)
        Values of the replicates.
    needs : tuple of str
        Names in `NEEDS` of what the measure is computed from.
    rows : callable (ReplicateTable) -> bool array, optional
        Replicates that count; by default all.
    errors : bool
        True if the values estimate the truth.
    of_failures : bool
        True if replicates that failed count, too.
    """

    summary: str
    values: Callable[[ReplicateTable], Values]
    needs: tuple[str, ...]
    rows: Callable[[ReplicateTable], NDArray[np.bool_]] | None = None
    errors: bool = False
    of_failures: bool = False


def _estimate(table: ReplicateTable) -> FloatArray:
    return table.column("estimate")


def _covered(table: ReplicateTable) -> Values:
    return _holds(table, table.truth_of_rows)


def _mean_covered(table: ReplicateTable) -> Values:
    """Return True for intervals that hold the mean of the estimates, so that bias plays no part."""
    return _holds(table, table.per_row(table.mean_estimate))


def _holds(table: ReplicateTable, value: FloatArray) -> Values:
    low, high = table.interval
    return np.asarray((low <= value) & (value <= high))


def _width(table: ReplicateTable) -> Values:
    low, high = table.interval
    return np.asarray(high - low)


def _rejected(table: ReplicateTable) -> Values:
    return table.rejected


def _wrong_sign(table: ReplicateTable) -> Values:
    """Return True for estimates on the other side of the null value than the truth (Gelman & Carlin 2014)."""
    return np.asarray((table.column("estimate") - table.null) * (table.truth_of_rows - table.null) <= 0)


def _exaggeration(table: ReplicateTable) -> Values:
    """Return the size of the estimated effect in units of the true effect (Gelman & Carlin 2014)."""
    return np.abs((table.column("estimate") - table.null) / (table.truth_of_rows - table.null))


def _rejected_with_effect(table: ReplicateTable) -> NDArray[np.bool_]:
    """Return True for replicates that reject the null value where it is not the truth."""
    return np.asarray(table.rejected & (table.truth_of_rows != table.null))


def _with_mean(table: ReplicateTable) -> NDArray[np.bool_]:
    """Return True for replicates of conditions whose mean estimate is finite."""
    finite = np.isfinite(table.mean_estimate)
    return ALL_ROWS if finite.all() else finite[table.codes]


def _failed(table: ReplicateTable) -> Values:
    return table.failed


_ESTIMATED = ("estimate", "truth")
PERFORMANCE: Mapping[str, Performance] = {
    "mean": Performance("mean", _estimate, ("estimate",), errors=True),
    "bias": Performance("bias", _estimate, _ESTIMATED, errors=True),
    "relative_bias": Performance("relative_bias", _estimate, (*_ESTIMATED, "nonzero"), errors=True),
    "se": Performance("se", _estimate, ("estimate",), errors=True),
    "mse": Performance("mse", _estimate, _ESTIMATED, errors=True),
    "rmse": Performance("rmse", _estimate, _ESTIMATED, errors=True),
    "model_se": Performance("model_se", _estimate, ("estimate", "se"), errors=True),
    "relative_error_of_model_se": Performance("relative_error_of_model_se", _estimate, ("estimate", "se"), errors=True),
    "coverage": Performance("coverage", _covered, ("interval", "truth")),
    "bias_eliminated_coverage": Performance("coverage", _mean_covered, ("interval", "estimate"), _with_mean),
    "width": Performance("mean", _width, ("interval",)),
    "rejection_rate": Performance("rejection_rate", _rejected, ("decision",)),
    "type_s_error": Performance(
        "rejection_rate", _wrong_sign, ("decision", *_ESTIMATED, "effect"), _rejected_with_effect
    ),
    "type_m_error": Performance("mean", _exaggeration, ("decision", *_ESTIMATED, "effect"), _rejected_with_effect),
    "failure_rate": Performance("failure_rate", _failed, (), of_failures=True),
}
"""Performance measures by name, in the order of the table."""
