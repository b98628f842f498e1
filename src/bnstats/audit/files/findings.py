"""Faults in running statistics that a file alone can show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from bnstats.audit.files.stored_layers import StoredLayer


class Finding(NamedTuple):
    """One kind of fault in one layer.

    Attributes
    ----------
    kind : str
        Key in `KINDS`.
    layer : str
        Name of the layer.
    channels : int
        Number of channels with the fault.
    """

    kind: str
    layer: str
    channels: int


KINDS: dict[str, tuple[str, str]] = {
    "incomplete": ("off", "running mean and variance are not both there, or do not have the same shape"),
    "not_finite": ("off", "running statistics are infinite or no numbers"),
    "negative_variance": ("off", "running variances are below 0"),
    "no_variance": ("off", "all running variances are 0"),
    "never_updated": (
        "off",
        "running statistics are the start values 0 and 1: never updated, or not loaded before saving",
    ),
    "maybe_never_updated": (
        "not_judged",
        "running statistics are the start values 0 and 1, and those of other layers are not: no pass called the layer, "
        "or it was never updated",
    ),
    "without_statistics": (
        "not_judged",
        "the name is one of batch norm, and the file holds no running statistics for it",
    ),
    "counter_of_0": ("fine", "the counter of updates is 0, though running statistics are not the start values"),
    "zero_variance": ("fine", "the running variance is 0 in some channels, whose input was constant"),
    "dead_channels": ("fine", "the learned weight is 0 in some channels, which therefore pass nothing on"),
}
"""Verdict and words of each kind; a kind whose verdict is fine is a note."""


def findings(layers: list[StoredLayer], without: list[str]) -> list[Finding]:
    """Return all findings, layer by layer."""
    starts = [layer for layer in layers if _at_start(layer)]
    unlike_others = 0 < len(starts) < len(layers)
    found = [finding for layer in layers for finding in _of(layer, unlike_others)]
    return found + [Finding("without_statistics", name, 0) for name in without]


def _at_start(layer: StoredLayer) -> bool:
    mean, var = layer.mean, layer.var
    return mean is not None and var is not None and bool(np.all(mean == 0) and np.all(var == 1))


def _of(layer: StoredLayer, unlike_others: bool) -> Iterator[Finding]:
    mean, var = layer.mean, layer.var
    if mean is None or var is None or mean.shape != var.shape or not mean.size:
        yield Finding("incomplete", layer.name, 0 if mean is None else mean.size)
        return
    if _at_start(layer):
        # A counter above 0 says that the layer was updated, and so that its statistics were lost.
        unsure = unlike_others and not layer.updates
        yield Finding("maybe_never_updated" if unsure else "never_updated", layer.name, mean.size)
    elif layer.updates == 0:
        yield Finding("counter_of_0", layer.name, mean.size)
    counts: dict[str, Callable[[], int]] = {
        "not_finite": lambda: int(np.sum(~np.isfinite(mean) | ~np.isfinite(var))),
        "negative_variance": lambda: int(np.sum(var < 0)),
        "dead_channels": lambda: 0 if layer.weight is None else int(np.sum(layer.weight == 0)),
    }
    for kind, count in counts.items():
        if channels := count():
            yield Finding(kind, layer.name, channels)
    if zeros := int(np.sum(var == 0)):
        yield Finding("no_variance" if zeros == var.size else "zero_variance", layer.name, zeros)
