"""Compilation of loops by Numba."""

from bnstats._compiled.decorators import compiled, compiled_as_written, inlined, intrinsic

__all__ = ["compiled", "compiled_as_written", "inlined", "intrinsic"]
