"""The store: nothing that was computed is lost, and nothing wrong is ever read."""

import json
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import types
import zlib
from contextlib import closing
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bnstats as bn
from bnstats.simulation.identity import condition_key, definition, digest
from bnstats.simulation.replicates.tally import Tally
from bnstats.simulation.storage.packing import pack
from bnstats.simulation.storage.store import Store

STUDY = """
import time
from dataclasses import dataclass
from typing import ClassVar
import bnstats as bn

class Calls:
    # Those beyond a number wait until the process is killed.

    number = 0

    def __call__(self, most):
        self.number += 1
        while self.number > most:
            time.sleep(0.01)

CALLS = Calls()

@dataclass(frozen=True)
class Slow(bn.Study):
    summaries: ClassVar = ("bias", "se", "rmse", "median_abs_error")
    sizes: tuple = (2, 3)
    calls: int = 10**9
    grid: ClassVar = ("calls",)

    def conditions(self):
        return [{"size": n} for n in self.sizes]

    def size(self, condition):
        return 100

    def simulate(self, condition, rng, size):
        CALLS(self.calls)
        return {"mean": rng.exponential(size=(size, condition["size"])).mean(axis=1)}
"""


class Log:
    """What was simulated, for these tests; no constant of the study, so it does not tell its code apart."""

    def __init__(self):
        self.calls, self.fail_at = [], None

    def __call__(self, size):
        self.calls.append(size)
        if self.fail_at == len(self.calls):
            raise KeyboardInterrupt


LOG = Log()


@dataclass(frozen=True)
class Counted(bn.Study):
    sizes: tuple[int, ...] = (2, 3)
    scale: float = 1.0
    grid = ("sizes",)

    def conditions(self):
        return [{"size": n} for n in self.sizes]

    def size(self, condition):
        return 50

    def simulate(self, condition, rng, size):
        LOG(condition["size"])
        return {"mean": self.scale * rng.normal(size=(size, condition["size"])).mean(axis=1)}


@pytest.fixture(autouse=True)
def fresh():
    LOG.__init__()


def counted(store, blocks=6, **kwargs):
    study = Counted(**{key: kwargs.pop(key) for key in ("sizes", "scale") if key in kwargs})
    return bn.run(study, max_replicates=50 * blocks, executor=1, store=store, **kwargs).table


def stored(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT count(*) FROM blocks").fetchone()[0]


def test_a_killed_run_goes_on_where_it_was_to_the_same_bits(tmp_path):
    path = tmp_path / "store.sqlite"
    (tmp_path / "slow.py").write_text(STUDY)
    paths = os.pathsep.join([str(tmp_path), str(Path(bn.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": paths}

    def start(calls, more=""):
        run = f"table = slow.bn.run(slow.Slow(calls={calls}), max_replicates=4000, {more}).table"
        code = f"import slow\n{run}\ntable.to_pickle('table')"
        return subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=tmp_path)

    killed = start(40, f"executor=1, store={str(path)!r}")
    while not path.exists() or time.sleep(0.02) or _quiet_count(path) < 10:
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert 10 <= stored(path) < 80
    assert start(10**9, f"store={str(path)!r}").wait() == 0
    resumed = pd.read_pickle(tmp_path / "table")
    assert stored(path) == 80
    assert start(10**9).wait() == 0
    pd.testing.assert_frame_equal(resumed, pd.read_pickle(tmp_path / "table"), check_exact=True)


def _quiet_count(path):
    try:
        return stored(path)
    except sqlite3.OperationalError:
        return 0


def test_a_second_run_simulates_nothing_and_a_larger_grid_only_what_is_new(tmp_path):
    first = counted(tmp_path / "s")
    assert len(LOG.calls) == 12
    pd.testing.assert_frame_equal(counted(tmp_path / "s"), first, check_exact=True)
    assert len(LOG.calls) == 12
    extended = counted(tmp_path / "s", sizes=(5, 3, 2))
    assert LOG.calls[12:] == [5] * 6
    common = extended.set_index("size").loc[[2, 3]].reset_index()
    pd.testing.assert_frame_equal(common, first, check_exact=True)
    counted(tmp_path / "s", blocks=8)
    assert sorted(LOG.calls[18:]) == [2, 2, 3, 3]


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_block_is_reported_and_simulated_again(tmp_path, damage):
    first = counted(tmp_path / "s")
    with closing(sqlite3.connect(tmp_path / "s")) as db:
        payload = bytearray(db.execute("SELECT payload FROM blocks WHERE rowid = 3").fetchone()[0])
        payload[len(payload) // 2] ^= 0xFF
        bad = {"flip": payload, "cut": payload[:20], "empty": None}[damage]
        db.execute("UPDATE blocks SET payload = ? WHERE rowid = 3", (b"" if bad is None else bytes(bad),))
        db.commit()
    with pytest.warns(UserWarning, match=r"block 2 of condition \w+ in .* is damaged; simulated again") as warned:
        again = counted(tmp_path / "s")
    assert warned[0].filename == __file__
    pd.testing.assert_frame_equal(again, first, check_exact=True)
    assert len(LOG.calls) == 13
    counted(tmp_path / "s")  # mended: no warning, no simulation
    assert len(LOG.calls) == 13


def test_another_study_is_refused_with_the_difference_and_left_as_it_was(tmp_path, monkeypatch):
    counted(tmp_path / "s")
    before = stored(tmp_path / "s")
    with pytest.raises(ValueError, match=r"holds another study, with seed 0 and not 1; give this study a file"):
        counted(tmp_path / "s", seed=1)
    with pytest.raises(ValueError, match=r"holds another study, with scale 1.0 and not 2.0"):
        counted(tmp_path / "s", scale=2.0)
    for method, code in [
        ("simulate", lambda *given: {"mean": given[2].normal(size=50)}),
        ("target", lambda *_: 1.0),
        ("a_part_of_simulate", lambda *_: None),
    ]:
        monkeypatch.setattr(Counted, method, code, raising=False)
        with pytest.raises(ValueError, match=rf"holds another study, with Counted.{method} .* and not"):
            counted(tmp_path / "s")
        monkeypatch.undo()
    with pytest.raises(ValueError, match="holds another study, with study"):
        bn.run(type("Other", (Counted,), {})(), store=tmp_path / "s")
    assert stored(tmp_path / "s") == before
    monkeypatch.setattr(Counted, "exact", lambda *_: 0.0)  # says nothing about the blocks
    counted(tmp_path / "s")
    assert len(LOG.calls) == 12


USERS = """
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
import numpy as np
import bnstats as bn

SCALE = 1.0
LEVELS = {"low": [0.5], "high": lambda x: x + 2}
UNUSED = 3.0

def helper(x, shift=0.0):
    return deeper(x) + shift

@lru_cache
def level(name):
    return LEVELS[name]

def deeper(x):
    def inner(y):
        return [(lambda v: v * 9.0)(u + 10.0) for u in y]
    return SCALE * x + sum(v + 11.0 for v in inner([1.0]))

def unused(x):
    return 4.0 * x

def estimate(x, axis=-1):
    return helper(x).mean(axis)

class Tool:
    FACTOR = 1.5

    @staticmethod
    def turned(x):
        return -Tool.FACTOR * x

@dataclass(frozen=True)
class Rule:
    n: int

    def fill(self, rng):
        return rng.normal(size=self.n) + 5.0

@dataclass(frozen=True)
class Base(bn.Study):
    WEIGHT = 2.5
    estimator: object = estimate
    rule: object = Rule(2)

    def conditions(self):
        return [{"size": 2, "within": Rule(3)}]

    @cached_property
    def doubled(self):
        return 6.0 * self.WEIGHT

@dataclass(frozen=True)
class Users(Base):
    def simulate(self, condition, rng, size):
        return {"x": self.estimator(Tool.turned(rng.normal(size=(size, 2)))) * self.doubled + 7.0}

    def exact(self, condition, key, summary):
        return 8.0
"""


def defined(text):
    """The definition of the study of this module, and the key of its condition."""
    scope = types.ModuleType("users").__dict__
    exec(text, scope)
    return definition(scope["Users"](), 0), condition_key(scope["Users"]().conditions()[0])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SCALE = 1.0", "SCALE = 1.1"),
        ("deeper(x) + shift", "deeper(x) - shift"),
        ("shift=0.0", "shift=0.1"),
        ("SCALE * x", "x"),
        ("FACTOR = 1.5", "FACTOR = 1.6"),
        ("-Tool.FACTOR", "+Tool.FACTOR"),
        ("size=self.n) + 5.0", "size=self.n) + 5.5"),
        ("WEIGHT = 2.5", "WEIGHT = 2"),
        ("6.0 *", "6.5 *"),
        ("+ 7.0", "+ 7.5"),
        ("estimator: object = estimate", "estimator: object = helper"),
        ("Rule(2)", "Rule(4)"),
        ("helper(x).mean(axis)", "level('high')(x).mean(axis)"),
        ("* 9.0", "* 9.5"),
        ("+ 10.0", "+ 10.5"),
        ("+ 11.0", "+ 11.5"),
    ],
)
def test_code_that_a_study_of_the_users_own_depends_on_is_in_its_definition(old, new):
    assert USERS.count(old) == 1
    assert defined(USERS)[0] != defined(USERS.replace(old, new))[0]


@pytest.mark.parametrize(("old", "new"), [('"low": [0.5]', '"low": [0.6]'), ("x + 2", "x + 3")])
def test_constants_are_seen_through_caches_and_containers(old, new):
    named = USERS.replace("helper(x).mean(axis)", "level('high')(x).mean(axis)")
    assert defined(named)[0] != defined(named.replace(old, new))[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("UNUSED = 3.0", "UNUSED = 3.1"),
        ("4.0 * x", "4.5 * x"),
        ("return 8.0", "return 8.5"),
        ('{"size": 2', '{"size": 3'),
        ('"low": [0.5]', '"low": [0.6]'),
        ("def unused", "\n\ndef unused"),
    ],
)
def test_what_blocks_do_not_depend_on_is_not_in_it(old, new):
    assert defined(USERS)[0] == defined(USERS.replace(old, new))[0]


def test_the_difference_is_named(tmp_path):
    Store(tmp_path / "s", defined(USERS)[0]).close()
    for old, new, message in [
        ("SCALE = 1.0", "SCALE = 1.1", "with SCALE 1.0 and not 1.1; give"),
        ("-Tool", "Tool", r"with Tool.turned \"\w{16}\" and not \"\w{16}\"; give"),
    ]:
        with pytest.raises(ValueError, match=message):
            Store(tmp_path / "s", defined(USERS.replace(old, new))[0])


def test_a_cell_is_stored_by_its_values_and_the_code_in_them():
    key = defined(USERS)[1]
    assert key == defined(USERS.replace("+ 7.0", "+ 7.5"))[1]
    for old, new in [("Rule(3)", "Rule(4)"), ("size=self.n) + 5.0", "size=self.n) + 5.5"), ('"size": 2', '"size": 3')]:
        assert key != defined(USERS.replace(old, new))[1]
    assert condition_key({"size": 2, "rule": bn.IID()}) == digest({"size": 2, "rule": bn.IID()})


def test_a_store_is_of_one_version_of_the_package_and_of_its_libraries(tmp_path, monkeypatch):
    from bnstats.simulation import identity as module

    counted(tmp_path / "s")
    monkeypatch.setattr(module, "_source", lambda: "0123")
    with pytest.raises(ValueError, match=r"another study, with bnstats .*, source \w{16}\" and not .*, source 0123"):
        counted(tmp_path / "s")
    monkeypatch.undo()
    held = definition(Counted(), 0)
    assert {"bnstats", "numpy", "scipy"} <= held.keys()
    monkeypatch.setattr(module, "version", lambda name: "9.9" if name == "scipy" else version(name))
    with pytest.raises(ValueError, match=r'another study, with scipy .* and not "9.9"'):
        counted(tmp_path / "s")


def test_the_source_of_the_package_is_all_of_its_modules(tmp_path, monkeypatch):
    from bnstats.simulation import identity as module

    package = tmp_path / "bnstats"
    shutil.copytree(Path(bn.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "files", lambda _: package)
    before = module._source.__wrapped__()
    assert before == module._source.__wrapped__()
    (package / "notes.txt").write_text("no code")
    assert module._source.__wrapped__() == before
    with (package / "statistics" / "moments.py").open("a") as file:
        file.write("X = 1\n")
    assert module._source.__wrapped__() != before


def test_files_that_are_no_store_are_refused_and_left_alone(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("grades: " + "90, 80, 70; " * 200)
    foreign = tmp_path / "foreign.sqlite"
    with closing(sqlite3.connect(foreign)) as db:
        db.execute("CREATE TABLE shopping (item TEXT)")
    counted(tmp_path / "s")
    cut = tmp_path / "cut.sqlite"
    cut.write_bytes((tmp_path / "s").read_bytes()[:5000])
    for path in (text, foreign, cut):
        before = path.read_bytes()
        with pytest.raises(ValueError, match=f"{path.name}' is no bnstats store, or a damaged one .* another path"):
            counted(path)
        assert path.read_bytes() == before
    assert len(LOG.calls) == 12


def test_there_is_no_pickle_in_the_file(tmp_path):
    counted(tmp_path / "s", blocks=1)
    with closing(sqlite3.connect(tmp_path / "s")) as db:
        payloads = [zlib.decompress(row[0]) for row in db.execute("SELECT payload FROM blocks")]
    assert len(payloads) == 2
    for payload in payloads:
        header, _, body = payload.partition(b"\n")
        arrays = json.loads(header)["arrays"]
        assert arrays.keys() == {field.name for field in fields(Tally)} - {"keys", "failures"}
        assert sum(math.prod(shape) * np.dtype(kind).itemsize for kind, shape in arrays.values()) == len(body)


def test_an_unwritable_path_is_named_before_anything_is_simulated(tmp_path):
    for path in (tmp_path / "missing" / "s", tmp_path):
        with pytest.raises(OSError, match=r"store .* (unable to open|is a folder).* give another path"):
            counted(path)
    assert not LOG.calls


def test_a_full_disk_keeps_what_is_finished(tmp_path):
    """SQLite's own limit on pages stands for the disk: it raises the very error."""
    held = Store(tmp_path / "s", {"study": "full"})
    rng = np.random.default_rng(0)
    held._db.execute("PRAGMA max_page_count = 20")

    def fill():
        for block in range(1000):
            held.put("condition", {block: pack(Tally.of({"x": rng.normal(size=500)}, [0.0]))})

    with pytest.raises(OSError, match=r"full; blocks stored before are kept; free space"):
        fill()
    held.close()
    finished = stored(tmp_path / "s")
    assert 0 < finished < 1000
    again = Store(tmp_path / "s", {"study": "full"})
    assert all(again.get("condition", block, Tally) is not None for block in range(finished))
    again.close()


def test_a_full_disk_in_a_run_is_an_oserror_and_the_run_goes_on_later(tmp_path, monkeypatch):
    put, full = Store.put, []

    def limited(self, condition, payloads):
        if not full:
            used = self._db.execute("PRAGMA page_count").fetchone()[0]
            self._db.execute(f"PRAGMA max_page_count = {used + 3}")
            full.append(True)
        put(self, condition, payloads)

    monkeypatch.setattr(Store, "put", limited)
    with pytest.raises(OSError, match="blocks stored before are kept"):
        counted(tmp_path / "s", blocks=40)
    kept = stored(tmp_path / "s")
    assert 0 < kept < 80
    monkeypatch.undo()
    LOG.calls.clear()
    resumed = counted(tmp_path / "s", blocks=40)
    assert len(LOG.calls) == 80 - kept
    pd.testing.assert_frame_equal(resumed, counted(None, blocks=40), check_exact=True)


def test_an_interruption_while_simulating_keeps_what_is_finished(tmp_path):
    LOG.fail_at = 5
    with pytest.raises(KeyboardInterrupt):
        counted(tmp_path / "s")
    kept = stored(tmp_path / "s")
    assert kept >= 4
    LOG.__init__()
    resumed = counted(tmp_path / "s")
    assert len(LOG.calls) == 12 - kept
    pd.testing.assert_frame_equal(resumed, counted(None), check_exact=True)


def test_an_interruption_between_blocks_keeps_what_is_finished(tmp_path, monkeypatch):
    from bnstats.simulation.progress import Bar

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Bar, "drew", interrupted)
    with pytest.raises(KeyboardInterrupt):
        counted(tmp_path / "s")
    assert stored(tmp_path / "s") >= 1
    monkeypatch.undo()
    pd.testing.assert_frame_equal(counted(tmp_path / "s"), counted(None), check_exact=True)
