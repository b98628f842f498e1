"""What corrections do to rows under a batch effect: the table, the best correction of each condition, and its map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from bnstats._checks.values import choice
from bnstats.simulation.result import Result
from bnstats.simulation.run import Simulation
from bnstats.studies.batch_effects.best_correction import best_corrections

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Corrected(Result):
    """What corrections do to rows under a batch effect.

    Attributes
    ----------
    table : DataFrame
        effect, effect_size, smoothness, batch_size, labels, design, correction, measure, value, mcse, mcse_df, exact,
        replicates, reached. See `Simulation`.
    """

    alternatives: ClassVar = {"correction": True, "design": False, "labels": False}

    table: pd.DataFrame
    simulation: Simulation = field(repr=False)

    def regions(self, measure: str = "rmse") -> pd.DataFrame:
        """Which correction is the best under each condition, and by how much: one row per condition.

        The margin to the second best is a paired difference, as all corrections see the same rows; its Monte Carlo
        standard error `mcse` is that over independent groups of blocks, with `mcse_df` degrees of freedom. `clear` says
        whether the best one is beyond Monte Carlo error of every other, family-wise at 5 % (one-sided t, Bonferroni
        over conditions and corrections).

        Parameters
        ----------
        measure : str
            "rmse", "correlation", "accuracy", "training_accuracy", or "bias", of which the size counts.

        Returns
        -------
        DataFrame
            effect, effect_size, smoothness, batch_size, labels, design, winner, value, runner_up, margin, mcse,
            mcse_df, clear.
        """
        choice("measure", measure, self.table["measure"].unique().tolist())
        return best_corrections(self.simulation, measure)

    def plot(self, measure: str = "rmse") -> Figure:
        """Maps of the `regions`: over batch sizes and effect sizes or smoothness, a panel for each other condition."""
        from bnstats.plots.comparisons import regions

        return regions(self.regions(measure))
