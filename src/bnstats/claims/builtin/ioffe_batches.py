"""Batches of Ioffe (2017): two rows of each of a few classes, one of them in each half of the batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bnstats.datasets.row_batching import ClassBalanced


@dataclass(frozen=True)
class PairsOfClasses(ClassBalanced):
    """Batches of `classes` classes with two rows each, one of them in each half of the batch (Ioffe 2017).

    >>> y = np.repeat(np.arange(10), 4)
    >>> y[PairsOfClasses(classes=5).rows(np.random.default_rng(0), y, batch_size=10, steps=1)[0]].reshape(2, 5)
    array([[3, 2, 1, 8, 6],
           [3, 2, 1, 8, 6]])
    """

    rows_per_class: int = 2

    def rows(self, rng: Generator, y: NDArray[np.int64], batch_size: int, steps: int) -> NDArray[np.int64]:
        by_class = super().rows(rng, y, batch_size, steps)
        return by_class.reshape(steps, self.classes, self.rows_per_class).swapaxes(1, 2).reshape(steps, batch_size)
