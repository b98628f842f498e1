"""Warnings that point at the user's own line."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

from bnstats._checks.terminal import escaped, escaped_lines

# Frames that are not the user's: context managers end in contextlib's.
_NOT_THE_USER = (__name__.partition(".")[0], "contextlib")
# Maximum rows in a warning.
SHOWN = 5
_FILTERS = RLock()
_HELD: ContextVar[list[str] | None] = ContextVar("held", default=None)


class PrecisionWarning(UserWarning):
    """Warning that some conditions did not reach the requested precision."""


class NotFiniteWarning(RuntimeWarning):
    """Warning that some replicates are NaN or infinite, so that their measure has no estimate."""


def notify(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line from which the user called this package, from any depth inside it."""
    held = _HELD.get()
    if held is not None:
        held.append(message)
        return
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_THE_USER:
        frame, level = frame.f_back, level + 1
    warnings.warn(escaped_lines(message), category, stacklevel=level)


@contextmanager
def notices_held() -> Iterator[list[str]]:
    """Collect this package's own warnings in this context, for a caller that counts them.

    >>> with notices_held() as held:
    ...     notify("a batch has one row")
    >>> held
    ['a batch has one row']
    """
    held: list[str] = []
    token = _HELD.set(held)
    try:
        yield held
    finally:
        _HELD.reset(token)


@contextmanager
def warnings_are(action: Literal["ignore", "error"], category: type[Warning] = Warning) -> Iterator[None]:
    """Ignore or raise warnings of all threads in this context.

    Filters belong to the process. If two threads changed them at the same time, the slower one would restore the
    other's filters for good. So one thread at a time changes them.

    >>> with warnings_are("ignore"):
    ...     warnings.warn("not seen")
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter(action, category)
        yield


def first_of(rows: pd.DataFrame) -> str:
    """Return the first rows for a warning, one line each, by their columns up to `value`.

    >>> import pandas as pd
    >>> print(first_of(pd.DataFrame({"batch_size": [2, 4], "measure": "rmse", "value": [0.5, 0.25], "mcse": 0.01})))
    The first of them:
    batch_size=2, measure=rmse, value=0.5
    batch_size=4, measure=rmse, value=0.25
    """
    shown = rows.loc[:, :"value"].head(SHOWN)
    lines = [
        ", ".join(f"{c}={v:g}" if isinstance(v, float) else f"{c}={escaped(str(v))}" for c, v in row.items())
        for row in shown.to_dict("records")
    ]
    return "\n".join(["The first of them:", *lines])
