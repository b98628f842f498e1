"""How far running statistics are from the population's: bias, standard error and RMSE over steps, beside theory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from bnstats._checks.values import several
from bnstats.sampling.populations import Population
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.run import run
from bnstats.statistics.conventions import Convention, Momentum
from bnstats.statistics.running_error import check
from bnstats.studies.running_stats.result import Running
from bnstats.studies.running_stats.study import RunningStudy


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
    """Measure how far running statistics are from the population's or training set's moments, over steps.

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
    fixed_batches : bool
        True if the training set is cut into batches once, which are visited in the same order again and again.
    reference : {"population", "training set"}
        The error is the distance from the population's mean and variance, or from those of the training set itself
        (ddof 1).
    **options : RunOptions
        A replicate is a run of `steps` steps. The precision of a bias is relative to the RMSE.

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

    The same four batches of 8, again and again: their running variance stays away from that of their 32 values.

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
    """Each convention with each momentum, once."""
    sources, momenta = several("convention", given), several("momentum", momentum)
    conventions = tuple(dict.fromkeys(Convention.of(source, m) for source in sources for m in momenta))
    names = [(c.name, c.momentum) for c in conventions]
    if len(set(names)) < len(names):
        raise ValueError(f"two conventions share name and momentum in {names}; give each a name of its own.")
    return conventions
