"""Rows corrected batch after batch, as in a deployment, and a logistic model of these rows."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from statsmodels.discrete.discrete_model import Logit
from statsmodels.tools.sm_exceptions import PerfectSeparationError

from bnstats._checks.array_types import FloatArray
from bnstats.corrections import Correction, Fitted
from bnstats.corrections.covariates.kept import ConfoundedError


def keys(correction: Correction, batches: int, n: int, ticks: int) -> NDArray[np.int64]:
    """Return the key of each row: its batch, or its time with `ticks` distinct times in each batch.

    Examples
    --------
    >>> from bnstats.corrections import CORRECTIONS
    >>> keys(CORRECTIONS["center"], 2, 4, ticks=2), keys(CORRECTIONS["spline"], 2, 4, ticks=2)
    (array([0, 0, 0, 0, 1, 1, 1, 1]), array([0, 0, 1, 1, 2, 2, 3, 3]))
    """
    return np.arange(batches * n) * (1 if correction.along == "batch" else min(ticks, n)) // n


def corrected(
    correction: Correction, seen: FloatArray, n_new_batches: int, ticks: int, *, refit: bool = True
) -> FloatArray:
    """Return rows corrected by a fit on all but the last `n_new_batches` batches.

    New batches come one after the other, as in a deployment, and are corrected to the level of the fitted rows. By
    batch, a fit that applies to new batches is applied; other corrections estimate a new batch from its own rows. Along
    time, the correction is fitted again to all rows so far.

    Parameters
    ----------
    correction : Correction
        The correction that is fitted and applied.
    seen : array, shape (replicates, features, batches + n_new_batches, n)
        Rows before correction.
    n_new_batches : int
        Number of batches, at the end, that the correction is not fitted to.
    ticks : int
        Distinct times within a batch.
    refit : bool
        False if corrections that apply to new times are applied as they were fitted.

    Returns
    -------
    array
        Corrected rows, in the shape of `seen`.
    """
    out = np.empty_like(seen)
    # With one feature, replicates take the place of features: each is corrected by itself, all in one call.
    step = len(seen) if seen.shape[1] == 1 else 1
    for i in range(0, len(seen), step):
        out[i : i + step] = _corrected(correction, seen[i : i + step], n_new_batches, ticks, refit)
    return out


def _corrected(correction: Correction, seen: FloatArray, n_new_batches: int, ticks: int, refit: bool) -> FloatArray:
    *_, batches, n = seen.shape
    x, key = seen.reshape(-1, batches * n).T, keys(correction, batches, n, ticks)
    first = (batches - n_new_batches) * n
    fitted = correction.fit(x[:first], key[:first])
    parts = [fitted.apply(x[:first], key[:first])]
    row = np.arange(batches * n)
    ends = range(first + n, batches * n + 1, n)
    parts += [deployed(fitted, x[:end], key[:end], row[:end] >= end - n, refit) for end in ends]
    return np.concatenate(parts).T.reshape(seen.shape)


def deployed(fitted: Fitted, x: FloatArray, key: NDArray[Any], new: NDArray[np.bool_], refit: bool) -> FloatArray:
    """Return the rows of a new batch among all rows so far, corrected as in `corrected`."""
    given = x[new], key[new]
    if fitted.correction.along == "time":
        known = fitted.correction.applies_to_new and not refit
        return np.asarray((fitted if known else fitted.adapt(x, key)).apply(*given))
    return np.asarray((fitted if fitted.correction.applies_to_new else fitted.adapt(*given)).apply(*given))


def corrected_with_labels(correction: Correction, seen: FloatArray, label: NDArray[np.bool_]) -> FloatArray:
    """Return fitted rows corrected with the label kept; NaN where a replicate's label cannot be told from batches.

    Parameters
    ----------
    correction : Correction
        Correction along batches.
    seen : array, shape (replicates, features, batches, n)
        Rows before correction.
    label : array of bool, shape (replicates, batches n)
        Label of each row.
    """
    out = np.full_like(seen, np.nan)
    key = np.repeat(np.arange(seen.shape[2]), seen.shape[3])
    for rows, kept, found in zip(seen, label, out, strict=True):
        with suppress(ConfoundedError):
            found[:] = correction(rows.reshape(len(rows), -1).T, key, keep=kept.astype(float)).T.reshape(rows.shape)
    return out


def logistic(x: FloatArray, label: NDArray[np.bool_]) -> FloatArray:
    """Return the coefficients of a logistic model, by maximum likelihood with statsmodels.

    If a hyperplane separates the labels, the likelihood has no maximum, and coefficients are those of least squares.

    Parameters
    ----------
    x : array, shape (rows, features)
        Predictors.
    label : array of bool, shape (rows,)
        Label of each row.

    Returns
    -------
    array, shape (features + 1,)
        The intercept, then the coefficient of each feature.

    Examples
    --------
    >>> logistic(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([False, True, False, True])).round(2)
    array([-1.36,  0.91])
    """
    design = np.column_stack([np.ones(len(x)), x])
    model = Logit(label.astype(np.float64), design, check_rank=False)
    model.raise_on_perfect_prediction = True
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(model.fit(method="newton", disp=0, warn_convergence=False, skip_hessian=True).params)
    except (PerfectSeparationError, np.linalg.LinAlgError):
        found = np.full(design.shape[1], np.nan)
    return found if np.isfinite(found).all() else np.asarray(np.linalg.lstsq(design, 2.0 * label - 1)[0])


def accuracies(rows: FloatArray, label: NDArray[np.bool_], n_new_batches: int) -> tuple[FloatArray, FloatArray]:
    """Return the accuracy of each replicate's logistic model on new batches, and on the fitted batches.

    Parameters
    ----------
    rows : array, shape (replicates, features, batches + n_new_batches, n)
        Corrected rows.
    label : array of bool, shape (replicates, (batches + n_new_batches) n)
        Label of each row.
    n_new_batches : int
        Number of batches, at the end, that the model is not fitted to.

    Returns
    -------
    pair of arrays, shape (replicates,)
        Proportions of labels that are predicted correctly, in new and in fitted batches.
    """
    size, features, batches, n = rows.shape
    first = (batches - n_new_batches) * n
    x = rows.reshape(size, features, -1).transpose(0, 2, 1)
    coefficients = np.stack([logistic(x[i, :first], label[i, :first]) for i in range(size)])
    predicted = np.einsum("rif,rf->ri", x, coefficients[:, 1:]) + coefficients[:, :1] > 0
    correct = predicted == label
    return correct[:, first:].mean(axis=1), correct[:, :first].mean(axis=1)
