"""The reader for a model, found by its class; no framework is imported that is not imported yet."""

from __future__ import annotations

import sys
from typing import Any

from bnstats._checks.values import shown
from bnstats.monitor.core.readings import Reader


def reader_of(model: Any, check_every: int) -> Reader:
    """Return the reader of a model of Keras, Flax NNX or PyTorch.

    A model of Keras can be a module of PyTorch or Flax too, so that it comes first.
    """
    if "keras" in sys.modules and isinstance(model, sys.modules["keras"].Layer):
        from bnstats.monitor.keras_reader import KerasReader

        return KerasReader(model)
    if "flax.nnx" in sys.modules and isinstance(model, sys.modules["flax.nnx"].Module):
        from bnstats.monitor.flax_reader import FlaxReader

        return FlaxReader(model)
    if "torch" in sys.modules and isinstance(model, sys.modules["torch"].nn.Module):
        from bnstats.monitor.torch_reader import TorchReader

        return TorchReader(model, check_every)
    raise ValueError(
        f"a model of PyTorch, Keras or Flax NNX can be watched, other running statistics are given to update(); "
        f"got {shown(model)}."
    )
