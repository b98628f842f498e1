"""SIGKILL at random moments, over three studies, with threads, processes and Dask: the numbers stay the same.

    python -m benchmarks.faults --kills 1000

A run with a store is killed at a random moment (with processes and Dask, now and then only one of its workers), and
begun again with the same store, until it ends by itself. Then its table is compared, bit for bit, with that of a run on
one thread which nothing disturbed.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from tqdm.auto import tqdm

import bnstats as bn
from benchmarks import campaigns
from bnstats.exceptions import WorkersLostError

Measure = Callable[..., Any]

STUDIES: dict[str, tuple[Measure, tuple[Any, ...], dict[str, Any]]] = {
    "convergence": (
        bn.measure_convergence,
        (["normal", [1.0, 2.0, 4.0]],),
        {"batch_sizes": [3, 8], "estimators": ["var"], "max_replicates": 1024},
    ),
    "mismatch": (bn.measure_mismatch, ("gaussians",), {"batch_sizes": [4, 8], "steps": 100, "max_replicates": 256}),
    "correction": (
        bn.measure_correction,
        (),
        {"batch_sizes": [4, 8], "max_replicates": 1024, "corrections": ["center"]},
    ),
}
EXECUTORS = ("threads", "processes", "dask")
# Seconds before a kill: at least, and at random more.
WAIT = {"threads": (0.0, 1.0), "processes": (0.1, 1.0), "dask": (2.0, 5.0)}
# Kills of one run before it may end undisturbed.
KILLS_PER_RUN = 10


def measured(study: str, executor: Executor | int, store: Path | None) -> pd.DataFrame:
    measure, given, options = STUDIES[study]
    found = measure(*given, **options, precision=None, executor=executor, store=store, progress=False)
    table: pd.DataFrame = found.table
    return table


def run(study: str, kind: str, store: Path) -> None:
    """One run to its end; workers that are lost, or killed before they start, end it with status 3."""
    try:
        if kind == "threads":
            measured(study, 2, store)
        elif kind == "processes":
            # Not shut down, as Python 3.11 then waits without end for a worker that waits for the lock of a killed one.
            measured(study, ProcessPoolExecutor(2, multiprocessing.get_context("fork")), store)
        else:
            from distributed import Client, LocalCluster

            options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
            try:
                cluster = LocalCluster(**options, local_directory=str(store.parent))
            except RuntimeError:  # a worker was killed before it had started
                os._exit(3)
            with cluster, Client(cluster) as client:
                measured(study, client.get_executor(), store)
    except WorkersLostError:
        os._exit(3)


def started(study: str, kind: str, store: Path) -> int:
    """A process of its own, and group, for such a run; its number."""
    if kind == "dask":  # its threads and loops cannot be forked
        command = [sys.executable, "-m", "benchmarks.faults", "--run", study, kind, str(store)]
        return os.posix_spawn(sys.executable, command, dict(os.environ), setpgroup=0)
    tqdm.set_lock(threading.RLock())  # its own is shared with children, and a killed one never gives it back
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        status = 1
        try:
            run(study, kind, store)
            status = 0
        finally:
            os._exit(status)
    return child


def disturbed(study: str, kind: str, store: Path, kills: int, rng: np.random.Generator) -> Counter[str]:
    """Run with at most so many kills, then to the end; one that has ended before it was to be killed is not counted."""
    found: Counter[str] = Counter()
    least, more = WAIT[kind]
    while True:
        child, worker = started(study, kind, store), False
        if found.total() < kills:
            time.sleep(least + float(rng.uniform(0, more)))
            workers = psutil.Process(child).children(recursive=True)  # none of one that has ended, until waited for
            worker = bool(workers) and rng.random() < 0.3
            _kill(workers[int(rng.integers(len(workers)))].pid if worker else child)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        found.update(["a worker"] if worker else ["the run"] if status == -signal.SIGKILL else [])
        _kill(-child)  # what is left of its group
        if status == 0:
            return found
        if status not in (3, -signal.SIGKILL):
            raise AssertionError(f"{study} with {kind} ended with status {status}")


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)  # a negative number is that of a group


def campaign(folder: Path, kills: int, rng: np.random.Generator, kinds: tuple[str, ...] = EXECUTORS) -> Counter[str]:
    """So many kills in turns over studies and executors; AssertionError if a bit of a table is another."""
    found: Counter[str] = Counter()
    truth: dict[str, pd.DataFrame] = {}
    pairs = [(study, kind) for kind in kinds for study in STUDIES]
    turn = 0
    while found.total() < kills:
        study, kind = pairs[turn % len(pairs)]
        turn += 1
        if study not in truth:
            truth[study] = measured(study, 1, None)
        store = folder / f"{study}-{turn}.sqlite"
        for what, number in disturbed(study, kind, store, KILLS_PER_RUN, rng).items():
            found[f"{kind}, {what}"] += number
        pd.testing.assert_frame_equal(measured(study, 1, store), truth[study], check_exact=True)
        store.unlink()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--executors", nargs="+", default=EXECUTORS, choices=EXECUTORS)
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    campaigns.add_to(parser)
    chosen = parser.parse_args()
    if chosen.run:
        run(chosen.run[0], chosen.run[1], Path(chosen.run[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        found = campaign(Path(folder), chosen.kills, np.random.default_rng(chosen.seed), tuple(chosen.executors))
        took = time.monotonic() - start
    print(f"{found.total()} kills in {took:.0f} s, all tables the same: {dict(found)}")
    said = f"python -m benchmarks.faults --seed {chosen.seed} --kills {chosen.kills}"
    counts = {f"same table ({where})": number for where, number in found.items()}
    campaigns.save(chosen.to, campaigns.rows(said, "SIGKILL while a study runs", counts, took))


if __name__ == "__main__":
    main()
