"""How much of a label can still be known from a value that was normalized by its own batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import batch_sizes
from bnstats.sampling.populations import Population
from bnstats.simulation.options import RunOptions, run_options
from bnstats.simulation.run import run
from bnstats.studies.information.bayes_classifier import (
    checked_cuts,
    class_shares,
    entropy_bits,
)
from bnstats.studies.information.result import Information
from bnstats.studies.information.study import InformationStudy

DEFAULT_BATCH_SIZES = tuple(2**k for k in range(1, 13))


@run_options(precision=0.01, max_replicates=1_000_000)
def measure_information(
    population: Any,
    *,
    labels: Sequence[float] | Callable[[FloatArray], NDArray[Any]],
    batch_sizes: int | Sequence[int] = DEFAULT_BATCH_SIZES,
    **options: Unpack[RunOptions],
) -> Information:
    """Measure how much of its label is left in a value that was normalized by its own batch.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Of the raw values, drawn independently. Needs a finite variance.
    labels : increasing floats, or callable
        Cuts between classes (a value equal to a cut belongs to the class above), or a function from an array of raw
        values to an array of whole numbers.
    batch_sizes : ints of at least 2
    **options : RunOptions
        A replicate is a batch, of which one member is used.

    Returns
    -------
    Information

    Notes
    -----
    For a normal population with cuts, the rule is Bayes' and exact values stand beside the estimates. For all else the
    rule is learned: class frequencies in 512 intervals of z, from 2^21 draws that serve no other purpose. Its accuracy,
    and its bits H(label) - cross entropy, are reached and so are lower bounds of what the best rule reaches; of five
    classes of a normal population they miss less than 0.0002 and 0.001 bits.

    Examples
    --------
    >>> information = measure_information("normal", labels=[0.0], batch_sizes=[2, 64])
    >>> information.table.query("measure == 'accuracy'")["exact"].round(3).tolist()
    [0.75, 0.96]
    >>> information.guess, information.entropy
    (0.5, 1.0)
    """
    population = checked_population(population)
    labels = labels if callable(labels) else checked_cuts(labels)
    _, prior = class_shares(population, labels)
    if np.count_nonzero(prior) < 2:
        raise ValueError(f"labels give one class only on population {population.name}; give two or more.")
    study = InformationStudy(population, labels, checked_sizes(batch_sizes), options["seed"])
    simulation = run(study, **options)
    return Information(simulation.table, float(prior.max()), entropy_bits(prior), simulation)


def checked_population(source: Any) -> Population:
    """A population with a variance to normalize by."""
    population = Population.of(source)
    if not 0 < population.var < np.inf:
        raise ValueError(
            f"population {population.name} has variance {population.var}, nothing to normalize by; give one with a "
            "finite variance above 0."
        )
    return population


def checked_sizes(given: int | Sequence[int]) -> tuple[int, ...]:
    """Batch sizes, at least one of them."""
    return batch_sizes("batch_sizes", given)
