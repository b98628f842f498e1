"""How far running statistics are from the population's: exact theory."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from bnstats._doors import checked
from bnstats._numbers import batch_size, count
from bnstats._validation import choice, optional
from bnstats.sampling.populations import Population, population_of
from bnstats.statistics.conventions import Convention, Momentum
from bnstats.statistics.estimator_theory import variance_of_variance
from bnstats.statistics.theory import Sampling

STATISTICS = ("mean", "var")


@checked(
    population=population_of,
    statistic=partial(choice, known=STATISTICS),
    steps=count,
    batch_size=batch_size,
    training_size=optional(batch_size),
)
def running_error(
    population: Any,
    statistic: str,
    steps: int,
    *,
    batch_size: int,
    convention: str | Convention = "torch",
    momentum: Momentum = "default",
    training_size: int | None = None,
) -> Sampling:
    """Exact error of a running mean or variance against the population, after this many steps; nan where not known.

    Parameters
    ----------
    population : whatever `Population.of` takes
    statistic : {"mean", "var"}
    steps : int
        At least 1.
    batch_size : int
        At least 2.
    convention : name or Convention
    momentum : float in (0, 1], None or "default"
        Weight of the new batch, None for 1/t; by default the convention's own.
    training_size : int, optional
        Batches are drawn again and again, each without replacement, from one random training set of so many values;
        else afresh from the population.

    Examples
    --------
    >>> round(running_error("normal", "mean", 1000, batch_size=32).se, 4)
    0.0406
    >>> round(running_error("normal", "mean", 1000, batch_size=32, training_size=1000).se, 4)
    0.0509
    >>> round(running_error("normal", "mean", 1000, batch_size=32, momentum=0.01).se, 4)
    0.0125

    Notes
    -----
    V(n) is the variance of a batch statistic, W the weight of all batches together, A the sum of their squared weights.
    The variance is A V(n) for fresh batches. A batch from a training set of M is itself a sample of the population, two
    of them share the set, so that by the law of total variance it is W² V(M) + A (V(n) - V(M)), which goes to V(M) and
    not to zero.
    """
    population, convention = Population.of(population), Convention.of(convention, momentum)
    check(population, batch_size, steps, training_size)
    shares = convention.shares(steps)
    start, batches, squares = shares[0], shares[1:].sum(), np.square(shares[1:]).sum()
    which = STATISTICS.index(statistic)
    target = (population.mean, population.var)[which]
    scale = 1.0 if statistic == "mean" or convention.ddof == 1 else (batch_size - 1) / batch_size
    bias = float(start * convention.start[which] + batches * scale * target - target)
    if population.tail_index <= (2, 4)[which]:
        return Sampling(bias, np.inf)

    def variance(n: int) -> float:
        return population.var / n if statistic == "mean" else scale**2 * variance_of_variance(population, n)

    shared = 0.0 if training_size is None else variance(training_size)
    se = math.sqrt(batches**2 * shared + squares * (variance(batch_size) - shared))
    normal = statistic == "mean" and training_size is None and population.family == "norm"
    if se == 0:
        return Sampling(bias, se, abs(bias))
    return Sampling(bias, se, float(stats.foldnorm.median(abs(bias) / se, scale=se)) if normal else np.nan)


@checked(batch_size=batch_size, training_size=optional(count))
def check(population: Population, batch_size: int, steps: int, training_size: int | None) -> None:
    """Raise ValueError if running statistics cannot be kept so, or have nothing to converge to."""
    if not np.isfinite(population.var):
        raise ValueError(
            f"population {population.name} has no finite variance (tail index {population.tail_index:g}), so a running "
            "variance converges to nothing; take another population."
        )
    count("steps", steps)
    if training_size is not None and training_size < batch_size:
        raise ValueError(
            f"a batch of {batch_size} cannot be drawn without replacement from a training set of {training_size}; give "
            f"at least {batch_size}, or None to draw afresh from the population."
        )
