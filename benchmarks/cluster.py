"""A cluster of Dask on this machine against threads, and what its parts cost.

Convergence on two populations, batch sizes 2 to 4096, without a stopping rule; as many worker processes as threads.
With the times of a block and of a task, runs of 10^12 draws on more workers than there are here are simulated
(`benchmarks.scheduler`).
"""

from __future__ import annotations

import os
import pickle
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import bnstats as bn
from benchmarks.convergence import CORES, ours
from benchmarks.frame import Benchmark, Measured, Row, Setting, seconds
from benchmarks.scheduler import Costs, simulated_run
from bnstats._checks.array_types import FloatArray
from bnstats.simulation.replicates.accumulator import BLOCKS_MERGED, MergedBlocks
from bnstats.simulation.storage.store import Store
from bnstats.simulation.workers.dask import submitted
from bnstats.simulation.workers.executors import TOGETHER
from bnstats.simulation.workers.remote import Output, simulated
from bnstats.studies.convergence.measure import DYADIC
from bnstats.studies.convergence.study import DRAWS_PER_SET, SETS_PER_BLOCK, ConvergenceStudy

POPULATIONS = ("normal", "exponential")
ESTIMATORS = tuple(bn.ESTIMATORS[name] for name in ("mean", "var", "std", "inv_std"))
PARTS = {
    "scheduler_begins": "scheduler, until it is with a worker",
    "scheduler_ends": "scheduler, once it is finished",
    "client_begins": "client, to send it",
    "client_ends": "client, to receive its result",
    "worker": "worker",
}
# Seconds: after which a scheduler has handed out tasks, besides 2 ms for each; of a task that does not end meanwhile.
SETTLED, LONG = 2.0, 600.0
# Runs that are simulated: workers, and draws as a power of ten.
LARGE_RUNS = ((100, 12), (1000, 12), (1000, 13))
# Assumed: by which tasks of the same number of blocks differ in time.
SPREAD = 0.1


def cpu(processes: Sequence[Any]) -> float:
    """Seconds of CPU that these have used."""
    return float(sum(sum(process.cpu_times()[:2]) for process in processes))


def cpu_of_all() -> float:
    """Seconds of CPU of this process and all below it."""
    import psutil

    this = psutil.Process()
    return cpu([this, *this.children(recursive=True)])


def clock(work: Callable[[], object]) -> FloatArray:
    """Seconds on the wall and of CPU."""
    used = cpu_of_all()
    wall = seconds(work)
    return np.array([wall, cpu_of_all() - used])


def nothing(number: int) -> int:
    return number


def sent(executor: Executor, function: Callable[..., Any], given: Any, number: int) -> list[Any]:
    """The futures of so many tasks, sent together as a run does."""
    parts = [min(TOGETHER, number - first) for first in range(0, number, TOGETHER)]
    return [future for part in parts for future in submitted(executor, function, [(given,)] * part)]


def empty_tasks(executor: Executor, number: int) -> float:
    """Seconds on the wall for each of so many tasks that do nothing."""
    return seconds(lambda: [future.result() for future in sent(executor, nothing, 0, number)]) / number


def task_costs(number: int) -> dict[str, float]:
    """Seconds of CPU of a task that does nothing, one of so many, by who spends them.

    Scheduler, client and workers are processes of their own, and every task is at once with a worker, as on a cluster
    with a worker for each. What scheduler and client spend until then is seen from tasks that do not end meanwhile.
    """
    import psutil
    from distributed import Client, SubprocessCluster

    this = psutil.Process()
    options = {"n_workers": CORES, "threads_per_worker": 1, "dashboard_address": None}
    at_once = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "inf"}
    with patch.dict(os.environ, at_once), SubprocessCluster(**options) as cluster, Client(cluster) as client:
        client.wait_for_workers(CORES)
        executor = client.get_executor()
        empty_tasks(executor, number // 10 + 1)
        below = this.children(recursive=True)
        scheduler = [process for process in below if "distributed.Scheduler" in " ".join(process.cmdline())]
        roles = {"scheduler": scheduler, "client": [this], "worker": [p for p in below if p not in scheduler]}

        def spent(work: Callable[[], object]) -> dict[str, float]:
            before = {role: cpu(processes) for role, processes in roles.items()}
            work()
            return {role: cpu(processes) - before[role] for role, processes in roles.items()}

        pause = SETTLED + 0.002 * number
        idle = spent(lambda: time.sleep(pause))
        whole = {role: used / number for role, used in spent(lambda: empty_tasks(executor, number)).items()}
        waiting: list[Any] = []

        def begin() -> None:
            waiting.extend(sent(executor, time.sleep, LONG, number))
            time.sleep(pause)

        begun = {role: max(0.0, used - idle[role]) / number for role, used in spent(begin).items()}
    ends = {role: max(0.0, whole[role] - begun[role]) for role in ("scheduler", "client")}
    return {
        "scheduler_begins": begun["scheduler"],
        "scheduler_ends": ends["scheduler"],
        "client_begins": begun["client"],
        "client_ends": ends["client"],
        "worker": whole["worker"],
    }


def block_costs(repeats: int) -> dict[str, float]:
    """Seconds of CPU of the parts of a block."""
    study = ConvergenceStudy((bn.POPULATIONS["normal"],), (bn.IID(),), DYADIC, ESTIMATORS)
    condition = study.conditions()[0]
    work, chapter = (
        simulated(study, condition, 0, [0]),
        simulated(study, condition, 0, range(BLOCKS_MERGED), Output(merged=True)),
    )
    sent, sent_merged, merged_blocks = pickle.dumps(work), pickle.dumps(chapter), MergedBlocks()
    blocks = iter(range(10**6))
    parts: dict[str, Callable[[], Any]] = {
        "block": lambda: simulated(study, condition, 0, [1]),
        "merge": lambda: merged_blocks.add(next(blocks), pickle.loads(sent).parts[0]),
        "chapter": lambda: merged_blocks.add(0, pickle.loads(sent_merged).parts[0]),
    }
    return {name: cpu_of(part, repeats) for name, part in parts.items()}


def storing_cost(repeats: int) -> float:
    """Seconds of CPU that a client spends on a block that a worker has packed, besides merging."""
    study = ConvergenceStudy((bn.POPULATIONS["normal"],), (bn.IID(),), DYADIC, ESTIMATORS)
    (payload,) = simulated(study, study.conditions()[0], 0, [0], Output(packed=True)).payloads
    with tempfile.TemporaryDirectory() as folder:
        store, blocks = Store(Path(folder) / "store", {}), iter(range(10**6))
        cost = cpu_of(lambda: store.put("condition", {next(blocks): payload}), repeats)
        store.close()
    return cost


def cpu_of(part: Callable[[], object], repeats: int) -> float:
    """Seconds of CPU of one of these."""
    part()
    start = time.process_time()
    for _ in range(repeats):
        part()
    return (time.process_time() - start) / repeats


def against_threads(setting: Setting) -> Measured:
    from distributed import Client, LocalCluster

    sets, least = setting.of(2048, SETS_PER_BLOCK), setting.of(128, SETS_PER_BLOCK)
    options = {"n_workers": CORES, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        executor = client.get_executor()
        ways: tuple[Executor | int, ...] = (CORES, executor)
        for way in ways:
            ours(least, way, POPULATIONS)
        idle = clock(lambda: time.sleep(setting.of(5, 0.1)))
        rounds = [[clock(partial(ours, sets, way, POPULATIONS)) for way in ways] for _ in range(setting.rounds)]
        task = np.array([empty_tasks(executor, setting.of(1000, 20)) for _ in range(setting.rounds)])
    wall, used = np.moveaxis(np.array(rounds), -1, 0)
    net = used - idle[1] / idle[0] * wall
    of_task = [task_costs(setting.of(1000, 20)) for _ in range(setting.rounds)]
    costs = block_costs(setting.of(2 * BLOCKS_MERGED, 2))
    large: dict[str, list[float]] = {}
    for size in LARGE_RUNS:
        runs = [large_run(*size, each, costs) for each in of_task]
        large |= {_large_name(*size, what): [run[what] for run in runs] for what in LARGE_ROWS}
    return {
        "Dask / threads": wall[:, 1] / wall[:, 0],
        "Dask / threads, CPU": net[:, 1] / net[:, 0],
        "Dask, empty task": task * 1e3,
        **{f"Dask, empty task, {part}": [each[name] * 1e3 for each in of_task] for name, part in PARTS.items()},
        "Dask, workers per client": [costs["block"] / costs["merge"]],
        "Dask, workers per client, chapters": [BLOCKS_MERGED * costs["block"] / costs["chapter"]],
        "Dask, workers per client, with a store": [costs["block"] / storing_cost(setting.of(200, 2))],
        **large,
    }


def large_run(workers: int, power: int, task: Mapping[str, float], costs: Mapping[str, float]) -> dict[str, float]:
    """The ratios of `LARGE_ROWS`."""
    blocks = 10**power // (SETS_PER_BLOCK * DRAWS_PER_SET)
    whole = Costs(**{**task, **costs}, spread=SPREAD)
    merging_free = replace(whole, merge=0.0, chapter=0.0)
    all_free = replace(merging_free, **dict.fromkeys(task, 0.0))
    run, scheduled, unscheduled = (simulated_run(workers, blocks, each) for each in (whole, merging_free, all_free))
    return {"scheduling": scheduled.seconds / unscheduled.seconds, "all costs": run.seconds / run.ideal}


# What is said of them, and the most that is asked.
LARGE_ROWS = {
    "scheduling": ("a run with these times of a task, over the same run if a task took but its blocks' time", 1.02),
    "all costs": ("a run with these times of task, block and merging, over its draws divided among workers", None),
}


def _large_name(workers: int, power: int, what: str) -> str:
    return f"simulated, {workers} workers, 10^{power} draws, {what}"


BENCHMARKS = (
    Benchmark(
        "cluster",
        (
            Row("Dask / threads", "time on the wall, as many worker processes as threads", at_most=1.15),
            Row("Dask / threads, CPU", "time of all processes, less what an idle cluster takes", at_most=1.15),
            Row(
                "Dask, empty task",
                "on the wall, of many sent together, all processes on one machine",
                "ms",
            ),
            *(Row(f"Dask, empty task, {part}", "CPU, as a process of its own", "ms") for part in PARTS.values()),
            Row("Dask, workers per client", "whose blocks one client can merge, one by one", "workers"),
            Row("Dask, workers per client, chapters", "whose merged chapters one client can merge", "workers"),
            Row("Dask, workers per client, with a store", "whose packed blocks one client can write", "workers"),
            *(
                Row(_large_name(*size, what), words, at_most=most)
                for size, (what, (words, most)) in product(LARGE_RUNS, LARGE_ROWS.items())
            ),
        ),
        against_threads,
        needs=("distributed", "psutil"),
    ),
)
