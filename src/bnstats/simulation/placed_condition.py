"""Condition of a study among those of a run: where it stands, and its name in a store."""

from __future__ import annotations

from functools import cached_property

from bnstats.simulation.frozen_condition import FrozenCondition
from bnstats.simulation.identity import condition_key
from bnstats.simulation.study import Condition, Study

Place = tuple[int, int]
"""Number of a study among those of a run, and of a condition among the distinct conditions of the study."""


class PlacedCondition:
    """Condition of a study, read-only.

    Parameters
    ----------
    study, condition : Study, mapping
        Study and one of its conditions.
    place : Place
        Numbers of the two in the run.
    """

    def __init__(self, study: Study, condition: Condition, place: Place = (0, 0)) -> None:
        self.study, self.condition, self.place = study, FrozenCondition(condition), place
        self.blocks = 0
        """Number of blocks added so far."""

    @cached_property
    def key(self) -> str:
        """Key of the condition in a store."""
        return condition_key(self.condition, self.study.cache_key(self.condition))

    @property
    def draws(self) -> int:
        """Number of random draws in a block."""
        return self.study.size(self.condition) * self.study.draws_per_replicate(self.condition)
