"""The ledger on the frame of `bn.run`: stores, processes and clusters change no byte, and few blocks wait at a time.

Nothing here is left to chance: all tables are compared to the byte.
"""

from __future__ import annotations

import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bnstats as bn
from bnstats.claims.claim import Claim, Region
from bnstats.claims.evidence import BatchStatistic, Measures
from bnstats.claims.interval_methods import Bounded, Moment
from bnstats.claims.ledger import check_claims
from bnstats.cli import main
from bnstats.exceptions import BlockError
from bnstats.simulation.workers.executors import FIRST_TASKS, TASKS_PER_WORKER

PATHS = os.pathsep.join(map(str, (Path(bn.__file__).parents[1], Path(__file__).parents[2], Path(__file__).parent)))
BLOCKS, LIMIT = 40, 600
"""Blocks of a claim that stays undecided; seconds for what takes a few on an idle machine."""


def mean(x: np.ndarray) -> Any:
    return x.mean(axis=1)


def gated(x: np.ndarray, log: str, gate: str, fails: bool) -> Any:
    """The mean; where the first value is below 0.1, once the gate is open: before, it fails, or waits."""
    with Path(log).open("a") as file:
        file.write(f"{x[0, 0]!r}\n")
    end = time.monotonic() + LIMIT
    while x[0, 0] < 0.1 and not Path(gate).exists():
        if fails or time.monotonic() > end:
            raise ArithmeticError("the gate is closed")
        time.sleep(0.01)
    return mean(x)


def evidence(statistic: Any, n: int = 1024) -> Measures:
    return BatchStatistic("uniform", n, statistic).evidence


def undecided(name: str, measures: Any) -> Claim:
    """The quantity is the border itself, so that all blocks of 64 replicates are needed."""
    return Claim(name, "s", "s", "q", Region.above(0.5), Bounded(0, 1), measures, max_replicates=64 * BLOCKS)


def claims(folder: Path, fails: bool = False) -> list[Claim]:
    """Two that share a study, one of a gate, one that is decided early, one by another method."""
    statistic = partial(gated, log=str(folder / "log"), gate=str(folder / "gate"), fails=fails)
    return [
        undecided("a", evidence(mean)),
        undecided("b", evidence(statistic)),
        undecided("c", (evidence(mean) + evidence(statistic)) * 0.5),
        Claim("d", "s", "s", "q", Region.above(0.4), Bounded(0, 1), evidence(mean)),
        Claim("e", "s", "s", "q", Region.near(0.5, 0.1), Moment(1.0), evidence(mean, 512), max_replicates=2**12),
    ]


def stored(path: Path) -> int:
    try:
        with closing(sqlite3.connect(path)) as db:
            return int(db.execute("SELECT count(*) FROM blocks").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert found.to_csv().encode() == expected.to_csv().encode()


@contextmanager
def workers(kind: str, folder: Path) -> Iterator[Executor | int]:
    with ExitStack() as stack:
        if kind == "threads":
            yield 2
        elif kind == "processes":
            yield stack.enter_context(ProcessPoolExecutor(2))
        else:
            distributed = pytest.importorskip("distributed", reason="needs Dask: pip install bnstats[dask]")
            import dask

            stack.enter_context(dask.config.set({"distributed.logging.distributed": "critical"}))
            given = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
            cluster = stack.enter_context(distributed.LocalCluster(local_directory=str(folder / "dask"), **given))
            yield stack.enter_context(distributed.Client(cluster, set_as_default=False)).get_executor()


# Dask warns of ports and of memory.
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:distributed", "ignore::ResourceWarning")


@pytest.mark.parametrize("kind", ["threads", "processes", "dask"])
def test_a_ledger_that_fails_and_goes_on_is_the_same_to_the_byte(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", PATHS)
    path, log = tmp_path / "s", tmp_path / "log"
    with workers(kind, tmp_path) as executor:
        with pytest.raises(
            BlockError, match=r"block .* of condition 0 .*ArithmeticError: the gate is closed"
        ) as caught:
            check_claims(claims(tmp_path, fails=True), executor=executor, store=path)
        assert isinstance(caught.value.study, BatchStatistic)
        before = stored(path)
        assert 8 <= before < 2 * BLOCKS
        (tmp_path / "gate").touch()
        found = check_claims(claims(tmp_path, fails=True), executor=executor, store=path).table
        drawn = log.read_text().splitlines()
        assert len(set(drawn)) == BLOCKS
        assert len(drawn) <= BLOCKS + TASKS_PER_WORKER * 2  # what failed, and what waited then, once more
        again = check_claims(claims(tmp_path, fails=True), executor=executor, store=path).table
        assert log.read_text().splitlines() == drawn  # all of it comes from the store
    alone = check_claims(claims(tmp_path, fails=True), executor=1).table
    for table in (found, again):
        same(table, alone)


SCRIPT = """
import sys
from pathlib import Path
from test_ledger_store import check_claims, claims, workers
if __name__ == "__main__":
    folder = Path(sys.argv[2])
    with workers(sys.argv[1], folder) as executor:
        check_claims(claims(folder), executor=executor, store=folder / "s")
"""


@pytest.mark.parametrize(
    ("kind", "end"), [("threads", signal.SIGINT), ("processes", signal.SIGKILL), ("dask", signal.SIGKILL)]
)
def test_a_ledger_that_is_killed_goes_on_to_the_same_bytes(kind, end, tmp_path, monkeypatch):
    if kind == "dask":
        pytest.importorskip("distributed", reason="needs Dask: pip install bnstats[dask]")
    monkeypatch.setenv("PYTHONPATH", PATHS)
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py", kind, str(tmp_path)]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL, start_new_session=True)
    limit = time.monotonic() + LIMIT
    try:
        while stored(tmp_path / "s") < 8:
            assert process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, end)
        time.sleep(1.0)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert 8 <= stored(tmp_path / "s") < 2 * BLOCKS
    (tmp_path / "gate").touch()
    with workers(kind, tmp_path) as executor:
        found = check_claims(claims(tmp_path), executor=executor, store=tmp_path / "s").table
    same(found, check_claims(claims(tmp_path), executor=1).table)


class Watched(Executor):
    """Two processes, as far as a study can see; how much waits at most, and how long the messages are."""

    _max_workers = 2

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.waiting = self.most = 0

    def submit(self, function: Any, /, *given: Any, **_: Any) -> Future[Any]:
        message = pickle.dumps((function, given))
        self.sizes.append(len(message))
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        future: Future[Any] = Received(self)
        function, given = pickle.loads(message)
        future.set_result(function(*given))
        return future


class Received(Future[Any]):
    def __init__(self, executor: Watched) -> None:
        super().__init__()
        self._executor = executor

    def result(self, timeout: float | None = None) -> Any:
        self._executor.waiting -= 1
        return super().result(timeout)


def weighted(x: np.ndarray, weights: np.ndarray) -> Any:
    return mean(x) + 0 * weights[0]


def test_few_blocks_wait_at_a_time_and_a_study_travels_once_per_worker():
    """A study of 8 MB: both were sent at once, each block with the study."""
    study = evidence(partial(weighted, weights=np.arange(1e6)))
    executor = Watched()
    found = check_claims([undecided("a", study), undecided("b", study * 1.0)], executor=executor).table
    assert (found["replicates"] == 64 * BLOCKS).all()
    assert executor.most <= max(FIRST_TASKS, TASKS_PER_WORKER * 2)
    assert sum(size > 100_000 for size in executor.sizes) <= 3
    assert max(executor.sizes) < 9e6


def test_a_store_serves_other_claims_and_another_seed_is_refused(tmp_path):
    (tmp_path / "gate").touch()
    a, b, *_ = claims(tmp_path)
    check_claims(a, store=tmp_path / "s")
    before = stored(tmp_path / "s")
    same(check_claims([a, b], store=tmp_path / "s").table, check_claims([a, b]).table)
    assert (before, stored(tmp_path / "s")) == (BLOCKS, 2 * BLOCKS)
    with pytest.raises(ValueError, match="holds another study, with seed 0 and not 1"):
        check_claims(a, seed=1, store=tmp_path / "s")


def test_evidence_of_other_code_is_drawn_anew(tmp_path):
    def own(power: int) -> Claim:
        code = f"def statistic(x):\n    return (x**{power}).mean(axis=1)\n"
        names: dict[str, Any] = {"__name__": "own_module"}
        exec(code, names)
        return undecided("a", evidence(names["statistic"]))

    for power in (1, 2):
        found = check_claims(own(power), store=tmp_path / "s", executor=1).table
        same(found, check_claims(own(power), executor=1).table)
    assert stored(tmp_path / "s") > BLOCKS


def test_a_damaged_block_of_evidence_is_drawn_again(tmp_path):
    (tmp_path / "gate").touch()
    a, *_ = claims(tmp_path)
    expected = check_claims(a, store=tmp_path / "s").table
    with closing(sqlite3.connect(tmp_path / "s")) as db:
        db.execute("UPDATE blocks SET payload = substr(payload, 1, length(payload) - 1) WHERE block = 3")
        db.commit()
    with pytest.warns(UserWarning, match="block 3 of condition .* is damaged; simulated again"):
        same(check_claims(a, store=tmp_path / "s").table, expected)


def test_what_a_ledger_does_not_take_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"executor is None, a number of threads .*; got JobArray"):
        check_claims("zero-at-3", executor=bn.JobArray(0, 2))
    with pytest.raises(ValueError, match="store is "):
        check_claims("zero-at-3", store="")
    (tmp_path / "s").write_text("no store")
    with pytest.raises(ValueError, match="is no bnstats store"):
        check_claims("zero-at-3", store=tmp_path / "s")
    for parameter in ("seed", "executor", "store", "progress"):
        assert f"{parameter} : " in (check_claims.__doc__ or "")


def test_the_command_keeps_blocks_in_a_store(tmp_path, capsys):
    """It is not written over by the table."""
    path = tmp_path / "s.sqlite"
    given = ["claims", "same-as-whole-data-at-3", "--quiet", "--store", str(path)]
    assert main(given) == 0
    assert stored(path) > 0
    assert main([*given, "--out", str(path), "--overwrite"]) == 2
    assert "is the file that is read" in capsys.readouterr().err
    assert stored(path) > 0
