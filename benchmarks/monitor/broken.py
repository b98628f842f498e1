"""Kinds of broken trainings, and the events that name each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from benchmarks.monitor.networks import ARCHITECTURES, Setup, Training, digits, network, norms

FAULT = 150
"""The step at which something breaks that was well before."""


class OneClass(Training):
    """Batches of one class each."""

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        x, y = digits()
        rows = torch.nonzero(y == int(self.rng.integers(10))).flatten()
        chosen = rows[torch.tensor(self.rng.integers(0, len(rows), self.setup.batch_size))]
        return x[chosen], y[chosen]


class Alternating(Training):
    """Two sources in turn; one is brighter."""

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        x, y = super().batch(step)
        return x + (step % 2), y


class ChangedData(Training):
    """Pixels of another scale from some step on."""

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        x, y = super().batch(step)
        return (3 * x if step >= FAULT else x), y


class Unstable(Training):
    """A learning rate that grows a hundred times."""

    def before(self, step: int) -> None:
        if step == FAULT:
            for group in self.optimizer.param_groups:
                group["lr"] *= 100


class Frozen(Training):
    """Batch norm in evaluation mode from some step on."""

    def before(self, step: int) -> None:
        if step == FAULT:
            for layer in norms(self.model):
                layer.eval()


class Twice(Training):
    """A forward pass that runs twice for each batch."""

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        with torch.no_grad():
            self.model(x)
        return super().loss(x, y)


class Still(Training):
    """An optimizer that holds the parameters of another model."""

    def optimizer_of(self, model: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(network(self.setup.architecture).parameters(), self.setup.rate)


class NotFinite(Training):
    """One batch with an infinite pixel."""

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        x, y = super().batch(step)
        if step == FAULT:
            x[0, 0, 0, 0] = float("inf")
        return x, y


class Dead(Training):
    """Rectified units that are all negative from some step on, so that the next layer gets a constant."""

    def before(self, step: int) -> None:
        if step == FAULT:
            nn.init.constant_(norms(self.model)[0].bias, -50.0)


class Half(Training):
    """Weights and running statistics in bfloat16."""

    def __init__(self, setup: Setup, seed: int) -> None:
        super().__init__(setup, seed)
        self.model.bfloat16()

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        x, y = super().batch(step)
        return x.bfloat16(), y


@dataclass(frozen=True)
class Kind:
    """A kind of broken training.

    Attributes
    ----------
    expected : tuple of str
        Events that name the cause.
    training : class
    setup : dict
        What differs from a healthy setup.
    since : int
        The step at which it begins.
    architectures : tuple of str
        In which it can be seen.
    """

    expected: tuple[str, ...]
    training: type[Training] = Training
    setup: Mapping[str, object] | None = None
    since: int = 1
    architectures: tuple[str, ...] = ARCHITECTURES

    def made(self, seed: int) -> Training:
        setup = Setup(self.architectures[seed % len(self.architectures)])
        return self.training(replace(setup, **(self.setup or {})), seed)  # type: ignore[arg-type]


BROKEN: Mapping[str, Kind] = {
    "momentum 0.001": Kind(("start_remains",), setup={"momentum": 0.001}),
    "120 steps at momentum 0.01": Kind(("start_remains",), setup={"momentum": 0.01, "steps": 120}),
    "momentum 0.003, 2000 steps": Kind(
        ("lag",), setup={"momentum": 0.003, "steps": 2000}, architectures=("mlp", "cnn")
    ),
    "momentum 0.9 at batches of 4": Kind(("noise",), setup={"momentum": 0.9, "batch_size": 4, "rate": 0.01}),
    "one class a batch": Kind(("dependent_batches",), OneClass, architectures=("mlp",)),
    "alternating sources": Kind(("alternating_sources",), Alternating),
    "changed data": Kind(("changed_data",), ChangedData, since=FAULT),
    "unstable": Kind(("unstable_steps", "not_finite"), Unstable, since=FAULT),
    "frozen": Kind(("frozen",), Frozen, since=FAULT),
    "updated twice": Kind(("updated_twice",), Twice),
    "weights do not move": Kind(("weights_still",), Still),
    "infinite pixel": Kind(("not_finite",), NotFinite, since=FAULT),
    "dead units": Kind(("dead_channels",), Dead, since=FAULT, architectures=("mlp", "cnn")),
    "bfloat16": Kind(("low_precision",), Half, {"momentum": 0.01, "steps": 600}, architectures=("mlp",)),
}


def named(training: Training) -> dict[str, tuple[int, int]]:
    """Train, and return for each event the step at which it was named, and the step at which it says it began."""
    found: dict[str, tuple[int, int]] = {}

    def look(step: int) -> None:
        for event in training.monitor.events.itertuples():
            found.setdefault(str(event.code), (step, int(event.step)))  # type: ignore[arg-type]

    training.run(look, every=1)
    return found
