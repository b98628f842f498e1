"""Tables of covariates as columns of numbers: numbers, levels of categories, and terms of a formula."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import labels_of_rows, real_array
from bnstats._checks.labels import framed
from bnstats._checks.objects import dates_in, numbers_in
from bnstats._checks.safe_text import raised
from bnstats._checks.tables import columns_of, is_labeled
from bnstats._checks.values import shown, word
from bnstats.corrections.groups import LARGEST


def table_of(name: str, given: Any, rows: int) -> pd.DataFrame:
    """Return a table with a row for each row of x, from any table, column or array.

    >>> table_of("keep", {"age": [40, 50], "sex": ["f", "m"]}, rows=2).columns.tolist()
    ['age', 'sex']
    >>> table_of("keep", [40, 50], rows=3)
    Traceback (most recent call last):
        ...
    ValueError: keep has one row for each of the 3 rows of x; got 2.
    """
    columns = columns_of(given)
    if is_labeled(given):
        table = given if columns is not None else given.to_frame(given.name if given.name is not None else name)
    elif isinstance(given, Mapping) or columns is not None:
        table = framed(name, given if columns is None else {column: given[column] for column in columns})
    else:
        array = labels_of_rows(name, given)
        if array.ndim not in (1, 2):
            raise ValueError(f"{name} is a table, a column, or an array of these shapes; got shape {array.shape}.")
        table = pd.DataFrame({name: array} if array.ndim == 1 else dict(enumerate(array.T)))
    if not len(table.columns):
        raise ValueError(f"{name} has no columns: leave it out.")
    if len(table) != rows:
        raise ValueError(f"{name} has one row for each of the {rows} rows of x; got {len(table)}.")
    if not table.columns.is_unique:
        raise ValueError(f"{name} has columns of the same name, {shown(list(table.columns))}; rename them.")
    return pd.DataFrame(table).reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class Covariates:
    """Columns of numbers for a table of covariates, with the levels of the fitted rows.

    Attributes
    ----------
    name : str
        Name of the argument in messages.
    levels : tuple of pairs
        Columns of the table and their levels; None for a column of numbers.
    formula : str, optional
        Formula of patsy whose terms take the place of the table's columns.
    table : DataFrame, optional
        The fitted table, which a formula is read with again.

    Examples
    --------
    The first level of a category is the one that others are compared with:

    >>> table = pd.DataFrame({"age": [40.0, 50.0, 60.0], "stage": ["I", "II", "III"]})
    >>> covariates = Covariates.of("keep", table)
    >>> covariates.names
    ['age', "stage 'II'", "stage 'III'"]
    >>> covariates.numbers(table)
    array([[40.,  0.,  0.],
           [50.,  1.,  0.],
           [60.,  0.,  1.]])
    """

    name: str
    levels: tuple[tuple[Any, tuple[Any, ...] | None], ...]
    formula: str | None = None
    table: pd.DataFrame | None = None

    @staticmethod
    def of(name: str, table: pd.DataFrame, formula: str | None = None, labels: bool = False) -> Covariates:
        """Return the columns of a table, of numbers unless `labels` says that all are categories."""
        if formula is not None:
            return Covariates(name, (), word("formula", formula), table)
        levels = (None if not labels and are_numbers(table[c], f"column {shown(c)} of {name}") else () for c in table)
        found = Covariates(name, tuple(zip(table.columns, levels, strict=True)))
        return Covariates(name, tuple((c, v if v is None else found._levels(table[c])) for c, v in found.levels))

    @property
    def names(self) -> list[str]:
        """Names of the columns of numbers."""
        if self.formula is not None:
            return [name for name in self._design().column_names if name != "Intercept"]
        return [
            part
            for column, levels in self.levels
            for part in ([str(column)] if levels is None else [f"{column} {shown(level)}" for level in levels[1:]])
        ]

    def numbers(self, table: pd.DataFrame) -> FloatArray:
        """Return the numbers of a table with the fitted columns and levels, shape (rows, columns of numbers)."""
        if self.formula is not None:
            return self._terms(table)
        missing = [column for column, _ in self.levels if column not in table.columns]
        if missing:
            raise ValueError(f"{self.name} has no column {shown(missing[0])}, which the fitted rows have: give it.")
        parts = [self._columns(table[column], levels) for column, levels in self.levels]
        return np.column_stack([np.empty((len(table), 0)), *parts])

    def _columns(self, column: pd.Series[Any], levels: tuple[Any, ...] | None) -> FloatArray:
        said = f"column {shown(column.name)} of {self.name}"
        if levels is None:
            numbers = real_array(said, column, minimum=0, finite=False)
            bad = np.count_nonzero(~np.isfinite(numbers))
            if bad:
                raise ValueError(
                    f"{said} misses {bad} of {len(column)} values, or they are infinite: fill them, or drop rows."
                )
            return _squarable(said, numbers)[:, None]
        self._levels(column)
        at = pd.Index(levels, dtype=object, tupleize_cols=False).get_indexer(pd.Index(column.astype(object)))
        if (at < 0).any():
            new = shown(column.astype(object).iloc[int(np.argmin(at))])
            raise ValueError(f"{said} holds {new}, which no fitted row has: drop these rows, or fit with such rows.")
        return np.asarray(at[:, None] == np.arange(1, len(levels)), dtype=np.float64)

    def _levels(self, column: pd.Series[Any]) -> tuple[Any, ...]:
        """Return the levels that occur, in the order of a categorical's categories."""
        said = f"column {shown(column.name)} of {self.name}"
        if column.isna().any():
            raise ValueError(f"{said} misses {column.isna().sum()} of {len(column)} values: fill them, or drop rows.")
        if isinstance(column.dtype, pd.CategoricalDtype):
            return tuple(column.cat.remove_unused_categories().cat.categories)
        try:
            return tuple(pd.factorize(column.astype(object), sort=True)[1])
        except TypeError as error:
            raise ValueError(f"{said} holds labels of different kinds: convert them with .astype(str).") from error

    def _terms(self, table: pd.DataFrame) -> FloatArray:
        from patsy import build_design_matrices

        design = self._design()
        try:
            (found,) = build_design_matrices([design], _readable(table), NA_action="raise")
        except Exception as error:  # the terms call functions
            raise ValueError(self._refusal(table, error)) from error
        numbers = np.asarray(found)[:, [name != "Intercept" for name in design.column_names]]
        said = f"{self.name} by the formula {shown(self.formula)}"
        return _squarable(said, real_array(said, np.broadcast_to(numbers, (len(table), numbers.shape[1])), minimum=0))

    def _design(self) -> Any:
        """Return patsy's description of the columns; it cannot be pickled, so it is made when it is needed."""
        from patsy import EvalEnvironment, dmatrix

        assert self.table is not None
        try:
            made = dmatrix(self.formula, _readable(self.table), EvalEnvironment([{"np": np}]), NA_action="raise")
        except Exception as error:
            raise ValueError(self._refusal(self.table, error)) from error
        return made.design_info

    def _refusal(self, table: pd.DataFrame, error: Exception) -> str:
        columns = f"the columns {shown(list(table.columns))} of {self.name}"
        # The error repeats the formula, which may be long.
        return f"formula {shown(self.formula)} cannot be computed from {columns}: {raised(error)[:300]}."


def are_numbers(column: pd.Series[Any], said: str) -> bool:
    """Return True for a column of numbers, False for one of labels; refuse dates.

    >>> are_numbers(pd.Series([1, True]), "age"), are_numbers(pd.Series(["1"]), "age")
    (True, False)
    """
    kind = getattr(column.dtype, "kind", "O")
    objects = column.to_numpy(dtype=object)
    if kind in "mM" or (kind == "O" and dates_in(objects) is not None):
        raise ValueError(f"{said} holds dates: give numbers, such as days, or labels, such as years as text.")
    if isinstance(column.dtype, pd.CategoricalDtype):
        return False
    return kind in "biuf" or (len(objects) > 0 and numbers_in(objects) is not None)


def _squarable(said: str, numbers: FloatArray) -> FloatArray:
    """Return the numbers if their squares are floats; else raise ValueError."""
    if np.abs(numbers).max(initial=0.0) > LARGEST:
        raise ValueError(f"{said} holds numbers of at most {LARGEST:g} in size; rescale it.")
    return numbers


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with text as objects, which patsy knows."""
    text = [column for column in table if isinstance(table[column].dtype, pd.StringDtype)]
    return table.astype(dict.fromkeys(text, object))
