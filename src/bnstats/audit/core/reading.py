"""Reads the batches of a loader once, and holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bnstats._checks.safe_text import raised
from bnstats._checks.values import shown
from bnstats.audit.core.trees import arrays


class Reader:
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
        self._name, self._read = name, 0
        self._most = min(most, _length(loader, most))
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
        """Return all batches; those of a loader that writes into one array again and again are copied.

        Parameters
        ----------
        own : callable (batch) -> batch
            Copies a batch.
        """
        batches, last = [own(self.first)], _identities(self.first)
        while self._read < self._most and (found := list(self._next())):
            now = _identities(found[0])
            batches.append(own(found[0]) if now & last else found[0])
            last = now
        return batches


def _identities(batch: Any) -> set[int]:
    return {id(leaf) for _, leaf in arrays(batch)}


def _length(loader: Any, most: int) -> int:
    """Return the number of batches where the loader knows it: some loaders go on from the start after it."""
    try:
        return max(len(loader), 1)
    except Exception:  # many loaders have no length, and some raise where it is asked for
        return most
