"""Faster draws by Intel's library, through the package mkl-random (the extra `bnstats[mkl]`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator

from bnstats._checks.array_types import FloatArray

# Values that are drawn at once, in cache.
AT_ONCE = 2**13


class MKLGenerator:
    """The methods of a NumPy generator that laws are drawn with, on a stream which that generator seeds.

    The stream is a Mersenne Twister (SFMT19937) that starts from 256 bits of the generator, so that blocks have
    independent streams, as with NumPy. Normal values are drawn by inversion.
    """

    def __init__(self, rng: Generator) -> None:
        import mkl_random

        self.numpy = rng
        self._state = mkl_random.MKLRandomState(rng.integers(2**32, size=8, dtype=np.uint32), brng="SFMT19937")

    def random(self, size: Any = None, out: FloatArray | None = None) -> FloatArray:
        """Uniform on [0, 1)."""
        return _filled(self._state.random_sample, size, out)

    def standard_normal(self, size: Any = None, out: FloatArray | None = None) -> FloatArray:
        """Mean 0, variance 1."""
        return _filled(self._state.standard_normal, size, out)

    def standard_exponential(self, size: Any = None, out: FloatArray | None = None) -> FloatArray:
        """Mean 1."""
        return _filled(self._state.standard_exponential, size, out)

    def standard_gamma(self, shape: float, size: Any) -> FloatArray:
        """Scale 1."""
        return _filled(lambda n: self._state.standard_gamma(shape, n), size, None)

    def chisquare(self, df: float, size: Any) -> FloatArray:
        """A gamma law with shape df / 2 and scale 2."""
        return 2.0 * self.standard_gamma(df / 2, size)

    def standard_t(self, df: float, size: Any) -> FloatArray:
        """A normal value over the root of an independent chi-square one by its degrees of freedom."""
        square = self.chisquare(df, size)
        square /= df
        return self.standard_normal(size) / np.sqrt(square, out=square)

    def __getattr__(self, name: str) -> Any:
        """What is not faster there is drawn by NumPy."""
        return getattr(self.numpy, name)


def _filled(draw: Any, size: Any, out: FloatArray | None) -> FloatArray:
    filled = np.empty(size) if out is None else out
    flat = filled.reshape(-1)
    for start in range(0, flat.size, AT_ONCE):
        part = flat[start : start + AT_ONCE]
        part[...] = draw(part.size)
    return filled
