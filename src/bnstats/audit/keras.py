"""Keras 3 models for the audit: on the backends of JAX and PyTorch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np

from bnstats.audit.core.array_model import ArrayModel, Handler, LayerCall, as_numpy, in_evaluation, noise_seed
from bnstats.audit.core.leaves import mapped
from bnstats.audit.core.protocol import Layer, Model, Statistics


class KerasModel(ArrayModel):
    """A private copy of a Keras model."""

    convention = "keras"

    def __init__(self, original: Any, example: Any, forward: Callable[[Any, Any], Any] | None) -> None:
        self._original, self._example, self._forward = original, example, forward
        self._model = _copied(original)
        self._norms = batch_norms(self._model)
        self._handle: Handler | None = None
        for name, layer in self._norms.items():
            vars(layer)["call"] = self._taken_over(name, layer)
        super().__init__(example)

    def _taken_over(self, name: str, layer: Any) -> Callable[..., Any]:
        """Return a `call` for a layer of the copy that hands each call to the pass that runs."""
        call, signature = layer.call, inspect.signature(layer.call)

        def taken_over(*args: Any, **kwargs: Any) -> Any:
            def normalized(statistics: Statistics) -> Any:
                self.set({name: statistics})
                return in_evaluation(call, args, kwargs)

            if self._handle is None:
                return call(*args, **kwargs)
            given = signature.bind(*args, **kwargs)
            x, mask, axis = given.args[0], given.arguments.get("mask"), getattr(layer, "axis", -1)
            return self._handle(LayerCall(name, x, axis, mask, partial(call, *args, **kwargs), normalized))

        return taken_over

    def run(self, batch: Any, training: bool, handle: Handler) -> Any:
        """Return the model's output, with every call of a layer done by `handle`."""
        import keras

        self._handle = handle
        model = partial(self._model, training=training)
        noise = noise_seed(batch)
        for state in self._seeds():
            state.assign(np.array([as_numpy(state.value)[0], noise]))
        try:
            with _eagerly(self.eager, noise):
                if self._forward is not None:
                    return self._forward(model, batch)
                return model(keras.utils.unpack_x_y_sample_weight(batch)[0])
        finally:
            self._handle = None

    @contextmanager
    def restored(self, keep_statistics: bool) -> Iterator[None]:
        """Put back what a pass moves: weights, seeds and, unless kept, running statistics."""
        running = {id(v) for layer in self._norms.values() for v in (layer.moving_mean, layer.moving_variance)}
        others = [
            (own, users, own.value, getattr(own.value, "_version", 0))
            for own, users in zip(self._model.variables, self._original.variables, strict=True)
            if id(own) not in running
        ]
        statistics = self.get()
        try:
            yield
        finally:
            if not keep_statistics:
                self.set(statistics)
            for own, users, value, version in others:
                if own.value is not value or getattr(own.value, "_version", 0) != version:
                    own.assign(users.value)

    def _seeds(self) -> list[Any]:
        return [v for v in self._model.variables if v.path.rpartition("/")[2] == "seed_generator_state"]

    def described(self, name: str, calls: int) -> Layer:
        """Return the description of a layer."""
        layer = self._norms[name]
        weight = 1 - float(getattr(layer, "momentum", 0.99))
        eps = float(getattr(layer, "epsilon", 1e-3))
        return Layer(name, int(layer.moving_mean.shape[0]), eps, weight, None, True, calls)

    def all_layers(self) -> Sequence[str]:
        """Return the names of all batch-norm layers."""
        return list(self._norms)

    def get(self) -> dict[str, Statistics]:
        """Return the running statistics of all layers."""
        return read(self._norms)

    def set(self, statistics: Mapping[str, Statistics]) -> None:
        """Replace the running statistics of these layers."""
        write(self._norms, statistics)

    def own(self, batch: Any) -> Any:
        """Return a copy of a batch, with NumPy arrays."""
        return mapped(batch, as_numpy)

    def copy(self) -> Model:
        """Return another private copy."""
        return KerasModel(self._original, self._example, self._forward)


def _copied(model: Any) -> Any:
    import copy

    return copy.deepcopy(model)


@contextmanager
def _eagerly(needed: bool, noise: int) -> Iterator[None]:
    """Run without gradients and, where needed, without compiling; PyTorch's own dropout draws from this seed."""
    import keras

    if keras.backend.backend() == "torch":
        import torch

        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(noise)
            yield
    else:
        import jax

        with jax.disable_jit() if needed else nullcontext():
            yield


def batch_norms(model: Any) -> dict[str, Any]:
    """Return the batch-norm layers of a Keras model by their paths: those with moving mean and variance."""
    found: dict[str, Any] = {}
    for layer in model._flatten_layers():
        if hasattr(layer, "moving_mean") and hasattr(layer, "moving_variance"):
            name = (layer.path or layer.name).removeprefix(f"{model.name}/")
            found[name if name not in found else f"{name}#{len(found)}"] = layer
    return found


def read(layers: Mapping[str, Any]) -> dict[str, Statistics]:
    """Return the running statistics of layers."""
    return {
        name: Statistics(*(np.asarray(as_numpy(v.value), np.float64) for v in (x.moving_mean, x.moving_variance)))
        for name, x in layers.items()
        if x.moving_mean is not None
    }


def write(layers: Mapping[str, Any], statistics: Mapping[str, Statistics]) -> None:
    """Replace the running statistics of layers."""
    for name, (mean, var) in statistics.items():
        layers[name].moving_mean.assign(mean)
        layers[name].moving_variance.assign(var)
