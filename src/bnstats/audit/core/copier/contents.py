"""Contents of containers and values of arrays at one time, to which they are put back."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any

import numpy as np

from bnstats.audit.core.copier.containers import Container

_LENGTH = {dict, OrderedDict, list, set, deque}


class Contents:
    """Contents of containers at one time; most of a model's are empty, and are compared by their lengths.

    Parameters
    ----------
    kept : iterable of (kind, object, path)
        Containers.
    leaves : iterable of (array, copy, path)
        Arrays and their values; those of frameworks are left out.
    """

    def __init__(self, kept: Iterable[tuple[Container, Any, str]], leaves: Iterable[tuple[Any, Any, str]] = ()) -> None:
        self._arrays = [leaf for leaf in leaves if isinstance(leaf[0], np.ndarray)]
        self._paths: list[str] = []
        self._empty: list[tuple[int, Any]] = []
        self._full: list[tuple[int, Container, Any, Any]] = []
        for place, (kind, x, path) in enumerate(kept):
            self._paths.append(path)
            if type(x) in _LENGTH and not x:
                self._empty.append((place, x))
            else:
                self._full.append((place, kind, x, kind.look(x)))
        self._lengths = [x for _, x in self._empty]

    def put_back(self) -> list[str]:
        """Put the contents back, and return the paths of what had changed."""
        moved = []
        if any(map(len, self._lengths)):
            moved = [place for place, x in self._empty if x]
            for x in self._lengths:
                x.clear()
        for place, kind, x, held in self._full:
            if not kind.same(x, held):
                kind.put(x, held)
                moved.append(place)
        paths = [self._paths[place] for place in sorted(moved)]
        for x, values, path in self._arrays:
            if x.tobytes() != values.tobytes():
                np.copyto(x, values)
                paths.append(path)
        return paths
