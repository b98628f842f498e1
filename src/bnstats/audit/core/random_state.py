"""Global random numbers, and those of loaders: the same afterwards as before."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

# Where a loader keeps generators of its own.
_PLACES = ("sampler", "batch_sampler", "dataset")


@contextmanager
def random_state(sources: Iterable[Any], seed: int) -> Iterator[None]:
    """Start global random numbers from a seed; put all states back on exit.

    Python's and NumPy's are kept, and PyTorch's where it is imported: its loaders draw from the global generator even
    where they do not shuffle.

    Parameters
    ----------
    sources : iterable of loaders
        Loaders whose own generators are kept, too.
    seed : int
        Seed of the global generators.
    """
    torch = sys.modules.get("torch")
    kept = [random, np.random] if torch is None else [random, np.random, torch.default_generator]
    kept += [generator for source in sources for generator in generators(source)]
    states = [get_state(generator) for generator in kept]
    devices = torch.cuda.get_rng_state_all() if torch is not None and torch.cuda.is_initialized() else []
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - the user's loader may draw from it
    if torch is not None:
        torch.manual_seed(seed % 2**63)
    try:
        yield
    finally:
        if devices and torch is not None:
            torch.cuda.set_rng_state_all(devices)
        for generator, state in zip(kept, states, strict=True):
            set_state(generator, state)


def generators(source: Any) -> list[Any]:
    """Return the random generators that a loader, its samplers or its data set keep as attributes."""
    found: dict[int, Any] = {}
    holders, depth = [source], 0
    while holders and depth < 3:
        for holder in holders:
            for value in vars(holder).values() if hasattr(holder, "__dict__") else ():
                if _is_generator(value):
                    found[id(value)] = value
        inner = [getattr(h, place, None) for h in holders for place in _PLACES]
        holders, depth = [h for h in inner if h is not None], depth + 1
    return list(found.values())


def _is_generator(x: Any) -> bool:
    known: tuple[type, ...] = (np.random.Generator, np.random.RandomState, random.Random)
    torch = sys.modules.get("torch")
    return isinstance(x, known if torch is None else (*known, torch.Generator))


def get_state(generator: Any) -> Any:
    """Return the state of a generator of PyTorch, NumPy or Python, or of the global one of a module."""
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return (generator.getstate if hasattr(generator, "getstate") else generator.get_state)()


def set_state(generator: Any, state: Any) -> None:
    """Put the state of a generator back."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    else:
        (generator.setstate if hasattr(generator, "setstate") else generator.set_state)(state)
