"""Borders of the words that claims use of accuracies, each by one rule for all tasks.

A task has an accuracy by chance, that of always naming its most frequent class, and a best one: that of the best of
all normalizers, at its best learning rate, with shuffled batches. A border stands a fixed part of the way from the
first to the second.

The best accuracies were measured with 256 networks of their own, apart from those of any claim, with a standard error
of 0.0006; few other networks had chosen normalizer and learning rate. `tests/claims/test_borders.py` measures again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstats.claims.claim import Region
from bnstats.claims.grades import CUTS, GRADES

BROKEN, NOT_BROKEN, FINE = 1 / 2, 9 / 10, 19 / 20


@dataclass(frozen=True)
class Task:
    """What networks learn, and how well that can be done.

    Attributes
    ----------
    chance : float
        Accuracy of always naming the most frequent class.
    best : float
        The largest accuracy in evaluation mode that any normalizer reaches, with one hidden layer of 32 units and
        shuffled batches.

    Examples
    --------
    >>> task = Task(chance=0.1, best=0.9)
    >>> print(task.broken, "|", task.not_broken, "|", task.fine)
    at most 0.5 | at least 0.82 | at least 0.86
    """

    chance: float
    best: float

    def border(self, part: float) -> float:
        """The accuracy at a part of the way from chance to the best."""
        return self.chance + part * (self.best - self.chance)

    @property
    def broken(self) -> Region:
        """Less than half of what can be learned."""
        return Region.below(self.border(BROKEN))

    @property
    def not_broken(self) -> Region:
        """More than nine tenths of it."""
        return Region.above(self.border(NOT_BROKEN))

    @property
    def harmed(self) -> Region:
        """Less than is said to be not broken."""
        return Region.below(self.border(NOT_BROKEN))

    @property
    def fine(self) -> Region:
        """More than nineteen twentieths of it."""
        return Region.above(self.border(FINE))


# Batch norm at a learning rate of 0.9, 500 steps with batches of 32.
DIGITS = Task(chance=0.101, best=0.973)
# No normalization at a learning rate of 0.1, 4000 steps with batches of 8.
LETTERS = Task(chance=float(np.diff(GRADES.law.cdf([-np.inf, *CUTS, np.inf])).max()), best=0.977)
