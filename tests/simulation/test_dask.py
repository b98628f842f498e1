"""A cluster of Dask: real worker processes, that are lost and come in the middle of a run."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import bnstats as bn
from benchmarks.damage import Means, _blocks, measured
from bnstats.exceptions import WorkersLostError
from bnstats.simulation.workers import dask as adapter
from bnstats.simulation.workers.executors import Workers

distributed = pytest.importorskip("distributed", reason="needs Dask: pip install bnstats[dask]")
dask = pytest.importorskip("dask")

# Dask warns of ports, of memory and of workers that end; a test that kills workers expects that.
pytestmark = pytest.mark.filterwarnings("ignore")

PATHS = os.pathsep.join(map(str, (Path(bn.__file__).parents[1], Path(__file__).parents[2], Path(__file__).parent)))
QUIET = {"distributed.logging.distributed": "critical"}
LIMIT = 600
"""Seconds for what takes a few on an idle machine: tests wait until something has happened."""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", PATHS)
    with (
        dask.config.set(QUIET),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(tmp_path), silence_logs=50
        ) as made,
    ):
        yield made


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as made:
        yield made


def run(executor, study=Means(), blocks=40, **options):  # noqa: B008
    return bn.run(study, max_replicates=60 * blocks, executor=executor, **options).table


def until(happened):
    """Wait until this is true."""
    end = time.monotonic() + LIMIT
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def same(a, b):
    pd.testing.assert_frame_equal(a, b, check_exact=True)


class Meanwhile(threading.Thread):
    """Does something once a run with this store has some blocks; as a context, around the run."""

    def __init__(self, store, action, blocks=10):
        super().__init__()
        self._store, self._action, self._blocks, self._ended = store, action, blocks, threading.Event()

    def run(self):
        until(lambda: self._ended.is_set() or (self._store.exists() and _blocks(self._store) >= self._blocks))
        if not self._ended.is_set():  # then an error has ended the run too early
            self._action()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self.join()


@pytest.mark.parametrize("name", [adapter.CLIENT, adapter.WRAPPED, adapter.OPTIONS])
def test_private_attributes_of_dasks_executor(name):
    """A version of Dask without it is named here; a run then sends tasks one by one, or does not know its workers."""
    client = SimpleNamespace()
    executor = distributed.cfexecutor.ClientExecutor(client, workers="some")
    assert hasattr(executor, name), f"distributed {distributed.__version__} has no {name}"
    assert getattr(executor, name) == {adapter.CLIENT: client, adapter.OPTIONS: {"workers": "some"}}.get(
        name, executor._wrap_future
    )


def test_the_same_bits_as_one_thread(client):
    given = {"batch_sizes": [3, 8], "max_replicates": 2**8, "precision": None}
    executor = client.get_executor()
    same(run(executor), run(1))
    found = bn.measure_convergence(["normal", [1.0, 2.0, 4.0]], executor=executor, **given).table
    same(found, bn.measure_convergence(["normal", [1.0, 2.0, 4.0]], executor=1, **given).table)
    given = {"batch_sizes": [4], "steps": 20, "max_replicates": 16, "precision": None}
    found = bn.measure_mismatch("gaussians", executor=executor, **given).table
    same(found, bn.measure_mismatch("gaussians", executor=1, **given).table)


@dataclass(frozen=True)
class Waiting(Means):
    """Its last condition goes on once a file exists: the middle of a run lasts until a test has seen it."""

    gate: str = ""
    grid = ("sizes", "pause", "gate")

    def simulate(self, condition, rng, size):
        end = time.monotonic() + LIMIT
        while condition["size"] == 5 and not Path(self.gate).exists() and time.monotonic() < end:
            time.sleep(0.01)
        return super().simulate(condition, rng, size)


@pytest.fixture
def gate(tmp_path):
    """Closed, until a test makes the file; open at its end, so that no worker waits on."""
    path = tmp_path / "gate"
    yield path
    path.touch()


def test_a_worker_that_is_killed_in_the_middle_of_a_run_changes_nothing(tmp_path, client, gate):
    store, victim, killed = tmp_path / "s", client.run(os.getpid), []

    def kill():
        os.kill(next(iter(victim.values())), signal.SIGKILL)
        killed.append(_blocks(store))
        gate.touch()

    with Meanwhile(store, kill):
        found = run(client.get_executor(), Waiting(gate=str(gate)), store=store)
    assert 10 <= killed[0] < 120
    same(found, run(1))


def test_a_worker_that_comes_in_the_middle_of_a_run_takes_part(tmp_path, cluster, client, gate, monkeypatch):
    again, send = [], Workers.send
    monkeypatch.setattr(Workers, "send", lambda self, tasks, again=False: seen(self, tasks, again))

    def seen(workers, tasks, undone):
        again.extend([tasks] * undone)
        return send(workers, tasks, undone)

    before, study = set(client.nthreads()), Waiting(pause=0.01, gate=str(gate))

    def new():
        return list(set(client.nthreads()) - before)

    def grow():
        cluster.scale(3)
        client.wait_for_workers(3, timeout=LIMIT)
        until(lambda: list(client.run(known_studies, workers=new()).values()) == [1])
        gate.touch()

    given = {"max_replicates": 60 * 150, "executor": client.get_executor(), "store": tmp_path / "s"}
    with Meanwhile(tmp_path / "s", grow):
        found = bn.run(study, **given).table
    assert list(client.run(known_studies, workers=new()).values()) == [1]
    assert again == []  # it asked the scheduler for the study, and sent no task back undone
    assert list(client.get_metadata(["bnstats"]).values()) == [None]  # which is gone from there now
    same(found, bn.run(study, **given | {"executor": 1, "store": None}).table)


def known_studies():
    from bnstats.simulation.workers import remote

    return len(remote._known)


def test_a_scheduler_that_is_gone_is_said_and_what_is_finished_is_kept(tmp_path, gate):
    """Scheduler and worker are processes of their own; both are killed."""
    environment, file = {**os.environ, "PYTHONPATH": PATHS}, tmp_path / "scheduler.json"

    def start(kind, *given):
        command = [
            sys.executable,
            "-m",
            "distributed.cli.dask_" + kind,
            "--scheduler-file",
            str(file),
            "--no-dashboard",
        ]
        return subprocess.Popen([*command, *given], env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)

    started = [start("scheduler", "--host", "127.0.0.1", "--port", "0"), start("worker", "--no-nanny")]
    try:
        client = distributed.Client(scheduler_file=str(file), set_as_default=False, timeout=LIMIT)
        client.wait_for_workers(1, timeout=LIMIT)

        def kill():
            for process in started:
                process.kill()

        with (
            dask.config.set(QUIET | {"distributed.comm.timeouts.connect": "3s"}),  # in which none comes back
            Meanwhile(tmp_path / "s", kill),
            pytest.raises(WorkersLostError, match=r"workers were lost.* Finished blocks are kept"),
        ):
            run(client.get_executor(), Waiting(gate=str(gate)), store=tmp_path / "s")
        client.close(timeout=1)
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert 10 <= _blocks(tmp_path / "s") < 120
    gate.touch()
    same(run(1, Waiting(gate=str(gate)), store=tmp_path / "s"), run(1))


CLIENT = """
import signal
import sys
import distributed
from test_dask import Waiting, run
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    client = distributed.Client(sys.argv[1], set_as_default=False)
    run(client.get_executor(), Waiting(gate=sys.argv[2]), store="s")
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_a_client_that_ends_goes_on_from_its_store(tmp_path, cluster, client, gate, end):
    store = tmp_path / "s"
    (tmp_path / "client.py").write_text(CLIENT)
    command = [sys.executable, "client.py", cluster.scheduler_address, str(gate)]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)

    def stop():
        process.send_signal(end)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2)
        process.send_signal(end)  # once more, as one would press the keys again; nothing happens if it has ended

    with Meanwhile(store, stop):
        assert process.wait() != 0
    kept = _blocks(store)
    assert 10 <= kept < 120
    gate.touch()
    same(run(client.get_executor(), Waiting(gate=str(gate)), store=store), run(1))
    assert _blocks(store) == 120


SCRIPT = """
import sys
from dataclasses import dataclass
import distributed
import bnstats as bn

SCALE = 2.0

@dataclass(frozen=True)
class Own(bn.Study):
    transform: object = None

    def conditions(self):
        return [{"n": 2, "transform": self.transform}, {"n": 3, "transform": abs}]

    def simulate(self, condition, rng, size):
        return {"x": SCALE * condition["transform"](rng.normal(size=(size, condition["n"]))).mean(axis=1)}

if __name__ == "__main__":
    client = distributed.Client(sys.argv[1], set_as_default=False)
    given = (Own(lambda x: x + 1),)
    tables = [bn.run(*given, max_replicates=9000, executor=e).table for e in (client.get_executor(), 1)]
    print(tables[0].equals(tables[1]))
"""


def test_a_study_of_a_script_and_its_lambdas_travel(tmp_path, cluster):
    (tmp_path / "own.py").write_text(SCRIPT)
    command = [sys.executable, "own.py", cluster.scheduler_address]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True"], done.stderr


def test_a_damaged_store_is_mended_by_a_cluster(tmp_path, client):
    measured(tmp_path / "s")
    content = bytearray((tmp_path / "s").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "s").write_bytes(content)
    same(run(client.get_executor(), blocks=10, store=tmp_path / "s"), measured(None))
