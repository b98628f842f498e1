"""A Ctrl-C ends a program in a sentence, while its modules are imported, too."""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import partial
from types import FrameType, TracebackType

IMPORTING = "<frozen importlib._bootstrap>"
# What shells report of a program that Ctrl-C has ended.
STATUS = 128 + signal.SIGINT


def interruptible(program: str) -> None:
    """Let a Ctrl-C end this program in a sentence instead of a traceback, from now on.

    Nothing is changed where a Ctrl-C is ignored or handled by somebody else. This file and those that lead to it import
    nothing that takes time.
    """
    ours = threading.current_thread() is threading.main_thread()
    if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, partial(_interrupted, program))
        sys.excepthook = partial(_said, program)


def _interrupted(program: str, number: int, frame: FrameType | None) -> None:
    """End here if a module is imported: modules may catch the exception, or make another one of it."""
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
