"""Peak memory, which does not grow with draws, and grows with cells by what a cell's numbers need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

import bnstats as bn
from benchmarks.frame import Benchmark, Measured, Row, Setting, turns
from benchmarks.start import peak
from bnstats.studies.convergence.study import DRAWS_PER_SET, SETS_PER_BLOCK

PEAK = "peak of a process that measures convergence"
RUN = "bn.measure_convergence('normal', precision=None, max_replicates={}, executor=2, progress=False)"


@dataclass(frozen=True)
class ManyCells(bn.Study):
    """Averages under many conditions, with all that a tally can hold."""

    summaries: ClassVar[tuple[str, ...]] = ("bias", "se", "rmse", "median_abs_error")
    grid: ClassVar[tuple[str, ...]] = ("number",)
    number: int = 2000

    def conditions(self) -> list[dict[str, Any]]:
        return [{"condition": i} for i in range(self.number)]

    def simulate(self, condition: Any, rng: Generator, size: int) -> dict[str, NDArray[np.float64]]:
        return {"mean": rng.exponential(size=size), "middle": rng.normal(size=size)}


def of_draws(setting: Setting) -> Measured:
    sets = {words: setting.of(draws, SETS_PER_BLOCK * DRAWS_PER_SET) // DRAWS_PER_SET for words, draws in DRAWS.items()}
    ways = {
        f"memory, {words} draws": partial(peak, f"import bnstats as bn; {RUN.format(n)}") for words, n in sets.items()
    }
    found = turns(ways, setting.rounds)
    least, most = (found[f"memory, {words} draws"] for words in ("10 million", "1000 million"))
    return found | {"memory, 1000 million / 10 million draws": most / least}


DRAWS = {"10 million": 10**7, "1000 million": 10**9}


def of_cells(setting: Setting) -> Measured:
    numbers = setting.of((200, 2000), (2, 4))
    run = "from benchmarks.memory import ManyCells, bn; bn.run(ManyCells({}), max_replicates=8000, executor=2)"
    few, many = (peak(run.format(number)) for number in numbers)
    each = (many - few) * 1024 / (numbers[1] - numbers[0]) / 2
    return {"memory, 2000 cells": [many], "memory, per cell and measure": [each]}


BENCHMARKS = (
    Benchmark(
        "memory",
        (
            *(Row(f"memory, {words} draws", PEAK, "MB", at_most=400) for words in DRAWS),
            Row("memory, 1000 million / 10 million draws", "the same for any number of draws", at_most=1.05),
        ),
        of_draws,
    ),
    Benchmark(
        "cells",
        (
            Row("memory, 2000 cells", "peak of a process with two measures, 8 blocks per cell", "MB", at_most=400),
            Row("memory, per cell and measure", "from 200 to 2000 cells", "kB", at_most=40),
        ),
        of_cells,
    ),
)
