"""Base of private copies of NNX and of linen models."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import jax
import numpy as np

from bnstats.audit.core.array_model import ArrayModel
from bnstats.audit.core.copier.references import Handler as CopyHandler
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.audit.core.trees import as_numpy, mapped


class FlaxModel(ArrayModel):
    """Base class of copies of NNX and of linen models."""

    convention = "flax"

    def own(self, batch: Any) -> Any:
        """Return a copy of a batch; arrays of JAX cannot change."""
        return mapped(batch, lambda leaf: leaf if isinstance(leaf, jax.Array) else as_numpy(leaf))


def _as_it_is(x: Any, *_: Any) -> Any:
    return x


HANDLERS: dict[type, CopyHandler] = dict.fromkeys((jax.Array, type(jax.jit(abs)), type, ModuleType), _as_it_is)
"""Treatment of types of JAX by the copier: arrays, compiled functions, classes and modules never change."""


def statistics_of(mean: Any, var: Any) -> ChannelStatistics:
    """Return statistics as vectors."""
    return ChannelStatistics(np.asarray(mean, np.float64).reshape(-1), np.asarray(var, np.float64).reshape(-1))


def name_of(path: Sequence[Any]) -> str:
    """Return the name of a layer from its path."""
    return ".".join(map(str, path)) or "model"
