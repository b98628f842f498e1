"""One way to compile a loop: without the interpreter's lock, cached on disk, and never silently on a first run."""

from __future__ import annotations

import gc
import hashlib
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba
from numba import extending
from numba.core import event

P = ParamSpec("P")
R = TypeVar("R")


class _Compiling(event.Listener):
    """Says once a process that it compiles functions of this package; loading from the cache is no compilation.

    Meanwhile no cyclic garbage is collected: looking for it takes a sixth of the time.
    """

    said = False
    depth = 0
    resumes = False

    def on_start(self, compilation: Any) -> None:
        if self.depth == 0 and compilation.data["dispatcher"].py_func.__module__.startswith("bnstats."):
            if not self.said and sys.stderr.isatty():
                print("bnstats: compiling, once after installation; this takes a while", file=sys.stderr)
            self.said = True
            self.resumes = gc.isenabled()
            gc.disable()
        self.depth += 1

    def on_end(self, _: Any) -> None:
        self.depth -= 1
        if self.depth == 0 and self.resumes:
            gc.enable()
            self.resumes = False


event.register("numba:compile", _Compiling())


def intrinsic(function: Callable[..., Any]) -> Any:
    """A function of compiled code that writes its own LLVM instructions; Numba's, which has no types."""
    return extending.intrinsic(function)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` at its first call.

    `nogil`: threads run it side by side. `error_model="numpy"` (1/0 is inf, no exception) and the freedom to reorder
    sums are what lets LLVM vectorize the loops; the order is fixed by the compiled code, so results repeat to the bit.
    `forceinline`: a function that compiled code calls becomes part of it. Else the run that compiles would call another
    copy of it, with sums in another order, than later runs that load the caller from the cache.

    >>> compiled(lambda x: x + 1)(1)
    2
    """
    return _jitted(function, fastmath={"reassoc", "contract", "nsz"})


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """The same for a part of other compiled functions, which is not compiled by itself first: that takes seconds.

    >>> inlined(lambda x: x + 1)(1)
    2
    """
    return _jitted(function, fastmath={"reassoc", "contract", "nsz"}, inline="always")


def compiled_as_written(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function`, whose operations are rounded one by one, in the order in which they are written.

    For arithmetic that counts on its rounding; the result is the same on every processor.

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
    except RuntimeError:  # no place to write the cache: an interactive session, a read-only installation
        jitted = numba.njit(**options)(function)
    return jitted


def _watch(jitted: Any) -> None:
    """Compile again after any change of what is compiled; Numba looks at a function's own file, not at its callees'.

    As part of the version: what another version has kept is then not even read, as it may name classes that are gone.
    """
    with suppress(AttributeError):  # should Numba rename these, it goes by the own file again
        held = jitted._cache._cache_file
        held._version = f"{held._version} {_source()}"


@cache
def _source() -> str:
    """A digest of all files of this package with compiled functions, or what these are made of."""
    texts = (path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))
    used = (text for text in texts if b"bnstats._compiled" in text or b"llvmlite" in text)
    return hashlib.blake2b(b"".join(used), digest_size=8).hexdigest()
