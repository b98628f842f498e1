"""Corrections batch by batch, by the batch's own mean and variance alone."""

from __future__ import annotations

from functools import partial

import numpy as np

from bnstats._checks.array_types import FloatArray
from bnstats._warnings import notify
from bnstats.corrections.correction import Correction, Rule
from bnstats.corrections.groups import Groups


def none() -> Correction:
    """Leaves values as they are: what every correction is compared with."""
    return Correction.made_by(none, "batch", True, _no_rule)


def center() -> Correction:
    """Subtracts what the batch's mean differs from the mean of all rows: batch means become equal.

    Leaves the error variance sigma²/n of a batch mean of n, whatever tau² is, and takes with it any signal that differs
    between batches. Warns of batches of one row, of which nothing is left.
    """
    return Correction.made_by(center, "batch", False, _center)


def standardize() -> Correction:
    """Centers, and scales each batch to the pooled within-batch standard deviation.

    x' = level + (x - mean_b) s / s_b with s_b² of the batch (ddof 1) and s² = sum (n_b - 1) s_b² / sum (n_b - 1), so
    units are kept. A batch of one row or of equal values is an error.
    """
    return Correction.made_by(standardize, "batch", False, _standardize)


def check_pairs(groups: Groups) -> None:
    """Raise ValueError naming the batches of one row, which have no variance."""
    lone = groups.n[:, 0] == 1
    if lone.any():
        raise ValueError(f"{groups.named(lone)} has one row, so no variance: merge it with another, or use 'shrink'.")


def check_spread(groups: Groups) -> None:
    """Raise ValueError naming the batches that have no variance, or one of 0."""
    check_pairs(groups)
    equal = groups.m2 <= groups.n * (groups.n * np.finfo(float).eps * groups.mean) ** 2
    if equal.any():
        batches = groups.named(equal.any(axis=1))
        where, mend = "", "use 'center'"
        if equal.shape[1] > 1:
            where, mend = f" of {groups.features(equal.any(axis=0))}", "drop what does not vary, or use 'center'"
        raise ValueError(f"{batches} holds equal values only{where}, which no scale makes vary: {mend}.")


def _no_rule(_: Groups) -> Rule:
    return _no_effects


def _no_effects(groups: Groups) -> tuple[FloatArray, FloatArray]:
    return np.zeros_like(groups.mean), np.ones_like(groups.mean)


def _center(groups: Groups) -> Rule:
    return partial(_centering, level=groups.level)


def _centering(groups: Groups, level: FloatArray) -> tuple[FloatArray, FloatArray]:
    lone = groups.n[:, 0] == 1
    if lone.any():
        notify(f"{groups.named(lone)} has one row: centered, nothing of it is left.")
    return groups.mean - level, np.ones_like(groups.mean)


def _standardize(groups: Groups) -> Rule:
    check_spread(groups)
    return partial(_standardizing, level=groups.level, within=groups.var_within())


def _standardizing(groups: Groups, level: FloatArray, within: FloatArray) -> tuple[FloatArray, FloatArray]:
    check_spread(groups)
    return groups.mean - level, np.sqrt(within * (groups.n - 1) / groups.m2)
