"""Fast samplers: compiled loops that turn NumPy's uniform numbers into values of other laws.

Uniform numbers are fast. NumPy's other samplers take most of their time for branches, one value at a time. Here every
value takes the same path, so that a processor works on several values at once. The methods are exact, except for
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

# Number of values drawn at once, which fit in the cache; even, as normal values are drawn in pairs.
AT_ONCE = 2**13

# The first 53 of 64 bits make a number in [0, 1).
_UNUSED_BITS, _STEP = np.uint64(64 - 53), 2.0**-53
_ONE, _RIGHT, _LEFT, _ROTATED = (np.uint64(number) for number in (1, 11, 3, 24))
_BACK = np.uint64(64 - 24)


@compiled_as_written
def fill_uniform(state: NDArray[np.uint64], out: FloatArray) -> None:
    """Fill `out` with the numbers in [0, 1) that `Generator(SFC64()).random` draws, and advance the state.

    The generator is Small Fast Chaotic, by Chris Doty-Humphrey (2010): three words that are mixed, and a counter.

    >>> bits = np.random.SFC64(0)
    >>> state, drawn = bits.state, np.empty(3)
    >>> fill_uniform(state["state"]["state"], drawn)
    >>> drawn.round(4).tolist(), np.random.Generator(bits).random(3).round(4).tolist()
    ([0.5687, 0.2348, 0.3964], [0.5687, 0.2348, 0.3964])
    """
    a, b, c, counter = state[0], state[1], state[2], state[3]
    for i in range(out.size):
        mixed = a + b + counter
        counter += _ONE
        a = b ^ (b >> _RIGHT)
        b = c + (c << _LEFT)
        c = mixed + (c << _ROTATED | c >> _BACK)
        out[i] = np.int64(mixed >> _UNUSED_BITS) * _STEP
    state[0], state[1], state[2], state[3] = a, b, c, counter


@compiled_as_written
def _to_exponential(uniform: FloatArray) -> None:
    """Turn uniform numbers into exponential values in place; 1 - u is never 0."""
    for i in range(uniform.size):
        uniform[i] = -log(1.0 - uniform[i])


@compiled_as_written
def _to_normal(uniform: FloatArray) -> None:
    """Turn an even number of uniform numbers into normal values in place.

    The first half gives the distances from the origin, the second half the angles.
    """
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
    """Turn uniform numbers into t values in place, by Bailey's method.

    The second value of a pair depends on the first, and is not used. Each function has a loop of its own: a single
    loop of all functions exceeds the instructions that a processor looks ahead, and is slower.
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
    """Draw normal values; for an odd number, the last value is the first of a pair."""
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
    """A generator with NumPy's methods for drawing from laws, on the uniform numbers of a NumPy generator.

    Streams of this package are made by SFC64; a generator of another kind seeds an SFC64 generator. An array is drawn
    in one call of compiled code, which releases the interpreter's lock: with several short calls, threads would wait
    for each other.
    """

    def __init__(self, rng: Generator) -> None:
        self.numpy = rng if isinstance(rng.bit_generator, SFC64) else Generator(SFC64(rng.integers(2**63, size=4)))

    def random(self, size: Any = None, out: FloatArray | None = None) -> FloatArray:
        """Draw uniform numbers on [0, 1), the same as NumPy's."""
        return self._filled(_draw_uniform, size, out)

    def standard_exponential(self, size: Any = None, out: FloatArray | None = None) -> FloatArray:
        """Draw exponential values with mean 1."""
        return self._filled(_draw_exponential, size, out)

    def standard_normal(self, size: Any = None, out: FloatArray | None = None) -> FloatArray:
        """Draw normal values with mean 0 and variance 1."""
        return self._filled(_draw_normal, size, out)

    def standard_t(self, df: float, size: Any = None) -> FloatArray:
        """Draw values of Student's t with `df` degrees of freedom."""
        return self._filled(lambda state, flat: _draw_t(state, float(df), flat), size, None)

    @staticmethod
    def exp(x: FloatArray, out: FloatArray) -> FloatArray:
        """Compute the exponential function as `np.exp` does, for contiguous x and out."""
        if out is not x:
            out[...] = x
        _exponentiate(out.reshape(-1))
        return out

    def _filled(
        self, draw: Callable[[NDArray[np.uint64], FloatArray], None], size: Any, out: FloatArray | None
    ) -> FloatArray:
        filled = np.empty(() if size is None else size) if out is None else out
        bits = self.numpy.bit_generator
        with bits.lock:  # as in NumPy, because threads may use the same generator
            state = bits.state
            draw(state["state"]["state"], filled.reshape(-1))
            bits.state = state
        return filled

    def __getattr__(self, name: str) -> Any:
        """Return NumPy's method for any other law."""
        return getattr(self.numpy, name)
