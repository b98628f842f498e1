"""Growth of cost: exponents of time against one size at a time, by least squares on logarithms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

import bnstats as bn
from benchmarks.convergence import CORES, ours
from benchmarks.frame import Benchmark, Measured, Row, Setting, timed
from benchmarks.training.task import CLASSES, INPUTS, RATE, UNITS, batches, data
from bnstats._checks.array_types import FloatArray
from bnstats.networks.network import Network
from bnstats.networks.recipe import Recipe
from bnstats.studies.convergence.study import SETS_PER_BLOCK

# Linear growth, and a tenth for what caches do.
LINEAR = 1.1


def exponents(work: Callable[[int], object], sizes: tuple[int, ...], rounds: int) -> FloatArray:
    """The slope of log time on log size, one for each round."""
    times = timed({str(size): partial(work, size) for size in sizes}, rounds)
    return np.asarray(np.polyfit(np.log(sizes), np.log(np.stack(list(times.values()))), 1)[0])


def train(depth: int, n: int) -> None:
    """Two hundred steps."""
    x, y = data()
    recipe = Recipe((UNITS,) * depth, learning_rate=RATE)
    Network.initial(recipe, INPUTS, CLASSES, np.random.default_rng(0)).train(x, y, batches(n, 200))


def mismatch(replicates: int, rows: int = 400) -> None:
    """Networks trained on so many rows, and evaluated with each kind of statistics."""
    bn.measure_mismatch(
        data(rows), batch_sizes=[16], steps=100, precision=None, max_replicates=replicates, executor=1, progress=False
    )


def grown(setting: Setting) -> Measured:
    sets = [SETS_PER_BLOCK * k for k in setting.of((4, 8, 16, 32), (1, 2))]
    works: dict[str, tuple[Callable[[int], object], tuple[int, ...]]] = {
        "draws": (lambda s: ours(s, 1, ("normal",)), tuple(sets)),
        "batch size": (lambda n: train(2, n), setting.of((16, 32, 64, 128, 256), (2, 4))),
        "replicates": (mismatch, setting.of((16, 32, 64, 128), (8, 16))),
        "depth": (lambda depth: train(depth, 32), setting.of((2, 4, 8, 16), (1, 2))),
        "rows": (lambda rows: mismatch(16, rows), setting.of((500, 1000, 2000, 4000), (100, 200))),
        "workers": (lambda k: ours(sets[1], k), tuple(2**k for k in range(max(CORES.bit_length(), 2)))),
    }
    return {f"time against {name}": exponents(*given, setting.rounds) for name, given in works.items()}


BENCHMARKS = (
    Benchmark(
        "growth",
        tuple(
            Row(f"time against {name}", what, "exponent", at_most=target)
            for name, what, target in (
                ("draws", "convergence on one population, 8 to 67 million draws", LINEAR),
                ("batch size", "training, two layers of 64, batches of 16 to 256", LINEAR),
                ("replicates", "mismatch, 16 to 128 networks", LINEAR),
                ("depth", "training, batches of 32, 2 to 16 layers of 64", LINEAR),
                ("rows", "mismatch, 500 to 4000 rows, as many steps", LINEAR),
                ("workers", "convergence on five populations, one thread to all cores", -0.85),
            )
        ),
        grown,
    ),
)
