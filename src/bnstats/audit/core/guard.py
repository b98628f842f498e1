"""A fingerprint of the user's model before and after, and what changed between them put back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bnstats.audit.core.copier.contents import Contents
from bnstats.audit.core.copier.copier import Copier
from bnstats.audit.core.copier.references import Handler
from bnstats.audit.core.random_state import random_state


class ReferenceGuard:
    """References of an object, and copies of its NumPy arrays; see `bnstats.audit.core.protocol.Guard`.

    Parameters
    ----------
    model : object
        The user's model.
    handlers : dict of type to handler
        How the framework's types are copied.

    Attributes
    ----------
    shared : list of str
        Paths of objects that copies share with the model.
    changed : dict of str to None
        Paths of what changed in the original and was put back, in order.
    leaves : list of (array, copy, path)
        Arrays of the model.
    """

    def __init__(self, model: Any, handlers: Mapping[type, Handler]) -> None:
        copier = Copier(handlers)
        copier.copy(model)
        self.shared: Sequence[str] = list(dict.fromkeys(copier.shared))
        self.leaves = copier.leaves
        self.changed: dict[str, None] = {}
        self._contents = Contents(((c.kind, c.source, c.path) for c in copier.changeable), copier.leaves)

    def note(self, path: str) -> None:
        """Remember that something of the original changed and was put back."""
        self.changed[path or "model"] = None

    def close(self) -> None:
        """Put back what changed."""
        for path in self._contents.put_back():
            self.note(path)


@contextmanager
def guarded(make: Callable[[], ReferenceGuard], loaders: Sequence[Any], seed: int) -> Iterator[ReferenceGuard]:
    """Keep random state and loaders' generators, and guard a model."""
    with random_state(loaders, seed):
        guard = make()
        try:
            yield guard
        finally:
            guard.close()
