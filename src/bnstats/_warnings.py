"""Warnings, which point at the user's own line."""

from __future__ import annotations

import sys
import warnings

_PACKAGE = __name__.partition(".")[0]


class PrecisionWarning(UserWarning):
    """Some cells did not reach the precision that was asked for."""


class NotFiniteWarning(RuntimeWarning):
    """Some replicates are NaN or infinite, so there is no estimate of what they are replicates of."""


def notify(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line from which this package was called, however deep inside it that is noticed."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
