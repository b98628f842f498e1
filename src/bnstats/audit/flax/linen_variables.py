"""Running statistics within the variables of a linen module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from bnstats.audit.core.protocol import Statistics
from bnstats.audit.flax.flax_model import name_of


def plain(tree: Any) -> Any:
    """Return nested mappings as nested dicts."""
    return {key: plain(value) for key, value in tree.items()} if isinstance(tree, Mapping) else tree


def norm_paths(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """Return the parts of the collection `batch_stats` that have a mean and a variance, by their paths."""
    found = {path: tree} if {"mean", "var"} <= {k for k, v in tree.items() if not isinstance(v, Mapping)} else {}
    for key, part in tree.items():
        found |= norm_paths(part, (*path, key)) if isinstance(part, Mapping) else {}
    return found


def stored(held: Mapping[str, Any], statistics: Statistics) -> dict[str, Any]:
    """Return the statistics of a linen layer in the precision and shape in which it keeps its own."""
    changed = zip(("mean", "var"), statistics, strict=True)
    return {**held, **{k: jnp.asarray(v, held[k].dtype).reshape(held[k].shape) for k, v in changed}}


def with_statistics(variables: Mapping[str, Any], statistics: Mapping[str, Statistics]) -> dict[str, Any]:
    """Return variables of a linen module with other running statistics."""

    def changed(tree: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        deeper = {k: changed(v, (*path, k)) if isinstance(v, Mapping) else v for k, v in tree.items()}
        return stored(deeper, statistics[name_of(path)]) if name_of(path) in statistics else deeper

    return {**variables, "batch_stats": changed(variables.get("batch_stats", {}), ())}
