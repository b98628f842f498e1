"""Passes of a PyTorch model in lockstep."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bnstats.audit.core.lockstep import Lockstep
from bnstats.audit.torch.calls import Call, Calls, Moment, entering, moment, to_numpy
from bnstats.audit.torch.layers import Found, put
from bnstats.audit.torch.working_copy import quiet
from bnstats.statistics.moments import Moments


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


def population(passes: Passes, batches: Sequence[Any]) -> Lockstep | None:
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
    steps, here, ambient = Lockstep(len(batches), passes.patience), threading.local(), _ambient()

    def enter(name: str, inputs: Any) -> None:
        here.names.append(name)
        layer = passes.layers[name]
        if layer.own:
            put(layer, *steps.arrive(name, _in_numpy(moment(inputs[0], layer.axis))))

    def handle(call: Call) -> Tensor:
        layer = passes.layer_of(call, here.names[-1] if here.names else "")
        if layer is None or layer.statistics is None:
            return call.as_it_is()
        return call.given(*steps.arrive(layer.name, _in_numpy(moment(call.input))))

    def forward(k: int) -> None:
        here.names = []
        with ambient(), quiet():
            batch = passes.copied(batches[k])
            with Calls(handle):
                passes.output(passes.modules[k], batch)

    with ExitStack() as hooks, _one_core():
        for watched in {id(w): w for w in passes.watched}.values():
            hooks.enter_context(entering(watched, enter, lambda *_: here.names.pop()))
        took_one_path = steps.run(forward)
    if steps.error is not None:
        raise steps.error
    return steps if took_one_path else None


def _in_numpy(found: Moment) -> Moments:
    mean, var, n = found
    return Moments(float(n), to_numpy(mean), to_numpy(var) * (n - 1))


@contextmanager
def _one_core() -> Iterator[None]:
    """Let PyTorch work on one core: each batch's thread would start workers, which cost more than they do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
