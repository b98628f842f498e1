"""Memory that several arrays share: a copy covers what is used of it, and is shared again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Blocks:
    """Copies of ranges of memory.

    An array that looks at few rows of a large one is copied with these rows alone. If another array of the same memory
    turns up that reaches beyond them, the range is known to be larger, and another round of copying is needed.
    """

    def __init__(self) -> None:
        self._ranges: dict[Any, tuple[int, int]] = {}
        self._copies: dict[Any, tuple[int, int, Any]] = {}
        self._grew = False

    def again(self) -> bool:
        """Return True if another round is needed, and forget the copies for it."""
        grew, self._grew = self._grew, False
        self._copies.clear()
        return grew

    def copy_of(self, owner: Any, low: int, high: int, copied: Callable[[int, int], Any]) -> tuple[Any, int]:
        """Return a copy of memory that covers a range, and the place at which it starts.

        Parameters
        ----------
        owner : hashable
            Key of the memory.
        low, high : int
            The range, in bytes.
        copied : callable (low, high) -> copy
            Copies a range.
        """
        start, end = self._ranges.get(owner, (low, high))
        wanted = min(start, low), max(end, high)
        self._grew |= owner in self._ranges and wanted != (start, end)
        self._ranges[owner] = wanted
        found = self._copies.get(owner)
        if found is None or found[0] > low or found[1] < high:
            found = self._copies[owner] = (*wanted, copied(*wanted))
        return found[2], found[0]
