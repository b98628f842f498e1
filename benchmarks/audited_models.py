"""The models of the audit's benchmark, and their passes with and without the audit; needs PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from bnstats.audit.frameworks import framework_of


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
    model.train()
    for batch in batches:
        model(batch)


@contextmanager
def watching(model: nn.Module, example: Tensor) -> Iterator[Callable[[list[Tensor]], object]]:
    """The audit's pass over batches."""
    framework = framework_of(model)
    with framework.guarded(model, [], 0):
        copy = framework.isolate(model, example)
        yield lambda batches: [copy.moments(batch, "train") for batch in batches]
