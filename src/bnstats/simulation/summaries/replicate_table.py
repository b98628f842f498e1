"""Replicates in a table of anyone's: columns as arrays, conditions of the rows, and what can be derived from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from bnstats._checks.array_types import FloatArray, IntArray
from bnstats.simulation.replicates.sample import Sample
from bnstats.simulation.summaries.grouped_moments import ALL_ROWS, IN_TURN, samples_of

NEEDS = {
    "estimate": "estimate=, the column of the estimates",
    "se": "se=, the column of the standard errors by the model",
    "interval": "low= and high=, the columns of the interval's ends, or estimate= and se=",
    "decision": "p=, or an interval: low= and high=, or estimate= and se=",
    "truth": "truth=, the true value or its column",
    "nonzero": "a true value other than 0",
    "effect": "a true value other than null",
}


@dataclass(frozen=True)
class ReplicateTable:
    """Replicates of several conditions.

    Attributes
    ----------
    conditions : DataFrame
        Columns that name a condition, a row each.
    codes : int array, shape (rows,)
        Row of `conditions` for each replicate.
    parts : int array, shape (rows,)
        Group from 0 to GROUPS - 1; rows of one data set are in one group. `IN_TURN` if data sets have
        no names.
    columns : mapping of arrays
        Columns estimate, se, low, high and p, as far as they were named.
    truth : array, shape (conditions,)
        True value of each condition; NaN if it is unknown.
    level, null : float
        Level of the intervals, and value of the null hypothesis.
    """

    conditions: pd.DataFrame
    codes: IntArray
    parts: IntArray
    columns: Mapping[str, FloatArray]
    truth: FloatArray
    level: float
    null: float

    @property
    def paired(self) -> bool:
        """True if data sets have names, so that methods can be compared on the same ones."""
        return self.parts is not IN_TURN

    @property
    def rows(self) -> int:
        """Number of replicates."""
        return self.codes.size

    def per_row(self, of_condition: FloatArray) -> FloatArray:
        """Return a number of each condition, for each replicate."""
        return of_condition[self.codes] if of_condition.size > 1 else of_condition

    def lacks(self, need: str) -> bool:
        """Return True if a measure with this need has no value."""
        held = set(self.columns)
        if need in ("truth", "nonzero", "effect"):
            return bool((np.isnan(self.truth) | (self.truth == {"nonzero": 0.0, "effect": self.null}.get(need))).all())
        has_interval = {"low", "high"} <= held or {"estimate", "se"} <= held
        if need == "interval":
            return not has_interval
        return not (has_interval or "p" in held) if need == "decision" else need not in held

    @cached_property
    def failed(self) -> NDArray[np.bool_]:
        """True for a replicate with a missing value in any of its columns."""
        failed = np.zeros(self.rows, np.bool_)
        for column in self.columns.values():
            failed |= np.isnan(column)
        return failed

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """True for replicates that did not fail; empty if none failed."""
        return ~self.failed if self.failed.any() else ALL_ROWS

    @cached_property
    def truth_of_rows(self) -> FloatArray:
        """True value of each replicate."""
        return self.per_row(self.truth)

    def samples(self, values: NDArray[Any], targets: FloatArray, kept: NDArray[np.bool_]) -> list[Sample]:
        """Return the chosen rows of a column, condition by condition."""
        return samples_of(values, self.codes, targets, self.parts, kept)

    @cached_property
    def estimates(self) -> list[Sample]:
        """Estimates of each condition, with their standard errors by the model if there are any."""
        estimates = self.samples(self.columns["estimate"], self.truth, self.present)
        if "se" not in self.columns:
            return estimates
        models = self.samples(self.columns["se"], np.zeros(len(self.conditions)), self.present)
        return [replace(sample, model_se=model) for sample, model in zip(estimates, models, strict=True)]

    @cached_property
    def mean_estimate(self) -> FloatArray:
        """Mean estimate of each condition."""
        return np.array([float(sample.whole().mean) for sample in self.estimates])

    @cached_property
    def interval(self) -> tuple[FloatArray, FloatArray]:
        """Ends of the intervals: those given, or estimate ± z standard errors."""
        if "low" in self.columns:
            return self.columns["low"], self.columns["high"]
        half = stats.norm.ppf((1 + self.level) / 2) * self.columns["se"]
        return self.columns["estimate"] - half, self.columns["estimate"] + half

    def covers(self, values: FloatArray) -> NDArray[np.bool_]:
        """Return True for intervals that hold a value."""
        low, high = self.interval
        return np.asarray((low <= values) & (values <= high))

    @cached_property
    def rejected(self) -> NDArray[np.bool_]:
        """True if the p-value is below 1 - level or, without p-values, if the interval misses the null value."""
        if "p" in self.columns:
            return self.columns["p"] < 1 - self.level
        low, high = self.interval
        return np.asarray((low > self.null) | (high < self.null))
