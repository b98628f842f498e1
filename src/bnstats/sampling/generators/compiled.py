"""Faster draws: NumPy's uniform numbers, turned into other laws by compiled loops.

Uniform numbers are cheap, and most of the time of NumPy's other samplers goes into branches, one value at a time. Here
every value takes the same path, so that processors work on several at once. The methods are old and exact, but for
rounding: logarithms, the normal pairs of Box and Muller (1958), and the polar method of Bailey (1994) for t.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import SFC64, Generator
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._compiled import compiled_as_written
from bnstats.sampling.generators.elementary import cosine_and_sine, exp, expm1, log
from bnstats.sampling.generators.sfc64 import fill_uniform

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


@compiled_as_written
def _draw_uniform(state: NDArray[np.uint64], out: FloatArray) -> None:
    for start in range(0, out.size, AT_ONCE):
        fill_uniform(state, out[start : start + AT_ONCE])


@compiled_as_written
def _draw_exponential(state: NDArray[np.uint64], out: FloatArray) -> None:
    for start in range(0, out.size, AT_ONCE):
        part = out[start : start + AT_ONCE]
        fill_uniform(state, part)
        _to_exponential(part)


@compiled_as_written
def _draw_normal(state: NDArray[np.uint64], out: FloatArray) -> None:
    """The last of an odd number is the first of a pair."""
    even = out.size // 2 * 2
    for start in range(0, even, AT_ONCE):
        part = out[start : min(start + AT_ONCE, even)]
        fill_uniform(state, part)
        _to_normal(part)
    if even < out.size:
        pair = np.empty(2)
        fill_uniform(state, pair)
        _to_normal(pair)
        out[even] = pair[0]


@compiled_as_written
def _draw_t(state: NDArray[np.uint64], df: float, out: FloatArray) -> None:
    turns = np.empty(min(AT_ONCE, out.size))
    for start in range(0, out.size, AT_ONCE):
        part = out[start : start + AT_ONCE]
        fill_uniform(state, part)
        fill_uniform(state, turns[: part.size])
        _to_t(part, turns, df)


class CompiledGenerator:
    """The methods of a NumPy generator that laws are drawn with, on the uniform numbers of that generator.

    Streams of this package are made by SFC64; a generator of another kind seeds one. An array is one call of compiled
    code, which does not hold the interpreter: threads would wait for each other between several short ones.
    """

    def __init__(self, rng: Generator) -> None:
        self.numpy = rng if isinstance(rng.bit_generator, SFC64) else Generator(SFC64(rng.integers(2**63, size=4)))

    def random(self, size: Any = None, out: FloatArray | None = None) -> FloatArray:
        """Uniform on [0, 1): the numbers of NumPy."""
        return self._filled(_draw_uniform, size, out)

    def standard_exponential(self, size: Any = None, out: FloatArray | None = None) -> FloatArray:
        """Mean 1."""
        return self._filled(_draw_exponential, size, out)

    def standard_normal(self, size: Any = None, out: FloatArray | None = None) -> FloatArray:
        """Mean 0, variance 1."""
        return self._filled(_draw_normal, size, out)

    def standard_t(self, df: float, size: Any = None) -> FloatArray:
        """A normal value over the root of an independent chi-square one by its degrees of freedom."""
        return self._filled(lambda state, flat: _draw_t(state, float(df), flat), size, None)

    @staticmethod
    def exp(x: FloatArray, out: FloatArray) -> FloatArray:
        """As NumPy's function of that name; x and out are contiguous."""
        if out is not x:
            out[...] = x
        _exponentiate(out.reshape(-1))
        return out

    def _filled(
        self, draw: Callable[[NDArray[np.uint64], FloatArray], None], size: Any, out: FloatArray | None
    ) -> FloatArray:
        filled = np.empty(() if size is None else size) if out is None else out
        bits = self.numpy.bit_generator
        with bits.lock:  # as NumPy does, should threads share a generator
            state = bits.state
            draw(state["state"]["state"], filled.reshape(-1))
            bits.state = state
        return filled

    def __getattr__(self, name: str) -> Any:
        """Other laws are drawn by NumPy."""
        return getattr(self.numpy, name)
