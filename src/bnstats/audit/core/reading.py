"""Reads the batches of a loader once, and holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bnstats._checks.safe_text import raised
from bnstats._checks.values import shown


class LoaderReader:
    """The first batches of a loader, which may be endless, or readable only once.

    Parameters
    ----------
    name : str
        Name of the argument, for messages.
    loader : iterable of batches
        Batches in any form.
    most : int
        Largest number of batches to read.

    Raises
    ------
    ValueError
        If the argument is no loader, if it holds no batch, or if reading it raises an error.
    """

    def __init__(self, name: str, loader: Iterable[Any], most: int) -> None:
        if isinstance(loader, str | bytes) or not (hasattr(loader, "__iter__") or hasattr(loader, "__getitem__")):
            raise ValueError(f"{name} is an iterable of batches; got {shown(loader)}.")
        self._name, self._read, self._kept = name, 0, isinstance(loader, list | tuple)
        self._most = min(most, length_of(loader, most))
        try:
            self._batches = iter(loader)
        except Exception as error:  # the user's loader may raise anything
            raise ValueError(f"{name} raises {raised(error)} before its first batch.") from error
        found = list(self._next())
        if not found:
            raise ValueError(
                f"{name} holds no batch: give one that can be read, as a list of batches or a data loader."
            )
        self.first = found[0]

    def _next(self) -> Iterator[Any]:
        """Yield the next batch, if there is one."""
        try:
            batch = next(self._batches)
        except StopIteration:
            return
        except Exception as error:
            raise ValueError(f"{self._name} raises {raised(error)} after {self._read} batches.") from error
        self._read += 1
        yield batch

    def all(self, own: Callable[[Any], Any]) -> list[Any]:
        """Return all batches, as `each` yields them."""
        return list(self.each(own))

    def each(self, own: Callable[[Any], Any]) -> Iterator[Any]:
        """Yield all batches, copied unless the loader is a list: some loaders write into the same memory again.

        Parameters
        ----------
        own : callable (batch) -> batch
            Copies a batch.
        """
        own = _same if self._kept else own
        yield own(self.first)
        while self._read < self._most and (found := list(self._next())):
            yield own(found[0])


def _same(batch: Any) -> Any:
    return batch


def length_of(loader: Any, most: int) -> int:
    """Return the number of batches where the loader knows it: some loaders go on from the start after it."""
    try:
        return max(len(loader), 1)
    except Exception:  # many loaders have no length, and some raise where it is asked for
        return most
