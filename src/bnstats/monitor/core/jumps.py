"""Sudden changes of batch statistics, told from their usual variation."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from bnstats._checks.array_types import FloatArray

SMALLEST = 8.0
"""Smallest change of batch statistics that is a jump, in units of what is usual."""
TIMES_MEDIAN = 6.0
"""Times the median of a layer's latest changes that a jump exceeds."""
REMEMBERED = 40
"""Changes of a layer that are compared."""
WINDOW, UNSTABLE = 10, 3
"""Steps in which so many jumps are unstable steps."""
QUIET = 50
"""Steps without a jump after which unstable steps may be named anew."""


class Jump(NamedTuple):
    """A sudden change of batch statistics: its step, the layer with the largest one, and its size."""

    step: int
    layer: int
    z: float


class Jumps:
    """The latest changes of each layer, and the jumps among them."""

    def __init__(self, layers: int) -> None:
        self.latest = np.zeros((REMEMBERED, layers))
        self.next = 0
        self.open: deque[Jump] = deque()
        self.silent_until = 0

    def see(self, step: int, z: FloatArray) -> None:
        """Compare the changes at a step with the earlier ones."""
        if (z > SMALLEST).any():
            seen = np.where(self.latest > 0, self.latest, np.nan)
            enough = (self.latest > 0).sum(axis=0) >= WINDOW
            median = np.zeros(z.size)
            median[enough] = np.nanmedian(seen[:, enough], axis=0)
            jumped = enough & (z > np.maximum(SMALLEST, TIMES_MEDIAN * median))
            if jumped.any() and step <= self.silent_until:
                self.silent_until = step + QUIET
            elif jumped.any():
                layer = int(np.argmax(np.where(jumped, z, 0)))
                self.open.append(Jump(step, layer, float(z[layer])))
        self.latest[self.next] = z
        self.next = (self.next + 1) % REMEMBERED

    def decided(self, step: int) -> tuple[str, Jump] | None:
        """Return what the jumps since the oldest open one mean, as soon as that can be said."""
        if not self.open:
            return None
        first = self.open[0]
        if len(self.open) >= UNSTABLE and self.open[UNSTABLE - 1].step - first.step < WINDOW:
            self.open.clear()
            self.silent_until = step + QUIET
            return "unstable_steps", first
        if step - first.step >= WINDOW:
            while self.open and step - self.open[0].step >= WINDOW:
                self.open.popleft()
            return "changed_data", first
        return None
