"""A cluster of Dask on this machine against threads, and what its parts cost.

    python benchmarks/cluster.py [--replicates 8192] [--rounds 5]

The work: convergence on two populations, batch sizes 2 to 4096, without a stopping rule; as many worker processes as
threads. Both take turns. Printed are seconds on the wall and of CPU (all processes, less what the idle cluster takes in
the same time), their ratios, and the parts of a block and of a task, from which follows how many workers one scheduler
and one client can feed. To reach on the wall: at most 1.15 times threads. On a machine that others use, see the CPU.
"""

from __future__ import annotations

import argparse
import os
import pickle
import time
from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np
import psutil
from distributed import Client, LocalCluster

import bnstats as bn
from bnstats.simulation.remote import simulated
from bnstats.simulation.tally import Account
from bnstats.simulation.workers import PER_WORKER, SHORTEST
from bnstats.studies.convergence.study import DRAWS_PER_SET, ConvergenceStudy

CORES = os.cpu_count() or 1
SIZES = tuple(2**k for k in range(1, 13))


def measure(executor: Executor | int, replicates: int) -> None:
    bn.measure_convergence(["normal", "exponential"], precision=None, max_replicates=replicates, executor=executor)


def cpu() -> float:
    """Seconds of CPU of this process and all below it."""
    this = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in [this, *this.children(recursive=True)])


def clock(work: Callable[[], object]) -> tuple[float, float]:
    start, used = time.perf_counter(), cpu()
    work()
    return time.perf_counter() - start, cpu() - used


def nothing(number: int) -> int:
    return number


def task_cost(client: Client, number: int = 2000) -> tuple[float, float]:
    """Seconds on the wall and of CPU for a task that does nothing."""
    executor = client.get_executor(pure=False)
    wall, used = clock(lambda: [f.result() for f in [executor.submit(nothing, i) for i in range(number)]])
    return wall / number, used / number


def block_costs() -> dict[str, float]:
    """Milliseconds of CPU of the parts of a block."""
    estimators = tuple(bn.ESTIMATORS[name] for name in ("mean", "var", "std", "inv_std"))
    study = ConvergenceStudy((bn.POPULATIONS["normal"],), (bn.IID(),), SIZES, estimators)
    cell = study.cells()[0]
    work = simulated(study, cell, 0, [0])
    sent, account = pickle.dumps(work), Account(len(work.tallies[0].keys))
    blocks = iter(range(10**6))
    parts = {
        "simulate": lambda: simulated(study, cell, 0, [1]),
        "pickle": lambda: pickle.dumps(work),
        "unpickle": lambda: pickle.loads(sent),
        "merge": lambda: account.add(next(blocks), work.tallies[0]),
    }
    costs = {}
    for name, part in parts.items():
        part()
        start = time.process_time()
        for _ in range(20):
            part()
        costs[name] = (time.process_time() - start) / 20 * 1e3
    return costs | {"kB sent": len(sent) / 1e3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--replicates", type=int, default=8192, help=f"sets of {DRAWS_PER_SET} draws for each population"
    )
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    ratios = []
    options = {"n_workers": CORES, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        executor = client.get_executor()
        measure(CORES, 128)
        measure(executor, 128)
        idle = clock(lambda: time.sleep(5))[1] / 5
        for _ in range(chosen.rounds):
            threads = clock(lambda: measure(CORES, chosen.replicates))
            dask = clock(lambda: measure(executor, chosen.replicates))
            net = [used - idle * wall for wall, used in (threads, dask)]
            ratios.append((dask[0] / threads[0], net[1] / net[0]))
            print(
                f"wall {threads[0]:6.1f} {dask[0]:6.1f} s, CPU {net[0]:6.1f} {net[1]:6.1f} s (threads, Dask)",
                flush=True,
            )
        for name, column in zip(("wall", "CPU"), np.array(ratios).T, strict=True):
            print(f"Dask / threads, {name}: {np.median(column):.2f} ({column.min():.2f} to {column.max():.2f})")
        wall, used = task_cost(client)
    print(f"an empty task: {wall * 1e3:.2f} ms on the wall, {used * 1e3:.2f} ms of CPU of client, scheduler and worker")
    costs = block_costs()
    print("a block, ms of CPU: " + ", ".join(f"{name} {cost:.2f}" for name, cost in costs.items()))
    seconds = SHORTEST + PER_WORKER * 1000
    busy = 1000 / seconds * wall
    client_share = costs["unpickle"] + costs["merge"]
    print(f"with a thousand workers a task takes {seconds:.1f} s, so the scheduler is busy {busy:.0%} of the time")
    print(f"one client merges the blocks of {costs['simulate'] / client_share:.0f} workers")


if __name__ == "__main__":
    main()
