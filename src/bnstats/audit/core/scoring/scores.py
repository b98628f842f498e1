"""Scores of rows, and what gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray


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


NONE = RowScores(np.zeros(0), np.zeros(0))
Scored = Mapping[str, RowScores]


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scorer of outputs; larger is better.

    Attributes
    ----------
    unit : str
        Unit of the scores of the first metric.
    score : callable (index, output) -> dict of str to RowScores
        Scores of the rows of a batch, which is known by its index, for each metric.
    loss : str
        Metric that is reported with the opposite sign, as smaller is better; empty if there is none.
    """

    unit: str
    score: Callable[[int, Any], Scored]
    loss: str = ""

    @property
    def by_distance(self) -> bool:
        """True if outputs with batch statistics are the reference, and have no score themselves."""
        return self.loss == "distance"
