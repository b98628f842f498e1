"""How far running statistics are from the population's: the table and its picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from bnstats.simulation.result import Result
from bnstats.simulation.run import Simulation
from bnstats.studies.running_stats.study import RunningStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Running(Result):
    """How far running statistics are from the population's.

    Attributes
    ----------
    table : DataFrame
        convention, momentum (nan for 1/t), step, statistic (mean, var), measure (bias, se, rmse, median_abs_error),
        value, mcse, mcse_df, exact, replicates, reached. See `Simulation`.
    """

    alternatives: ClassVar = {"convention": True}

    table: pd.DataFrame
    study: RunningStudy = field(repr=False)
    simulation: Simulation = field(repr=False)

    def plot(self, measure: str = "rmse") -> Figure:
        """Error against steps, one panel per statistic: Monte Carlo as points with bars, exact values as lines."""
        from bnstats.plots.results import running

        return running(self.table, measure)
