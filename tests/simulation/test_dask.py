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

import pandas as pd
import pytest

import bnstats as bn
from benchmarks.damage import Means, _blocks, measured
from bnstats.exceptions import WorkersLostError
from bnstats.simulation.workers import Workers

distributed = pytest.importorskip("distributed", reason="needs Dask: pip install bnstats[dask]")
dask = pytest.importorskip("dask")

# Dask warns of ports, of memory and of workers that end; a test that kills workers expects that.
pytestmark = pytest.mark.filterwarnings("ignore")

QUICK = {
    "distributed.comm.timeouts.connect": "3s",
    "distributed.deploy.lost-worker-timeout": "2s",
    "distributed.logging.distributed": "critical",
}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    paths = [str(Path(bn.__file__).parents[1]), str(Path(__file__).parents[2]), str(Path(__file__).parent)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    with (
        dask.config.set(QUICK),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=str(tmp_path), silence_logs=50
        ) as made,
    ):
        yield made


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as made:
        yield made


def run(executor, pause=0.0, blocks=40, **options):
    return bn.run(Means(pause=pause), max_replicates=60 * blocks, executor=executor, **options).table


def same(a, b):
    pd.testing.assert_frame_equal(a, b, check_exact=True)


class Meanwhile(threading.Thread):
    """Does something once a run with this store has some blocks; as a context, around the run."""

    def __init__(self, store, action, blocks=10):
        super().__init__()
        self._store, self._action, self._blocks = store, action, blocks

    def run(self):
        while not self._store.exists() or _blocks(self._store) < self._blocks:
            time.sleep(0.02)
        self._action()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.join()


def test_the_same_bits_as_one_thread(client):
    given = {"batch_sizes": [3, 8], "max_replicates": 2**8, "precision": None}
    executor = client.get_executor()
    same(run(executor), run(1))
    found = bn.measure_convergence(["normal", [1.0, 2.0, 4.0]], executor=executor, **given).table
    same(found, bn.measure_convergence(["normal", [1.0, 2.0, 4.0]], executor=1, **given).table)
    given = {"batch_sizes": [4], "steps": 20, "max_replicates": 16, "precision": None}
    found = bn.measure_mismatch("gaussians", executor=executor, **given).table
    same(found, bn.measure_mismatch("gaussians", executor=1, **given).table)


def test_a_worker_that_is_killed_in_the_middle_of_a_run_changes_nothing(tmp_path, client):
    store, victim = tmp_path / "s", client.run(os.getpid)

    def kill():
        os.kill(next(iter(victim.values())), signal.SIGKILL)

    with Meanwhile(store, kill):
        found = run(client.get_executor(), pause=0.01, store=store)
    same(found, run(1))


@dataclass(frozen=True)
class Waiting(Means):
    """Its last cell goes on once there is a file of that name, or after a minute."""

    gate: str = ""

    def simulate(self, cell, rng, size):
        end = time.monotonic() + 60
        while cell["size"] == 5 and not Path(self.gate).exists() and time.monotonic() < end:
            time.sleep(0.01)
        return super().simulate(cell, rng, size)


def test_a_worker_that_comes_in_the_middle_of_a_run_takes_part(tmp_path, cluster, client, monkeypatch):
    again, send = [], Workers.send
    monkeypatch.setattr(Workers, "send", lambda self, tasks, again=False: seen(self, tasks, again))

    def seen(workers, tasks, undone):
        again.extend([tasks] * undone)
        return send(workers, tasks, undone)

    before, study = set(client.nthreads()), Waiting(pause=0.01, gate=str(tmp_path / "gate"))

    def grow():
        cluster.scale(3)
        client.wait_for_workers(3, timeout=60)
        end = time.monotonic() + 30
        while not any(tasks for name, tasks in client.processing().items() if name not in before):
            if time.monotonic() > end:
                break  # the others do all of it
            time.sleep(0.1)
        (tmp_path / "gate").touch()

    given = {"max_replicates": 60 * 150, "executor": client.get_executor(), "store": tmp_path / "s"}
    with Meanwhile(tmp_path / "s", grow):
        found = bn.run(study, **given).table
    new = set(client.nthreads()) - before
    assert list(client.run(known_studies, workers=list(new)).values()) == [1]
    assert again == []  # it asked the scheduler for the study, and sent no task back undone
    assert list(client.get_metadata(["bnstats"]).values()) == [None]  # which is gone from there now
    same(found, bn.run(study, **given | {"executor": 1, "store": None}).table)


def known_studies():
    from bnstats.simulation import remote

    return len(remote._known)


def test_a_scheduler_that_is_gone_is_said_and_what_is_finished_is_kept(tmp_path):
    """Scheduler and worker are processes of their own; both are killed."""
    paths = os.pathsep.join([str(Path(bn.__file__).parents[1]), str(Path(__file__).parents[2])])
    environment, file = {**os.environ, "PYTHONPATH": paths}, tmp_path / "scheduler.json"

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
        with dask.config.set(QUICK):
            client = distributed.Client(scheduler_file=str(file), set_as_default=False, timeout=60)
            client.wait_for_workers(1)

            def kill():
                for process in started:
                    process.kill()

            with (
                Meanwhile(tmp_path / "s", kill),
                pytest.raises(WorkersLostError, match=r"workers were lost.* Finished blocks are kept"),
            ):
                run(client.get_executor(), pause=0.01, store=tmp_path / "s")
            client.close(timeout=1)
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert _blocks(tmp_path / "s") >= 10
    same(run(1, store=tmp_path / "s"), run(1))


CLIENT = """
import signal
import sys
import distributed
from benchmarks.damage import Means, bn
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    client = distributed.Client(sys.argv[1], set_as_default=False)
    bn.run(Means(pause=0.1), max_replicates=2400, executor=client.get_executor(), store="s")
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_a_client_that_ends_goes_on_from_its_store(tmp_path, cluster, client, end):
    store = tmp_path / "s"
    (tmp_path / "client.py").write_text(CLIENT)
    command = [sys.executable, "client.py", cluster.scheduler_address]
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
    same(run(client.get_executor(), store=store), run(1))
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

    def cells(self):
        return [{"n": 2, "transform": self.transform}, {"n": 3, "transform": abs}]

    def simulate(self, cell, rng, size):
        return {"x": SCALE * cell["transform"](rng.normal(size=(size, cell["n"]))).mean(axis=1)}

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
