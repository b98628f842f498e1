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
        mean of its logarithm), value, mcse, mcse_df, exact (the expected factor of a wide network, where it is known),
        replicates, reached.
        The MCSE of a factor or squared norm is infinite for batches of up to 5 rows: so is its variance, but for eps.
    """

    alternatives: ClassVar = {"normalizer": False, "activation": False}

    table: pd.DataFrame
    simulation: Simulation

    def factors(self) -> pd.DataFrame:
        """The factor per layer in each condition: what is usual, and what is expected.

        Returns
        -------
        DataFrame
            One row per condition: factor, mcse and mcse_df (geometric mean over layers and networks), mean (the
            arithmetic one, larger where rare values dominate it), exact (the expectation in wide networks; nan where
            not known), replicates.
        """
        rows = self.table[self.table["layer"] == ALL_LAYERS].set_index(CONDITION)
        log, mean = (rows[rows["measure"] == name] for name in (LOG_FACTOR, FACTOR))
        factor = np.exp(log["value"])
        found = {"factor": factor, "mcse": factor * log["mcse"], "mcse_df": log["mcse_df"]}
        found |= {"mean": mean["value"], "exact": mean["exact"]}
        return pd.DataFrame(found | {"replicates": log["replicates"]}).reset_index()

    def plot(self) -> Figure:
        """Squared gradient norm against the layer, one line for each batch size, one panel for each other condition."""
        from bnstats.plots.results import gradients

        return gradients(self.table[self.table["measure"] == SQUARED_NORM])
