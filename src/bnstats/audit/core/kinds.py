"""Kinds of statistics that a layer can be given in evaluation mode, made from batches or from the running ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import Any

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats.audit.core.protocol import ChannelStatistics, Mode, Model
from bnstats.statistics.moments import Moments

LayerStatistics = dict[str, ChannelStatistics]
Seen = Mapping[str, tuple[Moments, ...]]


@contextmanager
def kept(model: Model, other: LayerStatistics | None = None) -> Iterator[LayerStatistics]:
    """Give the running statistics of a model, and put them back on exit; within, others may stand in their place."""
    before = model.get()
    try:
        if other is not None:
            model.set(other)
        yield before
    finally:
        model.set(before)


def observe(model: Model, batches: Iterable[Any], mode: Mode) -> list[Seen]:
    """Return the moments of each layer's input in each batch."""
    return [model.moments(batch, mode) for batch in batches]


def finite(seen: Seen) -> bool:
    """Return True if a batch left finite moments in every layer."""
    return all(np.isfinite(m.mean).all() and np.isfinite(m.m2).all() for calls in seen.values() for m in calls)


def of_layer(seen: Sequence[Seen], name: str) -> list[Moments]:
    """Return the moments of a layer, batch by batch and call by call; passes may skip a layer."""
    return [moments for batch in seen for moments in batch.get(name, ())]


def by_layer(seen: Sequence[Seen]) -> dict[str, list[Moments]]:
    """Return the moments of all layers that were seen."""
    return {name: of_layer(seen, name) for name in dict.fromkeys(name for batch in seen for name in batch)}


def stored_var(moments: Moments, ddof: int) -> FloatArray:
    """Return the variance that a framework stores; biased where a batch holds a single value."""
    return moments.var(ddof=ddof if float(np.min(moments.n)) > ddof else 0)


def averaged(seen: Sequence[Seen], ddof: int) -> LayerStatistics:
    """Return means and stored variances of batches, averaged with equal weights, as `update_bn` of PyTorch does."""
    return {
        name: ChannelStatistics(
            np.mean([m.mean for m in found], axis=0), np.mean([stored_var(m, ddof) for m in found], axis=0)
        )
        for name, found in by_layer(seen).items()
    }


def pooled(seen: Sequence[Seen]) -> LayerStatistics:
    """Return mean and variance of all values in all batches (Wu & Johnson 2021, arXiv 2105.07576)."""
    return {name: ChannelStatistics.of(reduce(Moments.merge, found)) for name, found in by_layer(seen).items()}


def population(model: Model, batches: Sequence[Any]) -> LayerStatistics:
    """Return statistics of all rows along the inference path; the model's own statistics stay as they are.

    The framework's lockstep makes them in one pass. Where it cannot, each layer is pooled and set before the next: as
    many passes as layers, as passes before that would see statistics of a path that no longer exists.

    Parameters
    ----------
    model : Model
        Private copy.
    batches : sequence of batches
        Batches of any size.

    Returns
    -------
    dict of str to ChannelStatistics
        Mean and biased variance of each layer that keeps running statistics.
    """
    if not batches:
        return {}
    at_once = model.lockstep(batches)
    if at_once is not None:
        tracked = model.get()
        return {name: statistics for name, statistics in at_once.items() if name in tracked}
    made: LayerStatistics = {}
    with kept(model) as tracked:
        for layer in model.layers:
            if layer.name in tracked:
                found = pooled([{layer.name: seen.get(layer.name, ())} for seen in observe(model, batches, "eval")])
                made |= found
                model.set(found)
    return made


def debiased(
    running: LayerStatistics, start_weight: Mapping[str, float], start: tuple[float, float]
) -> LayerStatistics:
    """Return running statistics with the contribution of the start values removed.

    Parameters
    ----------
    running : dict of str to ChannelStatistics
        Running statistics.
    start_weight : dict of str to float
        Weight of the start values in each layer; layers with a weight of 1 or nan stay as they are.
    start : (float, float)
        Mean and variance before the first batch.
    """
    made = {}
    for name, (mean, var) in running.items():
        w = start_weight.get(name, 0.0)
        if 0 < w < 1:
            mean, var = (mean - w * start[0]) / (1 - w), np.maximum(var - w * start[1], 0) / (1 - w)
        made[name] = ChannelStatistics(mean, var)
    return made


def of_training(kind: str, running: LayerStatistics, seen: Sequence[Seen], ddof: int) -> LayerStatistics:
    """Return statistics of batches in training mode: biased, precise, or else averaged."""
    if kind == "biased":
        return biased(running, seen)
    return pooled(seen) if kind == "precise" else averaged(seen, ddof)


def biased(running: LayerStatistics, seen: Sequence[Seen]) -> LayerStatistics:
    """Return running statistics with variances divided by n / (n - 1), for n values in a batch."""
    made = {}
    for name, (mean, var) in running.items():
        counts = [float(np.mean(m.n)) for m in of_layer(seen, name)]
        n = float(np.mean(counts)) if counts else np.inf
        made[name] = ChannelStatistics(mean, var * (1 - 1 / n))
    return made
