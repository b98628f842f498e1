"""How estimates converge: the table, its slopes and its picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from bnstats.simulation.result import Result
from bnstats.simulation.run import Simulation
from bnstats.studies.convergence.rates import rates
from bnstats.studies.convergence.study import ConvergenceStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Convergence(Result):
    """How estimates converge.

    Attributes
    ----------
    table : DataFrame
        population, batching, estimator, batch_size, measure (bias, se, rmse, median_abs_error), value, mcse, mcse_df,
        exact, replicates, reached, variance_ratio. See `Simulation`.
    """

    alternatives: ClassVar = {"estimator": True, "batching": False, "population": False}

    table: pd.DataFrame
    study: ConvergenceStudy = field(repr=False)
    simulation: Simulation = field(repr=False)

    def rates(self, confidence: float = 0.95) -> pd.DataFrame:
        """Slopes of log error against log batch size, see `bnstats.studies.convergence.rates.rates`."""
        return rates(self.simulation, self.study.rate, confidence)

    def plot(self, measure: str = "rmse") -> Figure:
        """Error against batch size: Monte Carlo as points with bars, exact values as lines."""
        from bnstats.plots.results import convergence

        return convergence(self.table, measure)
