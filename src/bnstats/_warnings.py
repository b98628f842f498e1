"""Warnings, which point at the user's own line."""

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

_PACKAGE = __name__.partition(".")[0]
# Rows that a warning names.
SHOWN = 5
_FILTERS = RLock()
_HELD: ContextVar[list[str] | None] = ContextVar("held", default=None)


class PrecisionWarning(UserWarning):
    """Some conditions did not reach the precision that was asked for."""


class NotFiniteWarning(RuntimeWarning):
    """Some replicates are NaN or infinite, so there is no estimate of what they are replicates of."""


def notify(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line from which this package was called, however deep inside it that is noticed."""
    held = _HELD.get()
    if held is not None:
        held.append(message)
        return
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame, level = frame.f_back, level + 1
    warnings.warn(escaped_lines(message), category, stacklevel=level)


@contextmanager
def notices_held() -> Iterator[list[str]]:
    """Collect this package's own notices while it lasts, for one that says how many there were.

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
    """Ignore warnings, or raise them, of all threads while it lasts.

    Filters belong to the process: of two threads that change them for a while, the one that is slower would restore
    what the other had set, for ever. So one thread at a time does.

    >>> with warnings_are("ignore"):
    ...     warnings.warn("not seen")
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter(action, category)
        yield


def first_of(rows: pd.DataFrame) -> str:
    """The first rows, one line each, by their columns up to `value`: what a warning is about.

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
