"""Recipes of training: all combinations of the given normalizers, layers, momenta and learning rates."""

from __future__ import annotations

from itertools import product
from typing import Any

from bnstats._checks.numbers import number, whole
from bnstats._checks.values import each, shown
from bnstats.networks.normalizers.normalizer import Normalizer
from bnstats.networks.recipe import Recipe
from bnstats.statistics.conventions import Convention


def recipes(
    normalizers: Any,
    hidden: Any,
    convention: Any,
    momentum: Any,
    learning_rate: Any,
    sgd_momentum: Any,
    weight_decay: Any,
) -> tuple[Recipe, ...]:
    """Return a recipe for each combination of normalizers, hidden layers, momenta and learning rates."""
    nested = isinstance(hidden, list | tuple) and any(isinstance(units, list | tuple) for units in hidden)
    grid = product(
        each("normalizers", normalizers, Normalizer.of),
        each("hidden", hidden if nested else [hidden], _units),
        each("momentum", momentum, lambda value: _convention(convention, value)),
        each("learning_rate", learning_rate, lambda value: number("learning_rate", value)),
    )
    momentum_of_steps, decay = number("sgd_momentum", sgd_momentum), number("weight_decay", weight_decay)
    return tuple(
        Recipe(
            hidden=units,
            normalizer=normalizer,
            convention=running,
            learning_rate=rate,
            sgd_momentum=momentum_of_steps,
            weight_decay=decay,
        )
        for normalizer, units, running, rate in grid
    )


def _units(given: Any) -> tuple[int, ...]:
    if not isinstance(given, list | tuple):
        raise ValueError(f"hidden has the units of each hidden layer, as in hidden=(64, 64); got {shown(given)}.")
    return tuple(whole("each of hidden", units, minimum=1) for units in given)


def _convention(source: Any, momentum: Any) -> Convention:
    named = momentum is None or (isinstance(momentum, str) and momentum == "default")
    return Convention.of(source, momentum if named else number("momentum", momentum))
