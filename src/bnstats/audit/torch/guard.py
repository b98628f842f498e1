"""A fingerprint of the user's model of PyTorch before and after, and what changed between them put back."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bnstats.audit.core.copier.references import References
from bnstats.audit.core.guard import ReferenceGuard
from bnstats.audit.torch.tensors import count_again, handlers, hold_scripted, holds_values, place_of, version
from bnstats.audit.torch.working_copy import quiet


class Mark(NamedTuple):
    """A tensor's state that costs nothing to compare, and a checksum of its values."""

    place: int
    version: int
    requires_grad: bool
    gradient: int
    checksum: int


class OriginalGuard(ReferenceGuard):
    """A fingerprint of a model; see `bnstats.audit.core.protocol.Guard`.

    Parameters
    ----------
    model : Module
        The user's model.
    """

    def __init__(self, model: nn.Module) -> None:
        seen = {**handlers(), Tensor: _seen_tensor, torch.jit.ScriptModule: _seen_script}
        with quiet():
            super().__init__(model, seen)
            held = [(x, path) for x, _, path in self.leaves if isinstance(x, Tensor)]
            self._tensors = [(x, x.detach(), _gradient(x), path, _mark(x)) for x, path in held]

    def close(self) -> None:
        """Put back what changed.

        Raises
        ------
        RuntimeError
            If values of a tensor changed that cannot be put back.
        """
        with quiet():
            super().close()
            lost = [path for x, memory, gradient, path, mark in self._tensors
                    if not self._same(x, memory, gradient, path, mark)]  # fmt: skip
        if lost:
            raise RuntimeError(
                f"the model's own code changed {', '.join(lost[:3])} of the original, which could not be put back; "
                "load the model again, and give audits a model that reaches itself through no global name."
            )

    def _same(self, x: Tensor, memory: Tensor, gradient: Tensor | None, path: str, mark: Mark) -> bool:
        """Return True if a tensor is as it was, or was put back."""
        now = _mark(x)
        if now == mark:
            return True
        if now.place != mark.place:
            x.data = memory
        if now.requires_grad != mark.requires_grad:
            x.requires_grad_(mark.requires_grad)
        if now.gradient != mark.gradient:
            x.grad = gradient
        self.note(path)
        count_again(x, mark.version)
        return _mark(x).checksum == mark.checksum


def _seen_tensor(x: Any, copier: References, path: str) -> Any:
    if holds_values(x):
        copier.leaves.append((x, x, path))
    return x


def _seen_script(x: Any, copier: References, path: str) -> Any:
    hold_scripted(x, x, copier, path)
    return x


def _gradient(x: Tensor) -> Tensor | None:
    return x.grad if x.is_leaf else None


def _mark(x: Tensor) -> Mark:
    gradient = 0 if _gradient(x) is None else id(x.grad)
    return Mark(place_of(x), version(x), x.requires_grad, gradient, _checksum(x.detach()))


def _checksum(x: Tensor) -> int:
    """Return a checksum of values; on other devices than the CPU, of their sums."""
    if x.layout is not torch.strided or x.is_quantized or type(x) is not Tensor:
        return 0
    if x.device.type == "cpu":
        plain = x.resolve_conj().resolve_neg().contiguous().reshape(-1)
        return zlib.crc32(plain.view(torch.uint8).numpy()) if x.numel() else 0
    ranks = torch.arange(x.numel(), device=x.device)
    values = x.reshape(-1).double().nan_to_num()
    return hash((values.sum().item(), (values * ranks).sum().item()))
