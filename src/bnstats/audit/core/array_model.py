"""A private copy whose layers can be taken over one call at a time: what the adapters of Keras and Flax share."""

from __future__ import annotations

import inspect
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from threading import get_ident
from typing import Any

import numpy as np

from bnstats._checks.values import shown
from bnstats.audit.core.calling import Caller, in_evaluation
from bnstats.audit.core.lockstep import Lockstep
from bnstats.audit.core.protocol import BatchNormLayer, ChannelStatistics, Mode
from bnstats.audit.core.trees import as_numpy, mapped, noise_seed
from bnstats.statistics.moments import Moments
from bnstats.statistics.running_conventions import CONVENTIONS


@dataclass(frozen=True)
class LayerCall:
    """One call of a batch-norm layer in a forward pass.

    Attributes
    ----------
    layer : str
        Name of the layer.
    x : array
        Input of the layer.
    axis : int or sequence of int
        Axes of the channels.
    mask : array or None
        True for the positions that are data.
    own : callable () -> output
        Does what the layer does in this pass.
    normalized : callable (ChannelStatistics) -> output
        Normalizes the input by these statistics.
    """

    layer: str
    x: Any
    axis: int | Sequence[int]
    mask: Any
    own: Callable[[], Any]
    normalized: Callable[[ChannelStatistics], Any]

    def moments(self) -> Moments:
        """Return count, mean and sum of squared deviations of each channel."""
        x = np.asarray(self.x, np.float64)
        axes = sorted(axis % x.ndim for axis in ([self.axis] if isinstance(self.axis, int) else self.axis))
        last = [*range(-len(axes), 0)]
        x, channels = np.moveaxis(x, axes, last), int(np.prod([x.shape[axis] for axis in axes]))
        rows = x.reshape(-1, channels)
        if self.mask is not None:
            mask = np.asarray(self.mask, bool)
            mask = mask[..., None] if mask.ndim < x.ndim else np.moveaxis(mask, axes, last)
            rows = rows[np.broadcast_to(mask, x.shape).reshape(-1, channels).any(axis=1)]
        return Moments.of(rows, axis=0)


Handler = Callable[[LayerCall], Any]
Write = Callable[[Mapping[str, Any], Mapping[str, ChannelStatistics]], None]


class ArrayModel(ABC):
    """A private copy that is run batch by batch, and whose layers hand over their inputs.

    A subclass runs the model, reads and writes running statistics, and puts everything else back.

    Parameters
    ----------
    example : batch
        Batch that the copy is tried on.
    caller : Caller
        Calls the model with a batch.
    norms : dict of str to layer
        Layers by their names, at the latest once a pass has called them; their fields are named as those of Keras and
        Flax.
    """

    convention: str
    written: Sequence[str] = ()

    eager = False
    """True for a model that JAX compiles in parts, whose layers then see no numbers; its passes compile nothing."""

    def __init__(self, example: Any, caller: Caller, norms: dict[str, Any]) -> None:
        self.caller, self.norms, start = caller, norms, time.monotonic()
        self._handles: dict[int, Handler] = {}
        called = caller.tried(example, lambda: self._try(example))
        self._patience = 2 + 20 * (time.monotonic() - start)
        self.layers: Sequence[BatchNormLayer] = [self.described(name, calls) for name, calls in called.items()]
        self.never_called: Sequence[str] = [name for name in {**self.norms, **self.get()} if name not in called]

    def _try(self, example: Any) -> dict[str, int]:
        """Run a pass of both modes; return the calls of each layer in training mode, in order."""
        for self.eager in (False, True):
            try:
                self.eval_pass(example)
                return {name: len(calls) for name, calls in self.moments(example, "train").items()}
            except Exception as raised:  # the user's model may raise anything
                error = raised
        raise error

    @abstractmethod
    def run(self, batch: Any, training: bool, handle: Handler) -> Any:
        """Return the model's output, with every call of a layer done by `handle`."""

    @abstractmethod
    def restored(self, keep_statistics: bool) -> AbstractContextManager[None]:
        """Return a context that puts back what a pass moves: weights, seeds and, unless kept, running statistics."""

    @abstractmethod
    def get(self) -> dict[str, ChannelStatistics]:
        """Return the running statistics of all layers."""

    @abstractmethod
    def set(self, statistics: Mapping[str, ChannelStatistics]) -> None:
        """Replace the running statistics of these layers."""

    def own(self, batch: Any) -> Any:
        """Return a copy of a batch, with NumPy arrays."""
        return mapped(batch, as_numpy)

    def described(self, name: str, calls: int) -> BatchNormLayer:
        """Return the description of a layer."""
        layer, usual = self.norms[name], CONVENTIONS[self.convention]
        weight, eps = 1 - float(getattr(layer, "momentum", 0.99)), float(getattr(layer, "epsilon", usual.eps))
        return BatchNormLayer(name, self.get()[name].mean.size, eps, weight, None, True, calls)

    @contextmanager
    def handling(self, handle: Handler) -> Iterator[None]:
        """Let calls of layers in this thread, which runs one pass at a time, be done by `handle`."""
        self._handles[get_ident()] = handle
        try:
            yield
        finally:
            del self._handles[get_ident()]

    def taken_over(
        self, name: str, layer: Any, write: Write, call: Callable[..., Any], /, *args: Any, **named: Any
    ) -> Any:
        """Return the output of a layer, as the pass that runs in this thread makes it.

        Parameters
        ----------
        name : str
            Name of the layer.
        layer : layer
            The layer itself; within compiled parts of a model it is another object than that of `norms`.
        write : callable (layers, statistics) -> None
            Writes running statistics.
        call : callable
            The layer's own call.
        *args, **named
            Inputs of the call.
        """

        def normalized(statistics: ChannelStatistics) -> Any:
            write({name: layer}, {name: statistics})
            return in_evaluation(call, args, named)

        own, handle = partial(call, *args, **named), self._handles.get(get_ident())
        if handle is None:
            return own()
        given, axis = inspect.signature(call).bind(*args, **named), getattr(layer, "axis", -1)
        return handle(LayerCall(name, given.args[0], axis, given.arguments.get("mask"), own, normalized))

    def seed_of(self, batch: Any, training: bool) -> int:
        """Return a seed for the random numbers of a pass: in training mode, the same whenever the batch is the same.

        What a training pass does to statistics can then be compared. In evaluation mode passes differ, which shows
        models that draw random numbers there.
        """
        self._passes += 1
        return noise_seed(batch) if training else self._passes

    _passes = 0

    def train_pass(self, batch: Any) -> Any:
        """Return the output in training mode; only running statistics move."""
        return self._pass(batch, "train", keep_statistics=True)

    def eval_pass(self, batch: Any) -> Any:
        """Return the output in evaluation mode; nothing moves."""
        return self._pass(batch, "eval")

    def batch_pass(self, batch: Any) -> Any:
        """Return the output in evaluation mode with the statistics of the batch; nothing moves."""
        return self._pass(batch, "batch")

    def moments(self, batch: Any, mode: Mode) -> dict[str, tuple[Moments, ...]]:
        """Return moments of each layer's input in a pass of this mode, one for each call; nothing moves."""
        found: dict[str, list[Moments]] = {}
        self._pass(batch, mode, found)
        return {name: tuple(calls) for name, calls in found.items()}

    def lockstep(self, batches: Sequence[Any]) -> dict[str, ChannelStatistics] | None:
        """Return the population statistics from one pass over all batches at once; None where passes differ.

        The first and the last batch alone have to give the same moments, as a model may keep what it passes on in
        attributes, in which the batches mix.
        """
        if any(layer.calls > 1 for layer in self.layers):
            return None
        steps = Lockstep(len(batches), self._patience)

        def handle(call: LayerCall) -> Any:
            return call.normalized(steps.arrive(call.layer, call.moments()))

        with self.restored(keep_statistics=False):
            # What a pass raises, the core's plain passes raise again.
            if not steps.run(lambda k: self.run(self.own(batches[k]), False, handle)):
                return None
        before = self.get()
        try:
            self.set(steps.made)
            return steps.made if steps.repeated(*(self.moments(batches[k], "eval") for k in (0, -1))) else None
        finally:
            self.set(before)

    def to_numpy(self, tree: Any) -> Any:
        """Return a copy with every array as a NumPy array, in the same structure."""
        return mapped(tree, as_numpy)

    def _pass(
        self, batch: Any, mode: Mode, found: dict[str, list[Moments]] | None = None, keep_statistics: bool = False
    ) -> Any:
        def handle(call: LayerCall) -> Any:
            moments = call.moments() if mode == "batch" or found is not None else None
            if found is not None and moments is not None:
                found.setdefault(call.layer, []).append(moments)
            if mode == "batch" and moments is not None:
                return call.normalized(ChannelStatistics.of(moments))
            return call.own()

        with self.restored(keep_statistics):
            return self.run(self.own(batch), mode == "train", handle)


def no_device(device: Any) -> None:
    """Raise ValueError for a device: a copy stays where the model is."""
    if device is not None:
        raise ValueError(f"device is for models of PyTorch; got {shown(device)}: leave it out.")
