"""What a normalized value means: the law of the raw value behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Unpack

import numpy as np
import pandas as pd
from numpy.random import Generator

from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import number
from bnstats.sampling.populations import Population
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.result import Result
from bnstats.simulation.run import Simulation, run
from bnstats.simulation.streams import side_stream
from bnstats.simulation.study import Condition, Study
from bnstats.statistics import theory
from bnstats.statistics.moments import Moments
from bnstats.studies.information.measure import DEFAULT_BATCH_SIZES, checked_population, checked_sizes
from bnstats.studies.information.study import DRAWS_PER_BLOCK


@dataclass(frozen=True)
class RawBehindStudy(Study):
    """The raw value that z stands for in a batch of which a member has that z. See `measure_raw_given_normalized`."""

    summaries: ClassVar[tuple[str, ...]] = ("bias", "se")
    key_columns: ClassVar[tuple[str, ...]] = ("variable",)
    grid: ClassVar[tuple[str, ...]] = ("batch_sizes",)

    population: Population
    z: float
    batch_sizes: tuple[int, ...]
    width: float

    def conditions(self) -> list[dict[str, Any]]:
        return [{"batch_size": n} for n in self.batch_sizes]

    def size(self, condition: Condition) -> int:
        return max(16, DRAWS_PER_BLOCK // 8 // int(condition["batch_size"]))

    def draws_per_replicate(self, condition: Condition) -> int:
        return int(condition["batch_size"])

    def simulate(self, condition: Condition, rng: Generator, size: int) -> dict[str, FloatArray]:
        n = condition["batch_size"]
        usual = float(self._taken(side_stream(rng, n), max(4, size // 8), n)[0].mean())
        most = min(n, usual + 6 * np.sqrt(usual) + 9)  # more members of a batch are near z once in a million batches
        rows = int(size * min(4.0, 1.1 * most / max(usual, 1e-9))) + 1
        kept: list[FloatArray] = []
        for _ in range(1000):
            near, raw = self._taken(rng, rows, n)
            # A batch counts as often as members of it are near z: near / most times, one more or less by chance.
            kept.append(np.repeat(raw, (near / most + rng.random(rows)).astype(np.intp)))
            missing = size - sum(map(len, kept))
            if missing <= 0:
                return {"raw": np.concatenate(kept)[:size]}
            rows = min(size, 2 * missing + 4)
        raise ValueError(
            f"fewer than 1 in 1000 members of batches of {condition['batch_size']} from {self.population.name} have a "
            f"normalized value within {self.width} of {self.z}; widen width or choose another z."
        )

    def _taken(self, rng: Generator, rows: int, n: int) -> tuple[FloatArray, FloatArray]:
        """How many members of new batches are near z, and the raw value that z stands for in each."""
        batches = np.empty((rows, n))
        self.population.fill(rng, batches)
        moments = Moments.of(batches)
        std = np.sqrt(moments.var())
        raw = moments.mean + std * self.z
        if self.population.family == "norm":
            return np.full(rows, float(n)), raw
        batches -= raw[:, None]
        near = np.count_nonzero(np.abs(batches, out=batches) <= self.width * std[:, None], axis=1)
        return near.astype(np.float64), raw

    def target(self, condition: Condition, key: Any) -> float:
        return self.population.mean

    def exact(self, condition: Condition, key: Any, summary: str) -> float:
        mean, std = theory.raw_given_normalized(self.population, self.z, condition["batch_size"])
        return mean - self.population.mean if summary == "bias" else std


@dataclass(frozen=True, repr=False)
class RawBehind(Result):
    """The law of the raw value behind a normalized one.

    Attributes
    ----------
    table : DataFrame
        batch_size, measure (raw_mean, raw_sd), value, mcse, mcse_df, exact, replicates, reached. See `Simulation`.
    """

    table: pd.DataFrame
    simulation: Simulation


@run_options(precision=0.01, max_replicates=1_000_000)
def measure_raw_given_normalized(
    population: Any,
    z: float = 0.0,
    *,
    batch_sizes: int | Sequence[int] = DEFAULT_BATCH_SIZES[1:],
    width: float = 0.1,
    **options: Unpack[RunOptions],
) -> RawBehind:
    """Measure mean and standard deviation of the raw value behind a normalized value z.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Of the raw values, drawn independently. Needs a finite variance.
    z : float
        The value is formed with ddof 0. Its size is below sqrt(n - 1) in batches of n, and exactly 1 in batches of 2.
    batch_sizes : ints of at least 2
    width : float
        Batches are taken of which one given member has a normalized value within `width` of z. It makes no difference
        to a normal population, of which all are taken: z is independent of mean and standard deviation (Basu).
    **options : RunOptions
        A replicate is a batch that was taken, and in it the value mean + z std. The precision is relative to the raw
        value's spread about the population's mean.

    Returns
    -------
    RawBehind

    Examples
    --------
    >>> behind = measure_raw_given_normalized("normal", 0.0, batch_sizes=[4, 64])
    >>> behind.table.query("measure == 'raw_sd'")["exact"].tolist()
    [0.5, 0.125]
    """
    population = checked_population(population)
    sizes = checked_sizes(batch_sizes)
    z, width = number("z", z, meaning="a normalized value"), number("width", width, "(0, inf]", "a distance from z")
    refused = [n for n in sizes if not theory.normalized_value_occurs(z, n)]
    if refused:
        raise ValueError(
            f"no member of a batch of {refused[0]} has the normalized value z={z}: |z| is below sqrt(batch size - 1), "
            "and exactly 1 in batches of 2; choose another z or other batch sizes."
        )
    simulation = run(RawBehindStudy(population, z, sizes, width), **options)
    table = simulation.table.drop(columns="variable")
    from_mean = table["measure"] == "bias"
    table.loc[from_mean, ["value", "exact"]] += population.mean
    table["measure"] = np.where(from_mean, "raw_mean", "raw_sd")
    return RawBehind(table, simulation)
