"""Gain by control variates: the time to a given Monte Carlo standard error, without them over with them.

A squared standard error falls like one over the number of replicates, and the time grows like it: the time to a given
error is proportional to time times squared error. Both ways draw the same values; the bias and the root mean squared
error of 1/s are estimated as if nothing were known of them, though of normal values they are known exactly.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

import bnstats as bn
from benchmarks.frame import Benchmark, Measured, Row, Setting, seconds
from bnstats.sampling.batching import IID
from bnstats.simulation.study import Condition
from bnstats.studies.convergence.study import SETS_PER_BLOCK, ConvergenceKey, ConvergenceStudy

SIZES = (16, 64, 256)
# What a trial had promised, in draws; half of it is asked for.
PROMISED = {
    ("normal", "bias"): (27, 420, 6950),
    ("exponential", "bias"): (5, 32, 430),
    ("normal", "rmse"): (2, 5.6, 20),
}


@dataclass(frozen=True)
class WithoutControls(ConvergenceStudy):
    """The same study without control variates."""

    def controls(self, condition: Condition, key: ConvergenceKey) -> tuple[ConvergenceKey, ...]:
        return ()


def cost(study: ConvergenceStudy, sets: int, seed: int) -> pd.Series:
    """Seconds times squared error of each number of the table."""
    tables: list[pd.DataFrame] = []
    options: Any = {"precision": None, "max_replicates": sets, "executor": os.cpu_count(), "progress": False}
    taken = seconds(lambda: tables.append(bn.run(study, seed=seed, **options).table))
    return taken * tables[0].set_index(["measure", "batch_size"])["mcse"] ** 2


def against_no_controls(setting: Setting) -> Measured:
    sets = setting.of(8 * SETS_PER_BLOCK, SETS_PER_BLOCK)
    unknown = replace(bn.ESTIMATORS["inv_std"], theory=None)
    found: dict[str, list[float]] = {}
    for population in dict.fromkeys(population for population, _ in PROMISED):
        given = (bn.POPULATIONS[population],), (IID(),), SIZES, (unknown,)
        studies = WithoutControls(*given), ConvergenceStudy(*given)
        for study in studies:
            cost(study, SETS_PER_BLOCK, 0)  # compiles, and remembers exact values
        for seed in range(setting.rounds):
            without, controlled = (cost(study, sets, seed) for study in studies)
            ratio = without / controlled
            for (of, measure), size in ((key, size) for key in PROMISED for size in SIZES):
                if of == population:
                    found.setdefault(_name(of, measure, size), []).append(ratio[measure, size])
    return found


def _name(population: str, measure: str, size: int) -> str:
    return f"time without / with control variates, {measure} of 1/s, {population}, batches of {size}"


BENCHMARKS = (
    Benchmark(
        "precision",
        tuple(
            Row(_name(population, measure, size), "time to the same Monte Carlo standard error", at_least=promised / 2)
            for (population, measure), each in PROMISED.items()
            for size, promised in zip(SIZES, each, strict=True)
        ),
        against_no_controls,
    ),
)
