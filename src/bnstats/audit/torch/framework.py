"""The adapter of PyTorch; PyTorch is imported when a model of it is given."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from bnstats.audit.core.protocol import Guard, Model, Statistics


class Torch:
    """PyTorch; see `bnstats.audit.core.protocol.Framework`."""

    name = "torch"

    def recognizes(self, model: Any) -> bool:
        """Return True for modules of PyTorch."""
        torch = sys.modules.get("torch")
        return torch is not None and isinstance(model, torch.nn.Module)

    def isolate(self, model: Any, example: Any, *, forward: Any = None, device: Any = None) -> Model:
        """Return a private copy, tried on a copy of the example batch.

        Raises
        ------
        ValueError
            If the model is scripted, lazy or sharded, or cannot be called with the batch.
        """
        from bnstats.audit.torch.model import TorchModel
        from bnstats.audit.torch.wrappers import device_of, unwrapped

        inner = unwrapped(model)
        return TorchModel(inner, example, forward, device_of(inner, device))

    def guarded(self, model: Any, loaders: Sequence[Any], seed: int) -> AbstractContextManager[Guard]:
        """Return a context that keeps random state and guards the original."""
        from bnstats.audit.torch.guard import guarded
        from bnstats.audit.torch.wrappers import unwrapped

        return guarded(unwrapped(model), loaders, seed)

    def copied(self, model: Any) -> Any:
        """Return a copy of the user's model that can be used and trained as the original."""
        from bnstats.audit.torch.written import copied

        return copied(model)

    def write(self, model: Any, statistics: Mapping[str, Statistics]) -> Any:
        """Write running statistics into the user's own model, in place, and return that model."""
        from bnstats.audit.torch.written import write

        return write(model, statistics)


FRAMEWORK = Torch()
