"""Argument checks of a study of batch effects, before anything is simulated."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnstats._checks.numbers import LARGEST_BATCH, number
from bnstats._checks.user_code import ReadOnlyError
from bnstats._checks.values import choice, shown
from bnstats.studies.batch_effects.downstream_model import corrected
from bnstats.studies.batch_effects.study import CorrectionStudy

LARGEST_EFFECT = 1e100
DESIGNS = ("balanced", "confounded")


def design_of(name: str, value: Any) -> str | float:
    """Return a design: a known word, or the share of the label's variance that goes with the batch.

    >>> design_of("design", "balanced"), design_of("design", 0.36)
    ('balanced', 0.36)
    """
    if isinstance(value, str):
        return choice(name, value, DESIGNS)
    return number(name, value, "[0, 1)", "or one of balanced, confounded")


def check(study: CorrectionStudy) -> None:
    """Raise ValueError for arguments out of range, or batches that a correction cannot correct."""
    names = [c.name for c in study.corrections]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"corrections has one or more, each once; got {', '.join(names) or 'none at all'}.")
    if study.batches % 2:
        raise ValueError(f"batches is even, as confounded designs split batches into halves; got {study.batches}.")
    if not 0 <= study.noise < 1:
        raise ValueError(f"noise is a proportion of the variance, at least 0 and below 1; got {study.noise}.")
    if not all(0 <= tau <= LARGEST_EFFECT for tau in study.effect_size):
        raise ValueError(
            f"effect_size is tau / sigma, from 0 to {LARGEST_EFFECT:g}; got {shown(list(study.effect_size))}."
        )
    if not all(0 <= proportion <= 1 for proportion in study.smoothness):
        raise ValueError(f"smoothness is a proportion of the effect's variance, from 0 to 1; got {study.smoothness}.")
    if not study.conditions():
        raise ValueError("effect, effect_size, smoothness or batch_sizes is empty: give at least one of each.")
    largest = max(map(study.draws_per_replicate, study.conditions()))
    if largest > LARGEST_BATCH:
        raise ValueError(
            f"features, batches and batch_sizes make {shown(largest)} values at a time; at most {LARGEST_BATCH} are "
            "simulated."
        )
    if any(study.keep):
        along_time = [c.name for c in study.corrections if c.along != "batch"]
        if along_time:
            raise ValueError(f"keep=True goes with corrections along batches; got {along_time[0]}.")
        if {"accuracy", "training_accuracy"} & set(study.measures):
            raise ValueError(
                "keep=True takes the label from each row, and labels of new batches are to be predicted: give measures "
                "without accuracies, such as ['rmse', 'bias']."
            )
    shape = 1, study.features, study.batches + study.new_batches, min(study.batch_size)
    probe = np.random.default_rng(0).normal(size=shape)
    for correction in study.corrections:
        try:
            corrected(correction, probe, study.new_batches, study.ticks, refit=study.refit)
        except ReadOnlyError:
            raise
        except ValueError as error:
            raise ValueError(f"batches of {shape[3]} cannot be corrected by {correction.name}: {error}") from error
