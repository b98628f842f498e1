"""Passes of a PyTorch model in lockstep."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bnstats.audit.core.lockstep import Lockstep
from bnstats.audit.torch.calls import Call, Calls, Moment, entering, moment, to_numpy
from bnstats.audit.torch.layers import Found, put
from bnstats.audit.torch.working_copy import quiet
from bnstats.statistics.moments import Moments


def population(
    steps: Lockstep,
    watched: Sequence[Mapping[str, nn.Module]],
    layers: Mapping[str, Found],
    layer_of: Callable[[Call, str], Found | None],
    run: Callable[[int, Calls], object],
) -> bool:
    """Make the statistics of all batches along the inference path; return False where batches take different paths.

    Parameters
    ----------
    steps : Lockstep
        Holds the statistics that are made.
    watched : list of dict of str to module
        Modules of each pass that are watched, by layer.
    layers : dict of str to layer
        All layers.
    layer_of : callable (call, name) -> layer or None
        The layer that a call of batch normalization belongs to, within the module of that name.
    run : callable (pass, calls) -> object
        One pass in evaluation mode, whose batch normalization is answered by the calls.

    Raises
    ------
    Exception
        What the model raises on a batch.
    """
    here, ambient = threading.local(), _ambient()

    def enter(name: str, inputs: Any) -> None:
        here.names.append(name)
        layer = layers[name]
        if layer.own:
            put(layer, *steps.arrive(name, _in_numpy(moment(inputs[0], layer.axis))))

    def handle(call: Call) -> Tensor:
        layer = layer_of(call, here.names[-1] if here.names else "")
        if layer is None or layer.statistics is None:
            return call.as_it_is()
        return call.given(*steps.arrive(layer.name, _in_numpy(moment(call.input))))

    def forward(k: int) -> None:
        here.names = []
        with ambient(), quiet():
            run(k, Calls(handle))

    with ExitStack() as hooks, _one_core():
        for modules in {id(w): w for w in watched}.values():
            hooks.enter_context(entering(modules, enter, lambda: here.names.pop()))
        took_one_path = steps.run(forward)
    if steps.error is not None:
        raise steps.error
    return took_one_path


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
