"""Result of `measure_running`: the table and its figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from bnstats.simulation.result import Result, Simulation
from bnstats.studies.running_stats.study import RunningStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Running(Result):
    """Result of `measure_running`.

    Attributes
    ----------
    table : DataFrame
        Numbers with their errors; `measure_running` describes the columns.
    study : RunningStudy
        The study that was simulated.
    simulation : Simulation
        The run behind the table.

    Examples
    --------
    >>> import bnstats as bn
    >>> bn.measure_running("normal", batch_size=8, steps=1, precision=None, max_replicates=1024)
    Running: 8 numbers; the same for all: convention torch, momentum 0.1, step 1.
    statistic          measure      value ± MCSE   exact
         mean             bias   0.0012 ± 0.0011       0
         mean               se 0.03527 ± 0.00081 0.03536
    ...
    """

    alternatives: ClassVar = {"convention": True}

    table: pd.DataFrame
    study: RunningStudy = field(repr=False)
    simulation: Simulation = field(repr=False)

    def plot(self, measure: str = "rmse") -> Figure:
        """Plot a measure against steps, Monte Carlo as points with bars and exact values as lines.

        Parameters
        ----------
        measure : str
            "bias", "se", "rmse" or "median_abs_error".

        Returns
        -------
        Figure
            One panel per statistic.
        """
        from bnstats.plots.results import running

        return running(self.table, measure)
