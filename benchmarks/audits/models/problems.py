"""Made classification problems of which as many rows can be drawn as a true gain needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLASSES, PROTOTYPES = 4, 2
FEATURES = 12
SHAPES = {"conv": (2, 6, 6), "residual": (2, 6, 6), "1-D": (3, 16), "recurrent": (3, 16)}
"""Channels and positions of a row, by family."""
FAMILIES = ("dense", "conv", "residual", "1-D", "recurrent", "graph")

Array = NDArray[np.float32]
Labels = NDArray[np.int64]
Batch = tuple[NDArray[Any], ...]
"""Inputs, for graphs the averaging matrix over neighbors, and labels."""


@dataclass(frozen=True)
class Problem:
    """The law of rows and labels of one family of models.

    Channels differ in scale and offset, so that a model without sound statistics is at chance.
    """

    family: str
    seed: int

    @cached_property
    def _law(self) -> tuple[Array, Array, Array]:
        rng = np.random.default_rng([self.seed, 1])
        shape = SHAPES.get(self.family, (FEATURES,))
        prototypes = rng.normal(size=(CLASSES, PROTOTYPES, *shape))
        axes = (-1,) * (len(shape) - 1)
        scale = np.exp(0.7 * rng.normal(size=shape[0])).reshape(-1, *map(abs, axes))
        offset = 2 * rng.normal(size=scale.shape) * scale
        return prototypes.astype("f4"), scale.astype("f4"), offset.astype("f4")

    def draw(self, rows: int, rng: np.random.Generator, labels: Labels | None = None) -> Batch:
        """Return a batch with these labels, or with labels that are drawn evenly."""
        prototypes, scale, offset = self._law
        y = rng.integers(CLASSES, size=rows) if labels is None else labels
        x = prototypes[y, rng.integers(PROTOTYPES, size=len(y))]
        noise = rng.standard_normal(x.shape, dtype="f4")
        if x.ndim > 2:
            x = _rolled(x, rng)
            x *= np.exp(0.3 * rng.standard_normal((len(y),) + (1,) * (x.ndim - 1), dtype="f4"))
        x = (x + (0.8 if self.family == "graph" else 0.9) * noise) * scale + offset
        return (x, _neighbors(y, rng), y) if self.family == "graph" else (x, y)


def _rolled(x: Array, rng: np.random.Generator) -> Array:
    """Return each row shifted by random places along its positions, in a circle."""
    for axis in range(2, x.ndim):
        size = x.shape[axis]
        places = (np.arange(size) + rng.integers(0, 3, size=(len(x), 1))) % size
        shape = [len(x)] + [1] * (x.ndim - 1)
        shape[axis] = size
        x = np.take_along_axis(x, places.reshape(shape), axis=axis)
    return x


def _neighbors(y: Labels, rng: np.random.Generator, number: int = 1) -> Array:
    """Return the matrix that averages each node with another, most often one of its class."""
    matrix = np.eye(len(y), dtype="f4")
    for node, label in enumerate(y):
        mates = np.flatnonzero(y == label) if rng.random() < 0.8 else np.arange(len(y))
        matrix[node, rng.choice(mates, number)] += 1
    return matrix / matrix.sum(axis=1, keepdims=True)
