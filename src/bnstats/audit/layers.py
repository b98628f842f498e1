"""The batch-norm layers of a PyTorch model, found by the buffers that they hold and by the calls that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.overrides import TorchFunctionMode

from bnstats._checks.array_types import FloatArray

Statistics = tuple[FloatArray, FloatArray]


@dataclass(frozen=True, eq=False)
class Layer:
    """One batch-norm layer.

    Attributes
    ----------
    name : str
        Its path in the model, without the prefixes of wrappers.
    module : Module
        The one that holds the buffers.
    buffers : (str, str) or None
        Names of the running mean and variance in the module; None where no running statistics are kept.
    calls : int
        In one forward pass.
    normalizes : bool
        Whether PyTorch's own batch normalization does its work; frozen ones scale and shift by themselves.
    eps : float
        Added to the variance.
    momentum : float or None
        Weight of a new batch; None for the cumulative average.
    steps : int or None
        Updates so far; None where nobody has counted, or where a counter of 0 contradicts the statistics.
    running : (array, array) or None
        Mean and variance.
    """

    name: str
    module: nn.Module
    buffers: tuple[str, str] | None
    calls: int
    normalizes: bool
    eps: float
    momentum: float | None
    steps: int | None
    running: Statistics | None

    def tensors(self) -> tuple[Tensor, Tensor] | None:
        """The running mean and variance themselves."""
        if self.buffers is None:
            return None
        mean, var = (getattr(self.module, name) for name in self.buffers)
        return mean, var

    @property
    def at_start(self) -> bool:
        """Whether the running statistics are those before the first batch: 0 and 1."""
        return at_start(self.running)


def at_start(running: Statistics | None) -> bool:
    """Whether running statistics are those before the first batch: 0 and 1."""
    return running is not None and bool(np.all(running[0] == 0) and np.all(running[1] == 1))


def to_numpy(tensor: Tensor) -> FloatArray:
    """A float64 copy."""
    return np.array(tensor.detach().to(device="cpu", dtype=torch.float64).numpy())


def largest(tensor: Tensor) -> float:
    """The largest number of its precision."""
    return float(torch.finfo(tensor.dtype).max)


@dataclass(frozen=True, eq=False)
class Call:
    """One call of PyTorch's batch normalization."""

    input: Tensor
    running_mean: Tensor | None
    running_var: Tensor | None
    weight: Tensor | None = None
    bias: Tensor | None = None
    training: bool = False
    momentum: float = 0.1
    eps: float = 1e-5

    @property
    def dtype(self) -> torch.dtype:
        """In which statistics are kept: at least float32, as half precision overflows at a variance of 65504."""
        return torch.promote_types(self.input.dtype, torch.float32)

    def run(
        self,
        mean: Tensor | None,
        var: Tensor | None,
        *,
        training: bool,
        momentum: float = 1.0,
        eps: float | None = None,
    ) -> Tensor:
        """The same call with other statistics, which training overwrites by the batch's own at momentum 1."""
        dtype = self.dtype
        weight, bias = (p if p is None or p.dtype == dtype else p.to(dtype) for p in (self.weight, self.bias))
        eps = self.eps if eps is None else eps
        return functional.batch_norm(self.input, mean, var, weight, bias, training, momentum, eps)

    def as_it_is(self) -> Tensor:
        """The call with its own statistics; the running ones are left alone in training, too."""
        if self.training:
            return self.run(None, None, training=True)
        mean, var = (None if s is None else s.to(self.dtype) for s in (self.running_mean, self.running_var))
        return self.run(mean, var, training=mean is None)


Handler = Callable[[str, Call], Tensor]

_DROPOUTS = [getattr(functional, f"{kind}dropout{d}") for kind, d in (("", ""), ("", "1d"), ("", "2d"), ("", "3d"))]
_DROPOUTS += [functional.alpha_dropout, functional.feature_alpha_dropout]


class BatchNormCalls(TorchFunctionMode):
    """While active, `handle(name, call)` does every batch normalization; functional calls are seen, too.

    A layer is known by the buffer that it hands over, or, where it keeps none, by the module that has been entered.

    Attributes
    ----------
    current : str
        The layer that has been entered.
    drops_out : bool
        Whether dropout was seen at work.
    """

    def __init__(self, names: dict[int, str], handle: Handler) -> None:
        super().__init__()
        self.names, self.handle, self.current, self.drops_out = names, handle, "", False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is functional.batch_norm:
            call = Call(*args, **kwargs)
        elif func is torch.batch_norm:
            x, weight, bias, mean, var, training, momentum, eps = (*args, *kwargs.values())[:8]
            call = Call(x, mean, var, weight, bias, training, momentum, eps)
        else:
            if func in _DROPOUTS:
                training = kwargs.get("training", args[2] if len(args) > 2 else True)
                self.drops_out |= bool(training) and kwargs.get("p", args[1] if len(args) > 1 else 0.5) > 0
            return func(*args, **kwargs)
        name = self.current if call.running_mean is None else self.names.get(id(call.running_mean), "")
        self.current = ""
        return self.handle(name, call) if name else call.as_it_is()


def is_batch_norm(module: nn.Module) -> bool:
    """Batch norm of PyTorch, a subclass, or what holds the same buffers (the frozen ones of detection libraries)."""
    if isinstance(module, _InstanceNorm):
        return False
    held = dict(module.named_buffers(recurse=False))
    return isinstance(module, _BatchNorm) or {"running_mean", "running_var"} <= set(held)


def bare(name: str) -> str:
    """A module's path without what wrapping and compiling put in it."""
    return ".".join(part for part in name.split(".") if part not in ("module", "_orig_mod")) or "model"


@contextmanager
def entering(modules: dict[str, nn.Module], enter: Callable[[str, Any], None]) -> Iterator[None]:
    """While active, `enter(name, inputs)` is called before each of these modules runs."""

    def hook(name: str) -> Any:
        return lambda _, inputs: enter(name, inputs)

    handles = [module.register_forward_pre_hook(hook(name)) for name, module in modules.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def find_layers(model: nn.Module, forward: Callable[[], Any]) -> tuple[list[Layer], list[str]]:
    """All batch-norm layers in the order of a forward pass, and the names of those that it never calls.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    forward : callable () -> output
        One forward pass.
    """
    modules = {bare(path): module for path, module in model.named_modules() if is_batch_norm(module)}
    buffers: dict[int, tuple[str, nn.Module, str]] = {}
    for path, module in model.named_modules():
        for name, buffer in module.named_buffers(recurse=False):
            layer = bare(path) if bare(path) in modules else f"{bare(path)}.{name}"
            buffers[id(buffer)] = (layer, module, name)
    order: dict[str, None] = {}
    entered: dict[str, int] = {}
    calls: dict[str, list[Call]] = {}

    def handle(name: str, call: Call) -> Tensor:
        order[name] = None
        calls.setdefault(name, []).append(replace(call, input=call.input.new_empty(0)))
        return call.as_it_is()

    mode = BatchNormCalls({key: layer for key, (layer, _, _) in buffers.items()}, handle)

    def enter(name: str, _: Any) -> None:
        mode.current = name
        order[name] = None
        entered[name] = entered.get(name, 0) + 1

    with entering(modules, enter), mode:
        forward()
    found = [_layer(name, modules, buffers, calls.get(name, []), entered.get(name, 0)) for name in order]
    return found, [name for name in modules if name not in order]


def _layer(
    name: str,
    modules: dict[str, nn.Module],
    buffers: dict[int, tuple[str, nn.Module, str]],
    calls: list[Call],
    entered: int,
) -> Layer:
    """The layer of that name; one that is a functional call of some module has buffers of any name."""
    if name in modules:
        module = modules[name]
        kept = getattr(module, "running_mean", None) is not None
        pair = ("running_mean", "running_var") if kept else None
    else:
        (_, module, mean), (_, _, var) = buffers[id(calls[0].running_mean)], buffers[id(calls[0].running_var)]
        pair = (mean, var)
    running = None if pair is None else (to_numpy(getattr(module, pair[0])), to_numpy(getattr(module, pair[1])))
    counter = getattr(module, "num_batches_tracked", None)
    unknown = counter is None or (int(counter) == 0 and not at_start(running))
    momentum = getattr(module, "momentum", calls[0].momentum if calls else 0.1)
    return Layer(
        name,
        module,
        pair,
        calls=max(len(calls), entered),
        normalizes=bool(calls),
        eps=calls[0].eps if calls else float(getattr(module, "eps", 1e-5)),
        momentum=None if momentum is None else float(momentum),
        steps=None if counter is None or unknown else int(counter),
        running=running,
    )
