"""Damaged stores change no number in silence: a smaller `benchmarks/damage.py`, and damage that chance rarely finds."""

import hashlib
import json
import math
import os
import sqlite3
import tracemalloc
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bnstats as bn
from benchmarks.damage import Means, disagreement, forked, kills, measured, outcome, truncations
from bnstats.simulation.replicates.nested_bins import NAMES
from bnstats.simulation.replicates.tally import Tally
from bnstats.simulation.storage.packing import LARGEST, unpack


@pytest.mark.parametrize(("damage", "number"), [(disagreement, 60), (truncations, 25), (kills, 10)])
def test_random_damage_changes_no_number_in_silence(tmp_path, damage, number):
    found = damage(tmp_path, number, np.random.default_rng(0))
    assert sum(found.values()) >= number


@pytest.fixture
def store(tmp_path):
    measured(tmp_path / "s.sqlite")
    return tmp_path / "s.sqlite"


def edited(path, *statements):
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(*(statement if isinstance(statement, tuple) else (statement,)))
        db.commit()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE blocks SET block = block + 1000 WHERE condition = (SELECT min(condition) FROM blocks)",
        "UPDATE blocks SET payload = (SELECT payload FROM blocks WHERE rowid = 7) WHERE rowid = 3",
        "UPDATE blocks SET (payload, sha256) = (SELECT payload, sha256 FROM blocks WHERE rowid = 7) WHERE rowid = 3",
        "UPDATE blocks SET sha256 = 'abc' WHERE rowid = 3",
        "UPDATE blocks SET sha256 = 1.5, payload = 'text' WHERE rowid = 3",
        "DELETE FROM blocks WHERE rowid > 5",
    ],
)
def test_a_block_in_another_place_or_beside_another_checksum_is_simulated_again(store, statement):
    edited(store, statement)
    assert outcome(store, measured(None)) in ("same", "same, with a warning")
    assert outcome(store, measured(None)) == "same"


def sealed(path, payload):
    """This payload in place of each block, with the checksum that fits it."""
    with closing(sqlite3.connect(path)) as db:
        text = db.execute("SELECT text FROM definition").fetchone()[0]
        for condition, block in db.execute("SELECT condition, block FROM blocks").fetchall():
            mark = hashlib.sha256(f"{text}\n{condition}\n{block}\n".encode() + payload).digest()
            db.execute("UPDATE blocks SET (sha256, payload) = (?, ?) WHERE condition = ? AND block = ?",
                       (mark, payload, condition, block))  # fmt: skip
        db.commit()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no zlib",
        zlib.compress(b"no header"),
        zlib.compress(b"[" * 100_000),
        zlib.compress(b'{"keys": [["mean"]], "arrays": {}}\n'),
        zlib.compress(b'{"keys": 3, "arrays": {"moments": ["<f8", [1e400]]}}\n'),
        zlib.compress(b'{"keys": [["mean"]], "arrays": {"moments": ["<f8", [4611686018427387904]]}}\n'),
        zlib.compress(b'{"keys": [["mean"]], "arrays": {"moments": ["O", [1]]}}\n'),
    ],
)
def test_content_that_is_no_tally_is_damaged_whatever_its_checksum(store, payload):
    with pytest.raises(ValueError):  # noqa: PT011, of any kind: the store says what it is about
        unpack(payload, Tally)
    sealed(store, payload)
    assert outcome(store, measured(None)) == "same, with a warning"


def test_a_tally_whose_arrays_do_not_fit_each_other_is_damaged(store):
    with closing(sqlite3.connect(store)) as db:
        content = zlib.decompress(db.execute("SELECT payload FROM blocks").fetchone()[0])
    header, _, body = content.partition(b"\n")
    arrays = json.loads(header)["arrays"]
    sizes = {name: np.dtype(kind).itemsize * math.prod(shape) for name, (kind, shape) in arrays.items()}
    first = sum(list(sizes.values())[: list(sizes).index("bins")])  # the bytes before the first bin
    assert 0 < np.frombuffer(body, np.int64, 1, offset=first)[0] < 2 * NAMES
    body = bytearray(body)
    body[first : first + 8] = np.int64(2**40).tobytes()
    sealed(store, zlib.compress(header + b"\n" + bytes(body)))
    assert outcome(store, measured(None)) == "same, with a warning"


def test_a_payload_that_unpacks_to_gigabytes_takes_bounded_memory():
    packed = zlib.compressobj(1)
    bomb = b"".join([*(packed.compress(bytes(2**24)) for _ in range(8 * LARGEST // 2**24)), packed.flush()])
    tracemalloc.start()
    with pytest.raises(ValueError, match="too large"):
        unpack(bomb, Tally)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * LARGEST


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM definition",
        "UPDATE definition SET text = '{' || text",
        "UPDATE definition SET text = x'ff00'",
        "UPDATE definition SET text = substr(text, 2)",
        "INSERT INTO definition SELECT * FROM definition",
        "DROP TABLE blocks",
        ("UPDATE definition SET (text, sha256) = (?, ?)", ("no JSON", hashlib.sha256(b"no JSON").digest())),
        ("UPDATE definition SET (text, sha256) = (?, ?)", ("[1]", hashlib.sha256(b"[1]").digest())),
    ],
)
def test_a_damaged_definition_is_one_sentence(store, statement):
    edited(store, statement)
    with pytest.raises(ValueError, match=r"s.sqlite' is no bnstats store, or a damaged one \(its? .*\); give another"):
        measured(store)


def test_a_damaged_name_that_is_no_text_is_one_sentence(store):
    """SQLite quotes the name in its error message, which then cannot be decoded."""
    content = store.read_bytes()
    assert content.count(b"sqlite_autoindex_blocks_1") == 1
    store.write_bytes(content.replace(b"sqlite_autoindex_blocks_1", b"sql\xe9te_autoindex_blocks_1"))
    assert outcome(store, pd.DataFrame()) == "refused"


def test_a_definition_nested_without_end_is_damaged(store):
    text = "[" * 100_000
    edited(store, ("UPDATE definition SET text = ?, sha256 = ?", (text, hashlib.sha256(text.encode()).digest())))
    assert outcome(store, pd.DataFrame()) == "refused"


def test_many_processes_start_on_one_new_store_at_once(tmp_path):
    path = tmp_path / "new.sqlite"
    children = [forked(path, pause=0.001) for _ in range(12)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 12
    assert outcome(path, measured(None)) == "same"


def test_a_file_that_another_process_creates_meanwhile_is_waited_for(tmp_path):
    """The lock comes first: whoever looks sees all tables or none."""
    with closing(sqlite3.connect(tmp_path / "s", isolation_level=None, check_same_thread=False)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("CREATE TABLE blocks (condition TEXT)")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bnstats.simulation.storage.store.PATIENCE", 0.1)
            with pytest.raises(OSError, match="locked; another process keeps it locked; wait for") as caught:
                measured(tmp_path / "s")
    assert "space" not in str(caught.value)


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_what_does_not_outlive_the_run_is_no_store(path):
    with pytest.raises(ValueError, match="store is the path of a file; got "):
        measured(path)


@pytest.fixture
def unprivileged(tmp_path):
    """A folder that may be read only, also by the superuser, who becomes somebody else meanwhile."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.owner() == tmp_path.owner() and "pytest" in str(folder):
            folder.chmod(0o755)
    superuser = os.geteuid() == 0
    if superuser and not all(folder.stat().st_mode & 0o001 for folder in Path(np.__file__).parents):
        pytest.skip("somebody else than the superuser could not read the installed packages")

    def close():
        tmp_path.chmod(0o555)
        if superuser:
            os.seteuid(65534)

    yield close
    if superuser:
        os.seteuid(0)
    tmp_path.chmod(0o755)


def test_a_complete_store_in_a_read_only_folder_is_read(tmp_path, store, unprivileged):
    truth = measured(None)
    unprivileged()
    pd.testing.assert_frame_equal(measured(store), truth, check_exact=True)
    with pytest.raises(
        OSError, match=r"may not be written to, and lacks block 10 of condition \w+; copy it to a folder"
    ):
        bn.run(Means(), max_replicates=60 * 11, executor=1, store=store)
    with pytest.raises(OSError, match=r"unable to open .* give another path"):
        measured(tmp_path / "new.sqlite")


def test_a_store_serves_a_longer_grid_of_batch_sizes(tmp_path):
    """Sizes that have blocks of their own are found again; a pyramid is simulated again, to the same bits."""
    given = {"estimators": ["var"], "precision": None, "max_replicates": 64, "executor": 2}
    held = []
    for sizes in ([2, 8, 3], [2, 8, 16, 3, 5], [2, 8, 3]):
        found = bn.measure_convergence("normal", batch_sizes=sizes, store=tmp_path / "s", **given).table
        pd.testing.assert_frame_equal(
            found, bn.measure_convergence("normal", batch_sizes=sizes, **given).table, check_exact=True
        )
        with closing(sqlite3.connect(tmp_path / "s")) as db:
            held.append(db.execute("SELECT count(*) FROM blocks").fetchone()[0])
    assert held == [4, 8, 8]  # 2 a condition: pyramid and 3; another pyramid and 5; nothing
