"""Batch statistics of all batch-norm layers in one pass over batches, of a model that is left as it is.

PyTorch's own layer leaves a batch's mean and unbiased variance in zeroed buffers at momentum 1, which costs next to
nothing; the buffers are fresh ones that the call is given instead of the model's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bnstats._checks.array_types import FloatArray, IntArray
from bnstats._checks.safe_text import raised
from bnstats.audit.batches import inputs_of, moved
from bnstats.audit.layers import (
    BatchNormCalls,
    Call,
    Handler,
    Layer,
    Statistics,
    entering,
    find_layers,
    to_numpy,
)
from bnstats.statistics.moments import Moments

Moment = tuple[Tensor, Tensor, float]


class OneValueError(ValueError):
    """A channel of a layer has a single value in a batch, so that there is no variance."""


@dataclass(frozen=True, eq=False)
class Watched:
    """A layer's statistics in each batch.

    Attributes
    ----------
    batch : array, shape (batches,)
        Which of the batches these are.
    mean, var : array, shape (batches, calls, channels)
        Of each call in the forward pass of each batch; the variance is the unbiased one.
    n : array, shape (batches, calls)
        Values per channel: rows times positions.
    """

    batch: IntArray
    mean: FloatArray
    var: FloatArray
    n: FloatArray

    def of(self, batches: Collection[int]) -> Watched:
        """Those of some batches."""
        chosen = np.isin(self.batch, list(batches))
        return Watched(self.batch[chosen], self.mean[chosen], self.var[chosen], self.n[chosen])

    def pooled(self) -> Statistics:
        """Mean and biased variance of all values: batch moments merged."""
        parts = [
            Moments(float(n), mean, var * (n - 1))
            for means, variances, sizes in zip(self.mean, self.var, self.n, strict=True)
            for mean, var, n in zip(means, variances, sizes, strict=True)
        ]
        all_values = reduce(Moments.merge, parts)
        return all_values.mean, all_values.var()

    def updates(self, momentum: float | None) -> Statistics:
        """What one forward pass moves the running statistics toward, of shape (batches, channels).

        A layer that is called several times in a pass updates them several times, and the last call weighs most.
        """
        calls = self.mean.shape[1]
        weights = np.ones(calls) if momentum is None else (1 - momentum) ** np.arange(calls)[::-1]
        weights = weights / weights.sum() if weights.sum() > 0 else np.eye(calls)[-1]
        return np.einsum("bkc,k->bc", self.mean, weights), np.einsum("bkc,k->bc", self.var, weights)


class Runner:
    """Runs a model with any choice of statistics; to be used within `untouched`.

    Attributes
    ----------
    layers : list of Layer
        In the order in which a forward pass calls them.
    never_called : list of str
    """

    def __init__(self, model: nn.Module, forward: Callable[..., Any] | None, first: Any, device: torch.device) -> None:
        self.model, self._forward, self.device = model, forward, device
        model.eval()
        try:
            self.layers, self.never_called = find_layers(model, lambda: self.output(first))
        except Exception as error:  # the user's own model may raise anything
            how = "mend forward=" if forward else "give forward=, a function (model, batch) -> output"
            raise ValueError(f"the model cannot be called with the first batch, {raised(error)}; {how}.") from error
        self._names = {id(tensors[0]): layer.name for layer in self.layers if (tensors := layer.tensors())}
        self._own = {layer.name: layer for layer in self.layers if not layer.normalizes}
        # Calls of all others are known by the buffer that they hand over.
        self._entered = {x.name: x.module for x in self.layers if x.buffers is None or not x.normalizes}
        self.drops_out = False

    def output(self, batch: Any) -> Any:
        """What the model makes of a batch."""
        batch = moved(batch, self.device)
        if self._forward is not None:
            return self._forward(self.model, batch)
        positional, named = inputs_of(batch)
        return self.model(*positional, **named)

    def train(self, frozen: Collection[str]) -> None:
        """Training mode as the model itself defines it, but for frozen layers."""
        self.model.train()
        for layer in self.layers:
            if layer.name in frozen:
                layer.module.eval()

    def evaluate(
        self,
        batches: Iterable[Any],
        given: Mapping[str, Statistics] | None = None,
        batch_statistics: Collection[str] = (),
        eps: Mapping[str, float] | None = None,
    ) -> list[Any]:
        """Outputs of batches in evaluation mode.

        Parameters
        ----------
        batches : iterable of batches
        given : dict of (mean, variance), optional
            Statistics of layers that shall not use their running ones.
        batch_statistics : names
            Layers that normalize by the batch itself.
        eps : dict, optional
            Layers with another eps than their own.
        """
        given, eps = given or {}, eps or {}
        self.model.eval()

        def handle(name: str, call: Call) -> Tensor:
            if name in batch_statistics and call.running_mean is not None:
                return call.run(None, None, training=True, eps=eps.get(name))
            if name in given:
                mean, var = (torch.as_tensor(s, dtype=call.dtype, device=call.input.device) for s in given[name])
                return call.run(mean, var, training=False, eps=eps.get(name))
            if call.running_mean is None or name not in eps:
                return call.as_it_is()
            mean, var = call.running_mean.to(call.dtype), call.running_var.to(call.dtype)  # type: ignore[union-attr]
            return call.run(mean, var, training=False, eps=eps[name])

        with self._controlled(handle), _replaced([self._own[name] for name in given if name in self._own], given):
            return [self.output(batch) for batch in batches]

    def with_calls(self, handle: Handler, batch: Any) -> Any:
        """The output of a batch in evaluation mode, `handle` doing every batch normalization."""
        self.model.eval()
        with self._controlled(handle):
            return self.output(batch)

    @contextmanager
    def _controlled(self, handle: Handler, entered: Callable[[str, Any], None] | None = None) -> Iterator[None]:
        """While active, `handle` does every batch normalization; `entered` is called with a layer's name and inputs."""
        mode = BatchNormCalls(self._names, handle)

        def enter(name: str, inputs: Any) -> None:
            mode.current = name
            if entered is not None:
                entered(name, inputs)

        with entering(self._entered, enter), mode:
            yield
        self.drops_out |= mode.drops_out

    def watch(
        self,
        batches: Iterable[Any],
        *,
        training: bool,
        frozen: Collection[str] = (),
        eps: Mapping[str, float] | None = None,
    ) -> dict[str, Watched]:
        """Each layer's statistics in each batch.

        Parameters
        ----------
        batches : iterable of batches
        training : bool
            In training mode, as training runs; else in evaluation mode with batch statistics, so that dropout is off.
        frozen : names
            Layers that go on to normalize with their running statistics.
        eps : dict, optional
            Layers with another eps than their own.
        """
        if training:
            self.train(frozen)
        else:
            self.model.eval()
        seen: dict[str, list[list[Moment]]] = {layer.name: [] for layer in self.layers}

        def handle(name: str, call: Call) -> Tensor:
            if name in frozen or (training and not call.training):
                seen[name][-1].append(moment(call.input))
                return call.as_it_is()
            channels = call.input.shape[1]
            n = call.input.numel() / channels
            if n < 2:
                raise OneValueError(name)
            mean, var = call.input.new_zeros((2, channels), dtype=call.dtype)
            result = call.run(mean, var, training=True, eps=(eps or {}).get(name))
            seen[name][-1].append((mean, var, n))
            return result

        def entered(name: str, inputs: Any) -> None:
            if name in self._own:
                mean, var, n = moment(inputs[0])
                seen[name][-1].append((mean, var, n))
                if not training and name not in frozen:
                    _put(self._own[name], (mean, var * (n - 1) / n))

        own = {name: layer.running for name, layer in self._own.items() if layer.running is not None}
        with _replaced([self._own[name] for name in own], own), self._controlled(handle, entered):
            for batch in batches:
                for moments in seen.values():
                    moments.append([])
                self.output(batch)
        return {layer.name: _stacked(seen[layer.name], layer.calls) for layer in self.layers}

    def by_row(self, batches: Iterable[Any], names: Collection[str]) -> Iterator[dict[str, Statistics]]:
        """For each batch, each row's mean and variance over positions at layers' inputs, of shape (rows, channels).

        In evaluation mode, where a row's activations do not depend on its batch. Of a layer that is called several
        times, the first call.
        """
        seen: dict[str, Statistics] = {}

        def record(name: str, x: Tensor) -> None:
            if name in names and name not in seen:
                positions = x.to(torch.promote_types(x.dtype, torch.float32)).reshape(*x.shape[:2], -1)
                var, mean = torch.var_mean(positions, dim=2, correction=0)
                seen[name] = to_numpy(mean), to_numpy(var)

        def handle(name: str, call: Call) -> Tensor:
            record(name, call.input)
            return call.as_it_is()

        def entered(name: str, inputs: Any) -> None:
            if name in self._own:
                record(name, inputs[0])

        self.model.eval()
        for batch in batches:
            with self._controlled(handle, entered):
                self.output(batch)
            yield dict(seen)
            seen.clear()


def moment(x: Tensor) -> Moment:
    """Mean, unbiased variance and number of values per channel of a layer's input."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    over = [axis for axis in range(x.ndim) if axis != 1]
    var, mean = torch.var_mean(x, dim=over, correction=1)
    return mean, var, x.numel() / x.shape[1]


def _stacked(batches: list[list[Moment]], calls: int) -> Watched:
    """Moments of all batches in which the layer was called as often as usual."""
    usual = [index for index, moments in enumerate(batches) if len(moments) == calls]
    chosen = [batches[index] for index in usual]
    if not chosen:
        nothing = np.empty((0, calls, 0))
        return Watched(np.array([], dtype=np.int64), nothing, nothing, np.empty((0, calls)))
    stacked = [torch.stack([call[k] for batch in chosen for call in batch]) for k in (0, 1)]
    mean, var = (to_numpy(part).reshape(len(chosen), calls, -1) for part in stacked)
    return Watched(np.array(usual), mean, var, np.array([[call[2] for call in batch] for batch in chosen]))


@contextmanager
def _replaced(layers: list[Layer], given: Mapping[str, Statistics]) -> Iterator[None]:
    """Other statistics in the buffers of layers that normalize by themselves, in the buffers' own precision."""
    kept = [dict(layer.module._buffers) for layer in layers]
    try:
        for layer in layers:
            _put(layer, given[layer.name])
        yield
    finally:
        for layer, buffers in zip(layers, kept, strict=True):
            layer.module._buffers.update(buffers)


def _put(layer: Layer, statistics: tuple[Any, Any]) -> None:
    tensors = layer.tensors()
    assert layer.buffers is not None
    assert tensors is not None
    for name, tensor, new in zip(layer.buffers, tensors, statistics, strict=True):
        layer.module._buffers[name] = torch.as_tensor(new, dtype=tensor.dtype, device=tensor.device)
