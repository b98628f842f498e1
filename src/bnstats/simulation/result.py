"""Results: table, short view with errors, summary in words, and paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bnstats._checks.numbers import whole
from bnstats._checks.terminal import escaped, plus_minus, printable, printable_table
from bnstats._checks.values import shown
from bnstats.plots.page import NO_MARKUP
from bnstats.simulation.precision.first_block import FirstBlock
from bnstats.simulation.precision.paired_errors import Error, error_of_difference, independent_difference
from bnstats.simulation.replicates.failure_reasons import in_words
from bnstats.simulation.replicates.sample import Sample
from bnstats.simulation.summaries.numbers_in_words import MOST_LINES, changes, described, names_in, with_error
from bnstats.simulation.summaries.summary import Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = 10
"""Rows of a table in a short view."""
WIDTH = 80
"""Characters in a line of a short view."""


class Result:
    """Tidy table of numbers with Monte Carlo standard errors.

    The columns before `value` name a number; `mcse` is its Monte Carlo standard error.
    """

    alternatives: ClassVar[Mapping[str, bool]] = {}
    """Columns in which two values can be compared; True if rows that differ in the column have the same draws."""

    table: pd.DataFrame
    simulation: Simulation

    def plot(self) -> Figure:
        """Plot the numbers against the parameter that takes most values, with one panel for each measure.

        Returns
        -------
        Figure
            Matplotlib figure.
        """
        from bnstats.plots.results import numbers

        return numbers(self.table)

    def summary(self) -> str:
        """Return a summary in words: the answer to the question of the study, and its precision.

        Returns
        -------
        str
            A heading, the answers, and lines about the Monte Carlo standard errors.

        Examples
        --------
        >>> import bnstats as bn
        >>> c = bn.measure_convergence("normal", batch_sizes=[4, 64], estimators=["mean"])
        >>> print(c.summary())
        Convergence: 8 numbers; the same for all: population normal, batching IID(), estimator mean.
        ...
        """
        table = printable_table(self.table)
        answers = self._answers()
        more = len(answers) - MOST_LINES
        lines = [self._heading(), *map(printable, answers[:MOST_LINES])]
        lines += [f"... and {more} more such lines: .table has all numbers."] if more > 0 else []
        with np.errstate(divide="ignore", invalid="ignore"):
            precise = table["mcse"].to_numpy(float) / table["value"].abs().to_numpy(float)
        known = precise[np.isfinite(precise)]
        if known.size:
            lines.append(f"Monte Carlo standard errors: half are below {100 * np.median(known):.2g} % of their number.")
        if "precision_reached" in table and not table["precision_reached"].all():
            lines.append(
                f"{int((~table['precision_reached'].astype(bool)).sum())} numbers are less precise than was asked."
            )
        ratios = table["variance_ratio"] if "variance_ratio" in table else pd.Series(dtype=float)
        if (ratios > 1).any():
            lines.append(
                f"Control variates make {(ratios > 1).sum()} numbers more precise; half of these as much as "
                f"{ratios[ratios > 1].median():.2g} times as many replicates, or more."
            )
        away = (table["value"] - table["exact"]).abs() / table["mcse"] if "exact" in table else pd.Series(dtype=float)
        away = away[np.isfinite(away)]
        if len(away):
            lines.append(
                f"{len(away)} numbers have an exact value beside them, at most {away.max():.1f} standard errors away."
            )
        return "\n".join(lines)

    def _answers(self) -> list[str]:
        """Return what the study answers, a line each; here how each measure changes along a parameter."""
        return changes(printable_table(self.table))

    def compare(self, a: Any, b: Any) -> pd.DataFrame:
        """Return the difference of each number between `a` and `b`, with its Monte Carlo standard error.

        Parameters
        ----------
        a, b : str, number, or object with a `name`
            Two estimators, kinds of statistics, normalizers, batch sizes, corrections or conventions, named as in the
            table. If several columns have both values, the first such column is compared.

        Returns
        -------
        DataFrame
            One row per pair of numbers. The first columns name the number, as in `table`, without the compared column.
            The others are:

            - `value`: number with `a` minus the number with `b`, in the unit of the numbers.
            - `mcse`, `mcse_df`: Monte Carlo standard error of `value`, in its unit, and its degrees of freedom.
            - `paired`: True if both numbers come from the same draws. The error then is that of the paired difference,
              over independent groups of blocks. A run with one block simulates that block again, and the groups are
              parts of it. False: the error is that of a difference of independent numbers.

        Raises
        ------
        ValueError
            If no column of the table has both values, or if the values are equal.

        Examples
        --------
        >>> import bnstats as bn
        >>> c = bn.measure_convergence("normal", batch_sizes=[4], estimators=["var", "std"])
        >>> c.compare("var", "std")[["measure", "value", "mcse", "paired"]].head(2).round(4)
          measure   value    mcse  paired
        0    bias -0.0477  0.0007    True
        1      se  0.2752  0.0017    True
        """
        column, (first, second) = self._column_of(a, b)
        numbered = self.table.assign(row=np.arange(len(self.table)))
        sides = [numbered[numbered[column] == name] for name in (first, second)]
        # A column with one value on each side, but a different one, belongs to the alternative: a convention's
        # momentum.
        single = [n for n in self._names() if all(side[n].nunique(dropna=False) == 1 for side in sides)]
        same = [n for n in single if repr(sides[0][n].iloc[0]) == repr(sides[1][n].iloc[0])]
        keys = [n for n in self._names() if n not in single or n in same]
        sides = [side[[*keys, "value", "mcse", "row"]] for side in sides]
        pairs = sides[0].merge(sides[1], on=keys, suffixes=("", "_of_other"))
        errors = [
            self._error(row, other, self._shares_draws(column))
            for row, other in zip(pairs["row"], pairs["row_of_other"], strict=True)
        ]
        found: pd.DataFrame = pairs[keys].assign(
            value=pairs["value"] - pairs["value_of_other"],
            mcse=[error.mcse for error, _ in errors],
            mcse_df=[error.df for error, _ in errors],
            paired=[paired for _, paired in errors],
        )
        return found

    def _shares_draws(self, column: str) -> bool:
        """Return True if rows that differ in this column have the same draws."""
        return self.alternatives[column]

    def _column_of(self, a: Any, b: Any) -> tuple[str, tuple[Any, Any]]:
        """Return the first column that has both values, and the two values as in that column."""
        names = tuple(x if type(x) in (str, int) else str(getattr(x, "name", None) or shown(x)) for x in (a, b))
        for column in self.alternatives:
            if column in self.table and set(names) <= set(self.table[column]) and names[0] != names[1]:
                return column, (names[0], names[1])
        known = {
            column: list(dict.fromkeys(self.table[column])) for column in self.alternatives if column in self.table
        }
        allowed = "; ".join(
            f"{column}: {', '.join(escaped(str(value)) for value in values)}" for column, values in known.items()
        )
        raise ValueError(
            f"a and b must be two different values of one column ({allowed or 'this result has none'}); "
            f"got {shown(names[0])} and {shown(names[1])}."
        )

    def _error(self, row: int, other: int, together: bool) -> tuple[Error, bool]:
        """Return the error of the difference of two rows, and True if it is the error of paired numbers."""
        if together:
            return error_of_difference(self.simulation, self._row(row), self._row(other)), True
        errors = self.table[["mcse", "mcse_df"]].to_numpy(float)
        return independent_difference(Error(*errors[row]), Error(*errors[other])), False

    def _row(self, row: int) -> int:
        """Return the row of the simulation for a row of the table."""
        return row

    def _names(self) -> list[str]:
        """Return the columns that name a number."""
        return names_in(self.table)

    def _heading(self) -> str:
        """Return the number of rows, and the parameters that are the same in all rows."""
        table = printable_table(self.table)
        same = [name for name in names_in(table) if table[name].nunique(dropna=False) == 1]
        shared = described(table.iloc[0], same)
        count = "1 number" if len(table) == 1 else f"{len(table)} numbers"
        return f"{type(self).__name__}: {count}" + (f"; the same for all: {shared}." if shared else ".")

    def _view(self) -> pd.DataFrame:
        """Return the table with value and error in one column, without the columns that never change."""
        table = printable_table(self.table)
        varying = [name for name in names_in(table) if table[name].nunique(dropna=False) > 1]
        view = table[varying].copy()
        view[f"value {plus_minus()} MCSE"] = [
            with_error(value, mcse) for value, mcse in zip(table["value"], table["mcse"], strict=True)
        ]
        if "exact" in self.table and self.table["exact"].notna().any():
            view["exact"] = [f"{value:.4g}" for value in self.table["exact"]]
        return view

    def __repr__(self) -> str:
        view = self._view()
        lines = [*wrap(self._heading(), WIDTH), *_lines_of(view.head(ROWS))]
        if len(view) > ROWS:
            lines.append(f"... and {len(view) - ROWS} more rows: .table has all, .summary() says it in words")
        return "\n".join(line if len(line) <= WIDTH else line[: WIDTH - 3] + "..." for line in lines)

    def _repr_html_(self) -> str:
        from html import escape

        rows: str = self._view().head(6 * ROWS).to_html(index=False, border=0, classes=NO_MARKUP)
        return f'<p class="{NO_MARKUP}">{escape(self._heading())}</p>{rows}'


@dataclass(frozen=True, repr=False)
class Simulation(Result):
    """Result of a study.

    Attributes
    ----------
    table : DataFrame
        Numbers with their errors; `run` describes the columns.
    samples, summaries : list
        Sample and summary behind each row.
    looks : int
        Maximum number of times that the precision was checked.
    places : list of (FirstBlock, key)
        Condition and measure of each row.
    failures : DataFrame
        Number of replicates that failed, by condition and reason; empty if none did.

    Examples
    --------
    >>> import bnstats as bn
    >>> result = bn.measure_running("normal", batch_size=8, steps=1, precision=None, max_replicates=1024)
    >>> result.simulation
    Simulation: 8 numbers; the same for all: convention torch, momentum 0.1, step 1.
    statistic          measure      value ± MCSE   exact
         mean             bias   0.0012 ± 0.0011       0
         mean               se 0.03527 ± 0.00081 0.03536
    ...
    """

    table: pd.DataFrame
    samples: Sequence[Sample] = field(repr=False)
    summaries: Sequence[Summary] = field(repr=False)
    looks: int = 1
    places: Sequence[tuple[FirstBlock, tuple[Any, ...]]] = field(default=(), repr=False)
    failures: pd.DataFrame | None = field(default=None, repr=False)

    def _answers(self) -> list[str]:
        """Return why replicates failed, and how each measure changes."""
        answers = super()._answers()
        if self.failures is None or self.failures.empty:
            return answers
        counts = self.failures.groupby("reason")["n_failed"].sum()
        reasons = in_words({str(reason): int(count) for reason, count in counts.items()})
        return [f"{counts.sum()} replicates failed: {reasons}; all other numbers are of the rest.", *answers]

    @property
    def simulation(self) -> Simulation:  # type: ignore[override]
        """The simulation itself; other results hold a simulation under this name."""
        return self

    def leaving_out(self, row: int) -> NDArray[np.float64]:
        """Return the value of one row without each independent group of its blocks, shape (GROUPS,).

        Parameters
        ----------
        row : int
            Number of the row of `table`.

        Returns
        -------
        array, shape (groups,)
            Value without each group, in the unit of the row's value.
        """
        row = whole("row", row, minimum=0, maximum=len(self.samples) - 1)
        return self.summaries[row].leaving_out(self.samples[row])


def _lines_of(view: pd.DataFrame) -> list[str]:
    """Return the lines of a table; names are cut shorter until its numbers stand beside them."""
    for width in (24, 16, 12, 9):
        lines = view.to_string(index=False, max_colwidth=width).split("\n")
        if max(map(len, lines)) <= WIDTH:
            return lines
    return view.to_string(index=False, line_width=WIDTH, max_colwidth=24).split("\n")
