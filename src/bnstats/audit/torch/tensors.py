"""Copies of tensors and of PyTorch's other objects, for the copier along references."""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from bnstats.audit.core.copier.containers import Container
from bnstats.audit.core.copier.references import Changeable, Handler, References

# Held by some models, and no part of them: what trains them, and what they are trained on.
_OTHERS = (torch.utils.data.DataLoader, torch.utils.data.Dataset, torch.optim.Optimizer)
_NEVER_CHANGE = (torch.dtype, torch.device, torch.layout, torch.memory_format, torch.jit.ScriptFunction)
_SHARDED = ("DTensor", "ShardedTensor", "FlatParameter")


def handlers(device: torch.device | None = None) -> Mapping[type, Handler]:
    """Return how the copier treats PyTorch's types.

    Parameters
    ----------
    device : device, optional
        Where copies of tensors go; by default where the originals are.
    """

    def tensor(x: Any, copier: References, path: str) -> Any:
        new = _tensor(x, copier, path)
        return new if device is None or new.device == device else new.to(device)

    found: dict[type, Handler] = {
        Tensor: tensor,
        torch.Generator: _generator,
        types.FunctionType: _function,
        nn.parallel.DistributedDataParallel: _alone,
    }
    found |= dict.fromkeys(_NEVER_CHANGE, lambda x, *_: x)
    found |= dict.fromkeys(_OTHERS, lambda x, copier, path: copier.share(x, path))
    found |= dict.fromkeys((torch.jit.ScriptModule, torch.ScriptObject), _scripted)
    if "torch._dynamo.eval_frame" in sys.modules:
        compiled = sys.modules["torch._dynamo.eval_frame"].OptimizedModule
        found[compiled] = lambda x, copier, path: copier.twin(x._orig_mod, path)
    if "lightning.pytorch" in sys.modules:
        found[sys.modules["lightning.pytorch"].Trainer] = lambda x, copier, path: copier.share(x, path)
    return found


def _alone(x: Any, copier: References, path: str) -> Any:
    return Alone(copier.complete(x.module, path))


class Alone(nn.Module):
    """A module without the other processes that it trained with."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Call the module."""
        return self.module(*inputs, **named)


def array_of(x: Tensor) -> Any:
    """Return a copy in NumPy."""
    x = x.detach().cpu()
    dense = x.to_dense() if x.layout is not torch.strided else x
    plain = dense.dequantize() if x.is_quantized else dense.resolve_conj().resolve_neg()
    return (plain.float() if x.dtype is torch.bfloat16 else plain).numpy().copy()


def version(x: Tensor) -> int:
    """Return how often a tensor was written to; -1 for tensors of inference mode, which do not count."""
    return -1 if x.is_inference() else int(x._version)


def place_of(x: Tensor) -> int:
    """Return the address of a tensor's memory; 0 for those that have none of their own."""
    try:
        return int(x.data_ptr())
    except RuntimeError:  # sparse and wrapped tensors
        return 0


def count_again(x: Tensor, version: int) -> None:
    """Let a tensor, whose values are as they were, count as not written to: a graph may wait for its gradients."""
    if version < 0 or not hasattr(torch._C._autograd, "_unsafe_set_version_counter"):
        return
    try:
        torch._C._autograd._unsafe_set_version_counter((x,), (version,))
    except TypeError:  # older versions take one tensor
        torch._C._autograd._unsafe_set_version_counter(x, version)


def _tensor(x: Any, copier: References, path: str) -> Any:
    if type(x) is Tensor and not vars(x):  # batches are mostly these
        new = _dense(x, copier)
        if x.requires_grad and x.is_leaf:
            new.requires_grad_(True)
        copier.leaves.append((x, new, path))
        return new
    return _special(x, copier, path)


def _special(x: Any, copier: References, path: str) -> Any:
    if any(base.__name__ in _SHARDED for base in type(x).__mro__):
        raise ValueError("model holds tensors that are spread over processes; audit a gathered copy.")
    if nn.parameter.is_lazy(x):
        raise ValueError("model has lazy layers that have not seen a batch; run one batch through it first.")
    if not holds_values(x):
        return x
    with torch._C.DisableTorchFunctionSubclass():
        new = _flattened(x, copier, path) if hasattr(x, "__tensor_flatten__") else _dense(x, copier)
        if type(x) is not Tensor and type(new) is Tensor:
            new = torch.Tensor._make_subclass(type(x), new, bool(x.requires_grad and x.is_leaf))
        elif x.requires_grad and x.is_leaf and new.is_leaf:
            new.requires_grad_(True)
    copier.leaves.append((x, new, path))
    if vars(x):
        copier.attributes(x, new, path)
    return new


def holds_values(x: Tensor) -> bool:
    """Return False for tensors that have a shape alone, as those that tracing leaves in a graph."""
    if x.layout is not torch.strided or hasattr(x, "__tensor_flatten__"):
        return True
    with torch._C.DisableTorchFunctionSubclass():
        return str(x.untyped_storage().device.type) != "meta"


def _dense(x: Any, copier: References) -> Tensor:
    """Return a copy of a tensor's values, whose memory is shared as the tensor's is."""
    odd = x.layout is not torch.strided or x.is_quantized or x.is_conj() or x.is_neg()
    if odd or not x.numel():
        return x.detach().clone()
    size, storage = x.element_size(), x.untyped_storage()
    if storage.nbytes() == size * x.numel() and x.is_contiguous():
        new = x.detach().clone()
        block, _ = copier.blocks.copy_of(storage._cdata, 0, storage.nbytes(), lambda *_: new)
        if block is new:
            return new
    low = x.storage_offset() * size
    high = low + size * (1 + sum((n - 1) * step for n, step in zip(x.shape, x.stride(), strict=True)))

    def memory(start: int, end: int) -> Tensor:
        place = torch.empty(0, dtype=torch.uint8, device=x.device)
        return place.set_(storage, start, (end - start,), (1,)).clone()

    # Numbers of all kinds are aligned within 16 bytes.
    block, start = copier.blocks.copy_of(storage._cdata, low // 16 * 16, high, memory)
    new = torch.empty(0, dtype=x.dtype, device=x.device)
    return new.set_(block.untyped_storage(), (low - start) // size, x.shape, x.stride())


def _flattened(x: Any, copier: References, path: str) -> Any:
    names, context = x.__tensor_flatten__()
    inner = {name: copier.complete(getattr(x, name), f"{path}.{name}") for name in names}
    return type(x).__tensor_unflatten__(inner, context, x.shape, x.stride())


_RANDOM = Container(
    lambda x: x.get_state(),
    lambda x, state: bool(torch.equal(x.get_state(), state)),
    lambda x, state: x.set_state(state),
)


def _generator(x: Any, copier: References, path: str) -> Any:
    if x is torch.default_generator:
        return x
    new = torch.Generator(device=x.device)
    copier.holds(_RANDOM, x, new, path)
    return new


def _function(x: Any, copier: References, path: str) -> Any:
    """Copy a compiled function as the function that was compiled."""
    compiled = vars(x).get("_torchdynamo_orig_callable")
    return NotImplemented if compiled is None else copier.twin(compiled, path)


def _in_scripted(x: Any) -> dict[str, Any]:
    """Return copies of what a scripted part keeps in C++ beside its parameters and buffers."""
    buffers, found = dict(x.named_buffers(recurse=False)), {}
    for name, (_, is_parameter) in x._concrete_type.get_attributes().items():
        if not is_parameter and name not in buffers:
            with suppress(Exception):  # objects of C++ classes that have no copy
                found[name] = copy.deepcopy(x._c.getattr(name))
    return found


def _same_in_scripted(x: Any, contents: dict[str, Any]) -> bool:
    return all(_equal(x._c.getattr(name), value) for name, value in contents.items())


def _equal(a: Any, b: Any) -> bool:
    if isinstance(b, Tensor):
        return isinstance(a, Tensor) and a.shape == b.shape and bool(torch.equal(a, b))
    return bool(a == b) if not isinstance(b, list | tuple) else len(a) == len(b) and all(map(_equal, a, b))


def _put_in_scripted(x: Any, contents: dict[str, Any]) -> None:
    for name, value in contents.items():
        if not _equal(x._c.getattr(name), value):
            x._c.setattr(name, copy.deepcopy(value))


_SCRIPTED = Container(_in_scripted, _same_in_scripted, _put_in_scripted)


def hold_scripted(x: Any, new: Any, copier: References, path: str) -> None:
    """Let the copier know the tensors and the attributes of a scripted part."""
    tensors = zip(x.state_dict(keep_vars=True).items(), new.state_dict(keep_vars=True).values(), strict=True)
    copier.leaves.extend((old, made, f"{path}.{name}") for (name, old), made in tensors)
    for (name, old), made in zip(x.named_modules(), new.modules(), strict=True):
        copier.changeable.append(Changeable(_SCRIPTED, old, made, f"{path}.{name}" if name else path))


def _scripted(x: Any, copier: References, path: str) -> Any:
    """Return a scripted part's copy; its tensors and attributes are known, objects of C++ classes are not."""
    try:
        new = copy.deepcopy(x)
    except Exception:  # objects of C++ classes that have no copy
        return copier.share(x, path)
    if isinstance(x, torch.jit.ScriptModule):
        hold_scripted(x, new, copier, path)
    return new
