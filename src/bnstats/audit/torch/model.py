"""Passes of a private copy of a PyTorch model."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bnstats.audit.core.calling import Caller, Forward
from bnstats.audit.core.copier.copier import Copier
from bnstats.audit.core.lockstep import Lockstep
from bnstats.audit.core.protocol import BatchNormLayer, ChannelStatistics, Mode
from bnstats.audit.torch.calls import Call, Calls, Moment, entering, in_numpy, moment
from bnstats.audit.torch.finding import find_layers
from bnstats.audit.torch.layers import Found, put
from bnstats.audit.torch.lockstep import population
from bnstats.audit.torch.tensors import array_of, handlers
from bnstats.audit.torch.working_copy import WorkingCopy, quiet
from bnstats.audit.torch.written import remember
from bnstats.statistics.moments import Moments


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
        self._in_lockstep, self._batches = True, Copier(handlers(device))
        self.output = Caller(forward, original.forward)
        with quiet():
            self.working = WorkingCopy(original)
            start = time.monotonic()
            self.found, self.never_called = self.output.tried(
                example, lambda: find_layers(self.working, lambda: self._plain(example))
            )
            self._patience = 2 + 20 * (time.monotonic() - start)
            self.working.let_run([place for layer in self.found for place in layer.places])
        remember(original, self.working, self.found)
        self._by_name = {layer.name: layer for layer in self.found}
        self._by_identity = {id(layer.statistics[0]): layer for layer in self.found if layer.statistics}
        self._by_place = {layer.places[0]: layer for layer in self.found if layer.places}
        # Calls without running statistics are known by their module alone, as where tracking was turned off later.
        watched = [
            x for x in self.found if x.own or x.statistics is None or not getattr(x.module, "track_running_stats", True)
        ]
        self._watched = {layer.name: layer.module for layer in watched if layer.module is not None}

    @property
    def layers(self) -> Sequence[BatchNormLayer]:
        """Return the batch-norm layers that a pass calls."""
        return [layer.layer() for layer in self.found]

    @property
    def written(self) -> Sequence[str]:
        """Return the paths of weights that passes in evaluation mode were seen to write to."""
        with quiet():
            self.working.look()
        return list(self.working.written)

    def get(self) -> dict[str, ChannelStatistics]:
        """Return the running statistics of all layers that keep them."""
        return {layer.name: found for layer in self.found if (found := layer.values()) is not None}

    def set(self, statistics: Mapping[str, ChannelStatistics]) -> None:
        """Replace the running statistics of these layers."""
        with quiet():
            for name, new in statistics.items():
                put(self._by_name[name], *new)
            self.working.accept()

    # ---- passes

    def train_pass(self, batch: Any) -> Any:
        """Return the output in training mode; running statistics move, counters and weights do not."""
        seen = Calls()
        with self._pass(True, seen):
            batch = self._batches.once(batch)
            with seen:
                out = self.output(self.working.module, batch)
            for layer in self.found:
                layer.follow()
            self.working.accept()
        return out

    def eval_pass(self, batch: Any) -> Any:
        """Return the output in evaluation mode; nothing moves."""
        with self._pass(False):
            return self._plain(batch)

    def batch_pass(self, batch: Any) -> Any:
        """Return the output in evaluation mode with each layer normalized by the batch; nothing moves."""
        return self._seen(batch, "batch")[0]

    def moments(self, batch: Any, mode: Mode) -> dict[str, tuple[Moments, ...]]:
        """Return moments per channel of each layer's input, one for each call."""
        seen = self._seen(batch, mode)[1]
        return in_numpy({name: calls for name, calls in seen.items() if calls})

    def lockstep(self, batches: Sequence[Any]) -> dict[str, ChannelStatistics] | None:
        """Return the population statistics along the inference path, from one pass over all batches at once.

        A pass of the first batch alone with these statistics has to give the same moments, as a model may keep what it
        passes on in attributes, in which the batches mix. Models that do so are given a structure for each batch.
        """
        if not self._in_lockstep or any(layer.calls > 1 for layer in self.found):
            return None
        tries = (True,) if self.working.apart else (False, True)
        for apart in tries:
            try:
                with self._pass(False):
                    found = self._in_step(batches, apart)
            except Exception:  # one batch may have taken from an attribute what another one kept there
                if apart:
                    raise
                continue
            if found is None:  # passes differ, or wait for a lock of the model, and would do so again
                self._in_lockstep = False
                return None
            if self._repeats(found, batches[0]):
                return found.made
        return None

    def to_numpy(self, tree: Any) -> Any:
        """Return a copy of an output or batch with every array as a NumPy array."""
        return Copier({Tensor: lambda x, *_: array_of(x)}).copy(tree)

    def own(self, tree: Any) -> Any:
        """Return a copy of a batch or output, where the original is."""
        return Copier(handlers()).copy(tree)

    # ---- the work

    def _plain(self, batch: Any) -> Any:
        return self.output(self.working.module, self._batches.once(batch))

    def _layer_of(self, call: Call, inside: str) -> Found | None:
        """Return the layer that a call belongs to."""
        if call.running_mean is None:
            return self._by_name.get(inside)
        found = self._by_identity.get(id(call.running_mean))
        if found is None:
            place = self.working.place_of(call.running_mean)
            found = self._by_name.get(inside) if place is None else self._by_place.get(place)
        return found

    def _in_step(self, batches: Sequence[Any], apart: bool) -> Lockstep | None:
        """Return the lockstep of batches, each in a structure of its own or all in one; None where paths differ."""
        alike = [(self.working.module, self._watched)] * len(batches)
        if apart:
            made = [self.working.structure() for _ in batches]
            alike = [(new, {name: of[id(m)] for name, m in self._watched.items()}) for new, of in made]

        def run(k: int, seen: Calls) -> None:
            batch = self._batches.once(batches[k])
            with seen:
                self.output(alike[k][0], batch)

        steps = Lockstep(len(batches), self._patience)
        watched = [modules for _, modules in alike]
        return steps if population(steps, watched, self._by_name, self._layer_of, run) else None

    def _repeats(self, found: Lockstep, batch: Any) -> bool:
        """Return True if a batch alone, with these statistics, has the moments that it had among the others."""
        return found.repeated(in_numpy(self._seen(batch, "eval", found.made)[1]))

    @contextmanager
    def _pass(self, training: bool, seen: Calls | None = None) -> Iterator[None]:
        """Run a pass in a mode; put the copy back after it."""
        with quiet():
            if seen is not None:
                self.working.look()
            self.working.enter(training)
            try:
                yield
            finally:
                self.working.put_back(compare=None if seen is None else seen.memory)

    def _seen(
        self, batch: Any, mode: Mode, given: Mapping[str, ChannelStatistics] | None = None
    ) -> tuple[Any, dict[str, list[Moment]]]:
        """Return the output of a pass, with given statistics in place of others, and moments of all layers' inputs."""
        given = given or {}
        moments: dict[str, list[Moment]] = {layer.name: [] for layer in self.found}
        inside: list[str] = []

        def handle(call: Call) -> Tensor:
            layer = self._layer_of(call, inside[-1] if inside else "")
            if layer is None:
                return call.as_it_is()
            if layer.name in given:
                out, found = call.given(*given[layer.name]), moment(call.input)
            elif call.training or mode == "batch":
                out, found = call.with_moments()
            else:
                out, found = call.as_it_is(), moment(call.input)
            moments[layer.name].append(found)
            return out

        def enter(name: str, inputs: Any) -> None:
            inside.append(name)
            layer = self._by_name[name]
            if layer.own:
                moments[name].append(found := moment(inputs[0], layer.axis))
                if mode == "batch" or name in given:
                    put(layer, *(given[name] if name in given else (found[0], found[1] * (found[2] - 1) / found[2])))

        seen = Calls(handle)
        with self._pass(mode == "train", seen):
            batch = self._batches.once(batch)
            with entering(self._watched, enter, inside.pop), seen:
                return self.output(self.working.module, batch), moments
