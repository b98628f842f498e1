"""Squared prediction errors in batches that are left out of a fit."""

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
"""Number of batches above which no batch is deleted: the number of fits is quadratic in it."""


class Rows(NamedTuple):
    """Values, outcomes and batches of rows; values and outcomes may have a column for each data set."""

    x: FloatArray
    outcome: FloatArray
    key: NDArray[Any]


def errors_left_out(correction: Correction, rows: Rows, refit: bool) -> tuple[FloatArray, FloatArray]:
    """Return each batch's mean squared error from a fit on all other batches, and that on the fitted rows.

    Both arrays have shape (batches, ...).
    """
    found = [_errors(correction, rows, rows.key == b, [b], refit) for b in pd.unique(rows.key)]
    return np.array([errors[0] for errors, _ in found]), np.array([training for _, training in found])


def errors_without(correction: Correction, rows: Rows, refit: bool) -> FloatArray | None:
    """Return the mean squared error over batches after each batch, in turn, is deleted from the data.

    The result has a row for each deleted batch. It is None if there are fewer than 4 batches or more than
    `MOST_BATCHES_DELETED`, or if the correction cannot be fitted to all but two batches.
    """
    batches = pd.unique(rows.key)
    count = len(batches)
    if not 4 <= count <= MOST_BATCHES_DELETED:
        return None
    error = np.zeros((count, *rows.x.shape[1:]))
    with warnings_are("ignore"):  # the user did not ask for fits to fewer batches
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
    """Return the mean squared error in each left-out batch, as if it came alone, and on the fitted rows."""
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
    """Return intercept and slope of the least-squares line; slope 0 if x is constant but for rounding."""
    x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
    squares = np.square(x - x_mean).sum(axis=0)
    rounding = (len(x) * np.finfo(float).eps) ** 2 * np.square(x).sum(axis=0)
    product = ((x - x_mean) * (y - y_mean)).sum(axis=0)
    slope = np.divide(product, squares, out=np.zeros_like(squares), where=squares > rounding)
    return y_mean - slope * x_mean, slope
