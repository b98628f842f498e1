"""The samplers: NumPy's own, and compiled loops on NumPy's uniform numbers."""

from __future__ import annotations

from typing import Any

from numpy.random import Generator

from bnstats._checks.values import choice
from bnstats.sampling.generators.compiled import CompiledGenerator

SAMPLERS = ("numpy", "compiled")


def sampler_of(name: str, given: Any) -> str:
    """Return the argument if it is one of `SAMPLERS`.

    >>> sampler_of("sampler", "numpy")
    'numpy'
    """
    return choice(name, given, SAMPLERS)


def mark(sampler: str) -> tuple[str, ...]:
    """Return the sampler's part of the identity of draws, which is empty for NumPy, the reference."""
    return () if sampler == "numpy" else (sampler,)


def generator_by(sampler: str, rng: Generator) -> Any:
    """Return the generator that draws from the stream of a NumPy generator.

    >>> import numpy as np
    >>> generator_by("compiled", np.random.default_rng(0)).standard_normal(3).shape
    (3,)
    """
    return rng if sampler == "numpy" else CompiledGenerator(rng)
