"""Scores of batches: by the user's function, by the likelihood of labels, or by the distance of outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats._checks.safe_text import raised
from bnstats._checks.values import shown
from bnstats.audit.core.protocol import Model
from bnstats.audit.core.scoring.likelihood import (
    RowScores,
    are_probabilities,
    correct,
    informative,
    log_likelihood,
)
from bnstats.audit.core.scoring.outputs import Fit, candidates, float_leaves, leaf_at, main_output, own_main, targets
from bnstats.audit.core.trees import rows_of

Scored = Mapping[str, RowScores]


class Scorer(Protocol):
    """Scores an output; larger is better."""

    unit: str
    """Unit of the scores of the first metric."""
    losses: frozenset[str]
    """Metrics that are reported with the opposite sign, as smaller is better."""

    def __call__(self, index: int, output: Any) -> Scored:
        """Return the scores of the rows of a batch, which is known by its index, for each metric."""


@dataclass(eq=False)
class OwnScore:
    """The user's `score`: (output, batch) -> a number per row, or one of the batch; larger is better."""

    model: Model
    batches: Sequence[Any]
    function: Callable[[Any, Any], Any]
    unit: str = "score"
    losses: frozenset[str] = frozenset()

    def __call__(self, index: int, output: Any) -> Scored:
        batch = self.model.own(self.batches[index])
        values = _called("score", self.function, self.model, self.model.own(output), batch)
        rows = rows_of(self.batches[index])
        if values.ndim > 1 or (values.ndim == 1 and len(values) not in (rows, 1)):
            raise ValueError(
                f"score gives a number per row, larger is better, or one of the batch; got shape {values.shape} for a "
                f"batch of {rows} rows: average over all other axes."
            )
        if values.size == 1 and rows != 1:
            return {"score": RowScores(values.reshape(1) * rows, np.full(1, float(rows)))}
        return {"score": RowScores(values.reshape(-1), np.ones(values.size))}


@dataclass(eq=False)
class OwnMetric:
    """The user's `metric`: (output, labels) -> a number of the batch, as torchmetrics' callables are."""

    model: Model
    batches: Sequence[Any]
    function: Any
    labels: Callable[[Any], Any]
    unit: str

    losses: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if getattr(self.function, "higher_is_better", True) is False:
            self.losses = frozenset({self.unit})

    def __call__(self, index: int, output: Any) -> Scored:
        labels = self.labels(self.model.own(self.batches[index]))
        if hasattr(self.function, "reset"):
            self.function.reset()
        values = _called("metric", self.function, self.model, own_main(self.model.own(output)), labels)
        if values.size != 1:
            raise ValueError(f"metric gives one number for a batch; got shape {values.shape}: average over classes.")
        sign = -1.0 if self.losses else 1.0
        rows = float(rows_of(self.batches[index]))
        return {self.unit: RowScores(sign * values.reshape(1) * rows, np.full(1, rows))}


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


@dataclass(eq=False)
class Likelihood:
    """Log likelihood of labels in nats, and accuracy."""

    model: Model
    labels: Sequence[FloatArray | None]
    fit: Fit
    probabilities: bool
    unit: str = "nats"
    losses: frozenset[str] = frozenset({"nll"})

    def __call__(self, index: int, output: Any) -> Scored:
        found, y = main_output(self.model.to_numpy(output)), self.labels[index]
        y = None if found is None or y is None else targets(found, y, self.fit)
        if found is None or y is None:
            return {m: RowScores(np.zeros(0), np.zeros(0)) for m in ("nll", "accuracy")}
        with np.errstate(invalid="ignore", over="ignore"):
            scored = log_likelihood(found, y, self.fit, self.probabilities)
        right = correct(found, y, self.fit, self.probabilities)
        return {"nll": RowScores.of(scored), "accuracy": RowScores.of(right)}


@dataclass(eq=False)
class Distance:
    """Minus the squared distance from the outputs with batch statistics, in units of their variance between rows."""

    model: Model
    reference: Sequence[Sequence[FloatArray]]
    spread: Sequence[float]
    unit: str = "outputs' variance"
    losses: frozenset[str] = frozenset({"distance"})

    def __call__(self, index: int, output: Any) -> Scored:
        leaves = float_leaves(self.model.to_numpy(output))
        if not any(spread > 0 for spread in self.spread):
            return {"distance": RowScores(np.zeros(0), np.zeros(0))}
        rows: FloatArray = np.zeros(1)
        for leaf, reference, spread in zip(leaves, self.reference[index], self.spread, strict=False):
            if leaf.shape != reference.shape or not spread > 0:
                continue
            with np.errstate(invalid="ignore", over="ignore"):
                far = np.square(leaf - reference).reshape(len(leaf), -1).mean(axis=1) / spread
            rows = rows - np.where(np.isfinite(far), far, np.inf) if len(rows) in (1, len(far)) else rows
        return {"distance": RowScores(rows, np.ones(len(rows)))}


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


def _all_classes(output: FloatArray, labels: Sequence[FloatArray], fit: Fit) -> bool:
    """Return True if half of the output's columns have labels: those of an embedding have not."""
    if fit.kind != "classes":
        return True
    seen = np.unique(np.concatenate([y[~np.isnan(y)] for y in labels]))
    return bool(2 * len(seen) >= output.shape[fit.axis])


def by_likelihood(
    model: Model, batches: Sequence[Any], kinds: Sequence[Sequence[Any]], ignore: int | None
) -> tuple[Likelihood | None, bool]:
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
                return Likelihood(model, labels, fit, probabilities), fits
    return None, fits
