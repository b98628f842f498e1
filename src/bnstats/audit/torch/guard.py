"""A fingerprint of the user's model before and after, and what changed between them put back."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from bnstats.audit.core.copier.copier import Copier
from bnstats.audit.core.copier.references import References
from bnstats.audit.core.random_state import random_state
from bnstats.audit.torch.tensors import count_again, handlers, hold_scripted, holds_values, place_of, version
from bnstats.audit.torch.working_copy import quiet


class Mark(NamedTuple):
    """A tensor's state that costs nothing to compare, and a checksum of its values."""

    place: int
    version: int
    requires_grad: bool
    gradient: int
    checksum: int


class OriginalGuard:
    """A fingerprint of a model; see `bnstats.audit.core.protocol.Guard`.

    Parameters
    ----------
    model : Module
        The user's model.

    Attributes
    ----------
    shared : list of str
        Paths of objects that copies share with the model.
    changed : list of str
        Paths of what changed and was put back.
    """

    def __init__(self, model: nn.Module) -> None:
        seen: dict[type, Any] = {**handlers(), Tensor: _seen_tensor, np.ndarray: _seen_array}
        seen[torch.jit.ScriptModule] = _seen_script
        copier = Copier(seen)
        copier.copy(model)
        self.model = model
        self.shared = list(dict.fromkeys(copier.shared))
        self._changed: dict[str, None] = {}
        self._containers = [(c.kind, c.source, c.kind.look(c.source), c.path) for c in copier.changeable]
        self._tensors = [(x, x.detach(), path) for x, _, path in copier.leaves if isinstance(x, Tensor)]
        self._arrays = [(x, zlib.crc32(_bytes(x)), path) for x, _, path in copier.leaves if isinstance(x, np.ndarray)]
        self._marks = [_mark(x) for x, _, _ in self._tensors]

    @property
    def changed(self) -> Sequence[str]:
        """Return the paths of what changed in the original and was put back."""
        return list(self._changed)

    def note(self, path: str) -> None:
        """Remember that something of the original changed and was put back."""
        self._changed[path or "model"] = None

    def close(self) -> None:
        """Put back what changed.

        Raises
        ------
        RuntimeError
            If values of a tensor or an array changed that cannot be put back.
        """
        for kind, source, held, path in self._containers:
            if not kind.same(source, held):
                kind.put(source, held)
                self.note(path)
        lost = [path for (x, memory, path), mark in zip(self._tensors, self._marks, strict=True)
                if not self._same(x, memory, path, mark)]  # fmt: skip
        lost += [path for x, checksum, path in self._arrays if zlib.crc32(_bytes(x)) != checksum]
        if lost:
            raise RuntimeError(
                f"the model's own code changed {', '.join(lost[:3])} of the original, which could not be put back; "
                "load the model again, and give audits a model that reaches itself through no global name."
            )

    def _same(self, x: Tensor, memory: Tensor, path: str, mark: Mark) -> bool:
        """Return True if a tensor is as it was, or was put back."""
        now = _mark(x)
        if now == mark:
            return True
        if now.place != mark.place:
            x.data = memory
        if now.requires_grad != mark.requires_grad:
            x.requires_grad_(mark.requires_grad)
        self.note(path)
        count_again(x, mark.version)
        return _mark(x).checksum == mark.checksum


@contextmanager
def guarded(model: nn.Module, loaders: Sequence[Any], seed: int) -> Iterator[OriginalGuard]:
    """Keep random state and loaders' generators, and guard a model."""
    with random_state(loaders, seed):
        with quiet():
            guard = OriginalGuard(model)
        try:
            yield guard
        finally:
            with quiet():
                guard.close()


def _seen_tensor(x: Any, copier: References, path: str) -> Any:
    if holds_values(x):
        copier.leaves.append((x, x, path))
    return x


def _seen_array(x: Any, copier: References, path: str) -> Any:
    if x.dtype.hasobject:
        return NotImplemented
    copier.leaves.append((x, x, path))
    return x


def _seen_script(x: Any, copier: References, path: str) -> Any:
    hold_scripted(x, x, copier, path)
    return x


def _mark(x: Tensor) -> Mark:
    gradient = id(x.grad) if x.is_leaf and x.grad is not None else 0
    return Mark(place_of(x), version(x), x.requires_grad, gradient, _checksum(x.detach()))


def _checksum(x: Tensor) -> int:
    """Return a checksum of values; on other devices than the CPU, of their sums."""
    if x.layout is not torch.strided or x.is_quantized or type(x) is not Tensor:
        return 0
    if x.device.type == "cpu":
        return zlib.crc32(_bytes(x.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8).numpy()))
    ranks = torch.arange(x.numel(), device=x.device)
    values = x.reshape(-1).double().nan_to_num()
    return hash((values.sum().item(), (values * ranks).sum().item()))


def _bytes(x: Any) -> Any:
    return np.ascontiguousarray(x).view(np.uint8).reshape(-1) if x.size else b""
