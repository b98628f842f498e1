"""Rules of corrections: functions of groups of rows that say how the values of each group are corrected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import real_array
from bnstats._checks.user_code import answer, is_own
from bnstats._checks.values import shown
from bnstats.corrections.groups import Groups

Transform = Callable[[FloatArray, NDArray[np.intp]], FloatArray]
"""Function of values, shape (rows, features), and of the number of each row's group; it returns corrected values."""
AffineRule = Callable[[Groups], tuple[FloatArray, FloatArray]]
"""Function of groups that returns effect and factor of each group, shape (groups, features).

corrected = level + (x - level - effect) * factor.
"""
CorrectionRule = AffineRule | Callable[[Groups], Transform]
"""Function of groups that returns effects and factors, or a `Transform`."""


@dataclass(frozen=True, eq=False)
class Affine:
    """Transform by an effect and a factor of each group and feature.

    Attributes
    ----------
    effects, factors : array, shape (groups, features)
        corrected = level + (x - level - effect) * factor; with a factor of 1, corrected = x - effect.
    level : array, shape (features,)
        Mean of the fitted rows.
    """

    effects: FloatArray
    factors: FloatArray
    level: FloatArray

    def __call__(self, x: FloatArray, group: NDArray[np.intp]) -> FloatArray:
        """Return corrected values of rows of the groups with these numbers."""
        moved = x - self.effects[group]
        return np.asarray(moved + (moved - self.level) * (self.factors[group] - 1))


@dataclass(frozen=True, eq=False)
class Nonlinear:
    """Transform by any function of values and groups.

    Attributes
    ----------
    function : Transform
        Function of this package or of the user.
    name : str
        Name of the function in messages.
    shift : float or array, shape (features,)
        Number that is subtracted from what the function returns.
    """

    function: Transform
    name: str
    shift: FloatArray | float = 0.0

    def __call__(self, x: FloatArray, group: NDArray[np.intp]) -> FloatArray:
        """Return corrected values of rows of the groups with these numbers."""
        if not is_own(self.function):
            return np.asarray(self.function(x, group) - self.shift)
        found = answer(self.name, partial(real_array, f"what {self.name} returns"), self.function, x, group)
        if found.shape != x.shape:
            raise ValueError(f"{self.name} returns values in the shape of x, {x.shape}; got shape {found.shape}.")
        return np.asarray(found - self.shift)


def lowered(transform: Affine | Nonlinear, shift: FloatArray | float) -> Affine | Nonlinear:
    """Return the transform with corrected values that are lower by `shift`."""
    if isinstance(transform, Affine):
        return replace(transform, effects=transform.effects + shift)
    return replace(transform, shift=transform.shift + shift)


def referred(transform: Affine, base: tuple[FloatArray, FloatArray]) -> Affine:
    """Return the transform with corrected values on the scale of the reference batch, given its effect and factor."""
    effect, factor = base
    factors = transform.factors / factor
    return replace(transform, effects=transform.effects - effect / factors, factors=factors)


def by_pattern(groups: Groups, estimate: Callable[[Groups], CorrectionRule]) -> AffineRule:
    """Return the affine rule of features with missing values, each estimated from the rows that it has."""
    parts = [(features, estimate(part)) for features, _, part in groups.complete()]
    return partial(_in_parts, parts=parts)


def _in_parts(groups: Groups, parts: list[tuple[NDArray[np.intp], CorrectionRule]]) -> tuple[FloatArray, FloatArray]:
    effects, factors = np.empty((2, len(groups.labels), groups.x.shape[1]))
    for features, rule in parts:
        part = groups.of_features(np.isin(np.arange(groups.x.shape[1]), features))
        everything = [(slice(None), None, part)] if part.missing is None else part.complete()
        for some, _, complete in everything:
            found = rule(complete)
            if callable(found):
                raise ValueError("nan_policy='omit' goes with corrections by effects and factors: fill missing values.")
            effects[:, features[some]], factors[:, features[some]] = found
    return effects, factors


def transform_of(found: Any, name: str, groups: Groups, level: FloatArray) -> Affine | Nonlinear:
    """Return the transform of these groups, from what a rule returned; raise ValueError if that is none."""
    if callable(found):
        return Nonlinear(found, f"the transform of {name}")
    shape, pair = groups.mean.shape, found if isinstance(found, tuple | list) and len(found) == 2 else None
    said = f"the rule of {name} returns effects and factors of shape {shape}, (groups, features), or f(values, groups)"
    if pair is None:
        raise ValueError(f"{said}; got {shown(found)}.")
    effects, factors = (np.array(real_array(f"what the rule of {name} returns", part, finite=False)) for part in pair)
    if effects.shape != shape or factors.shape != shape:
        raise ValueError(f"{said}; got shapes {effects.shape} and {factors.shape}.")
    return Affine(effects, factors, level)


def centered(rule: Callable[[Groups], FloatArray], groups: Groups) -> AffineRule:
    """Return a rule with factors 1 and effects that average 0 over rows, to keep the mean of all rows."""
    effects = rule(groups)
    shift = groups.average(effects)
    return partial(_shifted, rule=rule, shift=shift, fitted=groups, effects=effects - shift)


def _shifted(
    groups: Groups, rule: Callable[[Groups], FloatArray], shift: FloatArray, fitted: Groups, effects: FloatArray
) -> tuple[FloatArray, FloatArray]:
    effects = effects if groups is fitted else rule(groups) - shift  # evaluating a curve takes long
    return effects, np.ones_like(effects)
