"""Result of `measure_correction`: the table, the best correction of each condition, and its map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from bnstats._checks.array_types import FloatArray
from bnstats._checks.values import choice
from bnstats.simulation.precision.paired_errors import Error, error_of_difference
from bnstats.simulation.result import Result, Simulation
from bnstats.simulation.summaries.numbers_in_words import described, with_error
from bnstats.studies.batch_effects.study import CONDITIONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Family-wise error rate, over all conditions, of calling a correction the best that is not.
FALSE_CLAIM = 0.05
# Equal corrections with different names differ by at most this, for values of standard deviation 1.
ROUNDING = 1e-9
FEW = 4
"""Conditions that a summary names one by one."""


@dataclass(frozen=True, repr=False)
class Corrected(Result):
    """Result of `measure_correction`.

    Attributes
    ----------
    table : DataFrame
        Numbers with their errors; `measure_correction` describes the columns.
    simulation : Simulation
        The run behind the table.

    Examples
    --------
    >>> import bnstats as bn
    >>> bn.measure_correction(["none", "center"], batch_sizes=[4], measures=["rmse"])
    Corrected: 2 numbers; the same for all: effect distinct, effect size 1,
    smoothness 0, batch size 4, labels nuisance, design balanced, measure rmse.
    correction    value ± MCSE  exact
          none   0.953 ± 0.013 0.9747
        center 0.4862 ± 0.0071 0.4873
    """

    alternatives: ClassVar = {"correction": True, "design": False, "labels": False}

    table: pd.DataFrame
    simulation: Simulation = field(repr=False)

    def _answers(self) -> list[str]:
        """Return the best correction by each measure; in each condition, if there are few."""
        if self.table["correction"].nunique() == 1:
            return super()._answers()
        names = [name for name in CONDITIONS if self.table[name].nunique() > 1]
        few = len(self.table[names].drop_duplicates()) <= FEW if names else True
        return [
            line
            for measure in self.table["measure"].unique()
            for line in (self._best if few else self._counts)(measure, names)
        ]

    def _best(self, measure: str, names: list[str]) -> Iterator[str]:
        """Yield the best correction in each condition, the second best, and the measure without correction."""
        plain = self.table[(self.table["correction"] == "none") & (self.table["measure"] == measure)]
        without = dict(zip(plain[list(CONDITIONS)].itertuples(index=False, name=None), plain["value"], strict=True))
        for row in self.best_corrections(measure).to_dict("records"):
            where = "".join(f", {described(row, [name])}" for name in names)
            margin = with_error(row["margin"], row["mcse"])
            second = f"{row['second_best']} is worse by {margin}" + ("" if row["clear"] else ", within the error")
            condition = tuple(row[name] for name in CONDITIONS)
            known = condition in without and "none" not in (row["best"], row["second_best"])
            said = f"; {without[condition]:.3g} without correction" if known else ""
            yield f"{measure}{where}: {row['best']} is best, {row['value']:.4g}; {second}{said}."

    def _counts(self, measure: str, _: list[str]) -> Iterator[str]:
        """Yield in how many conditions each correction is the best."""
        best = self.best_corrections(measure)
        counts = [f"{name} in {count}" for name, count in best["best"].value_counts().items()]
        yield (
            f"{measure}: best of {len(best)} conditions is {', '.join(counts)}; beyond Monte Carlo error in "
            f"{best['clear'].sum()}. best_corrections({measure!r}) has each."
        )

    def best_corrections(self, measure: str = "rmse") -> pd.DataFrame:
        """Return the best correction of each condition, and its margin to the second best.

        The margin is a paired difference, as all corrections see the same rows. Its Monte Carlo standard error is
        estimated from independent groups of blocks.

        Parameters
        ----------
        measure : str
            "rmse", "correlation", "accuracy", "training_accuracy", or "bias", which is compared by its absolute value.

        Returns
        -------
        DataFrame
            One row per condition:

            - `effect`, `effect_size`, `smoothness`, `batch_size`, `labels`, `design`: condition, as in `table`.
            - `best`, `second_best`: names of the best and the second best correction.
            - `value`: value of the measure for the best correction, in its unit.
            - `margin`: difference of the values of the two corrections, in the unit of the measure.
            - `mcse`, `mcse_df`: Monte Carlo standard error of `margin`, in its unit, and its degrees of freedom.
            - `clear`: True if the best correction beats all other corrections beyond Monte Carlo error, family-wise at
              5 % (one-sided t, Bonferroni over conditions and corrections).

        Raises
        ------
        ValueError
            If the measure was not measured, or there is one correction only.
        """
        choice("measure", measure, self.table["measure"].unique().tolist())
        return best_corrections(self.simulation, measure)

    def plot(self, measure: str = "rmse") -> Figure:
        """Plot maps of the best correction over batch sizes and effect sizes or smoothness.

        Parameters
        ----------
        measure : str
            The measure that is compared, as in `best_corrections`.

        Returns
        -------
        Figure
            A panel for each combination of the other conditions.
        """
        from bnstats.plots.comparisons import best_corrections

        return best_corrections(self.best_corrections(measure))


def best_corrections(simulation: Simulation, measure: str) -> pd.DataFrame:
    """Return the best and second best correction of each condition, see `Corrected.best_corrections`."""
    rows = simulation.table[simulation.table["measure"] == measure]
    conditions = rows.groupby(list(CONDITIONS), sort=False)
    corrections = rows["correction"].nunique()
    if corrections == 1:
        raise ValueError("one correction has none to be compared with: measure two or more.")
    # Any correction may look the best; if two are equal, there are two wrong claims.
    level = FALSE_CLAIM / (corrections * conditions.ngroups)
    found = []
    for condition, part in conditions:
        loss = pd.Series(_loss(part["value"].to_numpy(float), measure), part.index)
        best, *rest = loss.sort_values(kind="stable").index
        margins = [_margin(simulation, best, other, measure) for other in rest]
        value = {"best": part.loc[best, "correction"], "value": part.loc[best, "value"]}
        value |= {"second_best": part.loc[rest[0], "correction"], "margin": loss[rest[0]] - loss[best]}
        clear = all(
            loss[i] - loss[best] > max(error.margin(level), ROUNDING) for i, error in zip(rest, margins, strict=True)
        )
        value |= {"mcse": margins[0].mcse, "mcse_df": margins[0].df, "clear": clear}
        found.append(dict(zip(CONDITIONS, condition, strict=True)) | value)
    return pd.DataFrame(found)


def _loss(values: FloatArray, measure: str) -> FloatArray:
    """Return the loss that the best correction minimizes."""
    return -values if measure in ("accuracy", "training_accuracy", "correlation") else np.abs(values)


def _margin(simulation: Simulation, best: int, other: int, measure: str) -> Error:
    """Return the error of the paired difference in loss between another correction and the best one."""
    return error_of_difference(simulation, best, other, lambda v: _loss(v[1], measure) - _loss(v[0], measure))
