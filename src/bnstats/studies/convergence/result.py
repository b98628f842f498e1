"""Result of `measure_convergence`: the table, its rates and its figure."""

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
    """Result of `measure_convergence`.

    Attributes
    ----------
    table : DataFrame
        One row per condition, estimator and measure. population, batching, estimator: names. batch_size: rows. measure:
        "bias", "se", "rmse" or "median_abs_error" of the estimates. value: estimate of the measure, in the unit of the
        estimator. mcse, mcse_df: its Monte Carlo standard error, and the degrees of freedom. exact: exact value, nan if
        unknown. replicates: number of batches that value is taken from. precision_reached: True if the relative mcse is
        as small as asked. variance_ratio: factor of replicates that control variates save. See `Simulation`.
    study : ConvergenceStudy
        The study that was simulated.
    simulation : Simulation
        The run behind the table.
    """

    alternatives: ClassVar = {"estimator": True, "batching": False, "population": False}

    table: pd.DataFrame
    study: ConvergenceStudy = field(repr=False)
    simulation: Simulation = field(repr=False)

    def rates(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return the slopes of log error against log batch size.

        Parameters
        ----------
        confidence : float
            Joint confidence level of all intervals.

        Returns
        -------
        DataFrame
            One row per population, batching rule, estimator and measure. rate: fitted slope. mcse, mcse_df: its Monte
            Carlo standard error, and the degrees of freedom. low, high: confidence interval for `exact`. exact: slope
            of the same fit to exact errors. expected: slope for large batches by theory. See
            `bnstats.studies.convergence.rates.rates`.

        Examples
        --------
        >>> from bnstats import measure_convergence
        >>> rates = measure_convergence("normal", estimators=["mean"]).rates()
        >>> rates[["measure", "exact"]].round(3).values.tolist()
        [['bias', nan], ['se', -0.5], ['rmse', -0.5], ['median_abs_error', -0.5]]
        """
        return rates(self.simulation, self.study.rate, confidence)

    def plot(self, measure: str = "rmse") -> Figure:
        """Plot a measure against batch size, Monte Carlo as points with bars and exact values as lines.

        Parameters
        ----------
        measure : str
            "bias", "se", "rmse" or "median_abs_error".

        Returns
        -------
        Figure
            One panel per estimator, one color per population.
        """
        from bnstats.plots.results import convergence

        return convergence(self.table, measure)
