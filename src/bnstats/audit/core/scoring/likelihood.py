"""Log likelihood of labels, used only where a model's outputs say more about labels than their shares do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core.scoring.outputs import Fit

SMALLEST = 1e-7
"""Smallest probability, for models that give probabilities: float32 rounds smaller ones."""


@dataclass(frozen=True, eq=False)
class RowScores:
    """Scores of the rows of a batch.

    Attributes
    ----------
    sums : array, shape (rows,)
        Sum of scores of each row.
    weights : array, shape (rows,)
        Number of scores of each row: 1, or its labeled positions.
    """

    sums: FloatArray
    weights: FloatArray

    @staticmethod
    def of(values: FloatArray) -> RowScores:
        """Sum a score for each position over all axes but the first; nan marks positions that are left out."""
        flat = values.reshape(len(values), -1)
        here = ~np.isnan(flat)
        return RowScores(np.where(here, flat, 0.0).sum(axis=1), here.sum(axis=1).astype(np.float64))


def log_softmax(logits: FloatArray, axis: int) -> FloatArray:
    """Return logs of probabilities."""
    shifted = logits - logits.max(axis=axis, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True)))


def are_probabilities(outputs: Sequence[FloatArray], fit: Fit) -> bool:
    """Return True if outputs are probabilities already: within 0 and 1, and of classes with sum 1."""
    if not all(np.all((o >= 0) & (o <= 1)) for o in outputs):
        return False
    return fit.kind == "binary" or all(np.allclose(o.sum(axis=fit.axis), 1, atol=1e-2) for o in outputs)


def log_likelihood(output: FloatArray, y: FloatArray, fit: Fit, probabilities: bool) -> FloatArray:
    """Return the log likelihood of each label; nan where a label is left out, -inf where the output is not finite."""
    if fit.kind == "binary":
        clipped = np.clip(output, SMALLEST, 1 - SMALLEST)
        logit = np.log(clipped / (1 - clipped)) if probabilities else output
        scored = -np.logaddexp(0, np.where(y == 1, -logit, logit))
    else:
        log_p = np.log(np.maximum(output, SMALLEST)) if probabilities else log_softmax(output, fit.axis)
        if fit.kind == "one_hot":
            scored, y = np.sum(log_p * y, axis=fit.axis), y.sum(axis=fit.axis)
        else:
            chosen = np.expand_dims(np.nan_to_num(y).astype(np.int64), fit.axis)
            scored = np.take_along_axis(log_p, chosen, fit.axis).squeeze(fit.axis)
    scored = np.where(np.isfinite(scored), scored, -np.inf)
    return np.where(np.isnan(y), np.nan, scored)


def correct(output: FloatArray, y: FloatArray, fit: Fit, probabilities: bool) -> FloatArray:
    """Return 1 for each label that is predicted, else 0; nan where a label is left out."""
    if fit.kind == "binary":
        predicted = output > (0.5 if probabilities else 0.0)
    else:
        predicted = output.argmax(axis=fit.axis)
        y = np.where(np.isnan(y.sum(axis=fit.axis)), np.nan, y.argmax(axis=fit.axis)) if fit.kind == "one_hot" else y
    return np.where(np.isnan(y), np.nan, predicted == y)


def informative(outputs: Sequence[FloatArray], labels: Sequence[FloatArray], fit: Fit, probabilities: bool) -> bool:
    """Return True if outputs beat the entropy of the label shares, or the most frequent label by more than chance."""
    pairs = list(zip(outputs, labels, strict=True))
    scored = np.concatenate([log_likelihood(o, y, fit, probabilities).ravel() for o, y in pairs])
    right = np.concatenate([correct(o, y, fit, probabilities).ravel() for o, y in pairs])
    here = ~np.isnan(scored)
    if not here.any():
        return False
    entropy, most = _entropy(labels, fit)
    rows = sum(len(y) for y in labels)
    accuracy = float(np.mean(right[here]))
    chance = most + 4 * np.sqrt(max(most * (1 - most), 0.25 / rows) / rows)
    return bool(np.mean(scored[here]) > -entropy or accuracy > chance) and most < 1


def _entropy(labels: Sequence[FloatArray], fit: Fit) -> tuple[float, float]:
    """Return entropy in nats and largest share of the labels; of several binary labels their means over columns."""
    if fit.kind == "one_hot":
        labels = [y.argmax(axis=fit.axis) for y in labels]
    if fit.kind == "binary" and labels[0].ndim > 1 and all(y.shape[1:] == labels[0].shape[1:] for y in labels):
        shares = np.nanmean(np.concatenate(labels), axis=0).ravel()
        both = np.stack([shares, 1 - shares])
        entropies = -np.sum(both * np.log(np.maximum(both, 1e-300)), axis=0)
        return float(np.nanmean(entropies)), float(np.nanmean(both.max(axis=0)))
    flat = np.concatenate([y.ravel() for y in labels])
    _, counts = np.unique(flat[~np.isnan(flat)], return_counts=True)
    shares = counts / counts.sum()
    return float(-np.sum(shares * np.log(shares))), float(shares.max())
