"""Passes of a private copy of a PyTorch model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bnstats._checks.safe_text import raised
from bnstats.audit.core.copier.copier import Copier
from bnstats.audit.core.protocol import Layer, Mode, Statistics
from bnstats.audit.torch.calling import inputs_of
from bnstats.audit.torch.calls import Call, Calls, Moment, entering, moment
from bnstats.audit.torch.finding import find_layers
from bnstats.audit.torch.layers import Found, to_numpy
from bnstats.audit.torch.lockstep import Passes, population
from bnstats.audit.torch.tensors import handlers
from bnstats.audit.torch.working_copy import WorkingCopy, quiet
from bnstats.audit.torch.written import remember
from bnstats.statistics.moments import Moments

Forward = Callable[[nn.Module, Any], Any]


class TorchModel:
    """A private copy of a model; see `bnstats.audit.core.protocol.Model`.

    Parameters
    ----------
    original : Module
        Model that stays as it is.
    example : batch
        Batch for a first pass.
    forward : callable (model, batch) -> output, or None
        How the model is called.
    device : device
        Where batches go.
    """

    convention = "torch"

    def __init__(self, original: nn.Module, example: Any, forward: Forward | None, device: torch.device) -> None:
        self._given = original, example, forward, device
        self._forward = forward
        self._handlers = handlers(device)
        self.working = WorkingCopy(original)
        start = time.monotonic()
        try:
            self.found, self._never = find_layers(self.working, lambda: self._run(example))
        except Exception as error:  # the user's own model may raise anything
            how = "mend forward=" if forward else "give forward=, a function (model, batch) -> output"
            raise ValueError(f"the model cannot be called with the first batch, {raised(error)}; {how}.") from error
        self.patience = 10 + 20 * (time.monotonic() - start)
        self.working.let_run([place for layer in self.found for place in layer.places])
        remember(original, self.working, self.found)
        self._by_identity = {id(layer.statistics[0]): layer for layer in self.found if layer.statistics}
        self._by_place = {layer.places[0]: layer for layer in self.found if layer.places}
        paths = {id(layer.module): layer for layer in self.found if layer.own or layer.statistics is None}
        self.entered = {layer.name: layer for layer in paths.values()}

    @property
    def layers(self) -> Sequence[Layer]:
        """Return the batch-norm layers that a pass calls."""
        return [layer.layer() for layer in self.found]

    @property
    def never_called(self) -> Sequence[str]:
        """Return the names of batch-norm layers that no pass calls."""
        return self._never

    def get(self) -> dict[str, Statistics]:
        """Return the running statistics of all layers that keep them."""
        return {layer.name: found for layer in self.found if (found := layer.values()) is not None}

    def set(self, statistics: Mapping[str, Statistics]) -> None:
        """Replace the running statistics of these layers."""
        by_name = {layer.name: layer for layer in self.found}
        with quiet():
            for name, new in statistics.items():
                for tensor, values in zip(by_name[name].statistics or (), new, strict=True):
                    tensor.copy_(torch.as_tensor(values).reshape(tensor.shape))
            self.working.accept()

    # ---- passes

    def train_pass(self, batch: Any) -> Any:
        """Return the output in training mode; running statistics move, counters and weights do not."""
        seen = Calls()
        with self._pass(True, seen):
            with seen:
                out = self.output(batch)
            for layer in self.found:
                layer.follow()
            self.working.accept()
        return out

    def eval_pass(self, batch: Any) -> Any:
        """Return the output in evaluation mode; nothing moves."""
        with self._pass(False):
            return self.output(batch)

    def batch_pass(self, batch: Any) -> Any:
        """Return the output in evaluation mode with each layer normalized by the batch; nothing moves."""
        return self._seen(batch, "batch")[0]

    def moments(self, batch: Any, mode: Mode) -> dict[str, tuple[Moments, ...]]:
        """Return moments per channel of each layer's input, one for each call."""
        seen = self._seen(batch, mode)[1]
        return _in_numpy({name: calls for name, calls in seen.items() if calls})

    def lockstep(self, batches: Sequence[Any]) -> dict[str, Statistics] | None:
        """Return the population statistics along the inference path, from one pass over all batches at once."""
        if any(layer.calls > 1 for layer in self.found):
            return None
        with self._pass(False):
            return population(Passes(self.output, self.layer_of, self.entered, self.patience), batches)

    def to_numpy(self, tree: Any) -> Any:
        """Return a copy of an output or batch with every array as a NumPy array."""
        return Copier({Tensor: lambda x, *_: _array(x)}).copy(tree)

    def own(self, tree: Any) -> Any:
        """Return a copy of a batch or output, where the original is."""
        return Copier(handlers()).copy(tree)

    def copy(self) -> TorchModel:
        """Return another private copy, as the original was when it was isolated."""
        return TorchModel(*self._given)

    def layer_of(self, call: Call, inside: str) -> Found | None:
        """Return the layer that a call belongs to."""
        if call.running_mean is None:
            return self.entered.get(inside)
        found = self._by_identity.get(id(call.running_mean))
        if found is None:
            place = self.working.place_of(call.running_mean)
            found = self.entered.get(inside) if place is None else self._by_place.get(place)
        return found

    def output(self, batch: Any) -> Any:
        """Return what the model makes of a copy of a batch, in the mode that it is in."""
        batch = Copier(self._handlers).copy(batch)
        if self._forward is not None:
            return self._forward(self.working.module, batch)
        positional, named = inputs_of(batch, self.working.module.forward)
        return self.working.module(*positional, **named)

    # ---- the work

    def _run(self, example: Any) -> Any:
        with quiet():
            return self.output(example)

    @contextmanager
    def _pass(self, training: bool, seen: Calls | None = None) -> Iterator[None]:
        """A pass in a mode; the copy is put back after it."""
        with quiet():
            self.working.enter(training)
            try:
                yield
            finally:
                self.working.put_back(compare=seen is not None and seen.memory)

    def _seen(self, batch: Any, mode: Mode) -> tuple[Any, dict[str, list[Moment]]]:
        """Return the output of a pass and the moments of all layers' inputs."""
        moments: dict[str, list[Moment]] = {layer.name: [] for layer in self.found}
        inside: list[str] = []

        def handle(call: Call) -> Tensor:
            layer = self.layer_of(call, inside[-1] if inside else "")
            if layer is None:
                return call.as_it_is()
            if call.training or mode == "batch":
                out, found = call.with_moments()
            else:
                out, found = call.as_it_is(), moment(call.input)
            moments[layer.name].append(found)
            return out

        def enter(name: str, inputs: Any) -> None:
            inside.append(name)
            layer = self.entered[name]
            if layer.own:
                moments[name].append(found := moment(inputs[0], layer.axis))
                if mode == "batch":
                    put(layer, found)

        seen = Calls(handle)
        modules = {name: layer.module for name, layer in self.entered.items() if layer.module is not None}
        with self._pass(mode == "train", seen), entering(modules, enter, lambda *_: inside.pop()), seen:
            return self.output(batch), moments


def put(layer: Found, found: Moment) -> None:
    """Write a batch's statistics into a layer that normalizes by itself, until the copy is put back."""
    mean, var, n = found
    for tensor, values in zip(layer.statistics or (), (mean, var * (n - 1) / n), strict=True):
        tensor.copy_(values.reshape(tensor.shape))


def _array(x: Tensor) -> Any:
    x = x.detach().cpu()
    dense = x.to_dense() if x.layout is not torch.strided else x
    plain = dense.dequantize() if x.is_quantized else dense.resolve_conj().resolve_neg()
    return (plain.float() if x.dtype is torch.bfloat16 else plain).numpy().copy()


def _in_numpy(seen: Mapping[str, Sequence[Moment]]) -> dict[str, tuple[Moments, ...]]:
    """Return moments in NumPy; all tensors are moved at once."""
    parts = [part.reshape(-1) for calls in seen.values() for mean, var, _ in calls for part in (mean, var)]
    flat: Any = to_numpy(torch.cat([part.double() for part in parts])) if parts else []
    made: dict[str, tuple[Moments, ...]] = {}
    place = 0
    for name, calls in seen.items():
        found = []
        for mean, _, n in calls:
            c = mean.numel()
            var = flat[place + c : place + 2 * c]
            found.append(Moments(float(n), flat[place : place + c], var * (n - 1)))
            place += 2 * c
        made[name] = tuple(found)
    return made
