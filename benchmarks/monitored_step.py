"""A read of running statistics and the monitor's core, against a training step of ResNet-18 on one thread."""

from __future__ import annotations

import time
from typing import Any

import bnstats as bn
from benchmarks.frame import Benchmark, Measured, Row, Setting

READ, CORE = "read / step of ResNet-18", "read and core / step of ResNet-18"
WIDTHS = (64, 128, 256, 512)


def resnet(widths: tuple[int, ...]) -> Any:
    """A residual network of 18 layers for images of 224 by 224 pixels."""
    from torch import Tensor, nn

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.inside = nn.Sequential(first, nn.BatchNorm2d(outputs), nn.ReLU(), second, nn.BatchNorm2d(outputs))
            same = stride == 1 and inputs == outputs
            other = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            self.beside = nn.Identity() if same else other

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.relu(self.inside(x) + self.beside(x))

    stem = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
    inputs, blocks = (widths[0], *widths[:-1]), []
    for i, (before, after) in enumerate(zip(inputs, widths, strict=True)):
        blocks += [Block(before, after, 2 if i else 1), Block(after, after, 1)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 10))


def cost(setting: Setting) -> Measured:
    """Seconds of processor time, of reads and steps in turn; a read is some ten thousandths of a step."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = resnet(setting.of(WIDTHS, (8, 8, 8, 8)))
    x = torch.randn(setting.of(32, 2), 3, *setting.of((224, 224), (32, 32)))
    y = torch.zeros(len(x), dtype=torch.long)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    monitor = bn.BatchNormMonitor(batch_size=len(x)).watch(model)
    reader: Any = monitor._reader
    found: dict[str, list[float]] = {READ: [], CORE: []}
    for _ in range(setting.rounds):
        start = time.process_time()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        step = time.process_time() - start
        found[READ].append(_repeated(lambda: reader.read(1), 20) / step)
        found[CORE].append(_repeated(_stepping(monitor, model), setting.of(100, 5)) / step)
    return found


def _stepping(monitor: Any, model: Any) -> Any:
    """A read of statistics that move a little each time, as they do in training."""
    import torch

    layers = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    noise = [torch.randn(100, m.num_features) / 100 for m in layers]
    spent = {"moving": 0.0}

    def step() -> None:
        start = time.process_time()
        with torch.no_grad():
            for layer, change in zip(layers, noise, strict=True):
                layer.running_mean.add_(change[int(layer.num_batches_tracked) % 100])
                layer.num_batches_tracked.add_(1)
        spent["moving"] += time.process_time() - start
        monitor.step()

    step.spent = spent  # type: ignore[attr-defined]
    return step


def _repeated(call: Any, times: int) -> float:
    """Seconds of a call, less what it spent on moving the statistics."""
    start = time.process_time()
    for _ in range(times):
        call()
    moving: float = getattr(call, "spent", {"moving": 0.0})["moving"]
    return (time.process_time() - start - moving) / times


BENCHMARKS = (
    Benchmark(
        "monitor",
        (
            Row(READ, "running statistics of all layers as one array, over a step with 32 images", at_most=0.001),
            Row(CORE, "what the monitor does in a step, checks among them, over a step with 32 images", at_most=0.005),
        ),
        cost,
        needs=("torch",),
    ),
)
