"""Changes that users make to a model of PyTorch beside its weights: other layers, wrappers and forward passes."""

from __future__ import annotations

import copy
from collections import UserDict
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

from benchmarks.audits.models.problems import Batch
from benchmarks.audits.models.torch_models import norms_of, tensors


class Named(nn.Module):
    """A model whose output is an object with logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Any:
        return SimpleNamespace(logits=self.model(x), hidden=x)


class Twice(Named):
    """A model whose forward pass runs again in training, as checkpointing runs it."""

    def forward(self, x: Tensor, *rest: Tensor) -> Tensor:
        if self.training:
            self.model(x, *rest)
        found: Tensor = self.model(x, *rest)
        return found


class InParts(Named):
    """A model that accumulates gradients over four parts of a batch."""

    def forward(self, x: Tensor) -> Tensor:
        parts = x.chunk(4) if self.training and len(x) >= 8 else (x,)
        return torch.cat([self.model(part) for part in parts])


class Siamese(Named):
    """Two streams through the same layers."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:  # type: ignore[override]
        found: Tensor = self.model(a) + self.model(b)
        return found


class Momentum(Named):
    """A model with a second encoder that follows the first in each forward pass in training mode."""

    def __init__(self, model: nn.Module, other: nn.Module) -> None:
        super().__init__(model)
        self.other = other

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                for mine, its in zip(self.other.parameters(), self.model.parameters(), strict=True):
                    mine.lerp_(its, 0.3)
        found: Tensor = self.model(x) + 0.0 * self.other(x)
        return found


class InPlace(Named):
    """A model that writes into its input."""

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.model(x)
        x.mul_(3).add_(1)
        return found


class OfDict(Named):
    """A model that takes a dictionary and gives one."""

    def forward(self, batch: Any) -> dict[str, Tensor]:
        return {"out": self.model(batch["image"])}


class Cell(nn.Module):
    """A recurrent cell with batch norm, whose statistics are shared by all steps."""

    def __init__(self, inputs: int, channels: int, classes: int) -> None:
        super().__init__()
        self.inner, self.again = nn.Linear(inputs, channels), nn.Linear(channels, channels, bias=False)
        self.norm, self.head = nn.BatchNorm1d(channels, momentum=0.03), nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        hidden = x.new_zeros(len(x), self.again.in_features)
        for step in range(x.shape[2]):
            hidden = torch.tanh(self.norm(self.inner(x[:, :, step]) + self.again(hidden)))
        found: Tensor = self.head(hidden)
        return found


class HardCoded(nn.BatchNorm1d):
    """A layer that normalizes by the batch in every mode."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, True, 0.1, self.eps
        )


class Anew(nn.Module):
    """A layer that is made anew in each pass."""

    def __init__(self, old: Any) -> None:
        super().__init__()
        self.weight, self.bias = old.weight, old.bias

    def forward(self, x: Tensor) -> Tensor:
        layer = nn.BatchNorm1d(len(self.weight))
        layer.weight, layer.bias = self.weight, self.bias
        found: Tensor = layer(x)
        return found


class Frozen(nn.Module):
    """A layer that knows running statistics alone, and is no batch norm of PyTorch."""

    def __init__(self, old: Any) -> None:
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, getattr(old, name).detach().clone())
        self.eps = old.eps

    def forward(self, x: Tensor) -> Tensor:
        given = (self.running_mean, self.running_var, self.weight, self.bias)
        return functional.batch_norm(x, *given, False, 0.0, self.eps)


class DropPath(nn.Module):
    """A branch that is left out for three of four rows in training."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            found: Tensor = self.branch(x)
            return found
        kept = (torch.rand((len(x),) + (1,) * (x.ndim - 1)) < 0.25).to(x.dtype) * 4
        change: Tensor = self.branch(x) - x
        return x + kept * change


def replaced(model: nn.Module, kind: type, new: Any) -> nn.Module:
    """Return the model with each layer of a kind replaced, in place."""
    for name, child in model.named_children():
        if isinstance(child, kind):
            setattr(model, name, new(child))
        else:
            replaced(child, kind, new)
    return model


def with_encoder(model: nn.Module) -> nn.Module:
    """Return the model beside an encoder that follows it."""
    return Momentum(model, copy.deepcopy(model))


def hard_coded(model: nn.Module) -> nn.Module:
    """Return the model with batch statistics in every mode."""
    for layer in norms_of(model):
        layer.__class__ = HardCoded
    return model


def kept_frozen(model: nn.Module, names: list[str]) -> nn.Module:
    """Return the model whose `train` leaves these layers in evaluation mode."""

    class Kept(type(model)):  # type: ignore[misc]
        def train(self, mode: bool = True) -> Kept:
            super().train(mode)
            for name in names:
                self.get_submodule(name).eval()
            return self

    model.__class__ = Kept
    return model


def tracking_off(model: nn.Module) -> nn.Module:
    """Return the model with tracking switched off, and its buffers kept."""
    for layer in norms_of(model):
        layer.track_running_stats = False
    return model


def weight_normed(model: nn.Module) -> nn.Module:
    """Return the model with weight norm on its maps."""
    for layer in _maps(model):
        parametrizations.weight_norm(layer)
    return model


def pruned(model: nn.Module) -> nn.Module:
    """Return the model with some weights of its maps pruned."""
    for layer in _maps(model):
        prune.l1_unstructured(layer, "weight", 0.1)
    return model


def _maps(model: nn.Module) -> list[Any]:
    return [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv1d | nn.Conv2d)]


def as_dict(batch: Batch) -> Any:
    """Return a batch as a dictionary that is none of Python's own."""
    image, labels = tensors(batch)
    return UserDict({"image": image, "label": labels, "name": [f"row {k}" for k in range(len(labels))]})


def with_weights(batch: Batch) -> Any:
    """Return a batch with a weight for each row, which the model does not take."""
    x, y = tensors(batch)
    return {"image": x, "label": y, "weight": torch.ones(len(y))}
