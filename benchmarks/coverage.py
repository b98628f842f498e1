"""Coverage of 95 % intervals, value ± t mcse with mcse_df degrees of freedom, for every summary.

    python -m benchmarks.coverage --runs 2000 --seed 2026

The laws, the summaries and the numbers of replicates were chosen before anything was counted. A run of the frame has
blocks of a tenth of its replicates. Control variates are the normal or uniform number, or the exponential one, from
which a replicate is made; where a replicate is linear in it, it has as much noise added.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.random import Generator
from scipy import stats

import bnstats as bn
from benchmarks import campaigns
from bnstats._checks.array_types import FloatArray
from bnstats.simulation.study import Condition
from bnstats.simulation.summaries.registry import SUMMARIES as ALL_SUMMARIES

REPLICATES = (250, 500, 1000, 4000)
BLOCKS = 10
LEVEL = 0.95
RARE = 0.05
# Summaries that came later, whose coverage was not counted yet.
LATER = ("relative_bias", "mse", "model_se", "failure_rate")
SUMMARIES = {name: summary for name, summary in ALL_SUMMARIES.items() if name not in LATER}
QUANTILES = {f"quantile({p:g})": p for p in (0.05, 0.5, 0.95)}
Drawn = tuple[FloatArray, FloatArray]


def _normal(rng: Generator, size: int) -> Drawn:
    x, noise = rng.standard_normal((2, size))
    return x, x + noise


def _exponential(rng: Generator, size: int) -> Drawn:
    x = rng.exponential(size=size)
    return x, x - 1 + rng.standard_normal(size)


def _squared_exponential(rng: Generator, size: int) -> Drawn:
    e = rng.exponential(size=size)
    return e**2, e - 1


def _lognormal(shape: float) -> Callable[[Generator, int], Drawn]:
    def draw(rng: Generator, size: int) -> Drawn:
        z = rng.standard_normal(size)
        return np.exp(shape * z), z

    return draw


def _t5(rng: Generator, size: int) -> Drawn:
    z = rng.standard_normal(size)
    return z / np.sqrt(rng.chisquare(5, size) / 5), z


def _rare(rng: Generator, size: int) -> Drawn:
    u = rng.random(size)
    return (u < RARE).astype(np.float64), u - 0.5


@dataclass(frozen=True)
class Law:
    """A law of replicates: as SciPy knows it, and how replicates and their control variate are drawn."""

    scipy: Any
    draw: Callable[[Generator, int], Drawn]

    @property
    def positive(self) -> bool:
        return bool(self.scipy.support()[0] >= 0)

    def true(self, summary: str) -> float:
        """The value that a summary estimates."""
        mean, std = float(self.scipy.mean()), float(self.scipy.std())
        if summary in QUANTILES:
            return float(self.scipy.ppf(QUANTILES[summary]))
        if summary == "median_abs_error":
            return float(self.scipy.median() if self.positive else self.scipy.ppf(0.75))
        values = {"mean": mean, "bias": mean, "coverage": mean, "rejection_rate": mean, "se": std}
        values |= {"rmse": math.hypot(mean, std), "root_mean": math.sqrt(abs(mean)), "relative_error_of_model_se": 0.0}
        return values[summary]

    def tail_index(self, replicates: int) -> float:
        """As far as so many replicates can show it."""
        return float(bn.Population.of(self.scipy).local_tail_index(1 / replicates))


LAWS: Mapping[str, Law] = {
    "normal": Law(stats.norm(), _normal),
    "exponential": Law(stats.expon(), _exponential),
    "lognormal(0.5)": Law(stats.lognorm(0.5), _lognormal(0.5)),
    "lognormal(1)": Law(stats.lognorm(1.0), _lognormal(1.0)),
    "t5": Law(stats.t(5), _t5),
    "events(0.05)": Law(stats.bernoulli(RARE), _rare),
    "squared exponential": Law(stats.weibull_min(0.5), _squared_exponential),
}


@dataclass(frozen=True)
class Replicates(bn.Study):
    """Replicates of every law, alone and beside a control variate, with standard errors by a model that is right."""

    summaries: ClassVar[tuple[str, ...]] = tuple(SUMMARIES)

    replicates: int

    def conditions(self) -> list[dict[str, Any]]:
        return [{"law": name} for name in LAWS]

    def size(self, condition: Condition) -> int:
        return self.replicates // BLOCKS

    def simulate(self, condition: Condition, rng: Generator, size: int) -> dict[str, Any]:
        law = LAWS[condition["law"]]
        x, control = law.draw(rng, size)
        model = law.scipy.std() * np.sqrt(rng.chisquare(9, size) / 9)
        found: dict[str, Any] = {"plain": x, "controlled": x, "control": control, "model": model}
        return found | ({"event": x > 0} if condition["law"] == "events(0.05)" else {})

    def controls(self, condition: Condition, key: Any) -> tuple[str, ...]:
        return ("control",) if key == "controlled" else ()

    def model_se(self, condition: Condition, key: Any) -> str | None:
        return "model" if key == "plain" else None

    def summaries_of(self, condition: Condition, key: Any) -> tuple[str, ...]:
        if key == "model":
            return ("mean",)
        if key == "event":
            return ("coverage", "rejection_rate")
        return tuple(_summaries(condition["law"], key == "controlled"))


def _summaries(law: str, controlled: bool) -> Iterator[str]:
    """Those that apply: no root of a mean that may be negative, and no quantile at a jump of the law."""
    for name, summary in SUMMARIES.items():
        at_jump = law == "events(0.05)" and name == "quantile(0.95)"
        negative = name == "root_mean" and not LAWS[law].positive
        if not (summary.of_events or at_jump or negative or (controlled and summary.gradient is None)):
            yield name


def one_run(replicates: int, seed: int) -> pd.DataFrame:
    """The table of one run."""
    found = bn.run(
        Replicates(replicates), precision=None, max_replicates=replicates, seed=seed, executor=1, progress=False
    )
    return found.table[found.table["measure"] != "model"]


def counted(tables: list[pd.DataFrame], replicates: int) -> list[dict[str, object]]:
    """A row for each law and summary: how many of the finite intervals hold the true value."""
    every = pd.concat(tables)
    rows: list[dict[str, object]] = []
    for names, part in every.groupby(["law", "measure", "summary"], sort=False):
        law, measure, summary = map(str, names)
        off = (part["value"] - LAWS[law].true(summary)).abs().to_numpy(float)
        mcse, df = part["mcse"].to_numpy(float), part["mcse_df"].to_numpy(float)
        finite = np.isfinite(mcse)
        shown = LAWS[law].tail_index(replicates) > SUMMARIES[summary].order
        row = {"law": law, "summary": summary, "control_variate": measure == "controlled", "replicates": replicates}
        row |= {"runs": len(part), "infinite": round(1 - float(finite.mean()), 4)}
        for name, freedom in (("coverage", df), ("by_the_normal_law", np.full(df.shape, np.inf))):
            held = off <= mcse * stats.t.isf((1 - LEVEL) / 2, freedom) if finite.any() else finite
            row[name] = round(float(held[finite].mean()), 4) if finite.any() else math.nan
        rows.append(row | {"moment_shown": shown})
    return rows


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000, help="of each number of replicates")
    parser.add_argument("--seed", type=int, default=2026, help="of the first run; each has one of its own")
    parser.add_argument("--processes", type=int, default=1)
    campaigns.add_to(parser)
    given = parser.parse_args(arguments)
    command = f"python -m benchmarks.coverage --runs {given.runs} --seed {given.seed}"
    rows = []
    with ProcessPoolExecutor(given.processes) as pool:
        for replicates in REPLICATES:
            start = time.perf_counter()
            seeds = range(given.seed, given.seed + given.runs)
            tables = list(pool.map(partial(one_run, replicates), seeds, chunksize=8))
            own = counted(tables, replicates)
            print(f"{replicates} replicates: {time.perf_counter() - start:.0f} s", flush=True)
            print(pd.DataFrame(own).to_string(index=False, float_format="{:.3f}".format), flush=True)
            rows += [{"command": command, **row} for row in own]
    campaigns.save(given.to, rows)


if __name__ == "__main__":
    main()
