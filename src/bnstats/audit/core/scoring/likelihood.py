"""Log likelihood of labels, used only where a model's outputs say more about labels than their proportions do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core.protocol import Model
from bnstats.audit.core.scoring.outputs import Fit, candidates, leaf_at, main_output, targets
from bnstats.audit.core.scoring.scores import NONE, RowScores, Scored, Scorer

SMALLEST = 1e-7
"""Smallest probability, for models that give probabilities: float32 rounds smaller ones."""


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
    """Return True if outputs beat the entropy of the labels, or the most frequent label by more than chance."""
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
    """Return the labels' entropy in nats and largest proportion; of several binary labels the means over columns."""
    if fit.kind == "one_hot":
        labels = [y.argmax(axis=fit.axis) for y in labels]
    if fit.kind == "binary" and labels[0].ndim > 1 and all(y.shape[1:] == labels[0].shape[1:] for y in labels):
        proportions = np.nanmean(np.concatenate(labels), axis=0).ravel()
        both = np.stack([proportions, 1 - proportions])
        entropies = -np.sum(both * np.log(np.maximum(both, 1e-300)), axis=0)
        return float(np.nanmean(entropies)), float(np.nanmean(both.max(axis=0)))
    flat = np.concatenate([y.ravel() for y in labels])
    _, counts = np.unique(flat[~np.isnan(flat)], return_counts=True)
    proportions = counts / counts.sum()
    return float(-np.sum(proportions * np.log(proportions))), float(proportions.max())


def by_label(model: Model, labels: Sequence[FloatArray | None], fit: Fit, probabilities: bool) -> Scorer:
    """Return the log likelihood of labels in nats, and the accuracy."""

    def score(index: int, output: Any) -> Scored:
        found, y = main_output(model.to_numpy(output)), labels[index]
        y = None if found is None or y is None else targets(found, y, fit)
        if found is None or y is None:
            return {"nll": NONE, "accuracy": NONE}
        with np.errstate(invalid="ignore", over="ignore"):
            scored = log_likelihood(found, y, fit, probabilities)
        return {"nll": RowScores.of(scored), "accuracy": RowScores.of(correct(found, y, fit, probabilities))}

    return Scorer("nats", score, "nll")


def _all_classes(output: FloatArray, labels: Sequence[FloatArray], fit: Fit) -> bool:
    """Return True if half of the output's columns have labels: those of an embedding have not."""
    if fit.kind != "classes":
        return True
    seen = np.unique(np.concatenate([y[~np.isnan(y)] for y in labels]))
    return bool(2 * len(seen) >= output.shape[fit.axis])


def by_likelihood(
    model: Model, batches: Sequence[Any], kinds: Sequence[Sequence[Any]], ignore: int | None
) -> tuple[Scorer | None, bool]:
    """Return the likelihood of labels, where the outputs of one kind of statistics predict them; and if labels fit.

    Parameters
    ----------
    model : Model
        Private copy.
    batches : sequence of batches
        Batches that are scored.
    kinds : sequence of sequences of outputs
        Outputs of the batches with one kind of statistics or another.
    ignore : int or None
        Label that is left out.
    """
    outputs = [[main_output(model.to_numpy(o)) for o in kind] for kind in kinds]
    first = next((o for kind in outputs for o in kind if o is not None), None)
    fits = False
    if first is None:
        return None, fits
    for fit in candidates(first, model.to_numpy(batches[0]), ignore):
        labels = [leaf_at(batch, fit.path, model.to_numpy) for batch in batches]
        for kind in outputs:
            found = [(o, t) for o, y in zip(kind, labels, strict=True) if o is not None for t in (targets(o, y, fit),)]
            if not found or any(t is None for _, t in found):
                continue
            fits = fits or _all_classes(first, [t for _, t in found if t is not None], fit)
            good = [(o, t) for o, t in found if t is not None and np.isfinite(o).all()]
            outs, ys = [o for o, _ in good], [t for _, t in good]
            probabilities = bool(outs) and are_probabilities(outs, fit)
            if outs and informative(outs, ys, fit, probabilities):
                return by_label(model, labels, fit, probabilities), fits
    return None, fits
