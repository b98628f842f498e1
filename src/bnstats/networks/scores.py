"""Scores of a classifier's logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnstats._compiled import compiled

CALIBRATION_BINS = 15


def scores(
    logits: NDArray[np.float32], y: NDArray[np.int64], reference_prediction: NDArray[np.int64] | None = None
) -> dict[str, float]:
    """Return accuracy, negative log-likelihood, calibration error and disagreement.

    Parameters
    ----------
    logits : float array, shape (rows, classes)
        The predicted class is that of the largest logit, and the first one among equal logits.
    y : int array, shape (rows,)
        True classes, from 0.
    reference_prediction : int array, shape (rows,), optional
        Classes that another predictor gives to the same rows.

    Returns
    -------
    dict
        All values are nan if a logit is NaN or infinite.

        - accuracy : proportion of right predictions
        - nll : mean of -log p(true class), in nats
        - ece : expected calibration error, the sum of |right predictions - sum of confidences| / rows over 15 equal
          bins of confidence (Guo et al. 2017, arXiv 1706.04599)
        - disagreement : proportion of predictions that differ from the reference; only with a reference

    Raises
    ------
    ValueError
        If shapes do not match or a class has no logit.

    Examples
    --------
    >>> scores(np.array([[0.0, 0.0], [0.0, 2e4]]), np.array([0, 0]), np.array([0, 0]))
    {'accuracy': 0.5, 'nll': 10000.346..., 'ece': 0.75, 'disagreement': 0.5}
    """
    if logits.ndim != 2 or y.shape != logits.shape[:1] or not y.size:
        raise ValueError(f"logits have shape (rows, classes), y has (rows,); got {logits.shape} and {y.shape}.")
    if y.min() < 0 or y.max() >= logits.shape[1]:
        raise ValueError(f"y contains classes from 0 to {logits.shape[1] - 1}; got {y.min()} to {y.max()}.")
    prediction = np.empty(y.size, dtype=np.int64)
    accuracy, nll, ece = _scores(logits, y, prediction)
    result = {"accuracy": accuracy, "nll": nll, "ece": ece}
    if reference_prediction is not None:
        disagreement = float(np.mean(prediction != reference_prediction))
        result["disagreement"] = disagreement if np.isfinite(nll) else np.nan
    return result


@compiled
def _scores(
    logits: NDArray[np.float32], y: NDArray[np.int64], prediction: NDArray[np.int64]
) -> tuple[float, float, float]:
    rows, classes = logits.shape
    right, nll, excess = 0, 0.0, np.zeros(CALIBRATION_BINS)
    for i in range(rows):
        best = 0
        for j in range(classes):
            if not np.isfinite(logits[i, j]):
                return np.nan, np.nan, np.nan
            if logits[i, j] > logits[i, best]:
                best = j
        top, others = np.float64(logits[i, best]), 0.0
        for j in range(classes):
            if j != best:
                others += np.exp(logits[i, j] - top)
        nll += np.log1p(others) + (top - logits[i, y[i]])
        prediction[i], hit = best, best == y[i]
        right += hit
        confidence = 1 / (1 + others)
        excess[int(np.ceil(CALIBRATION_BINS * confidence)) - 1] += hit - confidence
    return right / rows, nll / rows, np.abs(excess).sum() / rows
