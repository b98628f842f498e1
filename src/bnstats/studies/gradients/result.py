"""Result of `measure_gradients`: the table, and the factor per layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from bnstats.simulation.result import Result, Simulation, described, with_error
from bnstats.studies.gradients.study import ALL_LAYERS, FACTOR, LOG_FACTOR, SQUARED_NORM

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONDITION = ["normalizer", "activation", "width", "depth", "batch_size", "step"]


@dataclass(frozen=True, repr=False)
class Gradients(Result):
    """Result of `measure_gradients`.

    Attributes
    ----------
    table : DataFrame
        Numbers with their errors; `measure_gradients` describes the columns.
    simulation : Simulation
        The run behind the table.
    limits : DataFrame
        One row per condition:

        - `normalizer`, `activation`, `width`, `depth`, `batch_size`, `step`: condition, as in `table`.
        - `wide_limit`: limit of the factor for wide and deep networks; NaN if it is unknown.

    Examples
    --------
    >>> import bnstats as bn
    >>> bn.measure_gradients(batch_sizes=[8], widths=16, depths=3, max_replicates=8)
    Gradients: 6 numbers; the same for all: normalizer batch, activation relu, width
    16, depth 3, batch size 8, step 0.
     layer      measure  value ± MCSE
         1 squared_norm   2.81 ± 0.43
         2 squared_norm 0.704 ± 0.079
    ...
    """

    alternatives: ClassVar = {"normalizer": False, "activation": False}

    table: pd.DataFrame
    simulation: Simulation
    limits: pd.DataFrame

    def factors(self) -> pd.DataFrame:
        """Return the factor per layer of each condition, and its limit for wide layers.

        Returns
        -------
        DataFrame
            One row per condition and step:

            - `normalizer`, `activation`, `width`, `depth`, `batch_size`, `step`: condition, as in `table`.
            - `factor`: geometric mean of the factors over layers and networks, without unit.
            - `mcse`, `mcse_df`: Monte Carlo standard error of `factor`, and its degrees of freedom.
            - `mean`: arithmetic mean of the factors, which is larger than `factor` if rare values dominate.
            - `wide_limit`: limit of the factor at initialization for wide and deep networks; NaN if it is unknown.
            - `replicates`: number of networks.
        """
        rows = self.table[self.table["layer"] == ALL_LAYERS].set_index(CONDITION)
        log, mean = (rows[rows["measure"] == name] for name in (LOG_FACTOR, FACTOR))
        factor = np.exp(log["value"])
        found = {"factor": factor, "mcse": factor * log["mcse"], "mcse_df": log["mcse_df"], "mean": mean["value"]}
        rows = pd.DataFrame(found | {"replicates": log["replicates"]}).reset_index()
        rows = rows.merge(self.limits, on=CONDITION, how="left")
        return rows[[name for name in rows if name != "replicates"] + ["replicates"]]

    def _answers(self) -> list[str]:
        """Return the factor per layer of each condition, beside its limit for wide layers."""
        factors = self.factors()
        shown = [name for name in CONDITION if factors[name].nunique() > 1] or ["batch_size"]
        lines = []
        for row in factors.to_dict("records"):
            limit = f" (wide layers: {row['wide_limit']:.4g})" if np.isfinite(row["wide_limit"]) else ""
            grows = f"{with_error(row['factor'], row['mcse'])} per layer toward the input{limit}"
            lines.append(f"{described(row, shown)}: squared gradient norms grow by a factor of {grows}.")
        return lines

    def plot(self) -> Figure:
        """Plot the squared gradient norm against the layer.

        Returns
        -------
        Figure
            One line for each batch size, one panel for each other condition.
        """
        from bnstats.plots.results import gradients

        return gradients(self.table[self.table["measure"] == SQUARED_NORM])
