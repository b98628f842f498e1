"""Running statistics in the variables of a Flax linen model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def flax_statistics(batch_stats: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the running statistics of a Flax linen model, for `BatchNormMonitor.update`.

    Parameters
    ----------
    batch_stats : dict
        The collection `batch_stats` of the variables, or all variables.

    Returns
    -------
    dict
        For each layer, sorted by name, its running mean and running variance.

    Raises
    ------
    ValueError
        If there are no running statistics.

    Examples
    --------
    >>> flax_statistics({"block": {"BatchNorm_0": {"mean": [0.0], "var": [1.0]}}})
    {'block.BatchNorm_0': (array([0.]), array([1.]))}
    """
    found = dict(_layers(batch_stats.get("batch_stats", batch_stats), ())) if isinstance(batch_stats, Mapping) else {}
    if not found:
        raise ValueError("batch_stats is the collection of this name of a Flax model; no layer was found in it.")
    return dict(sorted(found.items()))


def _layers(tree: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if {"mean", "var"} <= set(tree):
        yield ".".join(path) or "model", (np.asarray(tree["mean"]), np.asarray(tree["var"]))
    for name, inner in tree.items():
        if isinstance(inner, Mapping):
            yield from _layers(inner, (*path, str(name)))
