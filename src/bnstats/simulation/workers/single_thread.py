"""Limit of one BLAS thread while blocks are simulated on all cores, until the last run ends."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from threadpoolctl import ThreadpoolController


class _Limit:
    """Limit in this process: the first run that needs it sets it, and the last one lifts it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.limited: Any = None
        self.controller: Any = None
        self.modules = 0

    def enter(self) -> None:
        with self.lock:
            if self.users == 0:
                self.limited = self._libraries().limit(limits=1)
            self.users += 1

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self.limited.restore_original_limits()

    def _libraries(self) -> Any:
        """Return the loaded libraries; a search takes milliseconds, so it is repeated only after imports."""
        if self.modules != len(sys.modules):
            self.controller, self.modules = ThreadpoolController(), len(sys.modules)
        return self.controller


_limit = _Limit()


def _forget() -> None:
    """Reset the limit in a forked child, which has no run that would lift it."""
    global _limit
    _limit = _Limit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@contextmanager
def single_thread() -> Iterator[None]:
    """Limit BLAS to one thread in this context; contexts of several runs may overlap in any order."""
    limit = _limit
    limit.enter()
    try:
        yield
    finally:
        limit.leave()
