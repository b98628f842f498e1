"""The confidence interval of a change of squared error in batches that were left out."""

from __future__ import annotations

import numpy as np
from scipy import stats

from bnstats._checks.array_types import FloatArray


@np.errstate(divide="ignore", invalid="ignore")  # predictions without any error have no ratio
def interval_of_change(
    error: FloatArray, base: FloatArray, confidence: float, deleted: tuple[FloatArray, FloatArray] | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the relative change of a mean squared error, and the ends of its interval.

    Parameters
    ----------
    error, base : array, shape (batches, ...)
        Mean squared errors in each left-out batch: a correction's, and those that they are compared with.
    confidence : float
    deleted : pair of arrays, shape (batches, ...), optional
        The means over batches of both errors with one batch deleted from the data.

    Notes
    -----
    Two jackknives estimate the standard error of the logarithm of the ratio of means. The first omits one batch's error
    and keeps the fits; a factor of (B - 1) / (B - 2) makes up for the batches that the fits share. The second deletes
    one batch from the data and fits anew. The larger standard error counts, with Student's t of B - 2 degrees of
    freedom. The values of the jackknife are skewed where few batches decide; each end of the interval is the further
    one of Student's and that corrected for skewness (Hall 1992).
    """
    batches, ratio = len(error), error.mean(axis=0) / base.mean(axis=0)
    values = np.log((error.sum(axis=0) - error) / (base.sum(axis=0) - base))
    se = _jackknife(values) * np.sqrt((batches - 1) / (batches - 2))
    if deleted is not None:
        values = np.log(deleted[0] / deleted[1])
        se = np.fmax(se, _jackknife(values))
    below, above = _studentized(values.mean(axis=0) - values, stats.t.isf((1 - confidence) / 2, batches - 2))
    return ratio - 1, ratio * np.exp(-se * below) - 1, ratio * np.exp(se * above) - 1


def _jackknife(values: FloatArray) -> FloatArray:
    """Standard error of what has these values with one batch omitted."""
    return np.asarray(np.sqrt((len(values) - 1) * values.var(axis=0)))


def _studentized(influence: FloatArray, t: float) -> tuple[FloatArray, FloatArray]:
    """How many standard errors an interval reaches below and above: t, or more on the side to which values are skewed.

    Without skewness Hall's correction is nothing, and in the limit of none a ratio of zeros.
    """
    sd = influence.std(axis=0, ddof=1)
    third = np.mean(influence**3, axis=0)
    skewness = np.divide(third, sd**3, out=np.zeros_like(sd), where=sd > 0) / np.sqrt(len(influence))
    skewed = np.where(abs(skewness) > 1e-6, skewness, 1e-6)
    below, above = (3 / skewed * (np.cbrt(1 + skewed * (end - skewed / 6)) - 1) for end in (t, -t))
    return np.maximum(t, below), np.maximum(t, -above)
