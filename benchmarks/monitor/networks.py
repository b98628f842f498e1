"""Small networks on digits, and what is true of their running statistics at a step."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import bnstats as bn

ARCHITECTURES = ("mlp", "cnn", "resnet")


@cache
def digits() -> tuple[Tensor, Tensor]:
    """Digits of 8 by 8 pixels, standardized together."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    images = torch.tensor((x - x.mean()) / x.std(), dtype=torch.float32).reshape(-1, 1, 8, 8)
    return images, torch.tensor(y)


class Residual(nn.Module):
    """Two convolutions with batch norm and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.norm_first, self.norm_second = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        inside = torch.relu(self.norm_first(self.first(x)))
        return torch.relu(x + self.norm_second(self.second(inside)))


def network(architecture: str) -> nn.Module:
    """A network of this architecture with initial weights."""
    if architecture == "mlp":
        layers = [part for n in (64, 64, 64) for part in (nn.Linear(n, 64), nn.BatchNorm1d(64), nn.ReLU())]
        return nn.Sequential(nn.Flatten(), *layers, nn.Linear(64, 10))
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))
    stem = (nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
    if architecture == "cnn":
        second = (nn.Conv2d(16, 16, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        return nn.Sequential(*stem, *second, *head)
    return nn.Sequential(*stem, nn.MaxPool2d(2), Residual(16), Residual(16), *head)


@dataclass(frozen=True)
class Setup:
    """Options of a training.

    Attributes
    ----------
    architecture : str
    batch_size, steps : int
    momentum, rate : float
        Weight of a new batch in the running statistics, and learning rate.
    optimizer : str
        "sgd" with momentum 0.9, or "adam".
    """

    architecture: str
    batch_size: int = 32
    steps: int = 300
    momentum: float = 0.1
    rate: float = 0.05
    optimizer: str = "sgd"


class Training:
    """One training with a monitor; kinds of broken trainings override what they break."""

    def __init__(self, setup: Setup, seed: int) -> None:
        torch.manual_seed(seed)
        self.setup, self.rng = setup, np.random.default_rng(seed)
        self.model = network(setup.architecture)
        for layer in norms(self.model):
            layer.momentum = setup.momentum
        self.optimizer = self.optimizer_of(self.model)
        self.monitor = bn.BatchNormMonitor(batch_size=setup.batch_size, total_steps=setup.steps)

    def optimizer_of(self, model: nn.Module) -> torch.optim.Optimizer:
        if self.setup.optimizer == "adam":
            return torch.optim.Adam(model.parameters(), self.setup.rate)
        return torch.optim.SGD(model.parameters(), self.setup.rate, momentum=0.9)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        x, y = digits()
        rows = torch.tensor(self.rng.integers(0, len(y), self.setup.batch_size))
        return x[rows], y[rows]

    def before(self, step: int) -> None:
        """Change that is made before a step."""

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(self.model(x), y)

    def run(self, at_check: Callable[[int], None] | None = None, every: int = 50) -> None:
        """Train, and call `at_check` at every so many steps."""
        self.model.train()
        self.monitor.watch(self.model)
        for step in range(1, self.setup.steps + 1):
            self.before(step)
            x, y = self.batch(step)
            self.optimizer.zero_grad()
            self.loss(x, y).backward()
            self.optimizer.step()
            self.monitor.step()
            if at_check is not None and step % every == 0:
                at_check(step)


def norms(model: nn.Module) -> list[Any]:
    """The batch-norm layers of a model."""
    return [m for m in model.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]


def with_population(model: nn.Module) -> nn.Module:
    """A copy with population statistics: all rows as one batch, so that each layer gets what inference gives it."""
    made = copy.deepcopy(model).train()
    for layer in norms(made):
        layer.momentum = 1.0
    with torch.no_grad():
        made(digits()[0])
    return made.eval()


def true_displacement(model: nn.Module, population: nn.Module) -> dict[str, float]:
    """The displacement of running statistics from population statistics, by layer, in standard deviations."""
    found = {}
    right = dict(population.named_modules())
    for name, layer in model.named_modules():
        if layer in norms(model):
            other = right[name]
            mean, var = layer.running_mean.double(), layer.running_var.double() + layer.eps
            ratio = ((other.running_var.double() + layer.eps) / var).sqrt()
            squares = (mean - other.running_mean.double()) ** 2 / var + (ratio - 1) ** 2
            found[name] = float(squares.mean().sqrt())
    return found


def cost(model: nn.Module, population: nn.Module) -> float:
    """Return the loss in evaluation mode less that with population statistics, in nats."""
    x, y = digits()
    mode = model.training
    model.eval()
    with torch.no_grad():
        losses = [float(functional.cross_entropy(m(x), y)) for m in (model, population)]
    model.train(mode)
    return losses[0] - losses[1]


def healthy(seed: int) -> Setup:
    """A usual setup; architecture, optimizer and batch size follow from the seed."""
    setup = Setup(ARCHITECTURES[seed % 3], batch_size=(32, 64)[seed // 3 % 2])
    return replace(setup, optimizer="adam", rate=0.002) if seed // 6 % 2 else setup


def varied(seed: int) -> Setup:
    """A setup drawn at random, good or bad."""
    rng = np.random.default_rng([seed, 28])
    momentum = float(rng.choice([0.5, 0.3, 0.1, 0.1, 0.03, 0.01, 0.003]))
    size = int(rng.choice([4, 8, 16, 32, 64]))
    rate, optimizer = [(0.05, "sgd"), (0.01, "sgd"), (0.002, "adam")][int(rng.integers(3))]
    return Setup(ARCHITECTURES[seed % 3], size, 400, momentum, rate, optimizer)
