"""Population statistics in one pass: one thread a batch, and each layer waits until all batches have arrived."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bnstats.audit.core.protocol import Statistics
from bnstats.audit.torch.calls import Call, Calls, Moment, entering, moment, to_numpy
from bnstats.audit.torch.layers import Found, put
from bnstats.audit.torch.working_copy import quiet
from bnstats.statistics.moments import Moments


class _Left(BaseException):
    """Ends the pass of a batch, as another one has ended."""


class _Steps:
    """Turns of threads: one runs at a time, in the order of batches, up to its next layer.

    Parameters
    ----------
    threads : int
        Number of batches.
    """

    def __init__(self, threads: int) -> None:
        self._turns = [threading.Semaphore(0) for _ in range(threads)]
        self._arrived: list[tuple[Found, Moment]] = []
        self.done = threading.Event()
        self.moved = 0
        self.stopped = False
        self.error: BaseException | None = None
        self.made: dict[str, Statistics] = {}
        self.first: dict[str, Moment] = {}
        self._pooled: Statistics | None = None
        self._finished = 0

    def start(self) -> None:
        """Let the first batch run."""
        self._turns[0].release()

    def wait(self, thread: int) -> None:
        """Wait for a turn."""
        self._turns[thread].acquire()
        if self.stopped:
            raise _Left

    def arrive(self, thread: int, layer: Found, found: Moment) -> Statistics:
        """Return the statistics of all batches, once all have arrived at this layer."""
        if self.stopped:
            raise _Left
        self.moved += 1
        if self._finished or layer.name in self.made or (self._arrived and self._arrived[0][0] is not layer):
            self.stop()  # passes differ
            raise _Left
        self._arrived.append((layer, found))
        if len(self._arrived) == len(self._turns):
            self._pool(layer)
        self._turns[(thread + 1) % len(self._turns)].release()
        self.wait(thread)
        assert self._pooled is not None
        return self._pooled

    def finish(self, thread: int) -> None:
        """End a pass that ran to its end."""
        self.moved += 1
        self._finished += 1
        if self._arrived:
            self.stop()
        elif self._finished == len(self._turns):
            self.done.set()
        else:
            self._turns[thread + 1].release()

    def stop(self, error: BaseException | None = None) -> None:
        """End all passes."""
        self.stopped = True
        self.error = self.error or error
        for turn in self._turns:
            turn.release()
        self.done.set()

    def _pool(self, layer: Found) -> None:
        parts = [Moments(float(n), to_numpy(mean), to_numpy(var) * (n - 1)) for _, (mean, var, n) in self._arrived]
        self.first[layer.name] = self._arrived[0][1]
        total = reduce(Moments.merge, parts)
        self._pooled = self.made[layer.name] = Statistics(total.mean, total.var())
        self._arrived.clear()
        if layer.own:
            put(layer, *self._pooled)


@dataclass(frozen=True)
class Passes:
    """Options of the passes of a lockstep.

    Attributes
    ----------
    copied : callable (batch) -> batch
        Copies a batch.
    output : callable (module, batch) -> output
        One pass, in evaluation mode.
    modules : list of module
        The module of each batch's pass.
    watched : list of dict of str to module
        Modules of each pass that are watched, by layer.
    layer_of : callable (call, name) -> layer or None
        The layer that a call of batch normalization belongs to, within the module of that name.
    layers : dict of str to layer
        All layers.
    patience : float
        Seconds after which passes that do not move are stopped.
    """

    copied: Callable[[Any], Any]
    output: Callable[[nn.Module, Any], Any]
    modules: Sequence[nn.Module]
    watched: Sequence[Mapping[str, nn.Module]]
    layer_of: Callable[[Call, str], Found | None]
    layers: Mapping[str, Found]
    patience: float


class Together(NamedTuple):
    """Statistics of all batches, and the moments of the first batch in them."""

    statistics: dict[str, Statistics]
    first: dict[str, Moment]


def population(passes: Passes, batches: Sequence[Any]) -> Together | None:
    """Return the statistics of all batches along the inference path; None where batches take different paths.

    Parameters
    ----------
    passes : Passes
        Passes of a copy, which is put back by the caller.
    batches : sequence of batches
        Batches of any size.

    Raises
    ------
    Exception
        What the model raises on a batch.
    """
    steps = _Steps(len(batches))
    here = threading.local()

    def enter(name: str, inputs: Any) -> None:
        here.names.append(name)
        layer = passes.layers[name]
        if layer.own:
            steps.arrive(here.thread, layer, moment(inputs[0], layer.axis))

    def handle(call: Call) -> Tensor:
        layer = passes.layer_of(call, here.names[-1] if here.names else "")
        if layer is None or layer.statistics is None:
            return call.as_it_is()
        return call.given(*steps.arrive(here.thread, layer, moment(call.input)))

    ambient = _ambient()

    def run(thread: int) -> None:
        here.thread, here.names = thread, []
        try:
            steps.wait(thread)
            with ambient(), quiet():
                batch = passes.copied(batches[thread])
                with Calls(handle):
                    passes.output(passes.modules[thread], batch)
            steps.finish(thread)
        except _Left:
            pass
        except BaseException as error:
            steps.stop(error)

    with ExitStack() as hooks:
        for watched in {id(w): w for w in passes.watched}.values():
            hooks.enter_context(entering(watched, enter, lambda *_: here.names.pop()))
        contexts = [contextvars.copy_context() for _ in batches]
        threads = [threading.Thread(target=c.run, args=(run, i), daemon=True) for i, c in enumerate(contexts)]
        with _one_core():
            _supervise(steps, threads, passes.patience)
    if steps.error is not None:
        raise steps.error
    return None if steps.stopped else Together(steps.made, steps.first)


@contextmanager
def _one_core() -> Iterator[None]:
    """Let PyTorch work on one core: each batch's thread would start workers, which cost more than they do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _supervise(steps: _Steps, threads: list[threading.Thread], patience: float) -> None:
    """Run threads to their end; stop all where none moves, as a lock of the model may hold one."""
    try:
        for thread in threads:
            thread.start()
        steps.start()
        before, still = 0, 0
        while not steps.done.wait(patience / 4) and still < 4:
            before, still = steps.moved, still + 1 if steps.moved == before else 0
    finally:
        if not steps.done.is_set():
            steps.stop()
        for thread in threads:
            if thread.ident is not None:
                thread.join(patience)


def _ambient() -> Any:
    """Return a context that gives a new thread what the present one has of PyTorch's settings."""
    modes = torch.overrides._get_current_function_mode_stack()
    kinds = [kind for kind in ("cpu", "cuda") if torch.is_autocast_enabled(kind)]
    casts = [(kind, torch.get_autocast_dtype(kind)) for kind in kinds]

    def enter() -> ExitStack:
        stack = ExitStack()
        for mode in modes:
            stack.enter_context(mode)
        for kind, dtype in casts:
            stack.enter_context(torch.autocast(kind, dtype))
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            stack.enter_context(torch.cuda.device(torch.cuda.current_device()))
        return stack

    return enter
