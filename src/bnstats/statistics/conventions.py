"""How frameworks keep running statistics: each convention as four numbers and the weight of every batch.

Every convention is one update, `smooth`, with a weight for each step: a constant (exponential average), 1/t (cumulative
average), or a / (1 - (1 - a)^t) (zero-debiased exponential average).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from bnstats._arrays import FloatArray
from bnstats._validation import named

Momentum = float | None | Literal["default"]


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
