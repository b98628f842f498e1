"""Ratios, measured in one run: bnstats against the bare draws, a naive loop and straightforward NumPy.

    python benchmarks/convergence.py

The work: five populations, every batch size 2 to 4096, RMSE of mean, var, std and inv_std. The yardsticks:

- draws: the same number of values from NumPy's own samplers (SFC64), nothing computed from them;
- naive: a Python loop over replicates and batch sizes, which calls mean, var and std of each batch;
- vectorised: the same over (replicates, batch size) arrays.

The last two have as many replicates of every size as bnstats has of the largest, where it has fewest: equal precision
there. They run on a fraction of these replicates, and their time, which is proportional to it, is scaled up.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.random import SFC64, Generator
from numpy.typing import NDArray

import bnstats as bn
from bnstats.studies.convergence.measure import DYADIC, SET

SAMPLERS: dict[str, Callable[[Generator, int], NDArray[np.float64]]] = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "lognormal": lambda rng, n: rng.lognormal(size=n),
    "exponential": lambda rng, n: rng.standard_exponential(n),
    "t5": lambda rng, n: rng.standard_t(5, n),
    "uniform": lambda rng, n: rng.random(n),
}


def clock(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def draws(number: int, threads: int) -> None:
    """The bare draws, in arrays that stay in cache."""

    def share(thread: int) -> None:
        rng = Generator(SFC64(thread))
        for sampler in SAMPLERS.values():
            for _ in range(number // SET // threads):
                sampler(rng, SET)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(share, range(threads)))


def ours(number: int, threads: int) -> bn.results.Convergence:
    return bn.measure_convergence(list(SAMPLERS), precision=None, max_replicates=number // 2**16, executor=threads)


def naive(replicates: int) -> None:
    """One batch after the other."""
    rng = np.random.default_rng(0)
    for sampler in SAMPLERS.values():
        for n in DYADIC:
            squares = np.zeros(4)
            for _ in range(replicates):
                x = sampler(rng, n)
                squares += np.square([x.mean(), x.var(), x.std(), 1 / np.sqrt(x.var() + 1e-5)])


def vectorised(replicates: int) -> None:
    """One array a batch size, cut so that it takes at most 64 MB."""
    rng = np.random.default_rng(0)
    for sampler in SAMPLERS.values():
        for n in DYADIC:
            for start in range(0, replicates, 2**23 // n):
                rows = min(2**23 // n, replicates - start)
                x = sampler(rng, rows * n).reshape(rows, n)
                for estimates in (x.mean(axis=1), x.var(axis=1), x.std(axis=1), 1 / np.sqrt(x.var(axis=1) + 1e-5)):
                    np.square(estimates).mean()


def peak(number: int) -> float:
    """Peak memory in MB of a process that does nothing but our run."""
    given = f"precision=None, max_replicates={number // 2**16}, executor=2"
    work = f"bn.measure_convergence({list(SAMPLERS)}, {given})" if number else ""
    code = f"import bnstats as bn; {work}\nprint(open('/proc/self/status').read())"
    status = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return next(float(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=40 * 2**21, help="per population (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds; medians are printed")
    chosen = parser.parse_args()
    number = chosen.draws
    first = clock(lambda: ours(2**21, 1))
    print(f"first call, compilation or loading from the cache included: {first:.1f} s")
    times: dict[str, list[float]] = {}
    for _ in range(chosen.rounds):
        for threads in (1, 2):
            times.setdefault(f"draws {threads}", []).append(clock(lambda t=threads: draws(number, t)))
            times.setdefault(f"ours {threads}", []).append(clock(lambda t=threads: ours(number, t)))
    median = {name: float(np.median(seconds)) for name, seconds in times.items()}
    replicates = number // DYADIC[-1]
    fraction = 50
    median["naive"] = fraction * clock(lambda: naive(replicates // fraction))
    median["vectorised"] = 10 * clock(lambda: vectorised(replicates // 10))
    for name, seconds in median.items():
        print(f"{name:12s} {seconds:8.2f} s")
    print(f"{number / 1e6:.0f} million draws a population, {replicates} batches of {DYADIC[-1]}")

    def ratio(a: str, b: str) -> str:
        pairs = np.array(times[a]) / np.array(times[b])
        return f"{np.median(pairs):.2f} ({pairs.min():.2f} to {pairs.max():.2f})"

    print(f"ours / bare draws, 1 thread: {ratio('ours 1', 'draws 1')}; to reach: at most 1.4")
    print(f"ours / bare draws, 2 threads: {ratio('ours 2', 'draws 2')}; to reach: at most 1.4")
    print(f"ours, 1 thread / 2 threads: {ratio('ours 1', 'ours 2')}; to reach: at least 1.8")
    for name in ("naive", "vectorised"):
        against = [f"{median[name] / median[f'ours {threads}']:.1f} on {threads}" for threads in (1, 2)]
        print(f"{name} / ours, threads: {', '.join(against)}" + "; to reach: at least 8" * (name == "naive"))
    memory = [f"{peak(n):.0f} MB at {n:.1e} draws" for n in (0, number // 8, number, 8 * number)]
    print(f"peak memory: {', '.join(memory)}; to reach: below 400")


if __name__ == "__main__":
    main()
