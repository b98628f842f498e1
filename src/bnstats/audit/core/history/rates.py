"""History of running statistics, measured by training passes of a private copy and not taken from declarations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core.kinds import LayerStatistics, kept
from bnstats.audit.core.protocol import ChannelStatistics, Model
from bnstats.audit.core.random_state import random_state
from bnstats.audit.core.scoring.outputs import float_leaves


def replaced(model: Model, batch: Any) -> dict[str, float]:
    """Return the proportion of each layer's running statistics that one training pass replaces.

    A pass from means and variances of 0 and one from 1 differ by what the pass leaves of them. That holds for every
    convention of momentum, and for several calls in one pass.

    Parameters
    ----------
    model : Model
        Private copy, whose running statistics stay as they are.
    batch : batch
        Batch of the training size.
    """
    after: list[LayerStatistics] = []
    with kept(model) as before:
        for value in (0.0, 1.0):
            model.set({name: filled(statistics, value, value) for name, statistics in before.items()})
            with random_state([], seed=0):  # both passes have the same noise of training
                model.train_pass(batch)
            after.append(model.get())
    return {name: _proportion(after[0][name], after[1][name]) for name in before}


def _proportion(zero: ChannelStatistics, one: ChannelStatistics) -> float:
    kept = np.concatenate([one.mean - zero.mean, one.var - zero.var])
    kept = kept[np.isfinite(kept)]
    return float(np.clip(1 - np.median(kept), 0, 1)) if kept.size else float("nan")


def filled(statistics: ChannelStatistics, mean: float, var: float) -> ChannelStatistics:
    """Return statistics of the same shape with one value each."""
    return ChannelStatistics(np.full_like(statistics.mean, mean), np.full_like(statistics.var, var))


# Passes over one batch that show if evaluation is random.
AGAIN = 3


@dataclass(frozen=True)
class Use:
    """Effect of running statistics on outputs.

    Attributes
    ----------
    evaluation : bool
        True if they change an output in evaluation mode, or if outputs are too random or not finite, so that it cannot
        be seen.
    training : bool
        True if those of layers that training does not update change an output in training mode.
    repeats : bool
        True if evaluation passes over one batch give the same output.
    """

    evaluation: bool
    training: bool
    repeats: bool


def measure_use(model: Model, batch: Any, still: list[str]) -> Use:
    """Return whether other running statistics change outputs in evaluation mode and in training mode.

    Parameters
    ----------
    model : Model
        Private copy, whose running statistics stay as they are.
    batch : batch
        Any batch.
    still : list of str
        Layers that training passes do not update.
    """

    def outputs(kind: LayerStatistics, training: bool) -> list[FloatArray]:
        model.set(before | kind)
        return float_leaves(model.to_numpy((model.train_pass if training else model.eval_pass)(batch)))

    # Both pairs are sane statistics, so that neither clips away what the other shows.
    with kept(model) as before:
        low = {name: filled(statistics, 0.25, 0.5) for name, statistics in before.items()}
        high = {name: filled(statistics, -0.25, 2.0) for name, statistics in before.items()}
        first, other = outputs(low, False), outputs(high, False)
        noise = max(_difference(first, outputs(low, False)) for _ in range(AGAIN))
        scale = _scale(first)
        hidden = not noise <= 1e-3 * scale
        evaluation = hidden or _difference(first, other) > 10 * noise
        training = False
        if still:
            a, b = ({name: kind[name] for name in still} for kind in (low, high))
            first, again, other = outputs(a, True), outputs(a, True), outputs(b, True)
            training = _difference(first, other) > 3 * _difference(first, again)
    return Use(evaluation, training, noise == 0)


def _scale(outputs: list[FloatArray]) -> float:
    """Return the largest finite value of outputs; nan where there is none."""
    finite = [np.abs(o[np.isfinite(o)]) for o in outputs]
    return max((float(o.max()) for o in finite if o.size), default=float("nan"))


def _difference(one: list[FloatArray], other: list[FloatArray]) -> float:
    """Return the largest root mean square difference of outputs; infinite where only one is finite."""
    found = 0.0
    for a, b in zip(one, other, strict=False):
        if a.shape != b.shape:
            return np.inf
        both = np.isfinite(a) & np.isfinite(b)
        if (np.isfinite(a) != np.isfinite(b)).any():
            return np.inf
        if both.any():
            found = max(found, float(np.sqrt(np.mean(np.square(a[both] - b[both])))))
    return found
