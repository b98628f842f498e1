"""The adapter of PyTorch, which is imported when PyTorch has been."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from bnstats._checks.values import shown
from bnstats.audit.core.guard import guarded
from bnstats.audit.core.protocol import ChannelStatistics, Guard, Model
from bnstats.audit.torch import written
from bnstats.audit.torch.guard import OriginalGuard
from bnstats.audit.torch.model import TorchModel


class Torch:
    """PyTorch; see `bnstats.audit.core.protocol.Framework`."""

    name = "torch"

    def recognizes(self, model: Any) -> bool:
        """Return True for modules of PyTorch."""
        return isinstance(model, nn.Module)

    def isolate(self, model: Any, example: Any, *, forward: Any = None, device: Any = None) -> Model:
        """Return a private copy, tried on a copy of the example batch.

        Raises
        ------
        ValueError
            If the model is scripted, lazy or sharded, or cannot be called with the batch.
        """
        inner = written.unwrapped(model)
        return TorchModel(inner, example, forward, device_of(inner, device))

    def guarded(self, model: Any, loaders: Sequence[Any], seed: int) -> AbstractContextManager[Guard]:
        """Return a context that keeps random state and guards the original."""
        inner = written.unwrapped(model)
        return guarded(lambda: OriginalGuard(inner), loaders, seed)

    def copied(self, model: Any) -> Any:
        """Return a copy of the user's model that can be used and trained as the original."""
        return written.copied(model)

    def write(self, model: Any, statistics: Mapping[str, ChannelStatistics]) -> Any:
        """Write running statistics into the user's own model, in place, and return that model."""
        return written.write(model, statistics)


def device_of(model: nn.Module, device: Any = None) -> torch.device:
    """Return the device that was given, or where the model's first tensor is."""
    if device is not None:
        try:
            return torch.device(device)
        except Exception:  # PyTorch raises errors of several kinds
            raise ValueError(f"device is one of PyTorch's, such as 'cpu'; got {shown(device)}.") from None
    return next((tensor.device for tensor in [*model.parameters(), *model.buffers()]), torch.device("cpu"))


FRAMEWORK = Torch()
