"""Simulated rows with a batch effect, the rows after a perfect correction, and the rows' labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import stats

from bnstats._checks.array_types import FloatArray
from bnstats.sampling.effects import Distinct, Effect, Mixture
from bnstats.simulation.study import Condition

# Added to the signal in one half of confounded batches, where 3 in 4 labels become 1, and subtracted in the other half.
CONFOUNDED = float(stats.norm.ppf(0.75))


@dataclass(frozen=True)
class AffectedRows:
    """Replicates of rows in the order of time; arrays have shape (replicates, features, batches, n).

    Attributes
    ----------
    seen : array
        Observed rows: signal, noise and effect.
    clean : array
        Rows after a perfect correction: signal and noise, and the effect if it belongs to the signal.
    truth : array
        `clean` without noise, which decides the labels.
    drawn : array of bool, shape (replicates, rows), optional
        Labels that were drawn before the signal, which then depends on them.
    """

    seen: FloatArray
    clean: FloatArray
    truth: FloatArray
    drawn: NDArray[np.bool_] | None = None

    @staticmethod
    def draw(
        rng: Generator, condition: Condition, size: int, batches: int, n_new_batches: int, features: int, noise: float
    ) -> AffectedRows:
        """Draw `batches` batches to fit on and `n_new_batches` after them; variances within a batch are 1."""
        n, effect = int(condition["batch_size"]), effect_of(condition)
        replicates, all_batches = size * features, batches + n_new_batches
        shape = (replicates, all_batches, n)
        shift = condition["effect_size"] * effect.shift(rng, replicates, batches, n, n_new_batches)
        signal = np.sqrt(1 - noise) * rng.normal(size=shape)
        drawn = None
        if condition["design"] == "confounded":
            signal[:, :batches] += np.sqrt(1 - noise) * _with_effect(shift[:, :batches])
        elif condition["design"] != "balanced":
            drawn = _labels(rng, shift.reshape(size, features, all_batches, n), batches, condition["design"])
            signal += np.repeat(drawn, features, axis=0).reshape(shape) - 0.5
        values = signal + np.sqrt(noise) * rng.normal(size=shape)
        factor = effect.factor(rng, replicates, all_batches)
        seen = shift + factor * values
        if condition["labels"] == "signal":
            values, signal = seen, shift + factor * signal
        seen, clean, truth = (part.reshape(size, features, all_batches, n) for part in (seen, values, signal))
        return AffectedRows(seen, clean, truth, drawn)

    @property
    def label(self) -> NDArray[np.bool_]:
        """Labels, drawn or True if the sum of `truth` over features is above 0, shape (replicates, rows)."""
        return np.asarray(score(self.truth) > 0) if self.drawn is None else self.drawn


def effect_of(condition: Condition) -> Effect:
    """Return the effect of a condition, of unit size."""
    kind: Effect = condition["effect"]
    if isinstance(kind, Distinct | Mixture):
        return kind
    return Mixture(kind, condition["smoothness"]) if condition["smoothness"] > 0 else Distinct()


def score(values: FloatArray) -> FloatArray:
    """Return the sum of the features at unit variance, shape (replicates, rows)."""
    return np.asarray(values.sum(axis=1).reshape(len(values), -1) / np.sqrt(values.shape[1]))


def _with_effect(shift: FloatArray) -> FloatArray:
    """Return + or - `CONFOUNDED` for batches with higher or lower shifts, shape (replicates, batches, 1)."""
    rank = shift.mean(axis=2).argsort(axis=1).argsort(axis=1)
    return CONFOUNDED * np.where(rank >= shift.shape[1] / 2, 1.0, -1.0)[:, :, None]


def _labels(rng: Generator, shift: FloatArray, batches: int, between: float) -> NDArray[np.bool_]:
    """Return labels, half of them True; `between` is the proportion of variance between the first `batches` batches."""
    chance = np.full((len(shift), shift.shape[2], 1), 0.5)
    rank = shift[:, :, :batches].mean(axis=(1, 3)).argsort(axis=1).argsort(axis=1)
    chance[:, :batches, 0] += np.sqrt(between) * np.where(rank >= batches / 2, 0.5, -0.5)
    return np.asarray(rng.uniform(size=(len(shift), *shift.shape[2:])) < chance).reshape(len(shift), -1)
