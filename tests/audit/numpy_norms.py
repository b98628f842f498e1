"""Batch norm in NumPy, which the adapters' models are compared with."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnstats.audit.core.protocol import ChannelStatistics


class NumPyNorms:
    """Batch norm with given statistics, or those of the batch; remembers the rows that each layer has seen."""

    def __init__(self, statistics: dict[str, ChannelStatistics] | None) -> None:
        self.statistics = statistics
        self.inputs: dict[str, list[Any]] = {}

    def __call__(
        self, name: str, x: Any, scale: Any, shift: Any, eps: float, *, axis: int = -1, batch: bool = False
    ) -> Any:
        moved = np.moveaxis(x, axis, -1)
        rows = moved.reshape(-1, moved.shape[-1])
        self.inputs.setdefault(name, []).append(rows)
        if self.statistics is None or batch:
            mean, var = rows.mean(0), rows.var(0)
        else:
            mean, var = self.statistics[name]
        return np.moveaxis((moved - mean) / np.sqrt(var + eps) * scale + shift, -1, axis)


def rows(*sizes: int, width: int = 3) -> list[Any]:
    """Batches of these sizes: values, and labels of two classes."""
    rng = np.random.default_rng(0)
    return [(rng.normal(2, 3, (n, width)).astype("f4"), rng.integers(2, size=n)) for n in sizes]
