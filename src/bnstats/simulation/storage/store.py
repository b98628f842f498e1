"""Finished blocks in one SQLite file, so that a run that was stopped goes on where it was.

A store belongs to one study: its definition (settings, code, seed, versions) is written into the file, and another
definition is refused. Blocks are plain numbers in NumPy's array format, each beside its SHA-256, never a pickle.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bnstats._warnings import notify
from bnstats.simulation.tally import Tally

FORMAT = 2

_SCHEMA = """
CREATE TABLE definition (text TEXT NOT NULL);
CREATE TABLE blocks (cell TEXT, block INTEGER, sha256 TEXT NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (cell, block));
"""


class Store:
    """The blocks of one study in an SQLite file.

    Parameters
    ----------
    path : path
        Made if it does not exist.
    definition : JSON value
        What the blocks depend on, besides cell and block.

    Raises
    ------
    ValueError
        If the file is no store, or the store of another study.
    OSError
        If the file cannot be written; blocks written before are kept.
    """

    def __init__(self, path: str | Path, definition: Any) -> None:
        self.path = Path(path)
        text = json.dumps({"format": FORMAT, **definition}, sort_keys=True)
        with self._errors():
            self._db = sqlite3.connect(self.path, isolation_level=None)
        try:
            self._claim(text)
        except BaseException:
            self._db.close()
            raise

    def _claim(self, text: str) -> None:
        """Write the definition into a new file; compare it with that of an old one, which is not touched before."""
        with self._errors():
            tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if tables and not {"definition", "blocks"} <= tables:
                raise self._foreign("it has other tables")
            held = self._db.execute("SELECT text FROM definition").fetchone()[0] if tables else text
            if held != text:
                raise ValueError(
                    f"store {str(self.path)!r} holds another study, {_difference(json.loads(held), json.loads(text))}; "
                    "give this study a file of its own."
                )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            if not tables:
                self._db.executescript("BEGIN;" + _SCHEMA)
                self._db.execute("INSERT INTO definition VALUES (?)", (text,))
                self._db.execute("COMMIT")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OSError(
                f"store {str(self.path)!r}: {error}. Blocks stored before are kept; free space or give another "
                "path, and run again."
            ) from error
        except sqlite3.DatabaseError as error:
            raise self._foreign(str(error)) from None

    def _foreign(self, why: str) -> ValueError:
        return ValueError(
            f"{str(self.path)!r} is no bnstats store, or a damaged one ({why}); give another path for store=."
        )

    def get(self, cell: str, block: int) -> Tally | None:
        """The stored tally of a block; None, with a warning, if it is damaged, and None if it is not there."""
        with self._errors():
            row = self._db.execute(
                "SELECT sha256, payload FROM blocks WHERE cell = ? AND block = ?", (cell, block)
            ).fetchone()
        if row is None:
            return None
        if not isinstance(row[1], bytes) or hashlib.sha256(row[1]).hexdigest() != row[0]:
            notify(f"block {block} of cell {cell} in {str(self.path)!r} is damaged; simulating it again")
            return None
        return _decode(row[1])

    def put(self, cell: str, block: int, tally: Tally) -> None:
        """Commit the tally of one block."""
        payload = _encode(tally)
        mark = hashlib.sha256(payload).hexdigest()
        with self._errors():
            self._db.execute("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?)", (cell, block, mark, payload))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _encode(tally: Tally) -> bytes:
    buffer = io.BytesIO()
    for array in tally.arrays():
        np.save(buffer, array, allow_pickle=False)
    return zlib.compress(buffer.getvalue(), level=1)


def _decode(payload: bytes) -> Tally:
    buffer = io.BytesIO(zlib.decompress(payload))
    return Tally.from_arrays(*(np.load(buffer, allow_pickle=False) for _ in dataclasses.fields(Tally)))


def _difference(held: Any, wanted: Any) -> str:
    # The code last: another class, or another version of this package, says more.
    for key in sorted(held.keys() | wanted.keys(), key=lambda key: (key == "code", key)):
        was, now = held.get(key), wanted.get(key)
        if was != now and isinstance(was, dict) and isinstance(now, dict):
            return _difference(was, now)
        if was != now:
            return f"with {key} {_short(was)} and not {_short(now)}"
    return "written in another way"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
