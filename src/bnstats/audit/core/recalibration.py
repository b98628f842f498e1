"""Batches that a recalibration reads: so many rows, or so many that statistics are precise enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from bnstats._warnings import notify
from bnstats.audit.core import kinds
from bnstats.audit.core.kinds import LayerStatistics, Seen, finite
from bnstats.audit.core.protocol import ChannelStatistics, Model
from bnstats.audit.core.reading import LoaderReader
from bnstats.audit.core.trees import arrays, rows_of
from bnstats.statistics.displacement import batches_needed, noise_of_batch
from bnstats.statistics.moments import Moments

MOST = 1000
"""Batches that are read of a loader without a length, which may never end."""
LARGEST = 2**30
"""Bytes of batches that are held: of more batches every second, fourth, ... is held."""
AT_ONCE = 100
"""Batches whose population statistics are made in one pass, which holds a layer's input for all of them."""
FEWEST = 10
"""Batches before their spread says how many are needed."""


@dataclass(frozen=True)
class ReadingLimits:
    """Limits of the reading of a loader; without one all of it is read.

    Attributes
    ----------
    batches, rows : int or None
        Largest number of batches, and number of rows after which reading ends.
    tolerance : float or None
        Displacement at which reading ends, in standard deviations of normalized values.
    """

    batches: int | None = None
    rows: int | None = None
    tolerance: float | None = None


class Precision:
    """Precision of pooled statistics, from the spread between batches.

    Parameters
    ----------
    eps : dict of str to float
        Constant that each layer adds to the variance.
    """

    def __init__(self, eps: Mapping[str, float]) -> None:
        self._eps = eps
        self._spread: dict[str, tuple[Moments, Moments]] = {}

    def add(self, seen: Seen) -> None:
        """Add the moments of the layers' inputs in another batch."""
        for name, calls in seen.items():
            if calls and name in self._eps:
                whole = reduce(Moments.merge, calls)
                mean, var = (Moments(1, value, np.zeros_like(value)) for value in (whole.mean, whole.var()))
                before = self._spread.get(name)
                self._spread[name] = (mean, var) if before is None else (before[0].merge(mean), before[1].merge(var))

    def noise(self) -> float:
        """Return the squared displacement of a single batch, in the layer where it is largest."""
        found = [0.0]
        for name, (mean, var) in self._spread.items():
            variance = var.mean + mean.var() + self._eps[name]
            if float(np.min(mean.n)) > 1:
                found.append(noise_of_batch(mean.var(ddof=1), var.var(ddof=1), variance))
        return max(found)


def read_batches(reader: LoaderReader, model: Model, amount: ReadingLimits) -> list[Any]:
    """Return the batches that statistics are made from.

    Parameters
    ----------
    reader : LoaderReader
        Reads a loader, each batch once.
    model : Model
        Private copy.
    amount : ReadingLimits
        How much is read.

    Warns
    -----
    UserWarning
        If the loader ends before its batches are as precise as the tolerance asks.
    """
    kept: list[Any] = []
    enough = _StoppingRule(model, amount)
    size, stride = 0, 1
    for place, batch in enumerate(reader.each(model.own)):
        if place % stride == 0:
            kept.append(batch)
            size += _bytes(batch)
        if size > LARGEST and len(kept) > 1:
            kept, stride = kept[::2], 2 * stride
            size = sum(map(_bytes, kept))
        if enough(batch):
            return kept
    enough.ended()
    return kept


class _StoppingRule:
    """Rule that says after each batch whether enough was read."""

    def __init__(self, model: Model, amount: ReadingLimits) -> None:
        self._model, self._amount = model, amount
        self._batches = self._rows = 0
        self._precision = Precision({layer.name: layer.eps for layer in model.layers if layer.tracks})

    def __call__(self, batch: Any) -> bool:
        most, tolerance = self._amount, self._amount.tolerance
        self._batches += 1
        self._rows += rows_of(batch)
        if most.batches is not None and self._batches >= most.batches:
            return True
        if most.rows is not None and self._rows >= most.rows:
            return True
        if tolerance is None:
            return False
        self._precision.add(self._model.moments(batch, "batch"))
        return self._batches >= FEWEST and self._batches >= batches_needed(self._precision.noise(), tolerance)

    def ended(self) -> None:
        """Warn if the loader ended too early for the tolerance."""
        if self._amount.tolerance is not None:
            reached = float(np.sqrt(self._precision.noise() / self._batches))
            if reached > self._amount.tolerance or self._batches < FEWEST:
                notify(
                    f"the loader's {self._batches} batches leave a displacement of about {reached:.2g}; tolerance is "
                    f"{self._amount.tolerance:g}."
                )


def _bytes(batch: Any) -> int:
    return sum(int(np.prod(leaf.shape)) * int(getattr(leaf.dtype, "itemsize", 4)) for _, leaf in arrays(batch))


def made_from_finite(
    make: Callable[[Sequence[Any]], LayerStatistics], model: Model, batches: Sequence[Any]
) -> LayerStatistics:
    """Return statistics of these batches, without batches that leave some that are not finite.

    Parameters
    ----------
    make : callable (batches) -> statistics
        Makes statistics of one kind.
    model : Model
        Private copy.
    batches : sequence of batches
        Batches, some of which may hold infinite values or lead to an overflow.

    Raises
    ------
    ValueError
        If no batch is left.
    """
    made = make(batches)
    if _all_finite(made):
        return made
    good = [batch for batch in batches if finite(model.moments(batch, "batch"))]
    made = make(good) if 0 < len(good) < len(batches) else {}
    if not made or not _all_finite(made):
        raise ValueError("the batches lead to statistics that are not finite; look for infinite values in the data.")
    notify(f"{len(batches) - len(good)} of {len(batches)} batches lead to values that are not finite and are left out.")
    return made


def _all_finite(made: LayerStatistics) -> bool:
    return all(np.isfinite(part).all() for statistics in made.values() for part in statistics)


def population(model: Model, batches: Sequence[Any]) -> LayerStatistics:
    """Return population statistics of many batches, pooled over groups that a single pass can hold.

    A group takes every so manieth batch, so that sorted rows are in all groups.
    """
    count = -(-len(batches) // AT_ONCE)
    groups = [batches[k::count] for k in range(count)]
    made = [kinds.population(model, group) for group in groups]
    rows = [float(sum(map(rows_of, group))) for group in groups]
    whole: dict[str, Moments] = {}
    for part, n in zip(made, rows, strict=True):
        for name, (mean, var) in part.items():
            more = Moments(n, mean, n * var)
            whole[name] = whole[name].merge(more) if name in whole else more
    return {name: ChannelStatistics.of(moments) for name, moments in whole.items()}
