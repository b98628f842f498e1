"""Faster draws: NumPy's uniform numbers, turned into other laws by compiled loops.

Uniform numbers are cheap, and most of the time of NumPy's other samplers goes into branches, one value at a time. Here
every value takes the same path, so that processors work on several at once. The methods are old and exact, but for
rounding: logarithms, the normal pairs of Box and Muller (1958), and the polar method of Bailey (1994) for t.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator

from bnstats._arrays import FloatArray
from bnstats._compiled import compiled_as_written
from bnstats.sampling.elementary import cosine_and_sine, exp, expm1, log

# Values that are drawn at once, in cache; an even number, as normal values come in pairs.
AT_ONCE = 2**13


@compiled_as_written
def _to_exponential(uniform: FloatArray) -> None:
    """In place; 1 - u is never 0."""
    for i in range(uniform.size):
        uniform[i] = -log(1.0 - uniform[i])


@compiled_as_written
def _to_normal(uniform: FloatArray) -> None:
    """In place, of an even number: one half gives the distances from the origin, the other one the angles."""
    half = uniform.size // 2
    first, second = uniform[:half], uniform[half:]
    _to_exponential(first)
    for i in range(half):
        distance = math.sqrt(2.0 * first[i])
        cosine, sine = cosine_and_sine(second[i])
        first[i] = distance * cosine
        second[i] = distance * sine


@compiled_as_written
def _to_t(uniform: FloatArray, turns: FloatArray, df: float) -> None:
    """In place. Of the pair that Bailey's method gives, the second value depends on the first, and is not taken.

    One loop for each function: one loop of all of them is longer than what a processor looks ahead, and slower.
    """
    _to_exponential(uniform)
    for i in range(uniform.size):
        uniform[i] = df * expm1(2.0 / df * uniform[i])
    for i in range(uniform.size):
        uniform[i] = math.sqrt(uniform[i]) * cosine_and_sine(turns[i])[0]


@compiled_as_written
def _exponentiate(x: FloatArray) -> None:
    for i in range(x.size):
        x[i] = exp(x[i])


class CompiledGenerator:
    """The methods of a NumPy generator that laws are drawn with, on the uniform numbers of that generator."""

    def __init__(self, rng: Generator) -> None:
        self.numpy = rng

    def standard_exponential(self, size: Any = None, out: FloatArray | None = None) -> FloatArray:
        """Mean 1."""
        return self._filled(_to_exponential, size, out)

    def standard_normal(self, size: Any = None, out: FloatArray | None = None) -> FloatArray:
        """Mean 0, variance 1."""
        return self._filled(self._normal, size, out)

    def standard_t(self, df: float, size: Any = None) -> FloatArray:
        """A normal value over the root of an independent chi-square one by its degrees of freedom."""
        return self._filled(partial(self._t, df), size, None)

    @staticmethod
    def exp(x: FloatArray, out: FloatArray) -> FloatArray:
        """As NumPy's function of that name; x and out are contiguous."""
        if out is not x:
            out[...] = x
        _exponentiate(out.reshape(-1))
        return out

    def _normal(self, uniform: FloatArray) -> None:
        even = uniform.size // 2 * 2
        _to_normal(uniform[:even])
        if even < uniform.size:
            pair = np.array([uniform[-1], self.numpy.random()])
            _to_normal(pair)
            uniform[-1] = pair[0]

    def _t(self, df: float, uniform: FloatArray) -> None:
        _to_t(uniform, self.numpy.random(uniform.size), float(df))

    def _filled(self, turn: Callable[[FloatArray], None], size: Any, out: FloatArray | None) -> FloatArray:
        filled = np.empty(size) if out is None else out
        flat = filled.reshape(-1)
        for start in range(0, flat.size, AT_ONCE):
            part = flat[start : start + AT_ONCE]
            self.numpy.random(out=part)
            turn(part)
        return filled

    def __getattr__(self, name: str) -> Any:
        """Other laws are drawn by NumPy."""
        return getattr(self.numpy, name)
