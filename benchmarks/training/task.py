"""The task: networks of 64 inputs, one or four hidden layers of 64 with batch normalization, and 10 classes.

They are trained by stochastic gradient descent on rows that are gathered by index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.frame import seconds

INPUTS, UNITS, CLASSES, ROWS = 64, 64, 10, 1300
RATE = 0.05


def data(rows: int = ROWS) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    y = rng.integers(CLASSES, size=rows)
    return (rng.normal(size=(rows, INPUTS)) + rng.normal(size=(CLASSES, INPUTS))[y]).astype(np.float32), y


def batches(n: int, *steps: int) -> NDArray[np.int64]:
    return np.random.default_rng(1).integers(ROWS, size=(*steps, n))


def layer_sizes(depth: int) -> tuple[int, ...]:
    return (INPUTS, *[UNITS] * depth, CLASSES)


def products(depth: int, n: int) -> float:
    """Floating-point operations of a step's matrix products; the first layer passes no gradient on."""
    return 2.0 * n * ((3 * depth - 1) * INPUTS * UNITS + 3 * UNITS * CLASSES)


def repeat(work: Callable[[], Any], least: float) -> Iterator[float]:
    """Seconds that `work` takes, again and again, each time as a mean over at least so many seconds."""
    repeats = max(int(least / min(seconds(work) for _ in range(3))), 1)
    while True:
        yield seconds(lambda: [work() for _ in range(repeats)]) / repeats
