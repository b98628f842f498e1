"""The adapter of Keras 3."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from bnstats.audit.core.array_model import no_device
from bnstats.audit.core.copier.copier import Copier
from bnstats.audit.core.guard import ReferenceGuard, guarded
from bnstats.audit.core.protocol import ChannelStatistics, Guard, Model
from bnstats.audit.keras.model import KerasModel, batch_norms, copied, copy_handlers, write


class Keras:
    """Keras 3; see `bnstats.audit.core.protocol.Framework`."""

    name = "keras"

    def recognizes(self, model: Any) -> bool:
        """Return True for layers and models of Keras."""
        keras = sys.modules.get("keras")
        return keras is not None and isinstance(model, keras.Layer)

    def isolate(self, model: Any, example: Any, *, forward: Any = None, device: Any = None) -> Model:
        """Return a private copy, tried on a copy of the example batch.

        Raises
        ------
        ValueError
            If the model is not built or cannot be called with the batch, or for another backend or a device.
        """
        no_device(device)
        backend = sys.modules["keras"].backend.backend()
        if backend not in ("jax", "torch"):
            raise ValueError(f"Keras runs on {backend}; set KERAS_BACKEND to jax or torch, and load the model again.")
        return KerasModel(model, example, forward)

    def guarded(self, model: Any, loaders: Sequence[Any], seed: int) -> AbstractContextManager[Guard]:
        """Return a context that keeps random state and guards the original."""
        if "torch" in sys.modules and isinstance(model, sys.modules["torch"].nn.Module):
            from bnstats.audit.torch.guard import OriginalGuard

            return guarded(lambda: OriginalGuard(model), loaders, seed)
        return guarded(lambda: ReferenceGuard(model, copy_handlers()), loaders, seed)

    def copied(self, model: Any) -> Any:
        """Return a copy of the user's model that can be used and trained as the original."""
        return copied(model, Copier(copy_handlers(to_be_trained=True)))

    def write(self, model: Any, statistics: Mapping[str, ChannelStatistics]) -> Any:
        """Write running statistics into the user's own model, in place, and return it."""
        write(batch_norms(model), statistics)
        return model


FRAMEWORK = Keras()
