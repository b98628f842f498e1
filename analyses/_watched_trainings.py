"""Trainings of a small network under the monitor, and what running statistics cost at each check."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

import bnstats as bn

CHECK_EVERY = 25


@dataclass(frozen=True)
class Setup:
    """Batch size, momentum and learning rate of a training."""

    batch_size: int
    momentum: float
    rate: float


SETUPS = {
    "healthy: batches of 32, momentum 0.1": Setup(32, 0.1, 0.1),
    "momentum too small: 0.002": Setup(32, 0.002, 0.1),
    "batches of 4, momentum 0.9": Setup(4, 0.9, 0.02),
}


def network(momentum: float) -> nn.Sequential:
    """Two hidden layers with batch norm between 64 pixels and ten classes."""
    layers: list[nn.Module] = []
    for inputs in (64, 64):
        layers += [nn.Linear(inputs, 64), nn.BatchNorm1d(64, momentum=momentum), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def with_population(model: nn.Sequential, x: Tensor) -> nn.Sequential:
    """A copy with the statistics of all rows, layer by layer along the inference path."""
    made = copy.deepcopy(model).eval()
    with torch.no_grad():
        for layer in made:
            if isinstance(layer, nn.BatchNorm1d):
                layer.running_mean, layer.running_var = x.mean(0), x.var(0, correction=0)
            x = layer(x)
    return made


def watched(setup: Setup, seed: int, steps: int, rows: tuple[Tensor, Tensor]) -> Iterator[tuple[int, float, float]]:
    """Yield step, the monitor's displacement, and the loss by running less that by population statistics."""
    torch.manual_seed(seed)
    x, y = rows
    model = network(setup.momentum)
    optimizer = torch.optim.SGD(model.parameters(), setup.rate)
    monitor = bn.BatchNormMonitor(batch_size=setup.batch_size, check_every=CHECK_EVERY).watch(model)
    for step in range(1, steps + 1):
        chosen = torch.randint(0, len(x), (setup.batch_size,))
        optimizer.zero_grad()
        functional.cross_entropy(model.train()(x[chosen]), y[chosen]).backward()
        optimizer.step()
        monitor.step()
        if step % CHECK_EVERY == 0:
            with torch.no_grad():
                losses = [functional.cross_entropy(m.eval()(x), y).item() for m in (model, with_population(model, x))]
            yield step, float(monitor.table["displacement"].max()), losses[0] - losses[1]
