"""A fingerprint of the user's model before and after, for frameworks whose arrays cannot change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from bnstats.audit.core.copier.copier import Copier
from bnstats.audit.core.copier.references import Handler
from bnstats.audit.core.random_state import random_state


class ReferenceGuard:
    """References of an object; see `bnstats.audit.core.protocol.Guard`.

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
    changed : list of str
        Paths of what changed and was put back.
    """

    def __init__(self, model: Any, handlers: Mapping[type, Handler]) -> None:
        copier = Copier(handlers)
        copier.copy(model)
        self.shared: Sequence[str] = list(dict.fromkeys(copier.shared))
        self.changed: list[str] = []
        self._containers = [(c.kind, c.source, c.kind.look(c.source), c.path) for c in copier.changeable]
        self._arrays = copier.leaves

    def close(self) -> None:
        """Put back what changed."""
        found: dict[str, None] = {}
        for kind, source, held, path in self._containers:
            if not kind.same(source, held):
                kind.put(source, held)
                found[path or "model"] = None
        for source, kept, path in self._arrays:
            if source.tobytes() != kept.tobytes():
                np.copyto(source, kept)
                found[path or "model"] = None
        self.changed += found


@contextmanager
def guarded(
    model: Any, handlers: Mapping[type, Handler], loaders: Sequence[Any], seed: int
) -> Iterator[ReferenceGuard]:
    """Keep random state and loaders' generators, and guard a model."""
    with random_state(loaders, seed):
        guard = ReferenceGuard(model, handlers)
        try:
            yield guard
        finally:
            guard.close()
