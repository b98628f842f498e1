"""Rates of convergence: slopes of log error against log batch size, with intervals that allow for shared draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import probability
from bnstats.simulation.precision.paired_errors import NONE, Error, error_of
from bnstats.simulation.run import Simulation

# Below this size the terms in 1 / n² matter; the fit has a term in 1 / n.
SMALLEST_FITTED_SIZE = 8
# A value below this many standard errors is left out, as its logarithm would be noise.
RESOLVED_STANDARD_ERRORS = 4.0


@dataclass(frozen=True)
class Slope:
    """A fitted rate.

    Attributes
    ----------
    rate : float
        nan where there is none.
    error : Error
    exact : float
        The same fit to the exact errors; nan where one of them is not known.
    """

    rate: float = np.nan
    error: Error = NONE
    exact: float = np.nan

    def interval(self, error: float) -> tuple[float, float]:
        """Bounds beyond which the rate lies with a probability of `error` on either side."""
        margin = self.error.margin(error)
        return self.rate - margin, self.rate + margin


def rates(simulation: Simulation, expected: Callable[..., float], confidence: float = 0.95) -> pd.DataFrame:
    """Slope of log error on log batch size, for each population, rule, estimator and measure.

    The model is log error = a + rate log n + b / n, over sizes from 8 on, up to the first that is not four standard
    errors from zero (all sizes, and no b, where fewer than five are from 8 on), by least squares weighted with the
    Monte Carlo errors. Batch sizes share draws, so the error of a slope comes from leaving out each independent group
    of blocks in turn, for all sizes at once, and refitting (jackknife); of a run of one block these are parts of it.

    Parameters
    ----------
    simulation : Simulation
        Of a `ConvergenceStudy`.
    expected : callable (population, batching, estimator, measure) -> float
        The rate by theory, of the names in the table.
    confidence : float
        Of all intervals together: each is corrected for the number of rates and of looks (Bonferroni).

    Returns
    -------
    DataFrame
        population, batching, estimator, measure, rate, mcse, mcse_df, low, high, exact, expected. The interval from
        low to high is for `exact`, the slope of the same weighted fit to the exact errors at these batch sizes (nan
        where they are not known). `expected` is another number, the limit for large n (`theory.rate`), which is reached
        only slowly with heavy tails or where the leading term nearly vanishes. rate is nan where the error is infinite,
        or smaller than its Monte Carlo error (the bias of an unbiased estimator).

    Examples
    --------
    >>> from bnstats import measure_convergence
    >>> measured = measure_convergence("normal", estimators=["mean"]).rates().set_index("measure").loc["rmse"]
    >>> bool(measured.low < -0.5 < measured.high), round(float(measured.exact), 9), float(measured.expected)
    (True, -0.5, -0.5)
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
    """The rate of the rows of one measure, one per batch size."""
    part = part.sort_values("batch_size")
    curved = (part["batch_size"] >= SMALLEST_FITTED_SIZE).sum() >= 5
    wanted = part[part["batch_size"] >= SMALLEST_FITTED_SIZE] if curved else part
    resolved = (wanted["mcse"] > 0) & (wanted["value"].abs() > RESOLVED_STANDARD_ERRORS * wanted["mcse"])
    fitted = wanted[resolved.cummin()]
    if len(fitted) < min(5 if curved else 2, len(part)):
        return Slope()
    n = fitted["batch_size"].to_numpy(float)
    weight = np.abs(fitted["value"] / fitted["mcse"]).to_numpy(float)
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
