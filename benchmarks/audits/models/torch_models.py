"""The networks in PyTorch, their training, and running statistics of any convention; needs PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.audits.models import parts as p
from benchmarks.audits.models.problems import Batch

State = dict[str, NDArray[Any]]
"""Weights and running statistics, by the names of PyTorch."""


class Pool(nn.Module):
    """The mean over positions."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).mean(2)


class Last(nn.Module):
    """The last position."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, -1]


class Recur(nn.Module):
    """A recurrent layer over the last axis."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cell = nn.RNN(channels, channels, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(x.transpose(1, 2))[0].transpose(1, 2)


class Spread(nn.Module):
    """The average over neighbors."""

    def forward(self, x: Tensor, neighbors: Tensor) -> Tensor:
        return neighbors @ x


class Network(nn.Module):
    """Parts in a row; the averaging matrix of a graph goes to those that need it."""

    def __init__(self, parts: p.Parts, dims: int = 0) -> None:
        super().__init__()
        self.parts = nn.ModuleList()
        for part in parts:
            dims = part.dims if isinstance(part, p.Conv) else 0 if isinstance(part, p.Pool | p.Last) else dims
            self.parts.append(_built(part, dims))

    def forward(self, x: Tensor, *rest: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x, *rest) if isinstance(part, Spread) else part(x)
        return x


class Residual(Network):
    """Parts whose output is added to their input."""

    def forward(self, x: Tensor, *rest: Tensor) -> Tensor:
        return x + super().forward(x, *rest)


class Graph(Network):
    """Parts in a row that take the nodes of a graph and the averaging matrix over neighbors."""

    def forward(self, x: Tensor, neighbors: Tensor) -> Tensor:
        return super().forward(x, neighbors)


def _built(part: p.Part, dims: int) -> nn.Module:
    match part:
        case p.Dense(inputs, outputs):
            return nn.Linear(inputs, outputs)
        case p.Conv(inputs, outputs, width, axes):
            return (nn.Conv1d, nn.Conv2d)[axes - 1](inputs, outputs, width, padding=width // 2)
        case p.Norm(channels, weight, eps, tracks):
            kind = nn.BatchNorm2d if dims == 2 else nn.BatchNorm1d
            return kind(channels, eps=eps, momentum=weight, track_running_stats=tracks)
        case p.Drop(rate):
            return nn.Dropout(rate)
        case p.Recur(channels):
            return Recur(channels)
        case p.Residual(inner):
            return Residual(inner, dims)
    return {p.Relu: nn.ReLU, p.Pool: Pool, p.Last: Last, p.Spread: Spread}[type(part)]()


def model_of(parts: p.Parts, state: State | None = None) -> Network:
    """Return the network in evaluation mode, with these weights and statistics."""
    model = Graph(parts) if any(isinstance(part, p.Spread) for part in parts) else Network(parts)
    if state is not None:
        model.load_state_dict({name: torch.tensor(state[name]) for name in model.state_dict()})
    return model.eval()


def state_of(model: nn.Module) -> State:
    """Return a copy of all weights and statistics."""
    return {name: value.detach().numpy().copy() for name, value in model.state_dict().items()}


def norms_of(model: nn.Module) -> list[Any]:
    """Return the batch-norm layers."""
    return [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def tensors(batch: Batch) -> tuple[Tensor, ...]:
    """Return the batch as tensors of its own."""
    return tuple(torch.tensor(part) for part in batch)


@contextmanager
def tracking(model: nn.Module, ddof: int, weight: float | None = None) -> Iterator[None]:
    """Let passes in training mode update running statistics with the variance of this `ddof`.

    PyTorch stores the variance with ddof 1, Keras and Flax with ddof 0. Without a weight, each layer has its own.
    """
    handles, weights = [], [layer.momentum for layer in norms_of(model)]

    def update(layer: Any, given: tuple[Tensor, ...], *, share: float) -> None:
        if layer.training:
            axes = [axis for axis in range(given[0].ndim) if axis != 1]
            var, mean = torch.var_mean(given[0].detach(), axes, correction=ddof)
            layer.running_mean.data.lerp_(mean, share)
            layer.running_var.data.lerp_(var, share)

    for layer in norms_of(model):
        share = layer.momentum if weight is None else weight
        handles.append(layer.register_forward_pre_hook(partial(update, share=share)))
        layer.momentum = 0.0
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for layer, old in zip(norms_of(model), weights, strict=True):
            layer.momentum = old


def train(
    model: nn.Module,
    batches: Iterable[Batch],
    steps: int,
    *,
    rate: float = 0.01,
    decay: bool = True,
    ddof: int = 1,
    each: Callable[[nn.Module], object] | None = None,
    mode: Callable[[nn.Module], object] = nn.Module.train,
) -> None:
    """Train by Adam; `mode` puts the model into the mode of training before each step, `each` follows each step."""
    optimizer = torch.optim.Adam(model.parameters(), rate, fused=True)
    with tracking(model, ddof):
        for step, batch in zip(range(steps), batches, strict=False):
            optimizer.param_groups[0]["lr"] = rate * (1 - step / steps if decay else 1)
            mode(model)
            *inputs, labels = tensors(batch)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(*inputs), labels).backward()
            optimizer.step()
            if each is not None:
                each(model)
    model.eval()


def update(model: nn.Module, batches: Iterable[Batch], *, ddof: int = 1, weight: float | None = None) -> None:
    """Update running statistics at fixed weights."""
    model.train()
    with tracking(model, ddof, weight), torch.no_grad():
        for batch in batches:
            model(*tensors(batch)[:-1])
    model.eval()
