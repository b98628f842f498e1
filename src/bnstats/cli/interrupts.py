"""Handling of a Ctrl-C, which ends a program with one sentence, even while its modules are imported."""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import partial
from types import FrameType, TracebackType

IMPORTING = "<frozen importlib._bootstrap>"
# Exit status that shells report for a program ended by Ctrl-C.
STATUS = 128 + signal.SIGINT


def interruptible(program: str) -> None:
    """Let a Ctrl-C end this program with a sentence instead of a traceback, from now on.

    Nothing changes if a Ctrl-C is ignored or has another handler. This file and the files that import it import nothing
    that takes time.
    """
    ours = threading.current_thread() is threading.main_thread()
    if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, partial(_interrupted, program))
        sys.excepthook = partial(_said, program)


def _interrupted(program: str, number: int, frame: FrameType | None) -> None:
    """Exit at once while a module is imported: modules may catch the exception, or turn it into another."""
    place = frame
    while place is not None:
        if place.f_code.co_filename == IMPORTING:
            sys.stderr.write(f"\n{program}: interrupted while it was starting\n")
            sys.stderr.flush()
            os._exit(STATUS)
        place = place.f_back
    signal.default_int_handler(number, frame)


def _said(program: str, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print(f"\n{program}: interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
