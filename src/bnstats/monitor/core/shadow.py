"""Running averages with other momenta, of the same batches: the one that best predicts the next batch is best."""

from __future__ import annotations

import numpy as np

from bnstats._checks.array_types import BoolArray, FloatArray, IntArray
from bnstats.monitor.core.readings import Layout, Reading
from bnstats.monitor.core.state import State

MOMENTA = 2.0 ** -np.arange(11)
"""Weights of a new batch that are compared."""
CHANNELS = 24
"""Channels of a layer that are followed, at most."""
FORGET = 0.02
"""Weight of the latest batch in the mean squared error of the predictions."""
ENOUGH = 30
"""Batches after which a momentum is recommended."""


def followed(layout: Layout) -> IntArray:
    """Return the entries of the flat array that are followed: some channels of each layer, means before variances."""
    first = [
        start + np.unique(np.linspace(0, size - 1, min(size, CHANNELS)).astype(np.int64))
        for start, size in zip(layout.starts[: len(layout.sizes)].tolist(), layout.sizes, strict=True)
    ]
    one = np.concatenate(first)
    return np.concatenate([one, one + layout.channels])


class Shadows:
    """Running averages of some channels with each of the momenta, and how well they predicted the next batch.

    Attributes
    ----------
    averages : array, shape (momenta, followed entries)
        Running averages.
    errors : array, shape (momenta, layers)
        Mean squared error of the prediction of the next batch, in units of the variance of the values.
    seen : array, shape (layers,)
        Batches so far.
    """

    def __init__(self, layout: Layout) -> None:
        self.entries = followed(layout)
        self.owner = layout.owner[self.entries]
        layers = len(layout.sizes)
        counts = np.bincount(self.owner, minlength=layers) // 2
        self.starts = np.concatenate([[0], np.cumsum(np.tile(counts, 2))[:-1]]).astype(np.int64)
        self.count = counts
        self.averages = np.zeros((MOMENTA.size, self.entries.size))
        self.errors = np.zeros((MOMENTA.size, layers))
        self.seen = np.zeros(layers)

    def advance(self, state: State, reading: Reading, active: BoolArray, new: FloatArray) -> None:
        """Score the predictions of the batch that the state holds, then take it into all averages."""
        batch = state.batch[self.entries]
        error = self.averages - batch
        var = state.level[self.entries[self.entries.size // 2 :]]
        scale = np.maximum(var, 0) + reading.eps[self.owner[: var.size]]
        error_squared = error * error
        error_squared *= np.concatenate([1 / scale, 1 / (4 * scale**2)])
        of_layers = np.add.reduceat(error_squared, self.starts, axis=1).reshape(MOMENTA.size, 2, -1).sum(axis=1)
        rate = np.where(active & (self.seen >= 1), np.maximum(FORGET, 1 / np.maximum(self.seen, 1)), 0.0)
        self.errors += rate * (of_layers / self.count - self.errors)
        self.seen = self.seen + active
        longest = -np.expm1(np.outer(np.log1p(-np.minimum(MOMENTA, 1 - 1e-12)), new))
        weights = np.maximum(longest, 1 / np.maximum(self.seen, 1)) * active
        error *= weights[:, :1] if (weights == weights[:, :1]).all() else weights[:, self.owner]
        self.averages -= error

    @property
    def best(self) -> FloatArray:
        """The momentum with the smallest error in each layer; nan after too few batches."""
        return np.where(self.seen >= ENOUGH, MOMENTA[np.argmin(self.errors, axis=0)], np.nan)
