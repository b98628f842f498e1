"""How frameworks keep running statistics: each convention as four numbers and the weight of every batch.

Every convention is one update, `smooth`, with a weight for each step: a constant (exponential average), 1/t (cumulative
average), or a / (1 - (1 - a)^t) (zero-debiased exponential average).
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
from bnstats._checks.values import flag, named, shown, word

Momentum = float | None | Literal["default"]


def smooth(old: Any, new: Any, weight: Any) -> Any:
    """Move from `old` toward `new`, by `weight` of the way.

    >>> smooth(10.0, 20.0, 0.1)
    11.0
    """
    return old + weight * (new - old)


def _momentum(name: str, given: Any) -> float | None:
    """The weight of a new batch, or None for 1/t."""
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
        Added to the variance before normalizing, in the data's unit squared.

    Examples
    --------
    >>> Convention.of("torch", momentum=0.2)
    Convention(name='torch', momentum=0.2, ddof=1, start=(0.0, 1.0), debias=False, eps=1e-05)
    >>> Convention.of("keras").plateau < Convention.of("torch").plateau
    True
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
        if isinstance(momentum, str) and momentum == "default":
            if chosen is CONVENTIONS["haiku"]:
                raise ValueError("haiku has no default decay_rate: give momentum=1 - decay_rate, as in momentum=0.01.")
            return chosen
        if chosen is CONVENTIONS["cumulative"] and momentum is not None:
            raise ValueError(f"the cumulative average has no momentum; leave out momentum={momentum}.")
        return replace(chosen, momentum=momentum)

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
