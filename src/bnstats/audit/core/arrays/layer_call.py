"""One call of a batch-norm layer in a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnstats.audit.core.protocol import Statistics
from bnstats.statistics.moments import Moments


@dataclass(frozen=True)
class LayerCall:
    """One call of a batch-norm layer in a forward pass.

    Attributes
    ----------
    layer : str
        Name of the layer.
    x : array
        Input of the layer.
    axis : int or sequence of int
        Axes of the channels.
    mask : array or None
        True for the positions that are data.
    own : callable () -> output
        Does what the layer does in this pass.
    normalized : callable (Statistics) -> output
        Normalizes the input by these statistics.
    """

    layer: str
    x: Any
    axis: int | Sequence[int]
    mask: Any
    own: Callable[[], Any]
    normalized: Callable[[Statistics], Any]

    def moments(self) -> Moments:
        """Return count, mean and sum of squared deviations of each channel."""
        x = np.asarray(self.x, np.float64)
        axes = sorted(axis % x.ndim for axis in ([self.axis] if isinstance(self.axis, int) else self.axis))
        last = [*range(-len(axes), 0)]
        x, channels = np.moveaxis(x, axes, last), int(np.prod([x.shape[axis] for axis in axes]))
        rows = x.reshape(-1, channels)
        if self.mask is not None:
            mask = np.asarray(self.mask, bool)
            mask = mask[..., None] if mask.ndim < x.ndim else np.moveaxis(mask, axes, last)
            rows = rows[np.broadcast_to(mask, x.shape).reshape(-1, channels).any(axis=1)]
        return Moments.of(rows, axis=0)


Handler = Callable[[LayerCall], Any]
