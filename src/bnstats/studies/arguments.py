"""Arguments that measuring functions of networks have in common."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import product
from typing import Any

from bnstats._checks.numbers import whole
from bnstats._checks.values import choices, each, instance
from bnstats.datasets.row_batching import RowBatching
from bnstats.networks.normalizers.normalizer import Normalizer
from bnstats.networks.recipe import ACTIVATIONS, Recipe


def recipes(normalizers: Any, **settings: Iterable[Any]) -> tuple[Recipe, ...]:
    """Return a recipe for each combination of normalizers and other fields of a recipe; the last field varies fastest.

    >>> [recipe.hidden for recipe in recipes("batch", hidden=[(8,), (4, 4)], learning_rate=[0.1])]
    [(8,), (4, 4)]
    """
    grid = product(each("normalizers", normalizers, Normalizer.of), *settings.values())
    return tuple(Recipe(**dict(zip(("normalizer", *settings), values, strict=True))) for values in grid)


def activations_of(given: Any) -> tuple[str, ...]:
    """Return one activation or several."""
    return choices("activations", given, tuple(ACTIVATIONS))


def steps_of(given: Any) -> tuple[int, ...]:
    """Return numbers of training steps in increasing order."""
    return tuple(sorted(each("steps", given, lambda n: whole("each of steps", n, minimum=0))))


def rule_of(name: str, given: Any) -> RowBatching:
    """Return a batching rule of labeled rows; raise ValueError for anything else."""
    rule: RowBatching = instance(name, given, RowBatching, "bn.Shuffled()")
    return rule


def rules_of(name: str, given: Any) -> tuple[RowBatching, ...]:
    """Return one batching rule of labeled rows or several."""
    return each(name, given, partial(rule_of, name))
