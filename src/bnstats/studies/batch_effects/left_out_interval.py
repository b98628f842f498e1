"""Confidence interval of the change of squared error in batches that are left out."""

from __future__ import annotations

import numpy as np
from scipy import stats

from bnstats._checks.array_types import FloatArray
from bnstats.simulation.precision.paired_errors import jackknife_error


@np.errstate(divide="ignore", invalid="ignore")  # the ratio of errors is undefined if both are 0
def interval_of_change(
    error: FloatArray, base: FloatArray, confidence: float, deleted: tuple[FloatArray, FloatArray] | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the relative change of a mean squared error, and the ends of its interval.

    Parameters
    ----------
    error, base : array, shape (batches, ...)
        Mean squared errors in each left-out batch, by a correction and by the correction it is compared with.
    confidence : float
        Confidence level.
    deleted : pair of arrays, shape (batches, ...), optional
        The means over batches of both errors, after each batch in turn is deleted from the data.

    Returns
    -------
    change, low, high : array, shape (...)
        error / base - 1 for the means over batches, and the ends of its confidence interval.

    Notes
    -----
    Two jackknives estimate the standard error of the logarithm of the ratio of means. The first omits one batch's error
    and keeps the fits; a factor of (B - 1) / (B - 2) in its variance allows for the batches that fits have in common.
    The second deletes one batch from the data and repeats the fits. The larger standard error is used, with Student's t
    of B - 2 degrees of freedom. Jackknife values are skewed if a few batches dominate. Each end of the interval is
    therefore the farther of two: Student's, and the end corrected for skewness (Hall 1992).
    """
    batches, ratio = len(error), error.mean(axis=0) / base.mean(axis=0)
    values = np.log((error.sum(axis=0) - error) / (base.sum(axis=0) - base))
    parts = np.full(batches, 1 / batches)
    se = jackknife_error(values, parts) * np.sqrt((batches - 1) / (batches - 2))
    if deleted is not None:
        values = np.log(deleted[0] / deleted[1])
        se = np.fmax(se, jackknife_error(values, parts))
    below, above = _studentized(values.mean(axis=0) - values, stats.t.isf((1 - confidence) / 2, batches - 2))
    return ratio - 1, ratio * np.exp(-se * below) - 1, ratio * np.exp(se * above) - 1


def _studentized(influence: FloatArray, t: float) -> tuple[FloatArray, FloatArray]:
    """Return the interval's reach below and above, in standard errors: t, or more on the skewed side.

    Hall's correction vanishes with the skewness, where its formula is 0 / 0; skewness is kept away from 0 instead.
    """
    sd = influence.std(axis=0, ddof=1)
    third = np.mean(influence**3, axis=0)
    skewness = np.divide(third, sd**3, out=np.zeros_like(sd), where=sd > 0) / np.sqrt(len(influence))
    skewed = np.where(abs(skewness) > 1e-6, skewness, 1e-6)
    below, above = (3 / skewed * (np.cbrt(1 + skewed * (end - skewed / 6)) - 1) for end in (t, -t))
    return np.maximum(t, below), np.maximum(t, -above)
