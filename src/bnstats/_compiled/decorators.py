"""Compilation of loops: without the interpreter's lock, cached on disk, with a notice on a first run."""

from __future__ import annotations

import gc
import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba
from numba import extending

from bnstats._compiled import private

P = ParamSpec("P")
R = TypeVar("R")


class _Compiling:
    """Notice, once per process, that functions of this package are compiled.

    Loading from the cache is no compilation. No cyclic garbage is collected during a compilation: the search for it
    takes a sixth of the time.
    """

    said = False
    depth = 0
    resumes = False

    def start(self, compilation: Any) -> None:
        if self.depth == 0 and compilation.data["dispatcher"].py_func.__module__.startswith("bnstats."):
            if not self.said and sys.stderr.isatty():
                print("bnstats: compiling, once after installation; this takes a while", file=sys.stderr)
            self.said = True
            self.resumes = gc.isenabled()
            gc.disable()
        self.depth += 1

    def end(self, _: Any) -> None:
        self.depth -= 1
        if self.depth == 0 and self.resumes:
            gc.enable()
            self.resumes = False


_compiling = _Compiling()
with suppress(ImportError, AttributeError):  # a Numba without these events compiles without a notice
    private.on_compilation(_compiling.start, _compiling.end)


def intrinsic(function: Callable[..., Any]) -> Any:
    """Return a function of compiled code that writes its own LLVM instructions; Numba's own has no types."""
    return extending.intrinsic(function)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` at its first call.

    `nogil`: threads run it side by side. `error_model="numpy"` (1/0 is inf, no exception) and the freedom to reorder
    sums let LLVM vectorize the loops. The compiled code fixes the order, so results repeat to the bit. `forceinline`: a
    function that compiled code calls becomes part of it. Otherwise the run that compiles would call another copy of the
    function, with sums in another order, than later runs that load the caller from the cache.

    >>> compiled(lambda x: x + 1)(1)
    2
    """
    return _jitted(function, fastmath={"reassoc", "contract", "nsz"})


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a part of other compiled functions, not separately first, which takes seconds.

    >>> inlined(lambda x: x + 1)(1)
    2
    """
    return _jitted(function, fastmath={"reassoc", "contract", "nsz"}, inline="always")


def compiled_as_written(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` so that operations are rounded one by one, in the order of the source.

    Use it for arithmetic that depends on rounding; the result is the same on every processor.

    >>> compiled_as_written(lambda x: (x + 2.0**52) - 2.0**52)(1.4)
    1.0
    """
    return _jitted(function, fastmath=False)


def _jitted(function: Callable[P, R], fastmath: Any, inline: str = "never") -> Callable[P, R]:
    options = {"nogil": True, "forceinline": True, "error_model": "numpy", "fastmath": fastmath, "inline": inline}
    jitted: Callable[P, R]
    try:
        jitted = numba.njit(**options, cache=True)(function)
        _watch(jitted)
    except RuntimeError:  # the cache cannot be written in an interactive session or a read-only installation
        jitted = numba.njit(**options)(function)
    return jitted


def _watch(jitted: Any) -> None:
    """Make the cache depend on all compiled code; Numba checks a function's own file, not its callees.

    The digest is part of the version, so files of another version are not even read: they may name classes that are
    gone.
    """
    with suppress(AttributeError):  # if Numba renames these attributes, only the own file counts
        private.mark_cache(jitted, _source())


@cache
def _source() -> str:
    """Return a digest of the choice of kernels, and of all files with compiled functions or parts of these."""
    texts = ((path, path.read_bytes()) for path in sorted(Path(__file__).parents[1].rglob("*.py")))
    used = (text for path, text in texts if "kernels" in path.parts or b"bnstats._compiled" in text)
    return hashlib.blake2b(b"".join((kernels_asked_for().encode(), *used)), digest_size=8).hexdigest()


def kernels_asked_for() -> str:
    """Return the environment variable `BNSTATS_KERNELS`: "plain" for kernels in plain Numba, else empty."""
    return os.environ.get("BNSTATS_KERNELS", "")
