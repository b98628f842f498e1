"""Stores of parts of one study, made into one store of all of it."""

from __future__ import annotations

import json
from contextlib import closing
from os import PathLike
from pathlib import Path

from bnstats._checks.values import shown, store_path
from bnstats._warnings import notify
from bnstats.simulation.storage.store import Store, about, connected, definition_text


def merge_stores(into: str | PathLike[str], *others: str | PathLike[str]) -> int:
    """Copy the blocks of other stores of the same study into one, and say how many were new to it.

    A run with this store then finds the blocks that all of them have, and its results are those of a single run, bit
    for bit. The others are only read. What is damaged in them is left out, with a warning, and can be simulated again.

    Parameters
    ----------
    into : path
        A store of that study, or a file that does not exist yet.
    *others : paths
        One store or more.

    Raises
    ------
    ValueError
        If one of them is no store, or the store of another study, and before anything is copied.
    OSError
        If one of the others does not exist, or `into` cannot be written.

    Examples
    --------
    Twelve jobs, each with a store of its own:

    >>> merge_stores("all.sqlite", *(f"part-{job}.sqlite" for job in range(12)))  # doctest: +SKIP
    4096
    """
    target = store_path("into", into)
    if not others:
        raise ValueError(
            f"merge_stores takes the stores to copy from, one or more, after {shown(str(into))}; got none."
        )
    sources = [store_path("store", other) for other in others]
    for source in sources:
        if not source.is_file():
            raise OSError(f"store {str(source)!r} does not exist; give the path of a store that a run has made.")
        if target.exists() and source.samefile(target):
            raise ValueError(f"{str(source)!r} is both merged and merged into; name it once.")
    definition = _definition(sources[0])
    for source in sources[1:]:
        Store(source, definition).close()
    with closing(Store(target, definition)) as store:
        return sum(_copy(store, source, definition) for source in sources)


def _definition(path: Path) -> dict[str, object]:
    with about(path), closing(connected(path)) as db:
        text = definition_text(db)
    if text is None:
        raise ValueError(f"{str(path)!r} is empty, no bnstats store; leave it out.")
    return {key: value for key, value in json.loads(text).items() if key != "format"}


def _copy(store: Store, path: Path, definition: dict[str, object]) -> int:
    new = other = 0
    with closing(Store(path, definition)) as source, store.together():
        for condition, block in source.places():
            payload = source.payload(condition, block)
            if payload is None:
                continue
            held = store.payload(condition, block)
            if held is None:
                store.put(condition, {block: payload})
                new += 1
            other += held not in (None, payload)
    if other:
        notify(
            f"{other} blocks of {str(path)!r} differ from those that {str(store.path)!r} has already, which are kept: "
            "they come from machines that round otherwise."
        )
    return new
