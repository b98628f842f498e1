"""The models of the audit's benchmark, their passes with and without the audit, and whole audits; needs PyTorch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


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


# By name: the model, and the shape of a batch.
MADE: dict[str, Callable[[], tuple[nn.Module, tuple[int, ...]]]] = {
    "residual, 16 channels": lambda: (residual(16, 4), (16, 3, 32, 32)),
    "residual, 64 channels": lambda: (residual(64, 4), (16, 3, 16, 16)),
    "dense, 6 layers of 512": lambda: (dense(512, 6), (64, 512)),
    "dense, 3 layers of 32": lambda: (dense(32, 3), (32, 32)),
}


def plain(model: nn.Module, batches: list[Tensor]) -> None:
    """The passes alone."""
    with torch.no_grad():
        for batch in batches:
            model(batch)


def watched(private: Any, batches: list[Tensor]) -> None:
    """Training passes with the statistics of every layer."""
    for batch in batches:
        private.moments(batch, "train")


def isolated(model: nn.Module, example: Tensor) -> Any:
    """The audit's private copy."""
    from bnstats.audit.torch.framework import FRAMEWORK

    return FRAMEWORK.isolate(model, example)


def seconds_of_call(name: str, count: int) -> float:
    """CPU seconds of the second `bn.audit` of a model with a linear layer on top and statistics of 40 batches.

    Nothing in here knows the audit but the call, so that it runs with older versions of the package, too.
    """
    import bnstats as bn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    inner, shape = MADE[name]()
    width = inner(torch.randn(shape)).shape[1]
    model = nn.Sequential(inner, nn.Linear(width, 10))
    batches = [(torch.randn(shape), torch.randint(10, shape[:1])) for _ in range(count)]
    plain(model.train(), [x for x, _ in batches[:40]])
    bn.audit(model.eval(), batches, batches=count)
    start = time.process_time()
    bn.audit(model, batches, batches=count)
    return time.process_time() - start
