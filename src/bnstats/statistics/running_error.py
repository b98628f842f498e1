"""Exact errors of running statistics, relative to the population's or the training set's statistics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from bnstats._checks.arguments import checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.numbers import batch_size, count
from bnstats._checks.values import choice, flag, optional
from bnstats.sampling.populations import Population, population_of
from bnstats.statistics.estimator_theory import variance_of_variance
from bnstats.statistics.running_conventions import Convention, Momentum
from bnstats.statistics.theory import Sampling

STATISTICS = ("mean", "var")
REFERENCES = ("population", "training set")
# Weights are equal if the root of the sum of their squared differences is below this, which is rounding.
ROUNDING = 1e-12


@checked(
    population=population_of,
    statistic=partial(choice, known=STATISTICS),
    steps=count,
    batch_size=batch_size,
    training_size=optional(batch_size),
    fixed_batches=flag,
    reference=partial(choice, known=REFERENCES),
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
    fixed_batches: bool = False,
    reference: str = "population",
) -> Sampling:
    """Return the exact error of a running mean or variance after some steps.

    Parameters
    ----------
    population : whatever `Population.of` takes
        Law of the values.
    statistic : {"mean", "var"}
        Running statistic.
    steps : int
        Number of batches, at least 1.
    batch_size : int
        Number of values in a batch, at least 2.
    convention : str or Convention
        Convention of the running statistics.
    momentum : float in (0, 1], None or "default"
        Weight of the new batch, None for 1/t; by default the convention's own.
    training_size : int, optional
        Number of values in a random training set, from which every batch is drawn without replacement. By default,
        every batch is drawn from the population.
    fixed_batches : bool
        True to divide the training set into batches once, and to repeat these batches in the same order.
    reference : {"population", "training set"}
        Source of the mean or variance from which the error is measured; the training set's variance has ddof 1.

    Returns
    -------
    Sampling
        Bias, standard error, RMSE and median absolute error, in the unit of the statistic; nan where not known, inf
        where infinite.

    Raises
    ------
    ValueError
        If the population has no finite variance, or the batches cannot be drawn from the training set.

    Notes
    -----
    V(n) is the variance of a batch statistic, W the sum of the weights of all batches, A the sum of squared weights.
    If batches are drawn from the population, the running statistic has the variance A V(n).

    A batch from a training set of M values is a sample of the population, and all batches depend on the same set. By
    the law of total variance, the variance is W² V(M) + A (V(n) - V(M)). For long averages, it tends to V(M), not to
    zero. The variance about the training set's statistic is (W - 1)² V(M) + A (V(n) - V(M)).

    Of B fixed batches, the k-th has the total weight W_k over all its visits. The fixed batches are independent, so the
    variance is V(n) times the sum of W_k². The training set's statistic T is symmetric in all values and unbiased, as
    every batch statistic is. The covariance of T with every batch statistic is therefore V(M) = Var(T). The variance
    about T is V(n) sum of (W_k - 1/B)² + (2 W - 1)(V(n)/B - V(M)). With equal weights, the first term is 0. For the
    mean, the second term is 0. For the variance, it is 2 sigma^4 / M (1/(n - 1) - 1/(M - 1)) after any number of
    visits: the mean of the batches' variances lacks the variance between the batches' means.

    Examples
    --------
    >>> round(running_error("normal", "mean", 1000, batch_size=32).se, 4)
    0.0406
    >>> round(running_error("normal", "mean", 1000, batch_size=32, training_size=1000).se, 4)
    0.0509
    >>> round(running_error("normal", "mean", 1000, batch_size=32, momentum=0.01).se, 4)
    0.0125

    Four fixed batches of 8 are repeated with equal weights, and the reference is the training set of 32 values:

    >>> same = {"batch_size": 8, "momentum": None, "training_size": 32, "fixed_batches": True}
    >>> [round(running_error("normal", s, 400, reference="training set", **same).se, 4) for s in ("mean", "var")]
    [0.0, 0.0831]
    """
    population, convention = Population.of(population), Convention.of(convention, momentum)
    check(population, batch_size, steps, training_size, fixed_batches=fixed_batches, reference=reference)
    weights = convention.weights(steps)
    start, weights = weights[0], weights[1:]
    which = STATISTICS.index(statistic)
    target = (population.mean, population.var)[which]
    scale = 1.0 if statistic == "mean" or convention.ddof == 1 else (batch_size - 1) / batch_size
    # The weights sum to 1: if the start has weight 0, the target cancels without rounding.
    bias = float(start * (convention.start[which] - scale * target) + (scale - 1) * target)

    known = _BatchVariance(population, statistic)
    squared = known.of_running(scale * weights, batch_size, training_size, fixed_batches, reference == "training set")
    if math.isinf(squared):
        return Sampling(bias, math.inf)
    se = math.sqrt(squared)
    if se == 0:
        return Sampling(bias, se, abs(bias))
    linear = statistic == "mean" and (training_size is None or fixed_batches)
    normal = linear and population.family == "norm"
    return Sampling(bias, se, float(stats.foldnorm.median(abs(bias) / se, scale=se)) if normal else np.nan)


@dataclass(frozen=True)
class _BatchVariance:
    """Variance of a batch's mean or variance, and of weighted sums of batch statistics."""

    population: Population
    statistic: str

    def __call__(self, n: int) -> float:
        """Return V(n); inf where it does not exist."""
        if self.population.tail_index <= (2, 4)[STATISTICS.index(self.statistic)]:
            return math.inf
        return self.population.var / n if self.statistic == "mean" else variance_of_variance(self.population, n)

    def of_running(self, weights: FloatArray, n: int, size: int | None, fixed: bool, about_set: bool) -> float:
        """Return the variance of the sum of batch statistics with these weights, see `running_error`."""
        if size is None:
            return self(n) * float(np.square(weights).sum())
        if fixed:
            return self._of_fixed_batches(visits(weights, size // n), n, size, about_set)
        if math.isinf(self(n)):
            return math.inf
        shared = (weights.sum() - about_set) ** 2 * self(size)
        return float(shared + np.square(weights).sum() * (self(n) - self(size)))

    def _of_fixed_batches(self, weights: FloatArray, n: int, size: int, about_set: bool) -> float:
        if not about_set:
            return self(n) * float(np.square(weights).sum())
        apart = float(np.square(weights - 1 / len(weights)).sum())
        unequal = 0.0 if apart < ROUNDING**2 else self(n) * apart
        if self.statistic == "mean":
            return unequal
        between = 2 * self.population.var**2 / size * (1 / (n - 1) - 1 / (size - 1))
        return float(unequal + (2 * weights.sum() - 1) * between)


def visits(weights: FloatArray, batches: int) -> FloatArray:
    """Return the total weight of each fixed batch over all its visits, if batches are visited in turn.

    >>> visits(np.array([0.1, 0.2, 0.7]), 2)
    array([0.8, 0.2])
    """
    return np.asarray(np.bincount(np.arange(len(weights)) % batches, weights, minlength=batches), np.float64)


@checked(
    batch_size=batch_size,
    training_size=optional(count),
    fixed_batches=flag,
    reference=partial(choice, known=REFERENCES),
)
def check(
    population: Population,
    batch_size: int,
    steps: int,
    training_size: int | None,
    *,
    fixed_batches: bool = False,
    reference: str = "population",
) -> None:
    """Raise ValueError if running statistics do not converge, or if the batches cannot be drawn."""
    if not np.isfinite(population.var):
        raise ValueError(
            f"population {population.name} has no finite variance (tail index {population.tail_index:g}), so a running "
            "variance does not converge; take another population."
        )
    count("steps", steps)
    if training_size is not None and training_size < batch_size:
        raise ValueError(
            f"a batch of {batch_size} cannot be drawn without replacement from a training set of {training_size}; give "
            f"at least {batch_size}, or None to draw every batch from the population."
        )
    if training_size is None and (fixed_batches or reference == "training set"):
        what = "fixed_batches=True" if fixed_batches else 'reference="training set"'
        raise ValueError(f"{what} needs a training set; give training_size, as in training_size={4 * batch_size}.")
    if training_size is not None and fixed_batches and (training_size % batch_size or training_size == batch_size):
        raise ValueError(
            f"a training set of {training_size} cannot be cut into two or more batches of {batch_size}; give a "
            f"multiple of {batch_size}, as in training_size={4 * batch_size}."
        )
