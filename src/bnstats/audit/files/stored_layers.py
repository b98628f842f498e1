"""Batch-norm layers that a weights file holds, found by the names of their arrays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bnstats._checks.array_types import FloatArray

STATISTICS = {"running_mean": "mean", "running_var": "var", "moving_mean": "mean", "moving_variance": "var"}
COUNTER = "num_batches_tracked"
LEARNED = {"weight": "weight", "gamma": "weight", "scale": "weight"}
NAMED_SO = re.compile(r"(.*_)?(bn|batch_?norm(alization)?)(\d?d)?_?\d*", re.IGNORECASE)
"""Names that are usual for batch-norm layers."""
FLAX = re.compile(r"(.*\.)?batch_stats\.(?P<layer>.*)\.(?P<part>mean|var)")


@dataclass
class StoredLayer:
    """Contents of a file about one layer; None for what it does not hold."""

    name: str
    mean: FloatArray | None = None
    var: FloatArray | None = None
    weight: FloatArray | None = None
    updates: int | None = None


@dataclass(frozen=True)
class FileContents:
    """Batch-norm layers of a file.

    Attributes
    ----------
    layers : list of StoredLayer
        Layers with a running mean, a running variance or a counter of updates.
    without : list of str
        Layers with the name of batch norm and a weight, without running statistics.
    """

    layers: list[StoredLayer]
    without: list[str]


def part_of(name: str) -> tuple[str, str] | None:
    """Return layer and part of an array's name; None for arrays that no batch norm holds.

    >>> part_of("stem.bn1.running_var"), part_of("batch_stats/Block_0/BatchNorm_0/mean"), part_of("head.bias")
    (('stem.bn1', 'var'), ('Block_0.BatchNorm_0', 'mean'), None)
    """
    dotted = name.replace("/", ".")
    layer, _, last = dotted.rpartition(".")
    if found := FLAX.fullmatch(dotted):
        return found["layer"], found["part"]
    if last in STATISTICS or last == COUNTER or last in LEARNED:
        return layer or "model", STATISTICS.get(last) or LEARNED.get(last) or "updates"
    return None


def grouped(names: Iterable[str], read: Callable[[str], Any]) -> FileContents:
    """Return the layers of a file, from the names of its arrays and a function that reads one of them."""
    parts: dict[str, dict[str, str]] = {}
    for name in names:
        if found := part_of(name):
            parts.setdefault(found[0], {})[found[1]] = name
    layers = [_stored(layer, held, read) for layer, held in parts.items() if {"mean", "var", "updates"} & held.keys()]
    others = [layer for layer, held in parts.items() if held.keys() == {"weight"}]
    return FileContents(layers, [layer for layer in others if NAMED_SO.fullmatch(layer.rpartition(".")[2])])


def _stored(name: str, parts: Mapping[str, str], read: Callable[[str], Any]) -> StoredLayer:
    arrays = {part: read(key) for part, key in parts.items()}
    updates = arrays.pop("updates", None)
    return StoredLayer(
        name, **arrays, updates=None if updates is None else int(updates.reshape(-1)[0]) if updates.size else None
    )
