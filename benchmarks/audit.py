"""Ratios, measured in one run: the audit's pass over batches against the model's own forward passes.

    python benchmarks/audit.py

The work: batches through models in training mode without gradients, on one thread. Time over that of the plain passes:

- watched: `bn.audit`'s pass, which leaves the statistics of every layer and batch; to reach: below 1.3;
- hooks: forward hooks that compute the same means and variances.

All of them take turns, so that whatever else the machine does hits them alike; medians over the rounds are printed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bnstats.audit.untouched import untouched
from bnstats.audit.watch import Runner, moment

BATCHES, ROUNDS = 8, 7


class Block(nn.Module):
    """A residual block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(x + self.inner(x))


def residual(channels: int, blocks: int) -> nn.Module:
    first = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
    return nn.Sequential(first, *(Block(channels) for _ in range(blocks)), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def dense(width: int, layers: int) -> nn.Module:
    return nn.Sequential(
        *(nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU()) for _ in range(layers))
    )


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "residual, 9 layers of 16 channels, 32 x 32 images, batches of 16": (lambda: residual(16, 4), (16, 3, 32, 32)),
    "residual, 9 layers of 64 channels, 16 x 16 images, batches of 16": (lambda: residual(64, 4), (16, 3, 16, 16)),
    "dense, 6 layers of 512, batches of 64": (lambda: dense(512, 6), (64, 512)),
    "dense, 3 layers of 32, batches of 32 (tiny)": (lambda: dense(32, 3), (32, 32)),
}


def plain(model: nn.Module, batches: list[Tensor]) -> None:
    model.train()
    for batch in batches:
        model(batch)


def hooked(model: nn.Module, batches: list[Tensor]) -> None:
    found: list[Any] = []
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    handles = [m.register_forward_pre_hook(lambda _, inputs: found.append(moment(inputs[0]))) for m in norms]
    plain(model, batches)
    for handle in handles:
        handle.remove()


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ratios(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> tuple[float, float]:
    """Median time of watching, and of hooks, over that of plain passes."""
    model, batches = make(), [torch.randn(shape) for _ in range(BATCHES)]
    with untouched(model, [], 0):
        runner = Runner(model, None, batches[0], torch.device("cpu"))
        ways = (plain, lambda _, drawn: runner.watch(drawn, training=True), hooked)
        times = np.array([[seconds(lambda way=way: way(model, batches)) for way in ways] for _ in range(ROUNDS + 1)])[
            1:
        ]
    watched, hooks = np.median(times[:, 1:] / times[:, :1], axis=0)
    return float(watched), float(hooks)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for name, (make, shape) in MODELS.items():
        watched, hooks = ratios(make, shape)
        print(f"{name}: watched {watched:.2f}, hooks {hooks:.2f}")
