"""A model and every source of randomness, left exactly as they were."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# Where a loader keeps generators of its own.
_PLACES = ("sampler", "batch_sampler", "dataset")


@contextmanager
def untouched(model: nn.Module, sources: Iterable[Any], seed: int) -> Iterator[None]:
    """Within, a model may be run in any mode and loaders be read; afterwards all is as before, errors or not.

    Buffers are swapped for copies rather than restored by writing, which would break a graph that waits for its
    backward pass. Within, Python's, NumPy's and PyTorch's global random numbers start from `seed`.
    """
    with ExitStack() as stack:
        stack.enter_context(_modules(model))
        stack.enter_context(random_state(sources))
        seed_all(seed)
        stack.enter_context(torch.no_grad())
        if "torch._dynamo" in sys.modules:  # nothing is compiled where the compiler was never loaded
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield


def seed_all(seed: int) -> None:
    """Starts Python's, NumPy's and PyTorch's global random numbers anew."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - the user's loader may draw from it
    torch.manual_seed(seed % 2**63)


@contextmanager
def _modules(model: nn.Module) -> Iterator[None]:
    """Keeps modes, buffers and plain tensors (such as the weight that spectral norm computes) of all modules."""
    modules = list(model.modules())
    modes = [module.training for module in modules]
    buffers = [dict(module._buffers) for module in modules]
    plain = [{name: v for name, v in vars(module).items() if isinstance(v, Tensor)} for module in modules]
    copies: dict[int, Tensor] = {}
    for module, kept in zip(modules, buffers, strict=True):
        for name, buffer in kept.items():
            if buffer is not None:
                module._buffers[name] = copies.setdefault(id(buffer), buffer.detach().clone())
    try:
        yield
    finally:
        for module, mode, kept, tensors in zip(modules, modes, buffers, plain, strict=True):
            module.training = mode
            module._buffers.clear()
            module._buffers.update(kept)
            for name in [name for name, value in vars(module).items() if isinstance(value, Tensor)]:
                del module.__dict__[name]
            module.__dict__.update(tensors)


@contextmanager
def random_state(sources: Iterable[Any]) -> Iterator[None]:
    """Keeps Python's, NumPy's and PyTorch's global random state and that of the loaders' own generators.

    A PyTorch loader draws from the global generator even where it does not shuffle.
    """
    own = [generator for source in sources for generator in generators(source)]
    states = [get_state(generator) for generator in own]
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if devices:
            torch.cuda.set_rng_state_all(devices)
        for generator, state in zip(own, states, strict=True):
            set_state(generator, state)


def generators(source: Any) -> list[Any]:
    """The random generators that a loader, its samplers or its data set keep as attributes."""
    found: dict[int, Any] = {}
    holders, depth = [source], 0
    while holders and depth < 3:
        for holder in holders:
            for value in vars(holder).values() if hasattr(holder, "__dict__") else ():
                if isinstance(value, torch.Generator | np.random.Generator | np.random.RandomState | random.Random):
                    found[id(value)] = value
        inner = [getattr(h, place, None) for h in holders for place in _PLACES]
        holders, depth = [h for h in inner if h is not None], depth + 1
    return list(found.values())


def get_state(generator: Any) -> Any:
    """The state of a generator of PyTorch, NumPy or Python."""
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.getstate() if isinstance(generator, random.Random) else generator.get_state()


def set_state(generator: Any, state: Any) -> None:
    """Puts the state of a generator back."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.set_state(state)
