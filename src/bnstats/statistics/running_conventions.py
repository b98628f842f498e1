"""Conventions of frameworks for running statistics, as data: weights of batches, start, ddof and eps.

Every convention uses the update `smooth`, with a weight for each step: a constant (exponential average), 1/t
(cumulative average), or a / (1 - (1 - a)^t) (zero-debiased exponential average).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from bnstats._checks.arguments import CheckedMethods, checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import real_array
from bnstats._checks.numbers import count, interval, number, whole
from bnstats._checks.user_code import overridden_below
from bnstats._checks.values import flag, named, shown, word

Momentum = float | None | Literal["default"]


def smooth(old: Any, new: Any, weight: Any) -> Any:
    """Return old + weight * (new - old), the update of a running statistic.

    >>> smooth(10.0, 20.0, 0.1)
    11.0
    """
    return old + weight * (new - old)


def _momentum(name: str, given: Any) -> float | None:
    """Return the weight of a new batch, or None for 1/t."""
    meaning = "the weight of the new batch (a framework's decay of 0.99 is momentum=0.01), None for 1/t or a number"
    return None if given is None else number(name, given, "(0, 1]", meaning)


def _start(name: str, given: Any) -> tuple[float, float]:
    mean, var = real_array(name, given, axes=1, minimum=2, maximum=2).tolist()
    return mean, number(f"the second of {name}, a variance,", var, "[0, inf)")


def _steps(name: str, given: Any) -> FloatArray:
    steps = real_array(name, given)
    if not (steps >= 1).all():
        raise ValueError(f"{name} counts from 1; got {shown(given)}.")
    return steps


# Steps after which the variance of a running statistic is compared, to see if it still changes.
MANY_STEPS = (4096, 8192)


@checked(
    name=word,
    momentum=_momentum,
    ddof=partial(whole, minimum=0, maximum=1),
    start=_start,
    debias=flag,
    eps=interval("[0, inf)"),
)
@dataclass(frozen=True)
class Convention(CheckedMethods):
    """A framework's convention for running statistics.

    Attributes
    ----------
    name : str
        Name of the convention in tables and figures.
    momentum : float in (0, 1], or None
        Weight of the new batch, as in PyTorch. Keras, Flax and Haiku use the weight of the old value, so their 0.99 is
        momentum=0.01 here. None is 1/t at step t, the cumulative average.
    ddof : int
        0 if the stored variance is biased, 1 if it is unbiased.
    start : (float, float)
        Mean and variance before the first batch.
    debias : bool
        True to remove the weight of the start (Kingma & Ba 2015), so that the first batch has weight 1.
    eps : float
        Number added to the variance before normalizing, in the data's unit squared.

    Examples
    --------
    >>> Convention.of("torch", momentum=0.2)
    Convention(name='torch', momentum=0.2, ddof=1, start=(0.0, 1.0), debias=False, eps=1e-05)
    >>> round(Convention.of("keras").plateau, 4), round(Convention.of("torch").plateau, 4)
    (0.005, 0.0526)
    """

    checks: ClassVar = {"steps": count, "step": _steps}

    name: str
    momentum: float | None
    ddof: int = 0
    start: tuple[float, float] = (0.0, 1.0)
    debias: bool = False
    eps: float = 1e-5

    @staticmethod
    def of(source: str | Convention, momentum: Momentum = "default") -> Convention:
        """Return the convention of a framework, given its name, or a given convention.

        Parameters
        ----------
        source : str or Convention
            "torch", "keras", "flax", "haiku", "cumulative", or a convention.
        momentum : float in (0, 1], None or "default"
            Weight of the new batch, None for 1/t; by default the framework's default, which Haiku does not have.

        Returns
        -------
        Convention
            The convention, with the given momentum.

        Raises
        ------
        ValueError
            If the name is unknown, if the momentum is outside (0, 1], or if Haiku has no momentum.

        Examples
        --------
        >>> Convention.of("keras").eps, Convention.of("haiku", momentum=0.01).debias
        (0.001, True)
        """
        chosen = (
            source if isinstance(source, Convention) else named("convention", source, CONVENTIONS, "a bn.Convention")
        )
        if isinstance(momentum, str) and momentum == "default":
            if chosen is CONVENTIONS["haiku"]:
                raise ValueError("haiku has no default decay_rate: give momentum=1 - decay_rate, as in momentum=0.01.")
            return chosen
        if chosen is CONVENTIONS["cumulative"] and momentum is not None:
            raise ValueError(f"the cumulative average has no momentum; leave out momentum={momentum}.")
        return replace(chosen, momentum=momentum)

    def weight(self, step: ArrayLike) -> FloatArray:
        """Return the weight of the new batch in the update of each step.

        Parameters
        ----------
        step : array_like
            Steps, numbered from 1.

        Returns
        -------
        array
            Weights in the shape of `step`.

        Examples
        --------
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

    def weights(self, steps: int) -> FloatArray:
        """Return the weights of the start and of all batches in the running statistics after some steps.

        Without debiasing, the start has the weight (1 - momentum)^steps.

        Parameters
        ----------
        steps : int
            Number of batches.

        Returns
        -------
        array, shape (steps + 1,)
            Weight of the start, and of each batch in order; the sum is 1.

        Examples
        --------
        >>> Convention.of("torch", momentum=0.5).weights(2)
        array([0.25, 0.25, 0.5 ])
        """
        weights = np.append(1.0, self.weight(np.arange(1, steps + 1)))
        kept = np.append(1.0, np.cumprod(1 - weights[:0:-1]))
        return np.asarray(weights * kept[::-1])

    @property
    def plateau(self) -> float:
        """Limit of the running statistic's variance, relative to a batch statistic's: a / (2 - a); 0 for 1/t.

        For a subclass that overrides `weight`, it is the variance after many steps, nan if that still changes.

        After many steps, PyTorch's running mean has the variance of an average over 19 batches:

        >>> round(1 / Convention.of("torch").plateau, 9)
        19.0
        """
        if overridden_below(type(self), "weight", "plateau"):
            early, late = (float(np.square(self.weights(steps)[1:]).sum()) for steps in MANY_STEPS)
            return late if np.isclose(early, late, rtol=1e-9, atol=0) else np.nan
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
