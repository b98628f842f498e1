"""Scores by the user's function, or by the distance of outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats._checks.safe_text import raised
from bnstats._checks.values import shown
from bnstats.audit.core.protocol import Model
from bnstats.audit.core.scoring.outputs import float_leaves, labels_of, own_main
from bnstats.audit.core.scoring.scores import NONE, RowScores, Scored, Scorer
from bnstats.audit.core.trees import rows_of


def own_score(model: Model, batches: Sequence[Any], function: Callable[[Any, Any], Any]) -> Scorer:
    """Return the user's `score`: (output, batch) -> a number per row, or one of the batch; larger is better."""

    def score(index: int, output: Any) -> Scored:
        values = _called("score", function, model, model.own(output), model.own(batches[index]))
        rows = rows_of(batches[index])
        if values.ndim > 1 or (values.ndim == 1 and len(values) not in (rows, 1)):
            raise ValueError(
                f"score gives a number per row, larger is better, or one of the batch; got shape {values.shape} for a "
                f"batch of {rows} rows: average over all other axes."
            )
        if values.size == 1 and rows != 1:
            return {"score": RowScores(values.reshape(1) * rows, np.full(1, float(rows)))}
        return {"score": RowScores(values.reshape(-1), np.ones(values.size))}

    return Scorer("score", score)


def own_metric(model: Model, batches: Sequence[Any], function: Any) -> Scorer:
    """Return the user's `metric`: (output, labels) -> a number of the batch, as torchmetrics' callables are."""
    name, loses = metric_name(function), getattr(function, "higher_is_better", True) is False

    def score(index: int, output: Any) -> Scored:
        labels = labels_of(model.own(batches[index]))
        if hasattr(function, "reset"):
            function.reset()
        values = _called("metric", function, model, own_main(model.own(output)), labels)
        if values.size != 1:
            raise ValueError(f"metric gives one number for a batch; got shape {values.shape}: average over classes.")
        rows = float(rows_of(batches[index]))
        return {name: RowScores((-1.0 if loses else 1.0) * values.reshape(1) * rows, np.full(1, rows))}

    return Scorer(name, score, name if loses else "")


def metric_name(function: Any) -> str:
    """Return the name of a metric in tables."""
    name = getattr(function, "__name__", type(function).__name__)
    return "metric" if name == "<lambda>" else str(name)


def _called(name: str, function: Callable[..., Any], model: Model, *given: Any) -> FloatArray:
    try:
        values = np.asarray(model.to_numpy(function(*given)), dtype=np.float64)
    except Exception as error:  # the user's own function may raise anything
        raise ValueError(f"{name} raises {raised(error)}.") from error
    if values.dtype.kind != "f":
        raise ValueError(f"{name} gives numbers; got {shown(values)}.")
    return values


def distance(model: Model, reference: Sequence[Sequence[FloatArray]]) -> Scorer:
    """Return minus the squared distance from reference outputs, in units of their variance between rows."""
    scales = spreads(reference)

    def score(index: int, output: Any) -> Scored:
        leaves = float_leaves(model.to_numpy(output))
        if not any(spread > 0 for spread in scales):
            return {"distance": NONE}
        rows: FloatArray = np.zeros(1)
        for leaf, expected, spread in zip(leaves, reference[index], scales, strict=False):
            if leaf.shape != expected.shape or not spread > 0:
                continue
            with np.errstate(invalid="ignore", over="ignore"):
                far = np.square(leaf - expected).reshape(len(leaf), -1).mean(axis=1) / spread
            rows = rows - np.where(np.isfinite(far), far, np.inf) if len(rows) in (1, len(far)) else rows
        return {"distance": RowScores(rows, np.ones(len(rows)))}

    return Scorer("outputs' variance", score, "distance")


def spreads(reference: Sequence[Sequence[FloatArray]]) -> list[float]:
    """Return the variance between finite rows of each output; 0 where rows do not vary."""
    found = []
    for leaf in zip(*reference, strict=False):
        flat = [o.reshape(len(o), -1) for o in leaf if len(o)]
        flat = [good for o in flat if len(good := o[np.isfinite(o).all(axis=1)])]
        if not flat:
            found.append(0.0)
            continue
        if len({o.shape[1] for o in flat}) == 1:
            rows = np.concatenate(flat)
            center, scale = rows.mean(axis=0), np.abs(rows).max(initial=0.0)
            var = float(np.mean(np.square(rows - center)))
        else:
            centers = [o.mean(axis=0) if len(o) > 1 else o.mean() for o in flat]
            var = float(np.mean([np.mean(np.square(o - c)) for o, c in zip(flat, centers, strict=True)]))
            scale = max(np.abs(o).max(initial=0.0) for o in flat)
        found.append(var if var > (1e-6 * scale) ** 2 else 0.0)
    return found
