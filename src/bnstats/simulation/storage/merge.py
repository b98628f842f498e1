"""Merging of stores that hold parts of one study."""

from __future__ import annotations

import json
from contextlib import closing
from os import PathLike
from pathlib import Path

from bnstats._checks.values import shown, store_path
from bnstats._warnings import notify
from bnstats.simulation.storage.store import Store, about, connected, definition_text


def merge_stores(into: str | PathLike[str], *others: str | PathLike[str]) -> int:
    """Copy the blocks of other stores of the same study into one store; return the number of new blocks.

    A run with this store then finds the blocks of all the stores. Its results are those of a single run, bit for bit.
    The other stores are only read. Damaged blocks in them are left out, with a warning, and can be simulated again.

    Parameters
    ----------
    into : path
        Store of that study, or a file that does not exist yet.
    *others : paths
        Stores to copy from, at least one.

    Returns
    -------
    int
        Number of blocks that `into` did not have before.

    Raises
    ------
    ValueError
        If a file is no store, or the store of another study; nothing is then copied.
    OSError
        If one of `others` does not exist, or if `into` cannot be written.

    Examples
    --------
    Merge the stores of twelve jobs:

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
            stored = store.payload(condition, block)
            if stored is None:
                store.put(condition, {block: payload})
                new += 1
            other += stored not in (None, payload)
    if other:
        notify(
            f"{other} blocks of {str(path)!r} differ from the same blocks in {str(store.path)!r}, which are kept: "
            "the blocks come from machines that round differently."
        )
    return new
