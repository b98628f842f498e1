"""Convergence on five populations, batch sizes 2 to 4096, against the bare draws and against what one would write.

- draws: the same number of values from NumPy's own samplers (SFC64), nothing computed from them;
- loop: over replicates and batch sizes in Python, with one mean and one variance of each batch;
- vectorized: the same over arrays of shape (replicates, batch size).

The last two have as many replicates of every size as bnstats has of the largest, where it has fewest: equal precision
there. They run on a fraction of these replicates, and their time, which is proportional to it, is scaled up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.random import SFC64, Generator

import bnstats as bn
from benchmarks.frame import Benchmark, Measured, Row, Setting, timed
from bnstats._checks.array_types import FloatArray
from bnstats.sampling import populations
from bnstats.studies.convergence import study
from bnstats.studies.convergence.measure import DYADIC
from bnstats.studies.convergence.study import DRAWS_PER_SET, SETS_PER_BLOCK

SAMPLERS: dict[str, Callable[[Generator, int], FloatArray]] = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "lognormal": lambda rng, n: rng.lognormal(size=n),
    "exponential": lambda rng, n: rng.standard_exponential(n),
    "t5": lambda rng, n: rng.standard_t(5, n),
    "uniform": lambda rng, n: rng.random(n),
}
CORES = os.cpu_count() or 1
# Sets of draws for each population, by the number of draws; the first is what a run looks at first.
SETS = {"16.8 million": 8 * SETS_PER_BLOCK, "67 million": 32 * SETS_PER_BLOCK}
# Values that the vectorized way holds at once: 64 MB.
AT_ONCE = 2**23


def draws(sets: int, threads: int) -> None:
    """The bare draws, in arrays that stay in cache."""

    def share(thread: int) -> None:
        rng = Generator(SFC64(thread))
        for sampler in SAMPLERS.values():
            for _ in range(sets // threads):
                sampler(rng, DRAWS_PER_SET)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(share, range(threads)))


def ours(sets: int, executor: Executor | int, names: Sequence[Any] = tuple(SAMPLERS)) -> None:
    bn.measure_convergence(list(names), precision=None, max_replicates=sets, executor=executor, progress=False)


def ours_anew(sets: int, sampler: str = "numpy") -> None:
    """On all cores, with the exact values computed anew, which further calls in a process remember."""
    for remembered in (study._known, study._visible_index_of_values, study._visible_tail_index, populations._slope):
        remembered.cache_clear()
    ours(sets, CORES, _populations(sampler))


def loop(replicates: int) -> None:
    """One batch after the other."""
    rng = np.random.default_rng(0)
    for sampler in SAMPLERS.values():
        for n in DYADIC:
            squares = np.zeros(4)
            for _ in range(replicates):
                x = sampler(rng, n)
                mean, var = x.mean(), x.var()
                squares += np.square([mean, var, np.sqrt(var), 1 / np.sqrt(var + 1e-5)])


def vectorized(replicates: int) -> None:
    """One array for each batch size, cut into parts that memory holds."""
    rng = np.random.default_rng(0)
    for sampler in SAMPLERS.values():
        for n in DYADIC:
            for start in range(0, replicates, AT_ONCE // n):
                rows = min(AT_ONCE // n, replicates - start)
                x = sampler(rng, rows * n).reshape(rows, n)
                mean, var = x.mean(axis=1), x.var(axis=1)
                for estimates in (mean, var, np.sqrt(var), 1 / np.sqrt(var + 1e-5)):
                    np.square(estimates).mean()


def against_draws(setting: Setting) -> Measured:
    sets = setting.of(256, SETS_PER_BLOCK)
    ways = {
        f"{name} {threads}": partial(way, sets, threads)
        for threads in (1, CORES)
        for name, way in (("draws", draws), ("ours", ours))
    }
    found = timed(ways, setting.rounds)
    return {
        "ours / bare draws, one thread": found["ours 1"] / found["draws 1"],
        "ours / bare draws, all cores": found[f"ours {CORES}"] / found[f"draws {CORES}"],
        "ours, one thread / all cores": found["ours 1"] / found[f"ours {CORES}"],
    }


def against_loops(setting: Setting) -> Measured:
    """The loops take their turns on a few replicates."""
    few = setting.of(512, 8)
    sets = {words: setting.of(full, SETS_PER_BLOCK) for words, full in SETS.items()}
    ways = {
        _against(words, sampler): partial(ours_anew, number, sampler)
        for words, number in sets.items()
        for sampler in ("numpy", "compiled")
    }
    times = timed(ways | {"loop": partial(loop, few), "vectorized": partial(vectorized, few)}, setting.rounds)
    found = {}
    for words, number in sets.items():
        scale = number * DRAWS_PER_SET / DYADIC[-1] / few
        for sampler in ("numpy", "compiled"):
            for name in ("loop", "vectorized"):
                against = _against(words, sampler)
                found[f"{name} / {against}"] = scale * times[name] / times[against]
    return found


def _against(draws: str, sampler: str) -> str:
    return f"ours, {draws} draws" if sampler == "numpy" else f"ours, {draws} {sampler} draws"


def with_compiled_draws(setting: Setting) -> Measured:
    """Draws in arrays that stay in cache, by NumPy and by the compiled sampler; and convergence with the latter."""
    fast = _populations("compiled")
    sets, repeats, out = setting.of(256, SETS_PER_BLOCK), setting.of(100, 1), np.empty(DRAWS_PER_SET)
    rng = Generator(SFC64(0))

    def draw(population: bn.Population) -> None:
        for _ in range(repeats):
            population.fill(rng, out)

    found = {}
    for population in fast:
        ways = {"numpy": partial(draw, bn.POPULATIONS[population.name]), "compiled": partial(draw, population)}
        times = timed(ways, setting.rounds)
        found[_faster(population.name)] = times["numpy"] / times["compiled"]
    for threads, words in ((1, "one thread"), (CORES, "all cores")):
        times = timed(
            {"draws": partial(draws, sets, threads), "ours": partial(ours, sets, threads, fast)}, setting.rounds
        )
        found[_over_draws(words)] = times["ours"] / times["draws"]
    return found


def _populations(sampler: str) -> list[bn.Population]:
    return [bn.Population.of(name, sampler=sampler) for name in SAMPLERS]


def _faster(name: str) -> str:
    return f"draws by NumPy / compiled, {name}"


def _over_draws(threads: str) -> str:
    return f"ours with compiled draws / bare draws, {threads}"


_WORK = "errors of mean, var, std and inv_std of five populations at twelve batch sizes"
BENCHMARKS = (
    Benchmark(
        "draws",
        (
            Row("ours / bare draws, one thread", f"{_WORK}, over NumPy's draws alone", at_most=1.2),
            Row("ours / bare draws, all cores", f"{_WORK}, over NumPy's draws alone", at_most=1.2),
            Row("ours, one thread / all cores", f"{_WORK}: what further cores bring", at_least=0.9 * CORES),
        ),
        against_draws,
    ),
    Benchmark(
        "compiled",
        (
            *(
                Row(_faster(name), "time of a draw, with loops of our own on NumPy's uniform numbers", at_least=1)
                for name in SAMPLERS
            ),
            *(
                Row(_over_draws(threads), f"{_WORK}, over NumPy's draws alone", at_most=1.2)
                for threads in ("one thread", "all cores")
            ),
        ),
        with_compiled_draws,
    ),
    Benchmark(
        "loops",
        tuple(
            Row(
                f"{name} / {_against(draws, sampler)}",
                f"{what}, over {_WORK}; draws for each population",
                at_least=target,
            )
            for draws in SETS
            for sampler in ("numpy", "compiled")
            for name, what, target in (
                ("loop", "a loop that takes one mean and one variance of each batch", 8),
                ("vectorized", "the same on arrays", None),
            )
        ),
        against_loops,
    ),
)
