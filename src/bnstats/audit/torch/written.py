"""Running statistics written into the user's own model, or into a copy that can be used as the model is."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from bnstats.audit.core.copier.copier import Copier
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.audit.torch.layers import Found
from bnstats.audit.torch.tensors import handlers
from bnstats.audit.torch.working_copy import WorkingCopy, quiet


def unwrapped(model: Any) -> nn.Module:
    """Return the model within what runs it on several devices or compiles it.

    Raises
    ------
    ValueError
        If it is no module, or if it is scripted as a whole.
    """
    if not isinstance(model, nn.Module):
        raise ValueError(f"model is a torch.nn.Module; got {type(model).__name__}: give the module itself.")
    wrappers = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while isinstance(model, wrappers) or "_orig_mod" in model._modules:
        model = model.module if isinstance(model, wrappers) else model._orig_mod
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError("model is scripted, which hides its layers; give the module that it was made from.")
    inner: nn.Module = model
    return inner


@dataclass(frozen=True, eq=False)
class Slot:
    """Place of a running statistic in the user's model: a tensor, or a part of one.

    Attributes
    ----------
    tensor : Tensor
        The user's own tensor.
    shape, stride, offset
        The part that holds the statistic.
    home : (str, str) or None
        Module and attribute of the tensor, by their names; None if it is no attribute.
    """

    tensor: Tensor
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    home: tuple[str, str] | None

    def write(self, model: nn.Module, values: Any) -> None:
        """Write values; half-precision tensors that would overflow become float32."""
        largest = torch.finfo(self.tensor.dtype).max
        if np.abs(values).max(initial=0.0) > largest and self.home and self.tensor.numel() == np.size(values):
            path, name = self.home
            setattr(model.get_submodule(path), name, self.tensor.float().new_tensor(values).reshape(self.tensor.shape))
            return
        part = self.tensor.detach().as_strided(self.shape, self.stride, self.offset)
        part.copy_(torch.as_tensor(values).reshape(self.shape))


_KNOWN: WeakKeyDictionary[nn.Module, dict[str, list[Slot]]] = WeakKeyDictionary()


def remember(model: nn.Module, copy: WorkingCopy, found: list[Found]) -> None:
    """Remember where the statistics of a model's layers are, once they were found in a copy."""
    _KNOWN[model] = {layer.name: _slots(copy, layer) for layer in found}


def _slots(copy: WorkingCopy, layer: Found) -> list[Slot]:
    """Return the slots of mean and variance; none for a layer that keeps no statistics."""
    found = zip(layer.places, layer.statistics or (), layer.homes or (None, None), strict=False)
    return [
        Slot(
            copy.source_of(place), tuple(view.shape), view.stride(),
            view.storage_offset() - copy.tensors[place].storage_offset() + copy.source_of(place).storage_offset(),
            (home.path, home.name) if home else None,
        )
        for place, view, home in found
    ]  # fmt: skip


def copied(model: Any) -> Any:
    """Return a copy of the user's model that can be used and trained as the original.

    What cannot be copied, such as locks and files, is shared. A model that runs in several processes is copied without
    them.
    """
    found = dict(handlers())
    if "torch._dynamo.eval_frame" in sys.modules:
        compiled = sys.modules["torch._dynamo.eval_frame"].OptimizedModule
        found[compiled] = lambda x, copier, path: compiled(copier.complete(x._orig_mod, path), x.dynamo_ctx)
    copier = Copier(found)
    with quiet():
        new = copier.copy(model)
    _KNOWN[unwrapped(new)] = {
        name: [replace(slot, tensor=copier.of(slot.tensor)) for slot in slots]
        for name, slots in _KNOWN.get(unwrapped(model), {}).items()
    }
    return new


def write(model: Any, statistics: Mapping[str, ChannelStatistics]) -> Any:
    """Write running statistics into a model in place, and return it."""
    inner = unwrapped(model)
    with quiet():
        for name, given in statistics.items():
            for slot, values in zip(_KNOWN[inner][name], given, strict=True):
                slot.write(inner, values)
    return model
