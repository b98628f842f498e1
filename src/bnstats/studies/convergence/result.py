"""Result of `measure_convergence`: the table, its rates and its figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from bnstats.simulation.result import Result, Simulation
from bnstats.simulation.summaries.numbers_in_words import described
from bnstats.studies.convergence.rates import rates
from bnstats.studies.convergence.study import ConvergenceStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


MEASURES = {"rmse": "RMSE", "median_abs_error": "median absolute error"}
TENTH = 0.1
"""Relative error that the summary gives a batch size for."""


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

    def _answers(self) -> list[str]:
        """Return, for each estimator, how fast its error falls and how large a batch makes it 10 %."""
        names = ["population", "batching", "estimator"]
        shown = [name for name in names if self.table[name].nunique() > 1] or ["estimator"]
        lines = []
        for (_, rate), (_, rows) in zip(
            self.rates().groupby(names, sort=False), self.table.groupby(names, sort=False), strict=True
        ):
            rmse = rows["measure"] == "rmse"
            measure = "rmse" if np.isfinite(rows.loc[rmse, "mcse"]).all() else "median_abs_error"
            chosen, slope = rows[rows["measure"] == measure], rate[rate["measure"] == measure].iloc[0]
            where = f"{described(chosen.iloc[0], shown)}: {MEASURES[measure]}"
            lines.append(f"{where}{_slope(slope)} {self._size_for_tenth(chosen)}.")
        return lines

    def _size_for_tenth(self, rows: pd.DataFrame) -> str:
        """Return the batch size at which an error is a tenth of the population's value; of sigma, for the mean."""
        first = rows.iloc[0]
        population = next(p for p in self.study.populations if p.name == first["population"])
        estimator = next(e for e in self.study.estimators if e.name == first["estimator"])
        mean = estimator.name == "mean"
        unit = population.std if mean else abs(estimator.population_value(population))
        error, size = rows["value"].to_numpy() / (unit or np.nan), rows["batch_size"].to_numpy(float)
        of = "sigma" if mean else "the true value"
        if not np.isfinite(error).all():
            return "has no known relative size"
        if (error > TENTH).all():
            return f"is still {100 * error[-1]:.2g} % of {of} at n = {size[-1]:.0f}"
        if error[0] <= TENTH:
            return f"is at most 10 % of {of} from n = {size[0]:.0f} on"
        last = int(np.flatnonzero(error > TENTH)[-1])
        if last == len(error) - 1:
            return f"is {100 * error[-1]:.2g} % of {of} at n = {size[-1]:.0f}"
        ends = np.log(error[[last + 1, last]])
        found = np.exp(np.interp(np.log(TENTH), ends, np.log(size[[last + 1, last]])))
        return f"is 10 % of {of} at n = {found:.3g}"

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


def _slope(row: pd.Series) -> str:
    """Return the slope of an error with its interval, if it is resolved."""
    if not np.isfinite(row["rate"]):
        return ""
    interval = f"{row['low']:.3f} to {row['high']:.3f}"
    return f" falls as n^{row['rate']:.3f} ({interval}), by theory n^{row['expected']:.3g}, and"
