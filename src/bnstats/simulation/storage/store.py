"""Store of finished blocks in one SQLite file, from which a stopped run continues.

A store belongs to one study. Its definition (settings, code, seed, versions) is written into the file, and another
definition is refused. A block is stored as plain numbers beside a SHA-256 checksum of the numbers, the definition, the
condition and the block. If any part of the file is damaged, no number is ever mistaken for another.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from os import PathLike
from pathlib import Path
from typing import Any

from bnstats._checks.values import store_path
from bnstats._warnings import notify
from bnstats.simulation.storage.packing import LARGEST, Part, unpack

FORMAT = 3
# Seconds to wait while another process writes to the same file.
PATIENCE = 60.0

_SCHEMA = (
    "CREATE TABLE definition (text TEXT NOT NULL, sha256 BLOB NOT NULL)",
    "CREATE TABLE blocks (condition TEXT, block INTEGER, sha256 BLOB NOT NULL, payload BLOB NOT NULL, "
    "PRIMARY KEY (condition, block))",
)

_NOT_WRITABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)
# Advice on errors about the place of the file; all other errors are about its contents.
_PLACE = {
    **dict.fromkeys(
        (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED),
        "another process keeps it locked; wait for that process, or give this run a path of its own",
    ),
    sqlite3.SQLITE_FULL: "blocks stored before are kept; free space or give another path, and run again",
    sqlite3.SQLITE_IOERR: "blocks stored before are kept; repair the disk or give another path, and run again",
    **dict.fromkeys(_NOT_WRITABLE, "give another path, of a file in a folder that exists and may be written to"),
}


class Store:
    """Blocks of one study in an SQLite file.

    Parameters
    ----------
    path : path
        Path of the file, which is created if it does not exist. A file without write permission is only read.
    definition : JSON object
        Facts that the blocks depend on, besides condition and block.

    Raises
    ------
    ValueError
        If the file is no store, or the store of another study.
    OSError
        If the file cannot be opened.
    """

    def __init__(self, path: str | PathLike[str], definition: dict[str, Any]) -> None:
        self.path = store_path("store", path)
        self._text = json.dumps({"format": FORMAT, **definition}, sort_keys=True)
        self._mark = hashlib.sha256(self._text.encode())
        self._read_only = False
        try:
            self._open(self.path)
        except OSError as error:
            if not (_code(error.__cause__) in _NOT_WRITABLE and self.path.is_file()):
                raise
            self._read_only = True
            self._open(f"{self.path.resolve().as_uri()}?mode=ro&immutable=1")

    def _open(self, address: str | Path) -> None:
        with about(self.path):
            self._db = connected(address)
            try:
                self._claim()
            except BaseException:
                self._db.close()
                raise

    def _claim(self) -> None:
        """Lock the file, then write the definition into a new file or compare it with that of an old file."""
        self._db.execute("BEGIN" if self._read_only else "BEGIN IMMEDIATE")
        stored = definition_text(self._db)
        if stored is None:
            for statement in _SCHEMA:
                self._db.execute(statement)
            self._db.execute("INSERT INTO definition VALUES (?, ?)", (self._text, self._mark.digest()))
        elif stored != self._text:
            raise ValueError(
                f"store {str(self.path)!r} holds another study, "
                f"{_difference(json.loads(stored), json.loads(self._text))}; give this study a file of its own."
            )
        self._db.execute("COMMIT")
        if not self._read_only:
            with suppress(
                sqlite3.OperationalError
            ):  # WAL is only faster; SQLite refuses it while other processes use the file
                self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")

    def get(self, condition: str, block: int, kind: type[Part]) -> Part | None:
        """Return a stored block of this kind; None if it is not stored, or, with a warning, if it is damaged."""
        payload = self.payload(condition, block)
        try:
            return None if payload is None else unpack(payload, kind)
        except ValueError:
            self._warn_of_damage(condition, block)
            return None

    def payload(self, condition: str, block: int) -> bytes | None:
        """Return the bytes of a block after checking them against its checksum; None as in `get`."""
        try:
            row = self._db.execute(
                "SELECT sha256, payload FROM blocks WHERE condition = ? AND block = ?", (condition, block)
            ).fetchone()
            if row is None:
                return None
            mark, payload = row
            if isinstance(payload, bytes) and mark == self._checksum(condition, block, payload):
                return payload
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if _code(error) in _PLACE:
                with about(self.path):
                    raise
        self._warn_of_damage(condition, block)
        return None

    def _warn_of_damage(self, condition: str, block: int) -> None:
        notify(f"block {block} of condition {condition} in {str(self.path)!r} is damaged; simulated again")

    def _checksum(self, condition: str, block: int, payload: bytes) -> bytes:
        mark = self._mark.copy()
        mark.update(f"\n{condition}\n{block}\n".encode())
        mark.update(payload)
        return mark.digest()

    def put(self, condition: str, payloads: Mapping[int, bytes]) -> None:
        """Commit packed blocks of a condition by their numbers, all or nothing."""
        if self._read_only and payloads:
            raise OSError(
                f"store {str(self.path)!r} may not be written to, and lacks block {min(payloads)} of condition "
                f"{condition}; copy "
                "it to a folder that may be written to, and give that path."
            )
        rows = [
            (condition, block, self._checksum(condition, block, packed), packed) for block, packed in payloads.items()
        ]
        with nullcontext() if self._db.in_transaction else self.together(), about(self.path):
            self._db.executemany("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?)", rows)

    def places(self) -> list[tuple[str, int]]:
        """Return condition and block of all stored blocks."""
        with about(self.path):
            return self._db.execute("SELECT condition, block FROM blocks ORDER BY condition, block").fetchall()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Commit all blocks put in this context at its end, all or nothing."""
        with about(self.path):
            self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._db.in_transaction:  # SQLite itself ends it if the disk is full
                self._db.execute("ROLLBACK")
            raise
        with about(self.path):
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def connected(address: str | Path) -> sqlite3.Connection:
    """Return a connection that does not trust the contents of the file; a `str` is a URI."""
    uri = isinstance(address, str)
    # The path is absolute, because many builds of SQLite take a relative file:x for a URI even if uri is False.
    place = address if uri else Path(address).absolute()
    db = sqlite3.connect(place, timeout=PATIENCE, isolation_level=None, uri=uri)
    db.text_factory = lambda text: text.decode(errors="replace")
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST)
    db.execute("PRAGMA trusted_schema=OFF")
    db.execute("PRAGMA cell_size_check=ON")
    return db


def definition_text(db: sqlite3.Connection) -> str | None:
    """Return the definition in a store, None if the file is empty; raise DatabaseError if it is damaged."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return None
    if not {"definition", "blocks"} <= tables:
        raise sqlite3.DatabaseError("it has other tables")
    rows = db.execute("SELECT * FROM definition").fetchall()
    if len(rows) != 1 or len(rows[0]) != 2:
        raise sqlite3.DatabaseError("its definition is missing, or of another version")
    text, mark = rows[0]
    if not isinstance(text, str) or hashlib.sha256(text.encode()).digest() != mark:
        raise sqlite3.DatabaseError("its definition is damaged")
    try:
        readable = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        readable = False
    if not readable:
        raise sqlite3.DatabaseError("its definition is damaged")
    return text


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into one sentence: OSError for a bad place, ValueError for a bad file."""
    try:
        yield
    except sqlite3.Error as error:
        advice = _PLACE.get(_code(error))
        if advice is not None:
            raise OSError(f"store {str(path)!r}: {error}; {advice}.") from error
        raise ValueError(
            f"{str(path)!r} is no bnstats store, or a damaged one ({error}); give another path for store=."
        ) from None
    except UnicodeDecodeError:  # SQLite's message quotes a damaged name, which cannot be decoded
        raise ValueError(
            f"{str(path)!r} is a damaged bnstats store (a name in it is no text); give another path for store=."
        ) from None


def _code(error: BaseException | None) -> int:
    """Return SQLite's primary code of an error; 0 if it has none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _difference(stored: Any, current: Any) -> str:
    # The code comes last: another class, or another version of this package, explains more.
    for key in sorted(stored.keys() | current.keys(), key=lambda key: (key == "code", key)):
        was, now = stored.get(key), current.get(key)
        if was != now and isinstance(was, dict) and isinstance(now, dict):
            return _difference(was, now)
        if was != now:
            return f"with {key} {_short(was)} and not {_short(now)}"
    return "written in another way"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
