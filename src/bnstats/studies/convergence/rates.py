"""Rates of convergence: slopes of log error against log batch size, with confidence intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import probability
from bnstats.simulation.precision.paired_errors import NONE, Error, error_of
from bnstats.simulation.result import Simulation

# Below this batch size, terms in 1 / n² matter, and the fit has a term in 1 / n only.
SMALLEST_FITTED_SIZE = 8
# Values below this number of standard errors are left out, as their logarithms would be noise.
RESOLVED_STANDARD_ERRORS = 4.0


@dataclass(frozen=True)
class Slope:
    """Fitted rate of convergence.

    Attributes
    ----------
    rate : float
        Slope of log error on log batch size; nan if too few errors are resolved.
    error : Error
        Monte Carlo error of the rate.
    exact : float
        Slope of the same fit to the exact errors; nan if an exact error is not known.
    """

    rate: float = np.nan
    error: Error = NONE
    exact: float = np.nan

    def interval(self, error: float) -> tuple[float, float]:
        """Return the bounds that the rate exceeds with probability `error` on either side."""
        margin = self.error.margin(error)
        return self.rate - margin, self.rate + margin


def rates(simulation: Simulation, expected: Callable[..., float], confidence: float = 0.95) -> pd.DataFrame:
    """Return the slope of log error on log batch size for each population, rule, estimator and measure.

    The model is log error = a + rate log n + b / n, fitted by least squares with weights from the Monte Carlo errors.
    It is fitted to sizes from 8 up to the first size whose error is not four standard errors from zero. With fewer than
    five sizes from 8 up, all sizes are used, and b = 0. Batch sizes are cut from the same draws, so a jackknife over
    independent groups of blocks, for all sizes at once, gives the error of a slope. A run of one block is split into
    groups.

    Parameters
    ----------
    simulation : Simulation
        Run of a `ConvergenceStudy`.
    expected : callable (population, batching, estimator, measure) -> float
        Function from the names in the table to the rate by theory.
    confidence : float
        Joint confidence level of all intervals: each is corrected for the number of rates and of looks (Bonferroni).

    Returns
    -------
    DataFrame
        One row per rate; `Convergence.rates` describes the columns.

    Examples
    --------
    >>> from bnstats import measure_convergence
    >>> measured = measure_convergence("normal", estimators=["mean"]).rates().set_index("measure").loc["rmse"]
    >>> measured[["rate", "exact", "expected"]].astype(float).round(2).tolist()
    [-0.5, -0.5, -0.5]
    """
    confidence = probability("confidence", confidence)
    names = ["population", "batching", "estimator", "measure"]
    groups = simulation.table.reset_index(drop=True).groupby(names, sort=False)
    error = (1 - confidence) / (2 * len(groups) * simulation.looks)
    rows = []
    for key, part in groups:
        fitted = slope(part, simulation)
        found = (fitted.rate, fitted.error.mcse, fitted.error.df, *fitted.interval(error), fitted.exact)
        rows.append((*key, *found, expected(*key)))
    return pd.DataFrame(rows, columns=[*names, "rate", "mcse", "mcse_df", "low", "high", "exact", "expected"])


def slope(part: pd.DataFrame, simulation: Simulation) -> Slope:
    """Return the fitted rate of one measure, from its rows of all batch sizes."""
    part = part.sort_values("batch_size")
    curved = (part["batch_size"] >= SMALLEST_FITTED_SIZE).sum() >= 5
    rows = part[part["batch_size"] >= SMALLEST_FITTED_SIZE] if curved else part
    resolved = (rows["mcse"] > 0) & (rows["value"].abs() > RESOLVED_STANDARD_ERRORS * rows["mcse"])
    fitted = rows[resolved.cummin()]
    if len(fitted) < (5 if curved else 2):
        return Slope()
    n = fitted["batch_size"].to_numpy(float)
    weight = (fitted["value"] / fitted["mcse"]).abs().to_numpy(float)
    terms = [np.ones_like(n), np.log(n), *([1 / n] if curved else [])]
    design = np.stack(terms, axis=1) * weight[:, None]

    def slopes(values: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(np.abs(values)) * weight[:, None]
        found = np.full(values.shape[1], np.nan)
        known = np.isfinite(logs).all(axis=0)
        found[known] = np.linalg.lstsq(design, logs[:, known])[0][1]
        return found

    rate, exact = slopes(fitted[["value", "exact"]].to_numpy(float)).tolist()
    return Slope(rate, error_of(simulation, list(fitted.index), slopes), exact)
