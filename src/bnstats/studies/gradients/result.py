"""How gradients grow from layer to layer: the table, and the factor per layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from bnstats.simulation.result import Result
from bnstats.simulation.run import Simulation
from bnstats.studies.gradients.study import ALL_LAYERS, FACTOR, LOG_FACTOR, SQUARED_NORM

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONDITION = ["normalizer", "activation", "width", "depth", "batch_size", "step"]


@dataclass(frozen=True, repr=False)
class Gradients(Result):
    """Squared norms of the gradients of hidden layers' weights.

    Attributes
    ----------
    table : DataFrame
        normalizer, activation, width, depth, batch_size, step, layer (1 next to the input; 0: the average over layers),
        measure (squared_norm; factor, the squared norm of layer 2, 3, ... over that of the layer above; log_factor, the
        mean of its logarithm), value, mcse, mcse_df, exact (nan: known of no network of finite width), replicates,
        reached.
        The MCSE of a factor or squared norm is infinite for batches of up to 5 rows: so is its variance, but for eps.
    limits : DataFrame
        The conditions and wide_limit.
    """

    alternatives: ClassVar = {"normalizer": False, "activation": False}

    table: pd.DataFrame
    simulation: Simulation
    limits: pd.DataFrame

    def factors(self) -> pd.DataFrame:
        """The factor per layer in each condition: what is usual, and the limit of wide layers.

        Returns
        -------
        DataFrame
            One row per condition: factor, mcse and mcse_df (geometric mean over layers and networks), mean (the
            arithmetic one, larger where rare values dominate it), wide_limit (what the factor at initialization tends
            to in wide and deep networks, see `measure_gradients`; nan where not known), replicates.
        """
        rows = self.table[self.table["layer"] == ALL_LAYERS].set_index(CONDITION)
        log, mean = (rows[rows["measure"] == name] for name in (LOG_FACTOR, FACTOR))
        factor = np.exp(log["value"])
        found = {"factor": factor, "mcse": factor * log["mcse"], "mcse_df": log["mcse_df"], "mean": mean["value"]}
        rows = pd.DataFrame(found | {"replicates": log["replicates"]}).reset_index()
        rows = rows.merge(self.limits, on=CONDITION, how="left")
        return rows[[name for name in rows if name != "replicates"] + ["replicates"]]

    def plot(self) -> Figure:
        """Squared gradient norm against the layer, one line for each batch size, one panel for each other condition."""
        from bnstats.plots.results import gradients

        return gradients(self.table[self.table["measure"] == SQUARED_NORM])
