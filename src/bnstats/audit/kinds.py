"""Kinds of statistics that a layer can be given in evaluation mode, each made from batches or from the running ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from bnstats.audit.batches import count_rows, taken, tensors
from bnstats.audit.layers import Layer, Statistics
from bnstats.audit.null import update_weights
from bnstats.audit.watch import Runner, Watched

# How many input values may go into one batch for population statistics: 64 MB in float32.
LARGEST = 2**24

Kind = dict[str, Statistics]


def precise(watched: Mapping[str, Watched]) -> Kind:
    """Batches of the training size, pooled at the present weights (Wu & Johnson 2021, arXiv 2105.07576)."""
    return {name: w.pooled() for name, w in watched.items() if len(w.batch)}


def averaged(layers: Sequence[Layer], watched: Mapping[str, Watched]) -> Kind:
    """Means and unbiased variances of batches with equal weights, as `torch.optim.swa_utils.update_bn` makes them."""
    made = {}
    for layer in layers:
        w = watched.get(layer.name)
        if w is not None and len(w.batch):
            mean, var = w.mean.mean(axis=(0, 1)), w.var.mean(axis=(0, 1))
            made[layer.name] = (mean, var)
    return made


def biased(layers: Sequence[Layer], watched: Mapping[str, Watched]) -> Kind:
    """Running statistics with the variance divided by n/(n - 1), which PyTorch stores but does not normalize with."""
    made = {}
    for layer in layers:
        if layer.running is not None and layer.name in watched and watched[layer.name].n.size:
            n = float(watched[layer.name].n.mean())
            made[layer.name] = (layer.running[0], layer.running[1] * (n - 1) / n)
    return made


def debiased(layers: Sequence[Layer]) -> Kind:
    """Running statistics without what the start values 0 and 1 still weigh; start values where nothing else is."""
    made = {}
    for layer in layers:
        if layer.running is not None:
            start, _ = update_weights(layer.momentum, layer.steps, layer.calls)
            mean, var = layer.running
            if start < 1:
                mean, var = mean / (1 - start), np.maximum(var - start, 0) / (1 - start)
            made[layer.name] = (mean, var)
    return made


def population(runner: Runner, rows: Any, batch_size: int, seed: int, frozen: Collection[str] = ()) -> Kind:
    """Statistics of all rows, layer by layer along the inference path itself; exact if the rows fit into one batch.

    Else rows are put together anew into batches as large as fit, at least as large as in training: each layer's input
    is then normalized by statistics of so many rows instead of all.

    Parameters
    ----------
    runner : Runner
    rows : batch
        All of them.
    batch_size : int
        Of training.
    seed : int
        Of the regrouping.
    frozen : names
        Layers that keep their running statistics.
    """
    return grouped(runner, rows, group_size(rows, batch_size), seed, frozen)


def grouped(runner: Runner, rows: Any, size: int, seed: int, frozen: Collection[str] = ()) -> Kind:
    """The same from random groups of at most so many rows."""
    count = count_rows(rows)
    parts = max(-(-count // size), 1)
    order = np.random.default_rng(seed).permutation(count)
    batches = [taken(rows, np.sort(part)) for part in np.array_split(order, parts)]
    watched = runner.watch(batches, training=False, frozen=frozen)
    return {name: w.pooled() for name, w in watched.items() if len(w.batch)}


def group_size(rows: Any, batch_size: int) -> int:
    """Rows of a batch for population statistics."""
    values = sum(t.numel() for t in tensors(rows) if t.ndim) / count_rows(rows)
    return max(int(LARGEST / max(values, 1)), batch_size)
