"""Counts draws of every law that has a sampler of its own, in all its parts and far out, against what the law says.

    python -m benchmarks.tails --draws 2147483648 --sampler compiled --seed 2026

Of 128 parts of equal probability the chi-square statistic is judged; of the tails, down to a probability of 1e-8, each
count by the exact binomial test. The draws come in blocks with streams of their own, as in a run.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import bnstats as bn
from benchmarks import campaigns
from bnstats.simulation.identity import stream

LAWS = ("normal", "lognormal", "exponential", "laplace", "t5", "t2.5", "pareto")
AT_ONCE, PARTS = 2**20, 128
CHANCES = 10.0 ** -np.arange(2, 9)


class Law:
    """The limits of parts and tails of a named population."""

    def __init__(self, name: str, sampler: str) -> None:
        self.population = bn.Population.of(name, sampler=sampler)
        law = self.population.law
        self.parts = law.ppf(np.arange(1, PARTS) / PARTS)
        self.low, self.high = law.ppf(CHANCES), law.isf(CHANCES)

    def counts(self, seed: int, block: int) -> tuple[NDArray[np.int64], ...]:
        """Return counts of one block of draws: in each part, and below and above the quantiles."""
        x = np.empty(AT_ONCE)
        self.population.fill(stream(seed, {"law": self.population.name}, block), x)
        parts = np.bincount(np.searchsorted(self.parts, x), minlength=PARTS)
        low, high = x[x < self.low[0]], x[x > self.high[0]]
        return parts, (low[:, None] < self.low).sum(axis=0), (high[:, None] > self.high).sum(axis=0)


def judged(name: str, sampler: str, draws: int, seed: int) -> list[dict[str, object]]:
    """A row for the parts together, and one for each tail; as many draws as whole blocks of them."""
    law, blocks = Law(name, sampler), max(1, draws // AT_ONCE)
    with ThreadPoolExecutor() as pool:
        found = pool.map(partial(law.counts, seed), range(blocks))
        parts, below, above = (sum(each) for each in zip(*found, strict=True))
    n = blocks * AT_ONCE
    rows: list[dict[str, object]] = [_row(name, f"chi-square of {PARTS} parts", PARTS - 1, *_chi_square(parts))]
    for side, counts in (("below", below), ("above", above)):
        for chance, count in zip(CHANCES, counts, strict=True):
            p = stats.binomtest(int(count), n, chance).pvalue
            rows.append(_row(name, f"{side} the quantile of {chance:.0e}", n * chance, count, p))
    return rows


def _chi_square(counts: NDArray[np.int64]) -> tuple[float, float]:
    found = stats.chisquare(counts)
    return float(found.statistic), float(found.pvalue)


def _row(law: str, what: str, expected: float, found: float, p: float) -> dict[str, object]:
    return {"law": law, "what": what, "expected": float(expected), "found": float(found), "p_value": float(p)}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2**26, help="of each law")
    parser.add_argument("--sampler", default="compiled")
    parser.add_argument("--seed", type=int, default=2026)
    campaigns.add_to(parser)
    given = parser.parse_args(arguments)
    command = f"python -m benchmarks.tails --draws {given.draws} --sampler {given.sampler} --seed {given.seed}"
    rows = []
    for name in LAWS:
        start = time.perf_counter()
        own = judged(name, given.sampler, given.draws, given.seed)
        least = min(float(str(row["p_value"])) for row in own)
        print(
            f"{name}: {len(own)} counts, smallest p value {least:.2g}, {time.perf_counter() - start:.0f} s", flush=True
        )
        rows += [{"command": command, **row} for row in own]
    campaigns.save(given.to, rows)


if __name__ == "__main__":
    main()
