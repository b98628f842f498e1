"""Accuracy borders of the words that claims use, such as "broken", by one rule for all tasks.

The chance accuracy of a task is that of always naming its most frequent class. The best accuracy is that of the best
normalizer, at its best learning rate, with shuffled batches. A border lies a fixed fraction of the way from the chance
accuracy to the best accuracy.

The best accuracies were measured with 256 networks that no claim uses, with a standard error of 0.0006. A few further
networks had chosen normalizer and learning rate. `tests/claims/test_borders.py` repeats the measurement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnstats.claims.claim import Region
from bnstats.claims.grades import CUTS, GRADES

BROKEN, NOT_BROKEN, FINE = 1 / 2, 9 / 10, 19 / 20


@dataclass(frozen=True)
class ClassificationTask:
    """Classification task, with its chance accuracy and its best accuracy.

    Attributes
    ----------
    chance : float
        Accuracy of always naming the most frequent class, as a proportion.
    best : float
        Largest accuracy in evaluation mode that any normalizer reaches, with one hidden layer of 32 units and shuffled
        batches, as a proportion.

    Examples
    --------
    >>> task = ClassificationTask(chance=0.1, best=0.9)
    >>> print(task.broken, "|", task.not_broken, "|", task.fine)
    at most 0.5 | at least 0.82 | at least 0.86
    """

    chance: float
    best: float

    def border(self, fraction: float) -> float:
        """Return the accuracy at a fraction of the way from the chance accuracy to the best accuracy."""
        return self.chance + fraction * (self.best - self.chance)

    @property
    def broken(self) -> Region:
        """Accuracies at most half of the way from chance to the best."""
        return Region.below(self.border(BROKEN))

    @property
    def not_broken(self) -> Region:
        """Accuracies at least nine tenths of the way from chance to the best."""
        return Region.above(self.border(NOT_BROKEN))

    @property
    def harmed(self) -> Region:
        """Accuracies at most nine tenths of the way from chance to the best."""
        return Region.below(self.border(NOT_BROKEN))

    @property
    def fine(self) -> Region:
        """Accuracies at least nineteen twentieths of the way from chance to the best."""
        return Region.above(self.border(FINE))


# The best is batch norm at a learning rate of 0.9, 500 steps with batches of 32.
DIGITS = ClassificationTask(chance=0.101, best=0.973)
# The best is no normalization at a learning rate of 0.1, 4000 steps with batches of 8.
LETTERS = ClassificationTask(chance=float(np.diff(GRADES.law.cdf([-np.inf, *CUTS, np.inf])).max()), best=0.977)
