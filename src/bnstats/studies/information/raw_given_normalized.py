"""The law of the raw value, given the normalized value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Unpack

import numpy as np
import pandas as pd
from numpy.random import Generator

from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import batch_sizes as checked_sizes
from bnstats._checks.numbers import number
from bnstats.sampling.populations import Population
from bnstats.simulation.identity import side_stream
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.result import Result, Simulation
from bnstats.simulation.run import run
from bnstats.simulation.study import Condition, Study
from bnstats.statistics.moments import Moments
from bnstats.statistics.normalized import normalized_value_occurs, raw_given_normalized
from bnstats.studies.information.measure import DEFAULT_BATCH_SIZES, DRAWS_PER_BLOCK, checked_population


@dataclass(frozen=True)
class RawBehindStudy(Study):
    """Study of the raw value of a member with normalized value z. See `measure_raw_given_normalized`."""

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
        mean_near = float(self._taken(side_stream(rng, n), max(4, size // 8), n)[0].mean())
        max_near = min(n, mean_near + 6 * np.sqrt(mean_near) + 9)  # exceeded about once in a million batches
        rows = int(size * min(4.0, 1.1 * max_near / max(mean_near, 1e-9))) + 1
        kept: list[FloatArray] = []
        for _ in range(1000):
            near, raw = self._taken(rng, rows, n)
            # The weight of a batch is its number of members near z: it is kept near / max_near times on average.
            kept.append(np.repeat(raw, (near / max_near + rng.random(rows)).astype(np.intp)))
            missing = size - sum(map(len, kept))
            if missing <= 0:
                return {"raw": np.concatenate(kept)[:size]}
            rows = min(size, 2 * missing + 4)
        raise ValueError(
            f"fewer than 1 in 1000 members of batches of {condition['batch_size']} from {self.population.name} have a "
            f"normalized value within {self.width} of {self.z}; give a larger width or another z."
        )

    def _taken(self, rng: Generator, rows: int, n: int) -> tuple[FloatArray, FloatArray]:
        """Return the number of members near z in each new batch, and the raw value of z in each batch."""
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
        mean, std = raw_given_normalized(self.population, self.z, condition["batch_size"])
        return mean - self.population.mean if summary == "bias" else std


@dataclass(frozen=True, repr=False)
class RawBehind(Result):
    """Result of `measure_raw_given_normalized`.

    Attributes
    ----------
    table : DataFrame
        Numbers with their errors; `measure_raw_given_normalized` describes the columns.
    simulation : Simulation
        The run behind the table.

    Examples
    --------
    >>> measure_raw_given_normalized("normal", batch_sizes=[4])
    RawBehind: 2 numbers; the same for all: batch size 4.
     measure     value ± MCSE exact
    raw_mean -0.0007 ± 0.0028     0
      raw_sd  0.5007 ± 0.0019   0.5
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
    """Measure mean and standard deviation of the raw value, given its normalized value z.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Population of the raw values, which are drawn independently. Its variance is finite and above 0.
    z : float
        Normalized value, with ddof 0. In batches of n, abs(z) is below sqrt(n - 1); in batches of 2 it is exactly 1.
    batch_sizes : ints of at least 2
        Values in each batch.
    width : float
        Batches are kept if the normalized value of a given member is within `width` of z. For a normal population all
        batches are kept, as z is independent of mean and standard deviation (Basu).
    **options : RunOptions
        A replicate is a batch that was kept, with the raw value mean + z std. The precision is relative to the raw
        value's root mean squared distance from the population's mean.

    Returns
    -------
    RawBehind
        Law of the raw value. `table` has one row per batch size and measure:

        - `batch_size`: number of values in a batch.
        - `measure`: "raw_mean" or "raw_sd", mean and standard deviation of the raw value, given the normalized value.
        - `value`: estimate of the measure, in the unit of the raw values.
        - `mcse`, `mcse_df`: Monte Carlo standard error of `value`, in its unit, and its degrees of freedom.
        - `exact`: exact value, in the unit of `value`; NaN if it is unknown.
        - `replicates`: number of batches that were kept.
        - `precision_reached`: True if the relative `mcse` is at most `precision`, or if no precision was asked of the
          number.

    Raises
    ------
    ValueError
        If the population's variance is 0 or infinite, or no member of a batch can have, or nearly ever has, this z.

    Examples
    --------
    >>> found = measure_raw_given_normalized("normal", 0.0, batch_sizes=[4, 64])
    >>> found.table.query("measure == 'raw_sd'")["exact"].tolist()
    [0.5, 0.125]
    """
    population = checked_population(population)
    sizes = checked_sizes("batch_sizes", batch_sizes)
    z, width = number("z", z, meaning="a normalized value"), number("width", width, "(0, inf]", "a distance from z")
    refused = [n for n in sizes if not normalized_value_occurs(z, n)]
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
