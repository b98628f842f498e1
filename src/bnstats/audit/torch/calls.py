"""Calls of PyTorch's batch normalization, seen and answered while a model runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from bnstats.statistics.moments import Moments


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
        """Precision of statistics: at least float32, as half precision overflows at a variance of 65504."""
        return torch.promote_types(self.input.dtype, torch.float32)

    def run(self, mean: Tensor | None, var: Tensor | None, *, training: bool, momentum: float = 1.0) -> Tensor:
        """Return the output with other statistics; training overwrites them by the batch's own at momentum 1."""
        dtype = self.dtype
        weight, bias = (p if p is None or p.dtype == dtype else p.to(dtype) for p in (self.weight, self.bias))
        return functional.batch_norm(self.input, mean, var, weight, bias, training, momentum, self.eps)

    def given(self, mean: Any, var: Any) -> Tensor:
        """Return the output with statistics from anywhere."""
        mean, var = (torch.as_tensor(s, dtype=self.dtype, device=self.input.device) for s in (mean, var))
        return self.run(mean, var, training=False)

    def with_moments(self) -> tuple[Tensor, Moment]:
        """Return the output with the batch's own statistics, and these; they cost next to nothing."""
        channels = self.input.shape[1]
        mean, var = self.input.new_zeros((2, channels), dtype=self.dtype)
        out = self.run(mean, var, training=True)
        return out, (mean, var, self.input.numel() / channels)

    def as_it_is(self) -> Tensor:
        """Return the output with the call's own statistics; running ones do not move in training, too."""
        if self.training:
            return self.run(None, None, training=True)
        mean, var = (None if s is None else s.to(self.dtype) for s in (self.running_mean, self.running_var))
        return self.run(mean, var, training=mean is None)


Moment = tuple[Tensor, Tensor, float]
"""Mean, unbiased variance and number of values per channel."""
Handler = Callable[[Call], Tensor | None]
"""Returns the output of a call, or None if PyTorch shall answer it."""


def moment(x: Tensor, axis: int = 1) -> Moment:
    """Return mean, unbiased variance and number of values per channel of a layer's input."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    n = x.numel() / x.shape[axis]
    if axis != 1 or n < 2:
        over = [a for a in range(x.ndim) if a != axis % x.ndim]
        var, mean = torch.var_mean(x, dim=over, correction=int(n > 1))
        return mean, var, n
    mean, var = x.new_zeros((2, x.shape[1]))
    torch.batch_norm_update_stats(x, mean, var, 1.0)  # three times as fast
    return mean, var, n


def to_numpy(tensor: Tensor) -> Any:
    """Return a float64 copy."""
    return np.array(tensor.detach().to(device="cpu", dtype=torch.float64).numpy())


def in_numpy(seen: Mapping[str, Sequence[Moment]]) -> dict[str, tuple[Moments, ...]]:
    """Return moments in NumPy; all tensors are moved at once."""
    parts = [part.reshape(-1) for calls in seen.values() for mean, var, _ in calls for part in (mean, var)]
    flat: Any = to_numpy(torch.cat([part.double() for part in parts])) if parts else []
    made: dict[str, tuple[Moments, ...]] = {}
    place = 0
    for name, calls in seen.items():
        found = []
        for mean, _, n in calls:
            c = mean.numel()
            var = flat[place + c : place + 2 * c]
            found.append(Moments(float(n), flat[place : place + c], var * (n - 1)))
            place += 2 * c
        made[name] = tuple(found)
    return made


_NATIVE = {"native_batch_norm", "_native_batch_norm_legit", "cudnn_batch_norm", "miopen_batch_norm", "batch_norm"}
_MEMORY = {torch.Tensor.data.__get__, torch.Tensor.numpy, torch.Tensor.data_ptr, torch.Tensor.untyped_storage}
_MEMORY |= {torch.Tensor.data.__set__, torch.Tensor.__array__, torch.Tensor.storage, torch.Tensor.set_}


class Calls(TorchFunctionMode):
    """Context in which `handle(call)` answers every batch normalization, of functional calls too.

    Attributes
    ----------
    memory : bool
        True if the memory of a tensor was asked for, which may have been written to.
    instance : set of int
        Identities of buffers that instance normalization was given.
    """

    def __init__(self, handle: Handler | None = None) -> None:
        super().__init__()
        self.handle, self.memory, self.instance = handle, False, set[int]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, kind = kwargs or {}, _kind(func)
        if kind == "memory":
            self.memory = True
        elif kind == "instance":
            self.instance |= {id(part) for part in (*args, *kwargs.values())}
        elif kind and self.handle is not None:
            out = self.handle(_call(kind, args, kwargs))
            if out is not None:
                return (out, out.new_empty(0), out.new_empty(0)) if kind == "native" else out
        return func(*args, **kwargs)


@lru_cache(1024)
def _kind(func: Any) -> str:
    """Return what a function of PyTorch is for batch normalization; empty for most."""
    if func is functional.batch_norm:
        return "functional"
    if func is functional.instance_norm:
        return "instance"
    name = getattr(func, "__name__", "").split(".")[0]
    if name in _NATIVE:
        return "torch" if name == "batch_norm" else "native"
    return "memory" if func in _MEMORY else ""


def _call(kind: str, args: Any, kwargs: Any) -> Call:
    if kind == "functional":
        return Call(*args, **kwargs)
    names = ("input", "weight", "bias", "running_mean", "running_var", "training", "momentum", "eps")
    given = dict(zip(names, args, strict=False)) | {k: v for k, v in kwargs.items() if k in names}
    given["eps"] = given.get("eps", kwargs.get("epsilon", 1e-5))
    return Call(**given)


@contextmanager
def entering(
    modules: Mapping[str, nn.Module], enter: Callable[[str, Any], None], leave: Callable[[], object] | None = None
) -> Iterator[None]:
    """Call `enter(name, inputs)` before each of these modules runs, and `leave()` after it, while the context lasts."""

    def entered(name: str, _: Any, inputs: Any, named: Any) -> None:
        enter(name, inputs or tuple(named.values()))

    def left(*_: Any) -> None:  # what a hook returns would be the output
        assert leave is not None
        leave()

    handles = [m.register_forward_pre_hook(partial(entered, name), with_kwargs=True) for name, m in modules.items()]
    handles += [m.register_forward_hook(left, always_call=True) for m in modules.values() if leave is not None]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
