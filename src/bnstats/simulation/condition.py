"""Conditions of a study: read-only copies, their places in a run, and their names in a store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from bnstats.simulation.identity import condition_key
from bnstats.simulation.study import Condition, Study

Place = tuple[int, int]
"""Number of a study among those of a run, and of a condition among the distinct conditions of the study."""


class FrozenCondition(Mapping[str, Any]):
    """Read-only copy of a condition, so that a study cannot change the condition of the next block.

    Lists, dictionaries and sets in the condition are copied, and arrays cannot be written to.

    Examples
    --------
    >>> condition = FrozenCondition({"batch_size": 2})
    >>> condition["batch_size"] = 3
    Traceback (most recent call last):
    TypeError: 'FrozenCondition' object does not support item assignment
    """

    def __init__(self, condition: Mapping[str, Any]) -> None:
        self._parameters = {name: _copy(value) for name, value in condition.items()}

    def __getitem__(self, name: str) -> Any:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other}

    def __repr__(self) -> str:
        return repr(self._parameters)


def _copy(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        view = value.view()
        view.flags.writeable = False
        return view
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(map(_copy, value))
    return {key: _copy(v) for key, v in value.items()} if type(value) is dict else value


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
