"""How far running statistics are from the population's: bias, standard error and RMSE over steps, beside theory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from bnstats.compiled import compiled
from bnstats.sampling.batching import WithoutReplacement
from bnstats.sampling.populations import Population
from bnstats.simulation.run import Simulation, run
from bnstats.simulation.study import Cell, Study
from bnstats.statistics.running import STATISTICS, Convention, Momentum, check, running_error, smooth

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

# Draws that are held at once: 2 MB, which stays in cache.
HELD = 2**18
# Steps at which the running statistics are looked at.
RECORDS = 25


@dataclass(frozen=True)
class RunningStudy(Study):
    """Running statistics by several conventions, all fed with the same batches. See `measure_running`."""

    summaries: ClassVar[tuple[str, ...]] = ("bias", "se", "rmse", "median_abs_error")
    key_columns: ClassVar[tuple[str, ...]] = ("convention", "momentum", "step", "statistic")

    population: Population
    batch_size: int
    conventions: tuple[Convention, ...]
    steps: int
    training_size: int | None

    def cells(self) -> list[dict[str, Any]]:
        return [{"population": self.population, "batch_size": self.batch_size, "training_size": self.training_size}]

    def columns(self, cell: Cell) -> dict[str, Any]:
        return {}

    def size(self, cell: Cell) -> int:
        return min(128, max(16, HELD // self.batch_size))

    def draws(self, cell: Cell) -> int:
        return self.steps * self.batch_size

    @cached_property
    def recorded(self) -> list[int]:
        """The steps in the table: 1, the last, and others between them at about equal ratios."""
        return sorted({round(step) for step in np.geomspace(1, self.steps, RECORDS)})

    def simulate(self, cell: Cell, rng: Generator, size: int) -> dict[tuple[str, float | None, int, str], Array]:
        kept = self._afresh(rng, size) if self.training_size is None else self._again(rng, size)
        return {
            (convention.name, convention.momentum, step, statistic): kept[i, :, c, s]
            for c, convention in enumerate(self.conventions)
            for i, step in enumerate(self.recorded)
            for s, statistic in enumerate(STATISTICS)
        }

    def _afresh(self, rng: Generator, size: int) -> Array:
        return self._follow(partial(self.population.fill, rng), size)

    def _again(self, rng: Generator, size: int) -> Array:
        kept = []
        for _ in range(size):
            values = np.empty(self.training_size or 0)
            self.population.fill(rng, values)
            training_set = Population("training set", values=values)
            kept.append(self._follow(partial(WithoutReplacement().fill, training_set, rng), 1))
        return np.concatenate(kept, axis=1)

    @cached_property
    def _plan(self) -> tuple[Array, Array, Array, NDArray[np.int64]]:
        """For `_update`: each convention's start, its divisor of the variance, its weights, and which steps to keep."""
        step = np.arange(1, self.steps + 1)
        place = np.full(self.steps, -1)
        place[np.array(self.recorded) - 1] = np.arange(len(self.recorded))
        weights = np.stack([c.weight(step) for c in self.conventions], axis=1)
        divisors = np.array([float(self.batch_size - c.ddof) for c in self.conventions])
        return np.array([c.start for c in self.conventions]), divisors, weights, place

    def _follow(self, fill: Callable[[Array], None], replicates: int) -> Array:
        """Running statistics at the recorded steps, shape (records, replicates, conventions, 2)."""
        start, divisors, weights, place = self._plan
        n, state = self.batch_size, np.repeat(start[None], replicates, axis=0)
        kept = np.empty((len(self.recorded), *state.shape))
        held = max(1, HELD // (replicates * n))
        for first in range(0, self.steps, held):
            now = slice(first, first + held)
            batches = np.empty((len(place[now]) * replicates, n))
            fill(batches)
            _update(state, batches, divisors, weights[now], place[now], kept)
        return kept

    def origin(self, cell: Cell, key: Any) -> float:
        return self.population.mean if key[3] == "mean" else self.population.var

    def exact(self, cell: Cell, key: Any, measure: str) -> float:
        name, momentum, step, statistic = key
        convention = self._convention(name, momentum)
        return float(
            getattr(_exact(self.population, statistic, step, self.batch_size, convention, self.training_size), measure)
        )

    def _convention(self, name: str, momentum: float | None) -> Convention:
        return next(c for c in self.conventions if (c.name, c.momentum) == (name, momentum))

    def tail_index(self, cell: Cell, key: Any, replicates: int) -> float:
        name, momentum, step, _ = key
        shares = self._convention(name, momentum).shares(step)[1:]
        batches = shares.sum() ** 2 / np.square(shares).sum()  # as many of equal weight would be worth
        seen = min(batches * self.batch_size, self.training_size or np.inf)
        return self.population.local_tail_index(1 / (replicates * seen)) / (1 if key[3] == "mean" else 2)


@lru_cache(maxsize=4096)
def _exact(population: Population, statistic: str, step: int, n: int, convention: Convention, size: int | None) -> Any:
    return running_error(population, statistic, step, batch_size=n, convention=convention, training_size=size)


_smooth = compiled(smooth)


@compiled
def _update(
    state: Array, batches: Array, divisors: Array, weights: Array, place: NDArray[np.int64], kept: Array
) -> None:
    """One step after the other, each with a batch for every replicate; kept where `place` is not -1."""
    replicates, conventions, _ = state.shape
    for t in range(len(weights)):
        for r in range(replicates):
            batch = batches[t * replicates + r]
            mean = batch.mean()
            m2 = 0.0
            for i in range(batch.size):
                m2 += (batch[i] - mean) ** 2
            for c in range(conventions):
                state[r, c, 0] = _smooth(state[r, c, 0], mean, weights[t, c])
                state[r, c, 1] = _smooth(state[r, c, 1], m2 / divisors[c], weights[t, c])
        if place[t] >= 0:
            kept[place[t]] = state


@dataclass(frozen=True)
class Running:
    """How far running statistics are from the population's.

    Attributes
    ----------
    table : DataFrame
        convention, momentum (nan for 1/t), step, statistic (mean, var), measure (bias, se, rmse, median_abs_error),
        value, mcse, exact, replicates, reached. See `Simulation`.
    """

    table: pd.DataFrame
    study: RunningStudy = field(repr=False)
    simulation: Simulation = field(repr=False)

    def plot(self, measure: str = "rmse") -> Figure:
        """Error against steps, a panel a statistic: Monte Carlo as points with bars, exact values as lines."""
        from bnstats.plots import running

        return running(self.table, measure)


def measure_running(
    population: Any,
    *,
    batch_size: int = 32,
    convention: str | Convention | Sequence[str | Convention] = "torch",
    momentum: Momentum | Sequence[Momentum] = "default",
    steps: int = 1000,
    training_size: int | None = None,
    precision: float | None = 0.02,
    max_replicates: int = 2**15,
    seed: int = 0,
    executor: Executor | int | None = None,
    store: str | Path | None = None,
    progress: bool | None = None,
) -> Running:
    """Measure how far running statistics are from the population's mean and variance, over steps.

    Parameters
    ----------
    population : whatever `Population.of` takes
    batch_size : int
        At least 2.
    convention : name, Convention, or several
        "torch", "keras", "flax", "haiku" or "cumulative"; all see the same batches.
    momentum : float in (0, 1], None, "default", or several
        Weight of the new batch, None for 1/t, by default the framework's own; each with each convention. A decay of
        0.99, as Keras, Flax and Haiku write it, is momentum=0.01.
    steps : int
        The table has about 25 steps up to this one, at equal ratios.
    training_size : int, optional
        Each replicate draws a training set of so many values, and then every batch anew without replacement from it:
        the error stops at the training set's own. By default batches come afresh from the population.
    precision : float, optional
        Relative Monte Carlo standard error to reach in every number (for a bias: relative to the RMSE).
    max_replicates : int
        At most so many runs of `steps` steps.
    seed, executor, store, progress
        See `bnstats.run`.

    Returns
    -------
    Running

    Examples
    --------
    >>> r = measure_running("normal", batch_size=8, momentum=[0.1, None], steps=100)
    >>> last = r.table.query("step == 100 and statistic == 'mean' and measure == 'rmse'")
    >>> last["exact"].round(4).tolist()
    [0.0811, 0.0354]
    >>> bool((abs(r.table.value - r.table.exact) < 6 * r.table.mcse)[r.table.exact.notna()].all())
    True
    """
    population = Population.of(population)
    check(population, batch_size, steps, training_size)
    study = RunningStudy(population, int(batch_size), _conventions(convention, momentum), int(steps), training_size)
    simulation = run(
        study,
        precision=precision,
        max_replicates=max_replicates,
        seed=seed,
        executor=executor,
        store=store,
        progress=progress,
    )
    return Running(simulation.table, study, simulation)


def _conventions(given: Any, momentum: Any) -> tuple[Convention, ...]:
    """Each convention with each momentum, once."""
    sources = [given] if isinstance(given, str | Convention) or not isinstance(given, Iterable) else list(given)
    momenta: list[Momentum] = [momentum] if np.ndim(momentum) == 0 else list(momentum)
    if not sources or not momenta:
        raise ValueError("convention or momentum is empty: give at least one.")
    conventions = tuple(dict.fromkeys(Convention.of(source, m) for source in sources for m in momenta))
    names = [(c.name, c.momentum) for c in conventions]
    if len(set(names)) < len(names):
        raise ValueError(f"two conventions share name and momentum in {names}; give each a name of its own.")
    return conventions
