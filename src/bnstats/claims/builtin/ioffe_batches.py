"""Ioffe's batches: two rows of each of a few classes, so that each half of a batch has one row of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bnstats.datasets.row_batching import ClassBalanced


@dataclass(frozen=True)
class PairsOfClasses(ClassBalanced):
    """`classes` with two rows each, one of them in each half of the batch (Ioffe 2017).

    >>> y = np.repeat(np.arange(10), 4)
    >>> batch = y[PairsOfClasses(classes=5).rows(np.random.default_rng(0), y, batch_size=10, steps=1)[0]]
    >>> batch[:5].tolist() == batch[5:].tolist(), np.unique(batch).size
    (True, 5)
    """

    rows_per_class: int = 2

    def rows(self, rng: Generator, y: NDArray[np.int64], batch_size: int, steps: int) -> NDArray[np.int64]:
        by_class = super().rows(rng, y, batch_size, steps)
        return by_class.reshape(steps, self.classes, self.rows_per_class).swapaxes(1, 2).reshape(steps, batch_size)
