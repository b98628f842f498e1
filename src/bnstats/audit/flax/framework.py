"""The adapter of Flax: NNX modules, and linen modules with their variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import jax
from flax import linen, nnx

from bnstats.audit.core.array_model import no_device
from bnstats.audit.core.copier.copier import Copier
from bnstats.audit.core.guard import ReferenceGuard, guarded
from bnstats.audit.core.protocol import ChannelStatistics, Guard, Model
from bnstats.audit.flax.flax_model import HANDLERS
from bnstats.audit.flax.linen_model import LinenModel, with_statistics
from bnstats.audit.flax.nnx_model import NNXModel, batch_norms, write


def parts_of(model: Any) -> tuple[linen.Module, Mapping[str, Any]] | None:
    """Return module and variables of what users hold of a linen model; None for anything else.

    A pair (module, variables), a bound module, or a training state with `apply_fn`, `params` and `batch_stats`.
    """
    if isinstance(model, tuple) and len(model) == 2 and isinstance(model[0], linen.Module):
        return (model[0], model[1]) if isinstance(model[1], Mapping) else None
    if isinstance(model, linen.Module) and model.scope is not None:
        module, variables = model.unbind()
        return module, variables
    applied = getattr(getattr(model, "apply_fn", None), "__self__", None)
    if isinstance(applied, linen.Module) and hasattr(model, "params"):
        return applied, {"params": model.params, "batch_stats": getattr(model, "batch_stats", {})}
    return None


class Flax:
    """Flax; see `bnstats.audit.core.protocol.Framework`."""

    name = "flax"

    def recognizes(self, model: Any) -> bool:
        """Return True for NNX modules, and for what users hold of linen models."""
        return isinstance(model, nnx.Module | linen.Module) or parts_of(model) is not None

    def isolate(self, model: Any, example: Any, *, forward: Any = None, device: Any = None) -> Model:
        """Return a private copy, tried on a copy of the example batch.

        Raises
        ------
        ValueError
            If linen's variables are missing, if the model cannot be called with the batch, or for a device.
        """
        no_device(device)
        if isinstance(model, nnx.Module):
            return NNXModel(model, example, forward)
        parts = parts_of(model)
        if parts is None:
            raise ValueError("a linen module holds no weights; give the pair (module, variables), or a training state.")
        return LinenModel(*parts, example, forward)

    def guarded(self, model: Any, loaders: Sequence[Any], seed: int) -> AbstractContextManager[Guard]:
        """Return a context that keeps random state and guards the original."""
        return guarded(lambda: ReferenceGuard(model, HANDLERS), loaders, seed)

    def copied(self, model: Any) -> Any:
        """Return a copy with arrays of its own, as training may give the memory of arrays to new ones."""
        if isinstance(model, nnx.Module):
            return Copier({**HANDLERS, jax.Array: lambda x, *_: x.copy()}).copy(model)
        module, variables = parts_of(model) or (model, {})
        own = jax.tree.map(lambda x: x.copy() if isinstance(x, jax.Array) else x, variables)
        if isinstance(model, tuple):
            return module, own
        if isinstance(model, linen.Module):
            return module.bind(own)
        return jax.tree.map(lambda x: x.copy() if isinstance(x, jax.Array) else x, model)

    def write(self, model: Any, statistics: Mapping[str, ChannelStatistics]) -> Any:
        """Write running statistics into an NNX module, or return a linen model anew with these statistics."""
        if isinstance(model, nnx.Module):
            write(batch_norms(model), statistics)
            return model
        parts = parts_of(model)
        assert parts is not None
        variables = with_statistics(parts[1], statistics)
        if isinstance(model, tuple):
            return parts[0], variables
        if isinstance(model, linen.Module):
            return parts[0].bind(variables)
        return model.replace(batch_stats=variables["batch_stats"])


FRAMEWORK = Flax()
