"""One way to compile a loop: without the interpreter's lock, cached on disk, and never silently on a first run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba
from numba.core import event

P = ParamSpec("P")
R = TypeVar("R")


class _Announce(event.Listener):
    """Says once a process that it compiles; loading from the cache is no compilation."""

    said = False

    def on_start(self, _: Any) -> None:
        if not self.said and sys.stderr.isatty():
            print("bnstats: compiling, once after installation; a few seconds", file=sys.stderr)
        self.said = True

    def on_end(self, _: Any) -> None:
        pass


event.register("numba:compile", _Announce())


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` at its first call.

    `nogil`: threads run it side by side. `error_model="numpy"` (1/0 is inf, no exception) and the freedom to reorder
    sums are what lets LLVM vectorise the loops; the order is fixed by the compiled code, so results repeat to the bit.
    `forceinline`: a function that compiled code calls becomes part of it. Else the run that compiles would call another
    copy of it, with sums in another order, than later runs that load the caller from the cache.

    >>> compiled(lambda x: x + 1)(1)
    2
    """
    fast = {"reassoc", "contract", "nsz"}
    options = {"nogil": True, "forceinline": True, "error_model": "numpy", "fastmath": fast}
    jitted: Callable[P, R]
    try:
        jitted = numba.njit(**options, cache=True)(function)
    except RuntimeError:  # no place to write the cache: an interactive session, a read-only installation
        jitted = numba.njit(**options)(function)
    return jitted
