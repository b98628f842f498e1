"""Squared errors of prediction in batches that were left out of a fit."""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._warnings import warnings_are
from bnstats.corrections import Correction
from bnstats.studies.batch_effects.downstream_model import deployed

MOST_BATCHES_DELETED = 20
"""With more batches, none is deleted: fits grow as the square of their number."""


class Rows(NamedTuple):
    """Values, outcomes and batches of rows; values and outcomes may have one column for each data set."""

    x: FloatArray
    outcome: FloatArray
    key: NDArray[Any]


def errors_left_out(correction: Correction, rows: Rows, refit: bool) -> tuple[FloatArray, FloatArray]:
    """Return mean squared errors in each batch from a fit on all other batches, and on the rows of that fit.

    Both have shape (batches, ...).
    """
    found = [_errors(correction, rows, rows.key == b, [b], refit) for b in pd.unique(rows.key)]
    return np.array([errors[0] for errors, _ in found]), np.array([training for _, training in found])


def errors_without(correction: Correction, rows: Rows, refit: bool) -> FloatArray | None:
    """Return the mean over batches of their squared errors, had one batch been deleted from the data beforehand.

    A row for each deleted batch. None where there are too few batches or too many, and where the correction cannot be
    fitted to all but two of them.
    """
    batches = pd.unique(rows.key)
    count = len(batches)
    if not 4 <= count <= MOST_BATCHES_DELETED:
        return None
    error = np.zeros((count, *rows.x.shape[1:]))
    with warnings_are("ignore"):  # of a fit to fewer batches than were given
        for i, j in combinations(range(count), 2):
            pair = [batches[i], batches[j]]
            try:
                (of_i, of_j), _ = _errors(correction, rows, np.isin(rows.key, pair), pair, refit)
            except ValueError:
                return None
            error[j] += of_i
            error[i] += of_j
    return error / (count - 1)


def _errors(
    correction: Correction, rows: Rows, out: NDArray[np.bool_], batches: list[Any], refit: bool
) -> tuple[list[FloatArray], FloatArray]:
    """Mean squared errors in batches that are out, each as if it came alone, and on the rows of the fit."""
    fitted = correction.fit(rows.x[~out], rows.key[~out])
    known = fitted.apply(rows.x[~out], rows.key[~out])
    level, slope = _line(known, rows.outcome[~out])

    def error(given: FloatArray, target: FloatArray) -> FloatArray:
        return np.asarray(np.mean((target - level - slope * given) ** 2, axis=0))

    found = []
    for batch in batches:
        seen = ~out | (rows.key == batch)
        x, key = rows.x[seen], rows.key[seen]
        found.append(error(deployed(fitted, x, key, key == batch, refit), rows.outcome[rows.key == batch]))
    return found, error(known, rows.outcome[~out])


def _line(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Intercept and slope of the least squares line; the slope is 0 where x is constant but for rounding."""
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    squares = np.square(x - x_mean).sum(axis=0)
    rounding = (len(x) * np.finfo(float).eps) ** 2 * np.square(x).sum(axis=0)
    product = ((x - x_mean) * (y - y_mean)).sum(axis=0)
    slope = np.divide(product, squares, out=np.zeros_like(squares), where=squares > rounding)
    return y_mean - slope * x_mean, slope
