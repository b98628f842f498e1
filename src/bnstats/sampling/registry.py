"""Registries of batching rules and of effects: an entry of each class in the files of this folder."""

from __future__ import annotations

from bnstats._families.variants import classes, entries
from bnstats.sampling.batching import Batching
from bnstats.sampling.effects import EFFECTS, Effect

BATCHING_CLASSES: dict[str, type[Batching]] = classes(__name__, Batching)
BATCHING_RULES: dict[str, Batching] = entries(__name__, Batching)
"""Batching rules with the arguments of their `example`, by name."""
EFFECT_CLASSES: dict[str, type[Effect]] = classes(__name__, Effect)

EFFECTS.update(entries(__name__, Effect))
