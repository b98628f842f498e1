"""Draws without replacement, a batch at a time: a shuffle that stops once the batch is full."""

from __future__ import annotations

from bnstats._checks.array_types import FloatArray
from bnstats._compiled import compiled


@compiled
def partial_shuffle(uniform: FloatArray, values: FloatArray, out: FloatArray) -> None:
    """Fill each row of `out` with different members of `values`, by as many uniform numbers; `values` is reordered.

    Fisher-Yates, stopped after a batch; from whatever order the batch before has left, each draw is as random.
    """
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            k = j + int(uniform[i, j] * (values.size - j))
            values[j], values[k] = values[k], values[j]
            out[i, j] = values[j]
