"""Limits BLAS to one thread while blocks are simulated on all cores, and lifts the limit when the last run is over."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController


class _Limit:
    """The limit in this process: set by the first run that needs it, lifted by the last."""

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
        """The loaded libraries; a search takes milliseconds, so it is repeated only after further imports."""
        if self.modules != len(sys.modules):
            self.controller, self.modules = ThreadpoolController(), len(sys.modules)
        return self.controller


_limit = _Limit()


def _forget() -> None:
    """In a forked child no run is left that would lift the limit."""
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
