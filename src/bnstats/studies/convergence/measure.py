"""The simulation of how fast batch statistics converge to the population's values with the batch size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Unpack

import numpy as np

from bnstats._checks.numbers import batch_sizes as batch_sizes_of
from bnstats._checks.values import several
from bnstats.sampling.batching import IID, Batching, rule
from bnstats.sampling.populations import Population
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.run import run
from bnstats.statistics.estimators import Estimator, estimator_of
from bnstats.studies.convergence.result import Convergence
from bnstats.studies.convergence.study import DRAWS_PER_SET, SETS_PER_BLOCK, ConvergenceStudy

# 2, 4, ..., 4096
DYADIC = tuple((2 ** np.arange(1, 13)).tolist())


@run_options(precision=0.02, max_replicates=2**11)
def measure_convergence(
    populations: Any,
    *,
    batch_sizes: int | Sequence[int] = DYADIC,
    estimators: str | Estimator | Sequence[str | Estimator] = ("mean", "var", "std", "inv_std"),
    batching: Batching | Sequence[Batching] = IID(),
    **options: Unpack[RunOptions],
) -> Convergence:
    """Measure how fast estimates from batches converge to the population's values.

    Parameters
    ----------
    populations : one or several of what `Population.of` takes, or a mapping of names to these
        Populations that values are drawn from.
    batch_sizes : ints of at least 2
        Batch sizes. For independent values, all sizes 2^k up to 65536 are cut from the same draws.
    estimators : names or Estimators
        Functions of a batch. Batches above 2^20 independent values are held in memory in parts, unless an estimator is
        your own or the batching rule is another one: then a whole batch is held.
    batching : Batching or several
        Rules by which batches are drawn.
    **options : RunOptions
        A replicate is a set of 65536 draws, which serves all sizes 2^k up to 65536 of independent values. For larger
        batches, a replicate is a batch. `max_replicates` counts sets: at least 32, a block, and two of the largest
        batches. The precision of a bias is relative to the RMSE.

    Returns
    -------
    Convergence
        Errors of each estimator at each batch size. `table` has one row per condition, estimator and measure:

        - `population`, `batching`, `estimator`: name of the population, of the batching rule and of the estimator.
        - `batch_size`: number of values in a batch.
        - `measure`: "bias", "se" (standard error), "rmse" or "median_abs_error" of the estimates.
        - `value`: estimate of the measure, in the unit of the estimator.
        - `mcse`, `mcse_df`: Monte Carlo standard error of `value`, in its unit, and its degrees of freedom.
        - `exact`: exact value, in the unit of `value`; NaN if it is unknown.
        - `replicates`: number of batches that `value` comes from.
        - `precision_reached`: True if the relative `mcse` is at most `precision`, or if no precision was asked of the
          number.
        - `variance_ratio`: factor by which more batches would have been needed without control variates; 1 if none were
          used.

    Raises
    ------
    ValueError
        If a batching rule cannot draw batches of these sizes, an estimator's population value is not finite, names are
        not unique, or `max_replicates` is too small.

    Notes
    -----
    If no exact bias, standard error or RMSE is known, control variates are used: the errors of each batch's mean and
    variance, and products of these errors, have known expectations. The column `variance_ratio` is the factor by which
    they reduce the number of draws that a precision needs. For independent values, linear control variates leave errors
    of third order in 1 / sqrt(n). Median absolute errors have no control variates.

    Examples
    --------
    >>> c = measure_convergence("normal", batch_sizes=[2, 32], estimators=["var"])
    >>> rows = c.table.query("measure == 'se'")[["batch_size", "value", "mcse", "exact"]]
    >>> print(rows.round(3).to_string(index=False))
     batch_size  value  mcse  exact
              2  0.709 0.004  0.707
             32  0.246 0.001  0.246
    """
    study = ConvergenceStudy(
        _populations(populations),
        several("batching", batching),
        batch_sizes_of("batch_sizes", batch_sizes),
        tuple(estimator_of(e) for e in several("estimators", estimators)),
    )
    _check(study, options["max_replicates"])
    simulation = run(study, **options)
    return Convergence(simulation.table, study, simulation)


def _populations(given: Any) -> tuple[Population, ...]:
    if isinstance(given, Mapping):
        return tuple(Population.of(source, name) for name, source in given.items())
    several = isinstance(given, list | tuple) and not (given and all(isinstance(x, Real) for x in given))
    return tuple(Population.of(source) for source in (given if several else [given]))


def _check(study: ConvergenceStudy, max_replicates: int) -> None:
    """Raise ValueError for a study that cannot be estimated, before anything is simulated."""
    for batching in study.batchings:
        rule("batching", batching)
    if not study.populations:
        raise ValueError("populations is empty: give at least one.")
    minimum = max(SETS_PER_BLOCK, -(-2 * max(study.batch_sizes) // DRAWS_PER_SET))  # a block, and two largest batches
    if max_replicates < minimum:
        raise ValueError(f"max_replicates must be at least {minimum} here; got {max_replicates}.")
    for names, kind in (
        [[p.name for p in study.populations], "population"],
        [[e.name for e in study.estimators], "estimator"],
    ):
        if len(set(names)) < len(names):
            raise ValueError(f"two {kind}s have the same name in {names}; give each {kind} a name of its own.")
    if len({p.identity for p in study.populations}) < len(study.populations):
        raise ValueError(f"two of {[p.name for p in study.populations]} are the same population; give it once.")
    for population in study.populations:
        for batching in study.batchings:
            for n in study.batch_sizes:
                batching.check(population, n)
            for estimator in study.estimators:
                _check_target(population, batching, estimator, min(study.batch_sizes))


def _check_target(population: Population, batching: Batching, estimator: Estimator, smallest: int) -> None:
    if not estimator.takes_values and np.isnan(population.mean):
        raise ValueError(
            f"population {population.name} has no mean (tail index {population.tail_index:g}), so {estimator.name} of "
            "its batches converges to nothing; leave the population out, or take an estimator that needs no mean."
        )
    estimator.check(population, smallest)
    value = estimator.population_value(batching.source(population))
    if not np.isfinite(value):
        raise ValueError(
            f"{estimator.name} of population {population.name} is {value}: nothing to converge to; leave that "
            "estimator or population out."
        )
