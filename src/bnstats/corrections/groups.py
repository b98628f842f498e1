"""Rows grouped by their batch, or by the time at which they were seen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import labels_of_rows, real_array
from bnstats._checks.objects import dates_in, numbers_in
from bnstats._checks.tables import columns_of
from bnstats._checks.user_code import HoldsArrays
from bnstats._checks.values import shown

# The sum of the squares of many values of this size does not overflow.
LARGEST = 1e150


@dataclass(frozen=True, eq=False)
class Groups(HoldsArrays):
    """Rows grouped by batch or time, and the moments of each group.

    Attributes
    ----------
    along : {"batch", "time"}
        Kind of key that groups the rows.
    x : array, shape (rows, features)
        Values.
    labels : array, shape (groups,)
        The batch or time of each group, sorted.
    index : array of int, shape (rows,)
        The group of each row.
    columns : list, optional
        Names of the features.
    covariates : array, shape (rows, columns), optional
        Covariates about their means in the fitted rows; their estimated effects are already taken out of `x`.
    used : int
        Degrees of freedom that the estimated effects of covariates have used up.
    reference : int, optional
        Number of the group that stays as it is.

    Examples
    --------
    >>> groups = Groups.of([1.0, 5.0, 3.0], ["b", "a", "b"], "batch")
    >>> groups.labels, groups.mean.ravel(), groups.m2.ravel(), groups.level
    (array(['a', 'b'], dtype=object), array([5., 2.]), array([0., 2.]), array([3.]))
    """

    along: str
    x: FloatArray
    labels: NDArray[Any]
    index: NDArray[np.intp]
    columns: list[Any] | None = None
    covariates: FloatArray = field(default_factory=partial(np.empty, (0, 0)))
    used: int = 0
    reference: int | None = None

    @staticmethod
    def of(x: ArrayLike, key: ArrayLike, along: str, omit: bool = False) -> Groups:
        """Group the rows of `x` by their key.

        Parameters
        ----------
        x : array, Series or DataFrame, shape (rows,) or (rows, features)
            Values.
        key : array or Series, shape (rows,)
            The batch or the time of each row.
        along : {"batch", "time"}
            Kind of key.
        omit : bool
            True if x may hold NaN, for values that are missing.

        Returns
        -------
        Groups
            The grouped rows.

        Raises
        ------
        ValueError
            If keys do not match the rows, a label is missing, or times or values are not finite.
        """
        columns, x = columns_of(x), real_array("x", x, minimum=0, finite=False)
        keys = _checked_keys(key, along, x)
        x = x.reshape(len(x), -1)
        index, labels = pd.factorize(keys, sort=True)
        if (index < 0).any():
            raise ValueError(f"row {int(np.argmin(index))} has no {along}: give each row a label, or drop the row.")
        finite = (np.isfinite(x) | np.isnan(x) if omit else np.isfinite(x)).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"{along} {shown(labels[index[np.argmin(finite)]])} holds NaN or infinite values, "
                f"{np.count_nonzero(~finite)} rows do in all: drop these rows."
            )
        if not np.fmax.reduce(np.abs(x), axis=None, initial=0.0) <= LARGEST:
            raise ValueError(f"x holds numbers of at most {LARGEST:g} in size, as they are squared; rescale x.")
        return Groups(along, _read_only(x), _read_only(labels), _read_only(index), columns)

    @cached_property
    def missing(self) -> NDArray[np.bool_] | None:
        """Mask of missing values, shape (rows, features); None if all are there."""
        missing = np.isnan(self.x)
        return _read_only(missing) if missing.any() else None

    @cached_property
    def n(self) -> FloatArray:
        """Number of rows in each group, shape (groups, 1), or of values that are there, shape (groups, features)."""
        if self.missing is not None:
            return _read_only(self._sums((~self.missing).astype(np.float64)))
        return _read_only(np.bincount(self.index).astype(np.float64)[:, None])

    @cached_property
    def mean(self) -> FloatArray:
        """Mean of each group and feature, shape (groups, features)."""
        return _read_only(self._sums(self._with_zeros(self.x)) / self.n)

    @cached_property
    def m2(self) -> FloatArray:
        """Sum of squared deviations from the mean, for each group and feature, shape (groups, features)."""
        return _read_only(self._sums(self._with_zeros((self.x - self.mean[self.index]) ** 2)))

    def _with_zeros(self, values: FloatArray) -> FloatArray:
        """Return values with 0 where they are missing."""
        return values if self.missing is None else np.where(self.missing, 0.0, values)

    @property
    def covariate_means(self) -> FloatArray:
        """Mean of the covariates in each group, shape (groups, columns)."""
        return self._sums(self.covariates) / self.n

    @property
    def level(self) -> FloatArray:
        """Mean of all rows, for each feature."""
        return self.average(self.mean)

    def average(self, values: FloatArray) -> FloatArray:
        """Return the average over groups, weighted by their rows, for each feature."""
        return np.asarray((self.n * values).sum(axis=0) / self.n.sum(axis=0))

    def var_within(self) -> FloatArray:
        """Return the pooled variance within groups for each feature, with the denominator rows - groups - `used`.

        Returns
        -------
        array, shape (features,)
            Pooled variances, in the squared unit of x.

        Raises
        ------
        ValueError
            If every group has one row.
        """
        spare = self.n.sum() - len(self.n) - self.used
        if spare == 0:
            raise ValueError(
                f"every {self.along} has one row, so there is no variance within: give more rows of each {self.along}."
            )
        return np.asarray(self.m2.sum(axis=0) / spare)

    def _sums(self, values: FloatArray) -> FloatArray:
        sums = [np.bincount(self.index, column) for column in np.ascontiguousarray(values.T)]
        return np.stack(sums, axis=1) if sums else np.zeros((len(self.labels), 0))

    def number(self, name: str, label: Any) -> int:
        """Return the number of a group; raise ValueError if no group has this label."""
        label = label.item() if isinstance(label, np.number) else label  # pandas has no index of short floats
        try:
            sought = pd.Index([label], tupleize_cols=False)
            at = int(pd.Index(self.labels, tupleize_cols=False).get_indexer(sought)[0])
        except TypeError:  # it cannot be hashed
            at = -1
        if at < 0:
            raise ValueError(f"{name} is the label of a {self.along}, {listed(self.labels)}; got {shown(label)}.")
        return at

    def check_values(self) -> None:
        """Raise ValueError if all values of a feature are missing in a group."""
        gone = self.n == 0
        if gone.any():
            raise ValueError(
                f"{self.named(gone.any(axis=1))} has no value of {self.features(gone.any(axis=0))}: drop one of these."
            )

    def complete(self) -> list[tuple[NDArray[np.intp], NDArray[np.bool_], Groups]]:
        """Return features that miss the same rows: their numbers, a mask of their rows, their groups without NaN."""
        assert self.missing is not None
        self.check_values()
        patterns, which = np.unique(self.missing, axis=1, return_inverse=True)
        found = []
        for k, missing in enumerate(patterns.T):
            there, rows = which.ravel() == k, ~missing
            part = self.of_features(there)
            z = self.covariates[rows] if self.covariates.size else self.covariates
            part = replace(part, x=part.x[rows], index=self.index[rows], covariates=z)
            found.append((np.flatnonzero(there), rows, part))
        return found

    def of_features(self, which: NDArray[np.bool_]) -> Groups:
        """Return the groups of the features in a mask."""
        names = self.columns if self.columns is not None else list(range(len(which)))
        return replace(self, x=self.x[:, which], columns=[names[j] for j in np.flatnonzero(which)])

    def named(self, which: ArrayLike) -> str:
        """Return the first three labels of the groups in a mask, for a message.

        >>> Groups.of([1, 2, 3, 4], [1, 2, 3, 4], "time").named([False, True, True, True])
        'time 2.0, 3.0, 4.0'
        """
        return f"{self.along} {listed(self.labels[np.asarray(which)])}"

    def features(self, which: ArrayLike) -> str:
        """Return the first three names, or numbers, of the features in a mask, for a message.

        >>> Groups.of([[1, 2], [3, 4]], ["a", "b"], "batch").features([False, True])
        'feature 1'
        """
        numbers = np.flatnonzero(which)
        names = np.array(self.columns, dtype=object)[numbers] if self.columns else numbers
        return f"feature {listed(names)}"


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


def listed(labels: NDArray[Any], most: int = 3) -> str:
    """Return the first few labels, and the number of further labels.

    >>> listed(np.arange(5))
    '0, 1, 2 and 2 more'
    """
    names = ", ".join(map(shown, labels[:most]))
    return names if len(labels) <= most else f"{names} and {len(labels) - most} more"


def _checked_keys(key: ArrayLike, along: str, x: FloatArray) -> NDArray[Any]:
    keys = labels_of_rows(along, key)
    if x.ndim not in (1, 2) or not x.size or keys.shape != x.shape[:1]:
        raise ValueError(
            f"x has shape (rows,) or (rows, features) with at least one row, and {along} has one value per row; got "
            f"shapes {x.shape} and {keys.shape}."
        )
    if along == "batch":
        if keys.dtype.kind == "f":
            return keys.astype(np.float64)  # pandas has no index of shorter or longer floats
        return keys.astype(object) if keys.dtype.kind in "US" else keys
    times = _times(keys)
    finite = np.isfinite(times)
    if not finite.all():
        raise ValueError(f"times are finite; row {np.argmin(finite)} has {times[np.argmin(finite)]}: drop it.")
    return times


def _times(keys: NDArray[Any]) -> FloatArray:
    """Return numbers unchanged, and dates and durations in days whatever their unit is."""
    if keys.dtype.kind == "O":
        numbers = numbers_in(keys)
        stamps = dates_in(keys) if numbers is None else None
        keys = next((found for found in (numbers, stamps) if found is not None), keys)
    if keys.dtype.kind in "mM":
        start = np.datetime64(0, "D") if keys.dtype.kind == "M" else np.timedelta64(0, "D")
        return np.asarray((keys - start) / np.timedelta64(1, "D"), dtype=np.float64)
    try:
        if keys.dtype.kind == "c":
            raise ValueError("complex numbers")
        return keys.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"times are numbers, or dates as datetime64; got {shown(keys[0])} ({error}): try pandas.to_datetime."
        ) from error
