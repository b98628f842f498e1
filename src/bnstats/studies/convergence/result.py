"""Result of `measure_convergence`: the table, its rates and its figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from bnstats.simulation.result import Result, Simulation
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
        Numbers with their errors; `measure_convergence` describes the columns.
    study : ConvergenceStudy
        The study that was simulated.
    simulation : Simulation
        The run behind the table.

    Examples
    --------
    >>> import bnstats as bn
    >>> bn.measure_convergence("normal", batch_sizes=[4], estimators=["var"])
    Convergence: 4 numbers; the same for all: population normal, batching IID(),
    estimator var, batch size 4.
             measure     value ± MCSE  exact
                bias -0.2493 ± 0.0017  -0.25
                  se  0.6117 ± 0.0021 0.6124
                rmse  0.6606 ± 0.0016 0.6614
    median_abs_error  0.5368 ± 0.0013 0.5379
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
            One row per rate:

            - `population`, `batching`, `estimator`, `measure`: names, as in `table`.
            - `rate`: fitted slope, without unit; NaN if the error is infinite or not resolved, as for the bias of an
              unbiased estimator.
            - `mcse`, `mcse_df`: Monte Carlo standard error of `rate`, and its degrees of freedom.
            - `low`, `high`: confidence interval for `exact`.
            - `exact`: slope of the same weighted fit to the exact errors at these batch sizes; NaN if these are
              unknown.
            - `expected`: limit of the slope for large batches by theory (`bn.theory.rate`), which is approached slowly
              under heavy tails or if the leading term nearly vanishes.

        Notes
        -----
        The model is log error = a + rate log n + b / n, fitted by least squares with weights from the Monte Carlo
        errors. It is fitted to sizes from 8 up to the first size whose error is not four standard errors from zero.
        With fewer than five sizes from 8 up, all sizes are used, and b = 0.

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
