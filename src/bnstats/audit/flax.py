"""Flax models for the audit: NNX modules, and linen modules with their variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import errors, linen, nnx

from bnstats.audit.core.array_model import (
    FLAGS,
    ArrayModel,
    Handler,
    LayerCall,
    as_numpy,
    in_evaluation,
    inputs_of,
    mode_arguments,
    noise_seed,
)
from bnstats.audit.core.leaves import mapped
from bnstats.audit.core.protocol import Layer, Model, Statistics

Forward = Callable[[Any, Any], Any] | None


class FlaxModel(ArrayModel):
    """What copies of NNX and of linen models share."""

    convention = "flax"

    def own(self, batch: Any) -> Any:
        """Return a copy of a batch; arrays of JAX cannot change."""
        return mapped(batch, lambda leaf: leaf if isinstance(leaf, jax.Array) else as_numpy(leaf))


class NNXModel(FlaxModel):
    """A private copy of an NNX module, whose arrays are those of the original: they cannot change."""

    def __init__(self, original: nnx.Module, example: Any, forward: Forward) -> None:
        self._original, self._example, self._forward = original, example, forward
        self._model = nnx.clone(original)
        self._norms = batch_norms(self._model)
        self._handle: Handler | None = None
        for name, layer in self._norms.items():
            object.__setattr__(layer, "__class__", self._taken_over(name, type(layer)))
        super().__init__(example)

    def _taken_over(self, name: str, kind: Any) -> type:
        """Return a class for a layer of the copy that hands each call to the pass that runs."""
        owner = self

        class TakenOver(kind):
            def __call__(self, *args: Any, **kwargs: Any) -> Any:
                call = super().__call__

                def normalized(statistics: Statistics) -> Any:
                    write({name: self}, {name: statistics})
                    return in_evaluation(call, args, kwargs)

                if owner._handle is None:
                    return call(*args, **kwargs)
                axis, mask, own = getattr(self, "axis", -1), kwargs.get("mask"), partial(call, *args, **kwargs)
                return owner._handle(LayerCall(name, args[0], axis, mask, own, normalized))

        return TakenOver

    def run(self, batch: Any, training: bool, handle: Handler) -> Any:
        """Return the model's output, with every call of a layer done by `handle`."""
        (self._model.train if training else self._model.eval)()
        for _, stream in nnx.iter_graph(self._model):
            if isinstance(stream, nnx.RngCount):
                stream[...] = jnp.asarray(noise_seed(batch), stream[...].dtype)
        call = type(self._model).__call__
        model = partial(self._model, **mode_arguments(call, training))
        self._handle = handle
        try:
            with jax.disable_jit(self.eager):
                return _output(model, call, batch, self._forward)
        finally:
            self._handle = None

    @contextmanager
    def restored(self, keep_statistics: bool) -> Iterator[None]:
        """Put back what a pass moves: variables and, unless kept, running statistics."""
        before = nnx.clone(nnx.state(self._model))
        try:
            yield
        finally:
            statistics = nnx.clone(nnx.state(self._model, nnx.BatchStat))
            nnx.update(self._model, before)
            if keep_statistics:
                nnx.update(self._model, statistics)

    def described(self, name: str, calls: int) -> Layer:
        """Return the description of a layer."""
        return _described(self._norms[name], name, self.get()[name], calls)

    def all_layers(self) -> Sequence[str]:
        """Return the names of all batch-norm layers."""
        return list(self._norms)

    def get(self) -> dict[str, Statistics]:
        """Return the running statistics of all layers."""
        return {name: _statistics(layer.mean[...], layer.var[...]) for name, layer in self._norms.items()}

    def set(self, statistics: Mapping[str, Statistics]) -> None:
        """Replace the running statistics of these layers."""
        write(self._norms, statistics)

    def copy(self) -> Model:
        """Return another private copy."""
        return NNXModel(self._original, self._example, self._forward)


class LinenModel(FlaxModel):
    """A linen module and variables of its own, which a pass cannot change."""

    def __init__(self, module: linen.Module, variables: Mapping[str, Any], example: Any, forward: Forward) -> None:
        self._module, self._example, self._forward = module, example, forward
        self._start = self._variables = plain(variables)
        self._found: dict[str, Any] = {}
        self._moved: Mapping[str, Any] = {}
        super().__init__(example)

    def run(self, batch: Any, training: bool, handle: Handler) -> Any:
        """Return the model's output, with every call of a layer done by `handle`."""
        module, call, alone = self._module, type(self._module).__call__, [False]

        def take_over(next_call: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
            layer, path = context.module, context.module.path
            if alone[0] or context.method_name != "__call__" or path not in self._paths:
                return next_call(*args, **kwargs)
            if getattr(layer, "axis_name", None) is not None:
                object.__setattr__(layer, "axis_name", None)  # the copy runs on one device
            self._found[_name(path)] = layer

            def normalized(statistics: Statistics) -> Any:
                own = layer.clone(parent=None, name=None, **_mode_fields(layer, training=False))
                held = {**layer.variables, "batch_stats": stored(layer.variables["batch_stats"], statistics)}
                alone[0] = True
                try:
                    return in_evaluation(own.bind(held).__call__, args, kwargs)
                finally:
                    alone[0] = False

            axis, mask, own_call = getattr(layer, "axis", -1), kwargs.get("mask"), partial(next_call, *args, **kwargs)
            return handle(LayerCall(_name(path), args[0], axis, mask, own_call, normalized))

        moded = module.clone(parent=None, **_mode_fields(module, training))
        with linen.intercept_methods(take_over), jax.disable_jit(self.eager):
            apply = partial(self._apply, moded, noise_seed(batch), training, **mode_arguments(call, training))
            return _output(apply, call, batch, self._forward)

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
        return _norm_paths(self._variables.get("batch_stats", {}))

    def described(self, name: str, calls: int) -> Layer:
        """Return the description of a layer."""
        return _described(self._found[name], name, self.get()[name], calls)

    def all_layers(self) -> Sequence[str]:
        """Return the names of all batch-norm layers."""
        return [_name(path) for path in self._paths]

    def get(self) -> dict[str, Statistics]:
        """Return the running statistics of all layers."""
        return {_name(path): _statistics(held["mean"], held["var"]) for path, held in self._paths.items()}

    def set(self, statistics: Mapping[str, Statistics]) -> None:
        """Replace the running statistics of these layers."""
        self._variables = with_statistics(self._variables, statistics)

    def copy(self) -> Model:
        """Return another private copy."""
        return LinenModel(self._module, self._start, self._example, self._forward)


def _output(model: Callable[..., Any], call: Callable[..., Any], batch: Any, forward: Forward) -> Any:
    """Return the output of a model whose mode is set, by the user's function or by the names of its arguments."""
    if forward is not None:
        return forward(model, batch)
    args, kwargs = inputs_of(batch, call)
    return model(*args, **kwargs)


def _mode_fields(module: linen.Module, training: bool) -> dict[str, bool | None]:
    """Return the fields of a linen module that set its mode; None where its call has an argument of that name."""
    named = mode_arguments(type(module).__call__, training)
    return {f.name: None if f.name in named else FLAGS[f.name] == training for f in fields(module) if f.name in FLAGS}


def _described(layer: Any, name: str, statistics: Statistics, calls: int) -> Layer:
    weight, eps = 1 - float(getattr(layer, "momentum", 0.99)), float(getattr(layer, "epsilon", 1e-5))
    return Layer(name, statistics.mean.size, eps, weight, None, True, calls)


def _statistics(mean: Any, var: Any) -> Statistics:
    return Statistics(np.asarray(mean, np.float64).reshape(-1), np.asarray(var, np.float64).reshape(-1))


def _name(path: Sequence[Any]) -> str:
    return ".".join(map(str, path)) or "model"


def batch_norms(model: nnx.Module) -> dict[str, Any]:
    """Return the batch-norm layers of an NNX module by their paths: those with batch statistics `mean` and `var`."""
    return {
        _name(path): layer
        for path, layer in nnx.iter_modules(model)
        if all(isinstance(getattr(layer, name, None), nnx.BatchStat) for name in ("mean", "var"))
    }


def write(layers: Mapping[str, Any], statistics: Mapping[str, Statistics]) -> None:
    """Replace the running statistics of NNX layers."""
    for name, (mean, var) in statistics.items():
        for variable, value in ((layers[name].mean, mean), (layers[name].var, var)):
            variable[...] = jnp.asarray(value, variable[...].dtype).reshape(variable[...].shape)


def plain(tree: Any) -> Any:
    """Return nested mappings as nested dicts."""
    return {key: plain(value) for key, value in tree.items()} if isinstance(tree, Mapping) else tree


def _norm_paths(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Mapping[str, Any]]:
    """Return the parts of the collection `batch_stats` that have a mean and a variance, by their paths."""
    found = {path: tree} if {"mean", "var"} <= {k for k, v in tree.items() if not isinstance(v, Mapping)} else {}
    for key, part in tree.items():
        found |= _norm_paths(part, (*path, key)) if isinstance(part, Mapping) else {}
    return found


def stored(held: Mapping[str, Any], statistics: Statistics) -> dict[str, Any]:
    """Return the statistics of a linen layer in the precision and shape in which it keeps its own."""
    changed = zip(("mean", "var"), statistics, strict=True)
    return {**held, **{k: jnp.asarray(v, held[k].dtype).reshape(held[k].shape) for k, v in changed}}


def with_statistics(variables: Mapping[str, Any], statistics: Mapping[str, Statistics]) -> dict[str, Any]:
    """Return variables of a linen module with other running statistics."""

    def changed(tree: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        deeper = {k: changed(v, (*path, k)) if isinstance(v, Mapping) else v for k, v in tree.items()}
        return stored(deeper, statistics[_name(path)]) if _name(path) in statistics else deeper

    return {**variables, "batch_stats": changed(variables.get("batch_stats", {}), ())}
