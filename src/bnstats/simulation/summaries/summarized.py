"""Result of `summarize`: performance measures of anyone's replicates, each with its Monte Carlo standard error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bnstats._checks.values import choice, shown
from bnstats.simulation.result import Result, Simulation
from bnstats.simulation.summaries.replicate_table import ReplicateTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Summarized(Result):
    """Result of `bn.summarize`.

    Attributes
    ----------
    table : DataFrame
        Performance measures with their errors; `bn.summarize` describes the columns.
    replicates : ReplicateTable
        Columns of the replicates.
    method : str, optional
        Column that names the methods.
    simulation : Simulation
        Replicates and summary behind each row.

    Examples
    --------
    >>> import bnstats as bn
    >>> replicates = pd.DataFrame({"b": [0.4, 0.6, 0.5, 0.7], "s": 0.1})
    >>> bn.summarize(replicates, estimate="b", se="s", truth=0.5, measures=["bias", "coverage"])
    Summarized: 2 numbers.
     measure  value ± MCSE
        bias 0.050 ± 0.065
    coverage   0.75 ± 0.22
    """

    table: pd.DataFrame
    replicates: ReplicateTable = field(repr=False)
    method: Any = None
    simulation: Simulation = field(repr=False, kw_only=True)

    @property
    def alternatives(self) -> Mapping[str, bool]:  # type: ignore[override]
        """The column of the methods, if rows of two methods are of the same data sets."""
        return {self.method: True} if self.method is not None and self.replicates.paired else {}

    def _column_of(self, a: Any, b: Any) -> tuple[str, tuple[Any, Any]]:
        if not self.alternatives:
            raise ValueError(
                "methods are compared on the same data sets; name method= and dataset=, the columns of the method and "
                "of the data set, in bn.summarize."
            )
        return super()._column_of(a, b)

    def plot(self) -> Figure:
        """Plot the numbers against the parameter that takes most values, with one panel for each measure.

        Returns
        -------
        Figure
            Matplotlib figure.
        """
        from bnstats.plots.results import numbers

        return numbers(self.table.assign(exact=np.nan))

    def nested_loop_plot(self, measure: str = "bias") -> Figure:
        """Plot a measure of all conditions in one row, with the values of the factors as steps below.

        The plot is that of Rücker & Schwarzer (2014). The first factor of `by` changes most slowly.

        Parameters
        ----------
        measure : str
            Performance measure, a value of the column `measure`.

        Returns
        -------
        Figure
            Matplotlib figure, with a line for each method.

        Raises
        ------
        ValueError
            If the table has no such measure, or if no factors were named in `by`.
        """
        from bnstats.plots.nested_loop import nested_loop

        choice("measure", measure, list(dict.fromkeys(self.table["measure"])))
        names = [name for name in self._names() if name not in ("measure", self.method)]
        if not names:
            raise ValueError("a nested loop plot shows conditions; name their factors in by= of bn.summarize.")
        rows = self.table[self.table["measure"] == measure]
        return nested_loop(rows, names, self.method, measure.replace("_", " "))

    def zip_plot(self, **condition: Any) -> Figure:
        """Plot the intervals of each condition, sorted by their distance from the truth (Morris et al. 2019).

        Parameters
        ----------
        **condition
            Values of columns that name a condition; by default all conditions, at most 12.

        Returns
        -------
        Figure
            Matplotlib figure, with a panel for each condition. Of more than 2000 intervals, as many are drawn, at
            equal steps of their rank.

        Raises
        ------
        ValueError
            If there are no intervals or no truth, if no condition fits, or if more than 12 conditions fit.
        """
        from bnstats.plots.zip_plot import zip_plots

        held = self.replicates
        for need in ("interval", "truth"):
            if held.lacks(need):
                raise ValueError(f"a zip plot shows intervals beside the truth; {need} was not given to bn.summarize.")
        conditions = held.conditions
        unknown = [name for name in condition if name not in conditions]
        if unknown:
            raise ValueError(f"{unknown[0]} names no condition; known: {', '.join(map(str, conditions.columns))}.")
        fits = np.ones(len(conditions), np.bool_)
        for name, value in condition.items():
            fits &= (conditions[name] == value).to_numpy(bool)
        if not 1 <= fits.sum() <= MOST_PANELS:
            raise ValueError(
                f"a zip plot has from 1 to {MOST_PANELS} panels, and {fits.sum()} conditions fit {shown(condition)}; "
                f"choose by {', '.join(map(str, conditions.columns))}."
            )
        low, high = held.interval
        panels = {}
        for place in np.flatnonzero(fits):
            rows = (held.codes == place) & ~held.failed
            title = ", ".join(f"{name} {value}" for name, value in conditions.iloc[place].items())
            panels[title] = pd.DataFrame({"low": low[rows], "high": high[rows], "target": held.truth[place]})
        return zip_plots(panels, level=held.level)

    def _answers(self) -> list[str]:
        """Return how many replicates failed, and how each measure changes."""
        failed, rows = int(self.replicates.failed.sum()), self.replicates.rows
        said = f"{failed} of {rows} replicates failed: a value is missing; the other numbers are of the rest."
        return [*([said] if failed else []), *super()._answers()]


MOST_PANELS = 12
"""Panels of a zip plot, at most."""
