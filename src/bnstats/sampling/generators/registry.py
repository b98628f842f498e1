"""Who draws: NumPy's samplers, faster ones on NumPy's uniform numbers, or Intel's library."""

from __future__ import annotations

import importlib.util
from importlib.metadata import version
from typing import Any

from numpy.random import Generator

from bnstats._checks.values import choice
from bnstats.sampling.generators.compiled import CompiledGenerator
from bnstats.sampling.mkl_generator import MKLGenerator

SAMPLERS = ("numpy", "compiled", "mkl")


def sampler_of(name: str, given: Any) -> str:
    """One of `SAMPLERS`, which is installed.

    >>> sampler_of("sampler", "numpy")
    'numpy'
    """
    sampler = choice(name, given, SAMPLERS)
    if sampler == "mkl" and importlib.util.find_spec("mkl_random") is None:
        raise ValueError(f"{name} 'mkl' needs the package mkl-random: pip install 'bnstats[mkl]', or give 'compiled'.")
    return sampler


def mark(sampler: str) -> tuple[str, ...]:
    """What draws depend on besides the law; empty for NumPy, which is the reference."""
    if sampler == "numpy":
        return ()
    return ("mkl", version("mkl-random")) if sampler == "mkl" else (sampler,)


def generator_by(sampler: str, rng: Generator) -> Any:
    """What draws from the stream of a NumPy generator.

    >>> import numpy as np
    >>> generator_by("compiled", np.random.default_rng(0)).standard_normal(3).shape
    (3,)
    """
    if sampler == "numpy":
        return rng
    return CompiledGenerator(rng) if sampler == "compiled" else MKLGenerator(rng)
