"""Running statistics: what evaluation mode normalises with, by each framework's convention, and their exact theory.

Every convention is one update, `smooth`, with a weight for each step: a constant (exponential average), 1/t (cumulative
average), or a / (1 - (1 - a)^t) (zero-debiased exponential average).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from bnstats._arrays import FloatArray
from bnstats._validation import named
from bnstats.sampling.populations import Population
from bnstats.statistics.estimator_theory import variance_of_variance
from bnstats.statistics.moments import Moments
from bnstats.statistics.theory import Sampling

Momentum = float | None | Literal["default"]

STATISTICS = ("mean", "var")


def smooth(old: Any, new: Any, weight: Any) -> Any:
    """Move from `old` towards `new`, by `weight` of the way.

    >>> smooth(10.0, 20.0, 0.1)
    11.0
    """
    return old + weight * (new - old)


@dataclass(frozen=True)
class Convention:
    """How a framework keeps running statistics.

    Attributes
    ----------
    name : str
    momentum : float in (0, 1], or None
        Weight of the new batch, as in PyTorch; Keras, Flax and Haiku name the weight of the old value, so their 0.99 is
        momentum=0.01 here. None: 1/t at step t, the cumulative average.
    ddof : int
        Of the variance that is stored: 0 biased, 1 unbiased.
    start : (float, float)
        Mean and variance before the first batch.
    debias : bool
        Whether the weight of the start is taken out again (Kingma & Ba 2015), so that the first batch has weight 1.
    eps : float
        Added to the variance before normalising, in the data's unit squared.

    Examples
    --------
    >>> Convention.of("torch", momentum=0.2)
    Convention(name='torch', momentum=0.2, ddof=1, start=(0.0, 1.0), debias=False, eps=1e-05)
    >>> Convention.of("keras").plateau < Convention.of("torch").plateau
    True
    """

    name: str
    momentum: float | None
    ddof: int = 0
    start: tuple[float, float] = (0.0, 1.0)
    debias: bool = False
    eps: float = 1e-5

    def __post_init__(self) -> None:
        if self.momentum is not None and not 0 < self.momentum <= 1:
            raise ValueError(
                f"momentum is the weight of the new batch, above 0 and at most 1, or None for 1/t; got "
                f"{self.momentum}. A framework's decay of 0.99 is momentum=0.01."
            )
        if self.ddof not in (0, 1):
            raise ValueError(f"ddof is 0 (biased variance) or 1 (unbiased); got {self.ddof!r}.")

    @staticmethod
    def of(source: str | Convention, momentum: Momentum = "default") -> Convention:
        """The convention of that name ("torch", "keras", "flax", "haiku", "cumulative"), or the one given.

        Parameters
        ----------
        source : name or Convention
        momentum : float in (0, 1], None or "default"
            Weight of the new batch, None for 1/t; by default the framework's own, which Haiku does not have.

        Raises
        ------
        ValueError
            For an unknown name, a momentum outside (0, 1], or Haiku without one.
        """
        chosen = (
            source if isinstance(source, Convention) else named("convention", source, CONVENTIONS, "a bn.Convention")
        )
        if momentum == "default":
            if chosen is CONVENTIONS["haiku"]:
                raise ValueError("haiku has no default decay_rate: give momentum=1 - decay_rate, as in momentum=0.01.")
            return chosen
        if isinstance(momentum, str | bool):
            raise ValueError(
                f"momentum is a number above 0 and at most 1, None for 1/t, or 'default'; got {momentum!r}."
            )
        if chosen is CONVENTIONS["cumulative"] and momentum is not None:
            raise ValueError(f"the cumulative average has no momentum; leave out momentum={momentum}.")
        return replace(chosen, momentum=None if momentum is None else float(momentum))

    def weight(self, step: ArrayLike) -> FloatArray:
        """Weight of the batch at step 1, 2, ... in the update of that step.

        >>> Convention.of("torch", 0.5).weight([1, 2]), Convention.of("haiku", 0.5).weight([1, 2])
        (array([0.5, 0.5]), array([1.        , 0.66666667]))
        >>> Convention.of("cumulative").weight([1, 2])
        array([1. , 0.5])
        """
        step = np.asarray(step)
        if self.momentum is None:
            return np.asarray(1 / step)
        if not self.debias or self.momentum == 1:
            return np.full(step.shape, float(self.momentum))
        return np.asarray(self.momentum / -np.expm1(step * np.log1p(-self.momentum)))

    def shares(self, steps: int) -> FloatArray:
        """What the start (first) and each batch in turn weigh in the running statistics after so many steps.

        Without debiasing the start keeps (1 - momentum)^steps.

        >>> Convention.of("torch", momentum=0.5).shares(2)
        array([0.25, 0.25, 0.5 ])
        """
        weights = np.append(1.0, self.weight(np.arange(1, steps + 1)))
        kept = np.append(1.0, np.cumprod(1 - weights[:0:-1]))
        return np.asarray(weights * kept[::-1])

    @property
    def plateau(self) -> float:
        """Variance of the running statistic after many steps, in units of that of a batch: a / (2 - a); 0 for 1/t.

        >>> round(1 / Convention.of("torch").plateau, 9)  # as noisy as the average of so many batches
        19.0
        """
        return 0.0 if self.momentum is None else self.momentum / (2 - self.momentum)


CONVENTIONS: dict[str, Convention] = {
    c.name: c
    for c in (
        Convention("torch", 0.1, ddof=1),
        Convention("keras", 1 - 0.99, eps=1e-3),
        Convention("flax", 1 - 0.99),
        Convention("haiku", 1 - 0.99, start=(0.0, 0.0), debias=True),
        Convention("cumulative", None, ddof=1),
    )
}


@dataclass(frozen=True, eq=False)
class RunningStats:
    """Running mean and variance of each feature; `update` returns the next ones and leaves these as they are.

    Attributes
    ----------
    convention : Convention
    steps : int
        Batches so far.
    mean, var : array
        One value a feature, in the data's unit and its square; before the first batch the convention's start.

    Examples
    --------
    >>> running = RunningStats.like("torch", momentum=0.1)
    >>> for batch in ([[1.0, 10.0], [3.0, 10.0]], [[2.0, 12.0], [6.0, 12.0]]):
    ...     running = running.update(batch)
    >>> running.steps, running.mean, running.var
    (2, array([0.58, 2.1 ]), array([1.79, 0.81]))
    """

    convention: Convention
    steps: int
    mean: FloatArray
    var: FloatArray

    @staticmethod
    def like(convention: str | Convention, momentum: Momentum = "default") -> RunningStats:
        """Running statistics before the first batch, as a framework keeps them; see `Convention.of`."""
        chosen = Convention.of(convention, momentum)
        return RunningStats(chosen, 0, *(np.asarray(value) for value in chosen.start))

    def update(self, batch: ArrayLike) -> RunningStats:
        """The running statistics after one more batch.

        Parameters
        ----------
        batch : array, shape (rows, ...)
            Statistics are taken over the rows; images (N, C, H, W) become rows with
            `x.transpose(0, 2, 3, 1).reshape(-1, C)`.

        Raises
        ------
        ValueError
            For values that are not finite, features unlike those of earlier batches, or too few rows.
        """
        x = self._checked(batch)
        moments = Moments.of(x, axis=0)
        weight = self.convention.weight(self.steps + 1)
        return replace(
            self,
            steps=self.steps + 1,
            mean=np.asarray(smooth(self.mean, moments.mean, weight)),
            var=np.asarray(smooth(self.var, moments.var(self.convention.ddof), weight)),
        )

    def normalize(self, x: ArrayLike) -> FloatArray:
        """What evaluation mode makes of `x`: (x - mean) / sqrt(var + eps)."""
        return np.asarray((np.asarray(x, dtype=np.float64) - self.mean) / np.sqrt(self.var + self.convention.eps))

    def _checked(self, batch: ArrayLike) -> FloatArray:
        x = np.asarray(batch, dtype=np.float64)
        fewest = 1 + self.convention.ddof
        if x.ndim == 0 or len(x) < fewest:
            raise ValueError(
                f"a batch has shape (rows, ...) with at least {fewest} rows for a variance with ddof "
                f"{self.convention.ddof}; got shape {x.shape}: drop or merge the last, short batch."
            )
        if self.steps and x.shape[1:] != self.mean.shape:
            raise ValueError(f"batches so far had features of shape {self.mean.shape}; this one has {x.shape[1:]}.")
        if not np.isfinite(x).all():
            raise ValueError(
                f"a batch holds finite values; got {np.count_nonzero(~np.isfinite(x))} NaN or infinite, which no later "
                "batch would ever wash out: drop these rows."
            )
        return x


def running_error(
    population: Any,
    statistic: str,
    steps: int,
    *,
    batch_size: int,
    convention: str | Convention = "torch",
    training_size: int | None = None,
) -> Sampling:
    """Exact error of a running mean or variance against the population, after so many steps.

    Parameters
    ----------
    population : whatever `Population.of` takes
    statistic : {"mean", "var"}
    steps : int
        At least 1.
    batch_size : int
        At least 2.
    convention : name or Convention
    training_size : int, optional
        Batches are drawn again and again, each without replacement, from one random training set of so many values;
        else afresh from the population.

    Examples
    --------
    >>> round(running_error("normal", "mean", 1000, batch_size=32).se, 4)
    0.0406
    >>> round(running_error("normal", "mean", 1000, batch_size=32, training_size=1000).se, 4)
    0.0509

    Notes
    -----
    V(n) is the variance of a batch statistic, W the weight of all batches together, A the sum of their squared weights.
    The variance is A V(n) for fresh batches. A batch from a training set of M is itself a sample of the population, two
    of them share the set, so by the law of total variance it is W² V(M) + A (V(n) - V(M)), which goes to V(M) and not
    to zero.
    """
    population, convention = Population.of(population), Convention.of(convention)
    check(population, batch_size, steps, training_size)
    if statistic not in STATISTICS:
        raise ValueError(f"statistic is 'mean' or 'var'; got {statistic!r}.")
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
    return Sampling(bias, se, float(stats.foldnorm.median(abs(bias) / se, scale=se)) if normal else np.nan)


def check(population: Population, batch_size: int, steps: int, training_size: int | None) -> None:
    """Raise ValueError if running statistics cannot be kept so, or have nothing to converge to."""
    if not np.isfinite(population.var):
        raise ValueError(
            f"population {population.name} has no finite variance (tail index {population.tail_index:g}), so a running "
            "variance converges to nothing; take another population."
        )
    for name, value, least in (("batch_size", batch_size, 2), ("steps", steps, 1)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name} is a whole number of at least {least}; got {value!r}.")
    if training_size is not None and (not isinstance(training_size, int | np.integer) or training_size < batch_size):
        raise ValueError(
            f"a batch of {batch_size} cannot be drawn without replacement from a training set of {training_size}; give "
            f"at least {batch_size}, or None to draw afresh from the population."
        )
