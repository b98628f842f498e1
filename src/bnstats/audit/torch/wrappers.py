"""Modules that can be audited, and their device."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from bnstats._checks.values import shown


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


def device_of(model: nn.Module, device: Any = None) -> torch.device:
    """Return the device that was given, or where the model's first tensor is."""
    if device is not None:
        try:
            return torch.device(device)
        except Exception:  # PyTorch raises errors of several kinds
            raise ValueError(f"device is one of PyTorch's, such as 'cpu'; got {shown(device)}.") from None
    return next((tensor.device for tensor in [*model.parameters(), *model.buffers()]), torch.device("cpu"))
