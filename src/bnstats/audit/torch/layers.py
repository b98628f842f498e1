"""Batch-norm layers of a PyTorch model, found by what passes do and not by their classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from bnstats.audit.core.protocol import BatchNormLayer, ChannelStatistics
from bnstats.audit.torch.calls import Call, Calls, entering, to_numpy
from bnstats.audit.torch.working_copy import WorkingCopy

PAIR = ("running_mean", "running_var")


@dataclass(frozen=True)
class Home:
    """Place of a tensor: its module, with its path, and its name there."""

    path: str
    module: nn.Module
    name: str


@dataclass(eq=False)
class Found:
    """A batch-norm layer of a working copy.

    Attributes
    ----------
    name : str
        Path in the model, without prefixes of wrappers.
    module : Module or None
        Module that holds the statistics, or within which they are used.
    statistics : (Tensor, Tensor) or None
        Running mean and variance, as views of the working copy's memory.
    places : tuple of int
        Places of their tensors in the working copy.
    own : bool
        True if the module normalizes by itself, without PyTorch's batch normalization.
    axis : int
        Axis of channels in its input.
    channels, calls, eps, weight
        See `BatchNormLayer`.
    """

    name: str
    module: nn.Module | None
    statistics: tuple[Tensor, Tensor] | None
    places: tuple[int, ...]
    own: bool
    channels: int
    eps: float
    weight: float | None
    calls: int
    axis: int = 1
    homes: tuple[Home, ...] = ()

    def layer(self) -> BatchNormLayer:
        """Return the layer's description."""
        counter = getattr(self.module, "num_batches_tracked", None)
        updates = int(counter) if isinstance(counter, Tensor) and counter.numel() == 1 else None
        tracks = self.statistics is not None
        return BatchNormLayer(self.name, self.channels, self.eps, self.weight, updates, tracks, self.calls)

    def values(self) -> ChannelStatistics | None:
        """Return the running statistics."""
        if self.statistics is None:
            return None
        mean, var = (to_numpy(s).reshape(-1) for s in self.statistics)
        return ChannelStatistics(mean, var)

    def follow(self) -> None:
        """Write into the statistics what a pass has put in their place, where it did not write into them."""
        for home, statistic in zip(self.homes, self.statistics or (), strict=False):
            now = getattr(home.module, home.name, None)
            if isinstance(now, Tensor) and now.data_ptr() != statistic.data_ptr() and now.numel() == statistic.numel():
                statistic.copy_(now.detach().reshape(statistic.shape))


def put(layer: Found, mean: Any, var: Any) -> None:
    """Write statistics into those of a layer, until the copy is put back or they are accepted."""
    for tensor, values in zip(layer.statistics or (), (mean, var), strict=True):
        tensor.copy_(torch.as_tensor(values).reshape(tensor.shape))


def bare(path: str) -> str:
    """Return a module's path without what wrapping and compiling put in it."""
    return ".".join(part for part in path.split(".") if part not in ("module", "_orig_mod")) or "model"


def looks_like(module: nn.Module) -> bool:
    """Return True for batch norm of PyTorch, and for what holds the same tensors."""
    if isinstance(module, _InstanceNorm):
        return False
    return isinstance(module, _BatchNorm) or all(isinstance(getattr(module, name, None), Tensor) for name in PAIR)


@dataclass(eq=False)
class Recorder:
    """Record of a pass: the modules that it enters, and its calls of batch normalization.

    Attributes
    ----------
    calls : dict of str to list of Call
        By the layer's name; without inputs.
    where : dict of str to module
        Innermost module at each layer's first call.
    order : dict of str to None
        Layers' names and entered modules' paths, in the order of the pass.
    entered : dict of str to int
        How often each module was entered.
    """

    copy: WorkingCopy
    homes: dict[int, Home]
    calls: dict[str, list[Call]] = field(default_factory=dict)
    where: dict[str, nn.Module] = field(default_factory=dict)
    order: dict[str, None] = field(default_factory=dict)
    entered: dict[str, int] = field(default_factory=dict)
    instance: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        script = torch.jit.ScriptModule
        scripted = {id(m) for part in self.copy.module.modules() if isinstance(part, script) for m in part.modules()}
        self.modules = {p: m for p, m in self.copy.module.named_modules() if id(m) not in scripted}
        self._stack: list[str] = []

    def record(self, run: Callable[[], Any]) -> None:
        """Record what a pass does."""
        seen = Calls(self._call)
        with entering(self.modules, self._enter, self._stack.pop), seen:
            run()
        self.instance |= seen.instance

    def _enter(self, path: str, _: Any) -> None:
        self._stack.append(path)
        self.order.setdefault(path)
        self.entered[path] = self.entered.get(path, 0) + 1

    def _call(self, call: Call) -> None:
        path = self._stack[-1] if self._stack else ""
        place = self.copy.place_of(call.running_mean)
        name = self._name(path, None if place is None else self.homes.get(place))
        self.order.setdefault(name)
        self.where.setdefault(name, self.modules[path])
        channels = call.input.shape[1]
        statistics = (call.running_mean, call.running_var, call.weight, call.bias)
        rest = (call.training, call.momentum, call.eps)
        self.calls.setdefault(name, []).append(Call(call.input.new_empty(0, channels), *statistics, *rest))

    def _name(self, path: str, home: Home | None) -> str:
        if home is not None:
            return bare(home.path) if looks_like(home.module) else bare(f"{home.path}.{home.name}".lstrip("."))
        return bare(path) if looks_like(self.modules[path]) else bare(f"{path}.batch_norm".lstrip("."))


def homes_of(copy: WorkingCopy) -> dict[int, Home]:
    """Return the module and the name of each tensor that is an attribute, a buffer or a parameter of a module."""
    found: dict[int, Home] = {}
    for path, module in copy.module.named_modules():
        for held in (module._buffers, module._parameters, vars(module)):
            for name, value in held.items():
                if isinstance(value, Tensor) and (place := copy.place_of(value)) is not None:
                    found.setdefault(place, Home(path, module, name))
    return found
