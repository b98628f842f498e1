"""How fast batch statistics converge to the population's: bias, standard error and RMSE against batch size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import lru_cache
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import stats

from bnstats.sampling.batching import IID, Batching
from bnstats.sampling.populations import Population
from bnstats.simulation.run import Simulation, run
from bnstats.simulation.streams import side_stream
from bnstats.simulation.study import Cell, Study
from bnstats.statistics import theory
from bnstats.statistics.estimators import Estimator, estimator_of
from bnstats.statistics.moments import Moments, pyramid
from bnstats.studies.rates import rates

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

# One replicate of the frame is a set of 2^16 draws, in cache at once: 32768 pairs, ..., 16 batches of 4096, ...
SET = 2**16
# Of so many batches of one size in a set estimates are taken. More pairs would cost time and make no curve smoother.
MOST = 2**9
# 2, 4, ..., 4096
DYADIC = tuple((2 ** np.arange(1, 13)).tolist())


@dataclass(frozen=True)
class ConvergenceStudy(Study):
    """Estimates from batches, against what the population says. See `measure_convergence`."""

    summaries: ClassVar[tuple[str, ...]] = ("bias", "se", "rmse", "median_abs_error")
    key_columns: ClassVar[tuple[str, ...]] = ("estimator", "batch_size")
    grid: ClassVar[tuple[str, ...]] = ("populations", "batchings")

    populations: tuple[Population, ...]
    batchings: tuple[Batching, ...]
    batch_sizes: tuple[int, ...]
    estimators: tuple[Estimator, ...]

    def cells(self) -> list[dict[str, Any]]:
        """A pyramid of all dyadic sizes for independent values; every other size and rule by itself."""
        cells = []
        for population in self.populations:
            for batching in self.batchings:
                pair = {"population": population, "batching": batching}
                if self._dyadic(batching):
                    cells.append(pair)
                cells += [{**pair, "batch_size": n} for n in self.batch_sizes if n not in self._dyadic(batching)]
        return cells

    def _dyadic(self, batching: Batching) -> list[int]:
        dyadic = [n for n in self.batch_sizes if n & (n - 1) == 0 and n <= SET]
        return dyadic if isinstance(batching, IID) else []

    def size(self, cell: Cell) -> int:
        return 32

    def draws(self, cell: Cell) -> int:
        return SET

    def columns(self, cell: Cell) -> dict[str, Any]:
        return {"population": cell["population"], "batching": cell["batching"]}

    def simulate(self, cell: Cell, rng: Generator, size: int) -> dict[tuple[str, int], Array]:
        if "batch_size" in cell:
            return self._direct(cell["population"], cell["batching"], cell["batch_size"], rng, size)
        return self._pyramid(cell["population"], rng, size)

    def _pyramid(self, population: Population, rng: Generator, sets: int) -> dict[tuple[str, int], Array]:
        wanted = self._dyadic(IID())
        raw: list[tuple[Estimator, int, list[Array]]] = [
            (e, n, []) for e in self.estimators if e.of_moments is None for n in wanted
        ]

        def fill(values: Array) -> None:
            population.fill(rng, values)
            for estimator, n, estimates in raw:
                estimates.append(estimator(values.reshape(n, -1)[:, :MOST], axis=0))

        levels = pyramid(fill, sets, SET, MOST, int(np.log2(max(wanted))))
        parts = [self._of_moments(population, rng, level) for level in levels if level.n in wanted]
        return {k: v for part in parts for k, v in part.items()} | {
            (e.name, n): np.concatenate(estimates) for e, n, estimates in raw
        }

    def _direct(
        self, population: Population, batching: Batching, n: int, rng: Generator, sets: int
    ) -> dict[tuple[str, int], Array]:
        batches = np.empty((sets * min(MOST, max(1, SET // n)), n))
        batching.fill(population, rng, batches)
        raw = {(e.name, n): e(batches) for e in self.estimators if e.of_moments is None}
        return self._of_moments(batching.source(population), rng, Moments.of(batches)) | raw

    def _of_moments(self, source: Population, rng: Generator, moments: Moments) -> dict[tuple[str, int], Array]:
        n = int(np.max(moments.n))

        @lru_cache
        def fresh() -> Array:
            out = np.empty(moments.mean.shape)
            source.fill(side_stream(rng, n), out)
            return out

        return {(e.name, n): e.from_moments(moments, fresh) for e in self.estimators if e.of_moments is not None}

    def _estimator(self, key: Any) -> Estimator:
        return next(e for e in self.estimators if e.name == key[0])

    def origin(self, cell: Cell, key: Any) -> float:
        return self._estimator(key).population_value(cell["batching"].source(cell["population"]))

    def exact(self, cell: Cell, key: Any, measure: str) -> float:
        known = _sampling(cell["population"], key[1], self._estimator(key), cell["batching"])
        return float(getattr(known, measure))

    def rate(self, population: str, batching: str, estimator: str, measure: str) -> float:
        """`theory.rate` of what has these names in the table."""
        source = next(p for p in self.populations if p.name == population)
        rule = next(b for b in self.batchings if repr(b) == batching)
        return theory.rate(source, self._estimator((estimator,)), measure, rule)

    def tail_index(self, cell: Cell, key: Any, replicates: int) -> float:
        source = cell["batching"].source(cell["population"])
        together = cell["batching"].chance_all_equal(source, key[1])
        return _tail_index(source, self._estimator(key), key[1], replicates, together)


_sampling = lru_cache(maxsize=4096)(theory.sampling)


def _tail_index(population: Population, estimator: Estimator, n: int, replicates: int, degenerate: float) -> float:
    """Tail index of the estimates, as so many replicates of batches of n see it.

    Outliers of the population are one reason for a heavy tail. The other are batches of nearly equal values, where the
    estimator divides by the root of variance + eps: too rare to be seen and yet too large to be neglected.
    """
    order = estimator.order
    outliers = population.local_tail_index(1 / (replicates * n)) / order if order else np.inf
    if estimator.eps is None:
        return outliers
    chance = max(degenerate, float(stats.chi2.cdf(n * estimator.eps / population.var, n - 1)))
    seen = replicates * chance > 100
    harmless = estimator.eps > 0 and chance / estimator.eps < 0.01 / (2 * n * population.var)
    return outliers if seen or harmless else min(outliers, n - 1 if degenerate < chance or estimator.eps == 0 else 1)


@dataclass(frozen=True)
class Convergence:
    """How estimates converge.

    Attributes
    ----------
    table : DataFrame
        population, batching, estimator, batch_size, measure (bias, se, rmse, median_abs_error), value, mcse, exact,
        replicates, reached. See `Simulation`.
    """

    table: pd.DataFrame
    study: ConvergenceStudy = field(repr=False)
    simulation: Simulation = field(repr=False)

    def rates(self, confidence: float = 0.95) -> pd.DataFrame:
        """Slopes of log error against log batch size, see `bnstats.studies.rates.rates`."""
        return rates(self.simulation, self.study.rate, confidence)

    def plot(self, measure: str = "rmse") -> Figure:
        """Error against batch size: Monte Carlo as points with bars, exact values as lines."""
        from bnstats.plots import convergence

        return convergence(self.table, measure)


def measure_convergence(
    populations: Any,
    *,
    batch_sizes: int | Sequence[int] = DYADIC,
    estimators: str | Estimator | Sequence[str | Estimator] = ("mean", "var", "std", "inv_std"),
    batching: Batching | Sequence[Batching] = IID(),
    precision: float | None = 0.02,
    max_draws: int = 2**27,
    seed: int = 0,
    executor: Executor | int | None = None,
    store: str | Path | None = None,
    progress: bool | None = None,
) -> Convergence:
    """Measure how fast estimates from batches converge to the population's values.

    Parameters
    ----------
    populations : one or several of what `Population.of` takes, or a mapping of names to these
    batch_sizes : ints of at least 2
        Sizes 2^k up to 65536 of independent values share one stream of draws.
    estimators : names or Estimators
    batching : Batching or several
    precision : float, optional
        Relative Monte Carlo standard error to reach in every number (for a bias: relative to the RMSE).
    max_draws : int
        At most so many draws for a population and rule, or for one batch size that is no power of two.
    seed, executor, store, progress
        See `bnstats.run`.

    Returns
    -------
    Convergence

    Examples
    --------
    >>> c = measure_convergence("normal", batch_sizes=[2, 32], estimators=["var"])
    >>> c.table.query("measure == 'bias'")[["batch_size", "exact"]].values.tolist()
    [[2.0, -0.5], [32.0, -0.03125]]
    >>> bool((abs(c.table.value - c.table.exact) < 6 * c.table.mcse).all())
    True
    """
    study = ConvergenceStudy(
        _populations(populations),
        _listed(batching, str | Batching),
        tuple(_batch_size(n) for n in _listed(batch_sizes, Real)),
        tuple(estimator_of(e) for e in _listed(estimators, str | Estimator)),
    )
    _check(study, max_draws)
    simulation = run(
        study,
        precision=precision,
        max_replicates=max(2, max_draws // SET),
        seed=seed,
        executor=executor,
        store=store,
        progress=progress,
    )
    return Convergence(simulation.table, study, simulation)


def _populations(given: Any) -> tuple[Population, ...]:
    if isinstance(given, Mapping):
        return tuple(Population.of(source, name) for name, source in given.items())
    several = isinstance(given, list | tuple) and not (given and all(isinstance(x, Real) for x in given))
    return tuple(Population.of(source) for source in (given if several else [given]))


def _batch_size(n: Any) -> int:
    if isinstance(n, bool) or not isinstance(n, int | float | np.number) or n != int(n) or n < 2:
        raise ValueError(f"a batch size is a whole number of at least 2, one value has no variance; got {n!r}.")
    return int(n)


def _listed(given: Any, single: Any) -> tuple[Any, ...]:
    """What was given as one, or as several."""
    return (given,) if isinstance(given, single) else tuple(given)


def _check(study: ConvergenceStudy, max_draws: int) -> None:
    """Refuse what cannot be estimated, before anything is simulated."""
    if not isinstance(max_draws, int | float | np.number) or max_draws < 1:
        raise ValueError(f"max_draws is a number of draws, at least 1; got {max_draws!r}.")
    for batching in study.batchings:
        if not isinstance(batching, Batching):
            raise ValueError(f"batching is a rule such as bn.IID() or bn.Clustered(icc=0.1); got {batching!r}.")
    for field_name in ("populations", "batchings", "batch_sizes", "estimators"):
        if not getattr(study, field_name):
            raise ValueError(f"{field_name} is empty: give at least one.")
    for names, what in (
        [[p.name for p in study.populations], "population"],
        [[e.name for e in study.estimators], "estimator"],
    ):
        if len(set(names)) < len(names):
            raise ValueError(f"two {what}s share a name in {names}; give each a name of its own.")
    if len({p.identity for p in study.populations}) < len(study.populations):
        raise ValueError(f"two of {[p.name for p in study.populations]} are the same population; give it once.")
    for population in study.populations:
        if np.isnan(population.mean):
            raise ValueError(
                f"population {population.name} has no mean (tail index {population.tail_index:g}), so no statistic of "
                "its batches converges; leave it out."
            )
        for batching in study.batchings:
            for n in study.batch_sizes:
                batching.check(population, n)
            for estimator in study.estimators:
                estimator.check(population, min(study.batch_sizes))
                value = estimator.population_value(batching.source(population))
                if not np.isfinite(value):
                    raise ValueError(
                        f"{estimator.name} of population {population.name} is {value}: nothing to converge to; "
                        "leave that estimator or population out."
                    )
