"""A small residual network on scikit-learn's digits, and what goes wrong with its batch-norm statistics in practice."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Rows = tuple[Tensor, Tensor]
TRAINING_ROWS = 1200


class Block(nn.Module):
    """Two convolutions with batch norm, beside a direct path."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.norm2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x))))))


def network() -> nn.Module:
    """Five batch-norm layers between an image of 8 x 8 pixels and ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(),
        Block(12), nn.MaxPool2d(2), Block(12), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 10),
    )  # fmt: skip


def norms(model: nn.Module) -> list[Any]:
    """The batch-norm layers, in the order of the forward pass."""
    return [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]


def digits(seed: int) -> tuple[Rows, Rows]:
    """Training and test rows."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    images = torch.tensor(x[order].reshape(-1, 1, 8, 8) / 16, dtype=torch.float32)
    labels = torch.tensor(y[order])
    return (images[:TRAINING_ROWS], labels[:TRAINING_ROWS]), (images[TRAINING_ROWS:], labels[TRAINING_ROWS:])


def batches(rows: Rows, batch_size: int = 32) -> Any:
    """Shuffled batches, without the short last one."""
    data = torch.utils.data.TensorDataset(*rows)
    return torch.utils.data.DataLoader(data, batch_size, shuffle=True, drop_last=True)


def trained(loader: Any, steps: int, rate: float = 0.1) -> nn.Module:
    """Trained by stochastic gradient descent, the rate decayed linearly to 0."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    step = 0
    while step < steps:
        for x, y in loader:
            for group in optimizer.param_groups:
                group["lr"] = rate * max(0.0, 1 - step / steps)
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            step += 1
    return model.eval()


def models(loader: Any, steps: int) -> dict[str, nn.Module]:
    """A healthy model and three broken ones, by what was done to them."""
    healthy = trained(loader, steps)
    not_loaded = copy.deepcopy(healthy)
    norms(not_loaded)[1].reset_running_stats()
    return {
        "healthy": healthy,
        "one layer's statistics not loaded": not_loaded,
        "statistics updated 100 times at momentum 0.01": updated_anew(healthy, loader, 100, 0.01),
        "weights averaged, statistics not": averaged(healthy, loader, steps // 2),
    }


def updated_anew(model: nn.Module, loader: Any, updates: int, momentum: float) -> nn.Module:
    """Statistics that start at 0 and 1 again, and see so many batches at fixed weights."""
    model = copy.deepcopy(model).train()
    for layer in norms(model):
        layer.reset_running_stats()
        layer.momentum = momentum
    seen = 0
    with torch.no_grad():
        while seen < updates:
            for x, _ in loader:
                if seen < updates:
                    model(x)
                    seen += 1
    return model.eval()


def averaged(model: nn.Module, loader: Any, steps: int, rate: float = 0.3) -> nn.Module:
    """Weights averaged over further steps at a constant rate, with the statistics of the last step."""
    current, mean = copy.deepcopy(model).train(), copy.deepcopy(model)
    optimizer = torch.optim.SGD(current.parameters(), rate, momentum=0.9)
    step = 0
    while step < steps:
        for x, y in loader:
            optimizer.zero_grad()
            functional.cross_entropy(current(x), y).backward()
            optimizer.step()
            step += 1
            with torch.no_grad():
                for old, new in zip(mean.parameters(), current.parameters(), strict=True):
                    old += (new - old) / step
    for kept, last in zip(mean.buffers(), current.buffers(), strict=True):
        kept.copy_(last)
    return mean.eval()
