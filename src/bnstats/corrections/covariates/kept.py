"""Effects of covariates and subjects, which stay in corrected values, and of a second batch factor, which do not.

The model is x = level + covariates + second factor + effect of the batch + residual. Slopes are estimated within
batches, by least squares of all of these together. The correction works on x less both parts; the kept part is added
back. With repeated measures, a random intercept of the subject is among the kept parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import labels_of_rows
from bnstats.corrections.covariates.columns import Covariates, table_of
from bnstats.corrections.covariates.mixed import independent, predicted_intercepts
from bnstats.corrections.groups import Groups

# Parts of a column of unit length that are smaller than this are rounding errors.
ROUNDING = 1e-8


class ConfoundedError(ValueError):
    """Error of covariates whose effects cannot be told from those of batches."""


@dataclass(frozen=True, eq=False)
class KeptCovariates:
    """Slopes of covariates.

    Attributes
    ----------
    covariates : tuple of Covariates
        Columns of each argument; those named "keep" stay.
    center : array, shape (columns,)
        Means of the columns over the fitted rows.
    slopes : array, shape (columns, features)
        Change of each feature with each column.
    subjects : array, shape (subjects,)
        Labels of the fitted subjects.
    intercepts : array, shape (subjects, features)
        Predicted random intercepts; those of other subjects are 0.
    """

    covariates: tuple[Covariates, ...]
    center: FloatArray
    slopes: FloatArray
    subjects: NDArray[Any]
    intercepts: FloatArray

    @staticmethod
    def of(groups: Groups, given: dict[str, Any], formula: str | None) -> tuple[KeptCovariates, Groups]:
        """Estimate the slopes, and return them with the groups of the rest; columns are given by argument."""
        tables = {name: table_of(name, table, len(groups.x)) for name, table in given.items() if name != "subject"}
        found = tuple(
            Covariates.of(name, table, formula if name == "keep" else None, labels=name != "keep")
            for name, table in tables.items()
        )
        columns = _columns(found, tables, len(groups.x))
        center, names = columns.mean(axis=0), [name for part in found for name in part.names]
        z = _near_zero(columns - center, columns)
        subjects, intercepts = _intercepts(groups, z, given.get("subject"))
        kept = KeptCovariates(found, center, np.zeros((len(center), groups.x.shape[1])), subjects, intercepts)
        alone = replace(groups, x=groups.x - kept._of_subjects(groups, given), covariates=z)
        rank = 0
        everything = [(slice(None), slice(None), alone)] if groups.missing is None else alone.complete()
        for features, rows, part in everything:
            kept.slopes[:, features], used = _slopes(part, z[rows], _stays(found), names)
            rank = max(rank, used)
        return kept, replace(kept._rest(groups, columns - center, given), used=rank)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the arguments that were fitted."""
        return (*(part.name for part in self.covariates), *(("subject",) if self.subjects.size else ()))

    def rest(self, groups: Groups, given: dict[str, Any]) -> Groups:
        """Return the groups of x less both parts, for rows of the fitted or of other batches."""
        tables = {part.name: table_of(part.name, given[part.name], len(groups.x)) for part in self.covariates}
        return self._rest(groups, _columns(self.covariates, tables, len(groups.x)) - self.center, given)

    def _rest(self, groups: Groups, z: FloatArray, given: dict[str, Any]) -> Groups:
        effects = z @ self.slopes
        effects += self._of_subjects(groups, given)
        return replace(groups, x=np.subtract(groups.x, effects, out=effects), covariates=z)

    def part(self, groups: Groups, given: dict[str, Any]) -> FloatArray:
        """Return the part of the rows that stays, shape (rows, features)."""
        stays = _stays(self.covariates)
        return np.asarray(groups.covariates[:, stays] @ self.slopes[stays] + self._of_subjects(groups, given))

    def _of_subjects(self, groups: Groups, given: dict[str, Any]) -> FloatArray | float:
        if "subject" not in given:
            return 0.0
        known = pd.Index(self.subjects, tupleize_cols=False)
        at = known.get_indexer(pd.Index(_labels(groups, given["subject"]), tupleize_cols=False))
        return np.asarray(np.where(at[:, None] >= 0, self.intercepts[at], 0.0))


def _near_zero(z: FloatArray, columns: FloatArray) -> FloatArray:
    """Return centered columns with zeros for those that do not vary."""
    size = np.abs(columns).max(axis=0, initial=0)
    return np.asarray(np.where(np.abs(z).max(axis=0, initial=0) > ROUNDING * size, z, 0.0))


def _slopes(groups: Groups, z: FloatArray, stays: NDArray[np.bool_], names: list[str]) -> tuple[FloatArray, int]:
    """Return the slopes by least squares within batches, and the rank of the columns."""
    z = z - z.mean(axis=0)
    scale = np.sqrt((z**2).sum(axis=0))
    unit = np.divide(z, scale, out=np.zeros_like(z), where=scale > 0)
    within = unit - replace(groups, x=unit).mean[groups.index]
    rank = _check_rank(groups, unit, within, stays, names)
    slopes = np.linalg.pinv(within, rcond=ROUNDING) @ (groups.x - groups.x.mean(axis=0))
    return slopes / np.where(scale > 0, scale, 1.0)[:, None], rank


def _labels(groups: Groups, subject: Any) -> NDArray[Any]:
    """Return the subject of each row."""
    labels = labels_of_rows("subject", subject)
    if labels.shape != groups.index.shape or pd.isna(labels).any():
        raise ValueError(
            f"subject has a label for each of the {len(groups.x)} rows of x; got shape {labels.shape}, "
            f"{np.count_nonzero(pd.isna(labels))} missing."
        )
    return labels


def _intercepts(groups: Groups, z: FloatArray, subject: Any) -> tuple[NDArray[Any], FloatArray]:
    """Return the subjects and their intercepts, predicted beside fixed effects of batches and columns."""
    if subject is None:
        return np.empty(0), np.empty((0, groups.x.shape[1]))
    index, subjects = pd.factorize(_labels(groups, subject))
    if len(subjects) in (1, len(index)):
        raise ValueError("subject labels repeated measures: give two subjects or more, and one of them several rows.")
    if groups.missing is not None:
        raise ValueError("subject goes with complete rows: drop rows with NaN, or fill them.")
    batches = groups.index[:, None] == np.arange(len(groups.labels))
    fixed = np.column_stack([batches, independent(z - replace(groups, x=z).mean[groups.index])])
    return np.asarray(subjects), predicted_intercepts(groups.x, fixed.astype(np.float64), index)


def given_tables(along: str, keep: Any, second_batch: Any, subject: Any, formula: str | None = None) -> dict[str, Any]:
    """Return the arguments that were given, by name; raise ValueError where there is nothing that they could mean."""
    given = {"keep": keep, "second_batch": second_batch, "subject": subject}
    given = {name: table for name, table in given.items() if table is not None}
    if given and along != "batch":
        raise ValueError(f"{next(iter(given))} goes with corrections along batches; this one is along {along}.")
    if formula is not None and keep is None:
        raise ValueError("formula has terms of the columns of keep: give keep, a table of covariates.")
    return given


def _columns(covariates: tuple[Covariates, ...], tables: dict[str, Any], rows: int) -> FloatArray:
    parts = [part.numbers(tables[part.name]) for part in covariates]
    return np.column_stack([np.empty((rows, 0)), *parts])


def _stays(covariates: tuple[Covariates, ...]) -> NDArray[np.bool_]:
    """Return a mask of the columns that stay."""
    return np.concatenate([np.empty(0, bool), *(np.full(len(p.names), p.name == "keep") for p in covariates)])


def _check_rank(
    groups: Groups, unit: FloatArray, within: FloatArray, stays: NDArray[np.bool_], names: list[str]
) -> int:
    """Return the rank of the columns within batches; raise ValueError if some effects cannot be told from batches'."""
    rows, batches = len(groups.x), len(groups.labels)
    if (rank := _rank(unit[:, stays])) + batches + 1 > rows:
        raise ValueError(
            f"keep has {rank} columns of numbers beside {batches} batches, but x has {rows} rows: give at least "
            f"{batches + rank + 1} rows, or fewer covariates."
        )
    others = np.linalg.svd(within[:, ~stays], full_matrices=False)
    basis = others[0][:, others[1] > ROUNDING]
    inside = within[:, stays] - basis @ (basis.T @ within[:, stays])
    if _rank(inside) < rank:
        kept = np.flatnonzero(stays)
        first = next(j for j in range(1, kept.size + 1) if _rank(inside[:, :j]) < _rank(unit[:, kept[:j]]))
        beside = "" if np.abs(within[:, kept[first - 1]]).max() < ROUNDING else " and of other covariates"
        raise ConfoundedError(
            f"covariate {names[kept[first - 1]]} of keep is a linear function of the batch{beside}, so their effects "
            "cannot be told apart: do not keep it, or do not correct for the batch."
        )
    rank = _rank(within)
    if rank + batches >= rows:
        raise ValueError(f"second_batch leaves no rows over: {rows} rows have {batches} batches; use fewer labels.")
    return rank


def _rank(columns: FloatArray) -> int:
    return int(np.count_nonzero(np.linalg.svd(columns, compute_uv=False) > ROUNDING)) if columns.size else 0
