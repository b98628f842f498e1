"""Private copies of NNX modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from bnstats.audit.core.array_model import Handler
from bnstats.audit.core.calling import Caller, Forward, mode_arguments
from bnstats.audit.core.copier.copier import Copier
from bnstats.audit.core.protocol import ChannelStatistics
from bnstats.audit.flax.flax_model import HANDLERS, FlaxModel, name_of, statistics_of


class NNXModel(FlaxModel):
    """A private copy of an NNX module, whose arrays are those of the original: they cannot change."""

    def __init__(self, original: nnx.Module, example: Any, forward: Forward | None) -> None:
        self._copier = Copier(HANDLERS)
        self._model = self._copier.copy(original)
        norms, parts = batch_norms(self._model), [part for _, part in nnx.iter_graph(self._model)]
        self._counts = [part for part in parts if isinstance(part, nnx.RngCount)]
        self._statistics = [part for part in parts if isinstance(part, nnx.BatchStat)]
        self._contents = self._copier.contents(self._statistics)
        self._training: bool | None = None
        for name, layer in norms.items():
            object.__setattr__(layer, "__class__", self._handing_over(name, type(layer)))
        super().__init__(example, Caller(forward, type(original).__call__), norms)

    def _handing_over(self, name: str, kind: Any) -> type:
        """Return a class for a layer of the copy that hands each call to the pass that runs."""
        owner = self

        class HandingOver(kind):
            def __call__(self, *args: Any, **kwargs: Any) -> Any:
                return owner.taken_over(name, self, write, super().__call__, *args, **kwargs)

        return HandingOver

    def run(self, batch: Any, training: bool, handle: Handler) -> Any:
        """Return the model's output, with every call of a layer done by `handle`."""
        if training != self._training:
            (self._model.train if training else self._model.eval)()
            self._training, self._contents = training, self._copier.contents(self._statistics)
        seed = self.seed_of(batch, training) if self._counts else 0
        for count in self._counts:
            count[...] = jnp.asarray(seed, count[...].dtype)
        call = type(self._model).__call__
        model = partial(self._model, **mode_arguments(call, training))
        with self.handling(handle), jax.disable_jit(self.eager):
            return self.caller(model, batch)

    @contextmanager
    def restored(self, keep_statistics: bool) -> Iterator[None]:
        """Put back what a pass moves: variables, attributes and, unless kept, running statistics."""
        before = [variable[...] for variable in self._statistics]
        try:
            yield
        finally:
            self._contents.put_back()
            for variable, value in zip(self._statistics, before, strict=True):
                if not keep_statistics and variable[...] is not value:
                    variable[...] = value

    def get(self) -> dict[str, ChannelStatistics]:
        """Return the running statistics of all layers."""
        return {name: statistics_of(layer.mean[...], layer.var[...]) for name, layer in self.norms.items()}

    def set(self, statistics: Mapping[str, ChannelStatistics]) -> None:
        """Replace the running statistics of these layers."""
        write(self.norms, statistics)


def batch_norms(model: nnx.Module) -> dict[str, Any]:
    """Return the batch-norm layers of an NNX module by their paths: those with batch statistics `mean` and `var`."""
    return {
        name_of(path): layer
        for path, layer in nnx.iter_modules(model)
        if all(isinstance(getattr(layer, name, None), nnx.BatchStat) for name in ("mean", "var"))
    }


def write(layers: Mapping[str, Any], statistics: Mapping[str, ChannelStatistics]) -> None:
    """Replace the running statistics of NNX layers."""
    for name, (mean, var) in statistics.items():
        for variable, value in ((layers[name].mean, mean), (layers[name].var, var)):
            variable[...] = jnp.asarray(value, variable[...].dtype).reshape(variable[...].shape)
