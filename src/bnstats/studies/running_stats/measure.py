"""The simulation of errors of running statistics over training steps, and its result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

import numpy as np
import pandas as pd

from bnstats._checks.values import several
from bnstats.sampling.populations import Population
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.result import Result, Simulation
from bnstats.simulation.run import run
from bnstats.simulation.summaries.numbers_in_words import percent_with_error, short
from bnstats.statistics.running_conventions import Convention, Momentum
from bnstats.statistics.running_error import check
from bnstats.studies.running_stats.study import RunningStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ERRORS = {True: "RMSE", False: "median absolute error"}
"""Name of the error that is summarized, by whether the RMSE exists."""
NEAR = 1.1
"""An error of at most so many times the last error is near it."""


@dataclass(frozen=True, repr=False)
class Running(Result):
    """Result of `measure_running`.

    Attributes
    ----------
    table : DataFrame
        Numbers with their errors; `measure_running` describes the columns.
    study : RunningStudy
        The study that was simulated.
    simulation : Simulation
        The run behind the table.

    Examples
    --------
    >>> import bnstats as bn
    >>> bn.measure_running("normal", batch_size=8, steps=1, precision=None, max_replicates=1024)
    Running: 8 numbers; the same for all: convention torch, momentum 0.1, step 1.
    statistic          measure      value ± MCSE   exact
         mean             bias   0.0012 ± 0.0011       0
         mean               se 0.03527 ± 0.00081 0.03536
    ...
    """

    alternatives: ClassVar = {"convention": True}

    table: pd.DataFrame
    study: RunningStudy = field(repr=False)
    simulation: Simulation = field(repr=False)

    def _answers(self) -> list[str]:
        """Return the error of each running statistic after the last step, its bias, and how soon it was near that."""
        population = self.study.population
        units = {"mean": ("mean", population.std, "sigma"), "var": ("variance", population.var, "the true variance")}
        lines = []
        groups: Iterable[Any] = self.table.groupby(["convention", "momentum", "statistic"], sort=False, dropna=False)
        for (convention, momentum, statistic), rows in groups:
            name, unit, of = units[statistic]
            by_measure = {measure: part.sort_values("step") for measure, part in rows.groupby("measure")}
            exists = bool(np.isfinite(by_measure["rmse"]["mcse"].iloc[-1]))
            errors = by_measure["rmse" if exists else "median_abs_error"]
            last, bias = errors.iloc[-1], by_measure["bias"].iloc[-1]
            off = f"{percent_with_error(last['value'] / unit, last['mcse'] / unit)} % of {of}"
            biased = f", bias {percent_with_error(bias['value'] / unit, bias['mcse'] / unit)} %" if exists else ""
            far = np.flatnonzero(errors["value"].to_numpy(float) > NEAR * last["value"])
            later = far.size > 0 and far[-1] + 2 < len(errors)  # near before the last step, and not from the first
            near = f"; at most {NEAR:g} times that from step {errors['step'].iloc[far[-1] + 1]} on" if later else ""
            weight = "1/t" if np.isnan(momentum) else short(momentum)
            lines.append(
                f"{convention}, momentum {weight}: after {last['step']} steps, the {ERRORS[exists]} of the running "
                f"{name} is {off}{biased}{near}."
            )
        return lines

    def plot(self, measure: str = "rmse") -> Figure:
        """Plot a measure against steps, Monte Carlo as points with bars and exact values as lines.

        Parameters
        ----------
        measure : str
            "bias", "se", "rmse" or "median_abs_error".

        Returns
        -------
        Figure
            One panel per statistic.
        """
        from bnstats.plots.results import running

        return running(self.table, measure)


@run_options(precision=0.02, max_replicates=2**15)
def measure_running(
    population: Any,
    *,
    batch_size: int = 32,
    convention: str | Convention | Sequence[str | Convention] = "torch",
    momentum: Momentum | Sequence[Momentum] = "default",
    steps: int = 1000,
    training_size: int | None = None,
    fixed_batches: bool = False,
    reference: str = "population",
    **options: Unpack[RunOptions],
) -> Running:
    """Measure the errors of running statistics over training steps.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Population that values are drawn from.
    batch_size : int
        Values in each batch, at least 2.
    convention : name, Convention, or several
        "torch", "keras", "flax", "haiku" or "cumulative"; all conventions see the same batches.
    momentum : float in (0, 1], None, "default", or several
        Weight of the new batch; None for 1/t, by default the framework's own. Each momentum is combined with each
        convention. The decay 0.99 of Keras, Flax and Haiku is momentum=0.01.
    steps : int
        Number of steps. The table has about 25 steps up to this number, at equal ratios.
    training_size : int, optional
        Size of a training set that each replicate draws. Each batch is then drawn without replacement from the training
        set, whose own error remains. By default batches are drawn from the population.
    fixed_batches : bool
        True if the training set is cut into batches once, and the batches are visited in the same order in every epoch.
    reference : {"population", "training set"}
        Moments that errors are measured from: the population's mean and variance, or those of the training set (ddof
        1).
    **options : RunOptions
        A replicate is a run of `steps` steps. The precision of a bias is relative to the RMSE.

    Returns
    -------
    Running
        Errors of running mean and variance. `table` has one row per convention, step, statistic and measure:

        - `convention`: name of the convention.
        - `momentum`: weight of the new batch; NaN for 1/t.
        - `step`: number of training steps.
        - `statistic`: "mean" or "var".
        - `measure`: "bias", "se" (standard error), "rmse" or "median_abs_error" of the running statistic.
        - `value`: estimate of the measure, in the unit of the values for the mean, in its square for the variance.
        - `mcse`, `mcse_df`: Monte Carlo standard error of `value`, in its unit, and its degrees of freedom.
        - `exact`: exact value, in the unit of `value`; NaN if it is unknown.
        - `replicates`: number of runs.
        - `precision_reached`: True if the relative `mcse` is at most `precision`, or if no precision was asked of the
          number.

    Raises
    ------
    ValueError
        If an argument is out of range, the population has no finite variance, or two conventions have the same name and
        momentum.

    Examples
    --------
    >>> r = measure_running("normal", batch_size=8, momentum=[0.1, None], steps=100)
    >>> last = r.table.query("step == 100 and statistic == 'mean' and measure == 'rmse'")
    >>> last[["momentum", "value", "mcse", "exact"]].astype(float).round(3).values.tolist()
    [[0.1, 0.082, 0.001, 0.081], [nan, 0.036, 0.0, 0.035]]

    The same four batches of 8 in every epoch: their running variance does not converge to that of their 32 values.

    >>> same = {"training_size": 32, "fixed_batches": True, "reference": "training set"}
    >>> r = measure_running("normal", batch_size=8, momentum=None, steps=400, **same)
    >>> r.table.query("step == 400 and measure == 'rmse'")[["statistic", "exact"]].round(4).values.tolist()
    [['mean', 0.0], ['var', 0.0831]]
    """
    population = Population.of(population)
    check(population, batch_size, steps, training_size, fixed_batches=fixed_batches, reference=reference)
    training_size = None if training_size is None else int(training_size)
    conventions = _conventions(convention, momentum)
    study = RunningStudy(
        population, int(batch_size), conventions, int(steps), training_size, bool(fixed_batches), reference
    )
    simulation = run(study, **options)
    return Running(simulation.table, study, simulation)


def _conventions(given: Any, momentum: Any) -> tuple[Convention, ...]:
    """Return each convention with each momentum, once."""
    sources, momenta = several("convention", given), several("momentum", momentum)
    conventions = tuple(dict.fromkeys(Convention.of(source, m) for source in sources for m in momenta))
    names = [(c.name, c.momentum) for c in conventions]
    if len(set(names)) < len(names):
        raise ValueError(f"two conventions have the same name and momentum in {names}; give each a name of its own.")
    return conventions
