"""Draws without replacement, by a shuffle that stops when the batch is full."""

from __future__ import annotations

from bnstats._checks.array_types import FloatArray
from bnstats._compiled import compiled


@compiled
def partial_shuffle(uniform: FloatArray, values: FloatArray, out: FloatArray) -> None:
    """Fill each row of `out` with different elements of `values`, chosen by uniform numbers.

    `values` is reordered. The algorithm is the Fisher-Yates shuffle, stopped after a batch. The order that the previous
    batch leaves does not change the distribution of a draw.
    """
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            k = j + int(uniform[i, j] * (values.size - j))
            values[j], values[k] = values[k], values[j]
            out[i, j] = values[j]
