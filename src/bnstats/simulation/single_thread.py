"""BLAS on one thread while blocks are simulated, one per core, and on as many as before once the last run is over."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController


class _Limit:
    """The limit of this process: set by the first who needs it, taken back by the last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.held: Any = None
        self.controller: Any = None
        self.modules = 0

    def enter(self) -> None:
        with self.lock:
            if self.users == 0:
                self.held = self._libraries().limit(limits=1)
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self.held.restore_original_limits()

    def _libraries(self) -> Any:
        """Those that are loaded; to look for them takes milliseconds, so only when modules were imported since."""
        if self.modules != len(sys.modules):
            self.controller, self.modules = ThreadpoolController(), len(sys.modules)
        return self.controller


_limit = _Limit()


def _forget() -> None:
    """In a forked child nobody is left who would take the limit back."""
    global _limit
    _limit = _Limit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@contextmanager
def single_thread() -> Iterator[None]:
    """Within it, BLAS uses one thread; contexts of several runs may overlap in any order."""
    limit = _limit
    limit.enter()
    try:
        yield
    finally:
        limit.leave()
