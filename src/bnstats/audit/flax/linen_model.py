"""Linen modules with variables of their own, and the running statistics in these."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import errors, linen

from bnstats.audit.core.array_model import Handler, LayerCall
from bnstats.audit.core.calling import FLAGS, Caller, Forward, in_evaluation, mode_arguments
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.audit.flax.flax_model import FlaxModel, name_of, statistics_of


class LinenModel(FlaxModel):
    """A linen module and variables of its own, which a pass cannot change."""

    def __init__(
        self, module: linen.Module, variables: Mapping[str, Any], example: Any, forward: Forward | None
    ) -> None:
        self._module, self._variables = module, plain(variables)
        self._moved: Mapping[str, Any] = {}
        super().__init__(example, Caller(forward, type(module).__call__), {})

    def run(self, batch: Any, training: bool, handle: Handler) -> Any:
        """Return the model's output, with every call of a layer done by `handle`."""
        module, call, alone = self._module, type(self._module).__call__, [False]

        def take_over(next_call: Callable[..., Any], args: Any, kwargs: Any, called: Any) -> Any:
            layer, path = called.module, called.module.path
            if alone[0] or called.method_name != "__call__" or path not in self._paths:
                return next_call(*args, **kwargs)
            if getattr(layer, "axis_name", None) is not None:
                object.__setattr__(layer, "axis_name", None)  # the copy runs on one device
            self.norms[name_of(path)] = layer

            def normalized(statistics: ChannelStatistics) -> Any:
                own = layer.clone(parent=None, name=None, **mode_fields(layer, training=False))
                held = {**layer.variables, "batch_stats": stored(layer.variables["batch_stats"], statistics)}
                alone[0] = True
                try:
                    return in_evaluation(own.bind(held).__call__, args, kwargs)
                finally:
                    alone[0] = False

            axis, mask, own_call = getattr(layer, "axis", -1), kwargs.get("mask"), partial(next_call, *args, **kwargs)
            return handle(LayerCall(name_of(path), args[0], axis, mask, own_call, normalized))

        moded = module.clone(parent=None, **mode_fields(module, training))
        with linen.intercept_methods(take_over), jax.disable_jit(self.eager):
            apply = partial(
                self._apply, moded, self.seed_of(batch, training), training, **mode_arguments(call, training)
            )
            return self.caller(apply, batch)

    def _apply(self, module: linen.Module, seed: int, training: bool, *args: Any, **kwargs: Any) -> Any:
        """Apply the module; in evaluation mode nothing may change, unless the module insists."""
        rngs = {"params": jax.random.key(seed), "dropout": jax.random.key(seed)}
        apply = partial(module.apply, self._variables, *args, rngs=rngs, **kwargs)
        if not training:
            try:
                return apply()
            except errors.ModifyScopeVariableError:  # a layer uses its batch in evaluation mode, too
                pass
        output, self._moved = apply(mutable=["batch_stats"])
        return output

    @contextmanager
    def restored(self, keep_statistics: bool) -> Iterator[None]:
        """Keep the running statistics of a pass, if so wished; it changes nothing else."""
        self._moved = {}
        yield
        if keep_statistics:
            self._variables = {**self._variables, **plain(self._moved)}

    @property
    def _paths(self) -> Mapping[tuple[str, ...], Mapping[str, Any]]:
        return norm_paths(self._variables.get("batch_stats", {}))

    def get(self) -> dict[str, ChannelStatistics]:
        """Return the running statistics of all layers."""
        return {name_of(path): statistics_of(held["mean"], held["var"]) for path, held in self._paths.items()}

    def set(self, statistics: Mapping[str, ChannelStatistics]) -> None:
        """Replace the running statistics of these layers."""
        self._variables = with_statistics(self._variables, statistics)


def mode_fields(module: linen.Module, training: bool) -> dict[str, bool | None]:
    """Return the fields of a linen module that set its mode; None where its call has an argument of that name."""
    named = mode_arguments(type(module).__call__, training)
    return {f.name: None if f.name in named else FLAGS[f.name] == training for f in fields(module) if f.name in FLAGS}


def plain(tree: Any) -> Any:
    """Return nested mappings as nested dicts."""
    return {key: plain(value) for key, value in tree.items()} if isinstance(tree, Mapping) else tree


def norm_paths(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """Return the parts of the collection `batch_stats` that have a mean and a variance, by their paths."""
    found = {path: tree} if {"mean", "var"} <= {k for k, v in tree.items() if not isinstance(v, Mapping)} else {}
    for key, part in tree.items():
        found |= norm_paths(part, (*path, key)) if isinstance(part, Mapping) else {}
    return found


def stored(held: Mapping[str, Any], statistics: ChannelStatistics) -> dict[str, Any]:
    """Return the statistics of a linen layer in the precision and shape in which it keeps its own."""
    changed = zip(("mean", "var"), statistics, strict=True)
    return {**held, **{k: jnp.asarray(v, held[k].dtype).reshape(held[k].shape) for k, v in changed}}


def with_statistics(variables: Mapping[str, Any], statistics: Mapping[str, ChannelStatistics]) -> dict[str, Any]:
    """Return variables of a linen module with other running statistics."""

    def changed(tree: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        deeper = {k: changed(v, (*path, k)) if isinstance(v, Mapping) else v for k, v in tree.items()}
        return stored(deeper, statistics[name_of(path)]) if name_of(path) in statistics else deeper

    return {**variables, "batch_stats": changed(variables.get("batch_stats", {}), ())}
