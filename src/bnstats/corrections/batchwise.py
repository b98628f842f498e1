"""Corrections of each batch by its own mean and variance alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._warnings import notify
from bnstats.corrections.correction import Correction
from bnstats.corrections.groups import Groups
from bnstats.corrections.properties import PLAIN
from bnstats.corrections.rules import AffineRule, CorrectionRule


def none() -> Correction:
    """Return the correction that leaves values unchanged, the baseline for all corrections.

    Returns
    -------
    Correction
        Applies to new batches.

    Examples
    --------
    >>> none()([70.0, 80.0, 90.0, 100.0], ["a", "a", "b", "b"])
    array([ 70.,  80.,  90., 100.])
    """
    return Correction.made_by(none, "batch", True, _no_rule, PLAIN)


def center() -> Correction:
    """Return the correction that moves each batch's mean to the mean of all rows.

    The error variance left is sigma²/n, that of the mean of a batch of n rows, whatever the variance tau² between
    batches is. Centering also removes any signal that differs between batches.

    Returns
    -------
    Correction
        Does not apply to new batches; `Fitted.adapt` centers a new batch by its own mean. Its use warns of batches of
        one row, as centering leaves nothing of them.

    Examples
    --------
    >>> center()([70.0, 80.0, 90.0, 100.0], ["a", "a", "b", "b"])
    array([80., 90., 80., 90.])
    """
    return Correction.made_by(center, "batch", False, _center, (*PLAIN, "equal_means"))


def standardize() -> Correction:
    """Return the correction that centers each batch and scales it to the pooled standard deviation.

    x' = level + (x - mean_b) s / s_b. Here s_b² is the variance of the batch (ddof 1), and
    s² = sum (n_b - 1) s_b² / sum (n_b - 1) the pooled one, so that units stay.

    Returns
    -------
    Correction
        Does not apply to new batches. Its fit raises ValueError for a batch of one row, or of equal values of a feature
        that varies in another batch. A feature that varies in no batch is left as it is, and a warning names it.

    Examples
    --------
    >>> standardize()([1.0, 3.0, 10.0, 30.0], ["a", "a", "b", "b"]).round(2)
    array([ 3.89, 18.11,  3.89, 18.11])
    """
    return Correction.made_by(standardize, "batch", False, _standardize, (*PLAIN, "equal_means", "equal_variances"))


def check_pairs(groups: Groups) -> None:
    """Raise ValueError for batches of one row, which have no variance; the message names them."""
    lone = (groups.n == 1).any(axis=1)
    if lone.any():
        raise ValueError(f"{groups.named(lone)} has one row, so no variance: merge it with another, or use 'shrink'.")


def check_spread(groups: Groups) -> None:
    """Raise ValueError for batches whose variance is 0 or does not exist; the message names them."""
    check_pairs(groups)
    equal = _equal(groups)
    if equal.any():
        batches = groups.named(equal.any(axis=1))
        where, fix = "", "use 'center'"
        if equal.shape[1] > 1:
            where, fix = f" of {groups.features(equal.any(axis=0))}", "drop features that do not vary, or use 'center'"
        raise ValueError(f"{batches} holds equal values only{where}, so its variance is 0: {fix}.")


def only_varying(groups: Groups, estimate: Callable[[Groups], AffineRule]) -> AffineRule:
    """Return the affine rule of the features that vary within batches; others are left as they are, with a warning."""
    still = np.asarray(_equal(groups).all(axis=0))
    if still.all() or not still.any():
        return estimate(groups)
    notify(f"{groups.features(still)} does not vary within any batch, so it is left as it is.")
    return partial(_with_still, rule=estimate(groups.of_features(~still)), still=still)


def _with_still(groups: Groups, rule: AffineRule, still: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    effects, factors = _no_effects(groups)
    effects[:, ~still], factors[:, ~still] = rule(groups.of_features(~still))
    return effects, factors


def _equal(groups: Groups) -> NDArray[np.bool_]:
    """Return a mask of batches and features whose values are equal up to rounding."""
    return np.asarray(groups.m2 <= groups.n * (groups.n * np.finfo(float).eps * groups.mean) ** 2)


def _no_rule(_: Groups) -> CorrectionRule:
    return _no_effects


def _no_effects(groups: Groups) -> tuple[FloatArray, FloatArray]:
    return np.zeros_like(groups.mean), np.ones_like(groups.mean)


def _center(groups: Groups) -> CorrectionRule:
    return partial(_centering, level=groups.level)


def _centering(groups: Groups, level: FloatArray) -> tuple[FloatArray, FloatArray]:
    lone = groups.n[:, 0] == 1
    if lone.any():
        notify(f"{groups.named(lone)} has one row: centering leaves nothing of it.")
    return groups.mean - level, np.ones_like(groups.mean)


def _standardize(groups: Groups) -> CorrectionRule:
    check_pairs(groups)
    return only_varying(groups, _of_varying)


def _of_varying(groups: Groups) -> AffineRule:
    check_spread(groups)
    return partial(_standardizing, level=groups.level, within=groups.var_within())


def _standardizing(groups: Groups, level: FloatArray, within: FloatArray) -> tuple[FloatArray, FloatArray]:
    check_spread(groups)
    return groups.mean - level, np.sqrt(within * (groups.n - 1) / groups.m2)
