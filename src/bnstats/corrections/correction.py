"""The frame of all corrections: what is estimated from some rows, and what it does to others."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bnstats._checks.arguments import aligned_by_label
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import labels_of_rows, real_array
from bnstats._checks.labels import column_order
from bnstats._checks.tables import like, one_column, rows_like
from bnstats._checks.user_code import called, guarded, is_own, lent
from bnstats.corrections.groups import Groups, shown

Along = Literal["batch", "time"]
Rule = Callable[[Groups], tuple[FloatArray, FloatArray]]
"""Effect and factor of each group, shape (groups, features): corrected = level + (x - level - effect) * factor."""

TRANSFERRING = {
    "batch": ("none", "shrink", "shrink_scale", "random_intercept"),
    "time": ("trailing_average", "exponential_average", "polynomial", "spline", "lowess"),
}


@dataclass(frozen=True)
class Correction:
    """Takes what batches or times do to values out of them.

    Attributes
    ----------
    name : str
    along : {"batch", "time"}
        What its key is: labels of batches, or times, unsorted, unequally spaced or tied as they may be.
    transfers : bool
        Whether a fit says something about batches or times that it has not seen.
    estimate : callable (Groups, parameters by name) -> Rule
        From the fitted rows' groups, the rule that gives any group its effect and factor.
    parameters : tuple of (name, value)

    Examples
    --------
    >>> from bnstats.corrections import CORRECTIONS
    >>> x, year = [70.0, 80.0, 90.0, 100.0], [2023, 2023, 2024, 2024]
    >>> CORRECTIONS["center"](x, year)
    array([80., 90., 80., 90.])
    >>> fitted = CORRECTIONS["center"].fit(x, year)
    >>> fitted.effect([2024]), fitted.apply([95.0], [2024])
    (array([10.]), array([85.]))
    """

    name: str
    along: Along
    applies_to_new: bool
    estimate: Callable[..., Rule]
    parameters: tuple[tuple[str, Any], ...] = ()

    @staticmethod
    def made_by(
        factory: Callable[..., Correction],
        along: Along,
        applies_to_new: bool,
        estimate: Callable[..., Rule],
        **given: Any,
    ) -> Correction:
        """What a factory returns: named after it and those of its parameters that are not its defaults.

        >>> from bnstats.corrections import shrink
        >>> shrink().name, shrink(icc=0.2).name
        ('shrink', 'shrink(icc=0.2)')
        """
        defaults = inspect.signature(factory).parameters
        changed = ", ".join(f"{name}={value}" for name, value in given.items() if value != defaults[name].default)
        name = f"{factory.__name__}({changed})" if changed else factory.__name__
        return Correction(name, along, applies_to_new, estimate, tuple(given.items()))

    @aligned_by_label("x", "key")
    def fit(self, x: ArrayLike, key: ArrayLike) -> Fitted:
        """Estimate the effects.

        Parameters
        ----------
        x : array, Series or DataFrame, shape (rows,) or (rows, features)
            Each feature is corrected by itself; ComBat alone shares strength over features.
        key : array or Series, shape (rows,)
            The batch or the time of each row; dates count in days. If x has labels, too, it is aligned by them.

        Raises
        ------
        ValueError
            For values that are not finite, labels that do not match, keys that do not match the rows, or a batch that
            this correction cannot estimate: the message names it.
        """
        groups = Groups.of(x, key, self.along)
        rule = self.rule_of(groups)
        flat = np.ndim(x) == 1
        effects = self.by_rule(rule, groups)
        return Fitted(self, groups.level, rule, groups.labels, *effects, flat=flat, columns=groups.columns)

    def rule_of(self, groups: Groups) -> Rule:
        """The rule that is estimated from these groups."""
        rule: Rule = called(f"correction {self.name!r}", self.estimate, groups, **dict(self.parameters))
        return rule

    def by_rule(self, rule: Rule, groups: Groups) -> tuple[FloatArray, FloatArray]:
        """Effects and factors of these groups."""
        if not is_own(self.estimate):
            return rule(groups)
        effects, factors = guarded(f"correction {self.name!r}", rule, lent(groups))
        return effects, factors

    @aligned_by_label("x", "key")
    def __call__(self, x: ArrayLike, key: ArrayLike) -> Any:
        """The corrected values of the rows that the correction is fitted on, as `x` was given; see `Fitted.apply`."""
        return self.fit(x, key).apply(x, key)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A correction fitted on some batches or times.

    Attributes
    ----------
    correction : Correction
    level : array, shape (features,)
        Mean of the rows it was fitted on; corrected values stay around it.
    rule : callable (Groups) -> (effects, factors)
    labels : array, shape (groups,)
        The batches or times it was fitted on, sorted.
    effects, factors : array, shape (groups, features)
        corrected = level + (x - level - effect) * factor; where the factor is 1 that is x - effect.
    flat : bool
        Whether it was fitted on x of shape (rows,).
    columns : list, optional
        Names of the features; a table that is corrected later has the same ones, in any order.
    """

    correction: Correction
    level: FloatArray
    rule: Rule
    labels: NDArray[Any]
    effects: FloatArray
    factors: FloatArray
    flat: bool
    columns: list[Any] | None = None

    @aligned_by_label("x", "key")
    def apply(self, x: ArrayLike, key: ArrayLike) -> Any:
        """Corrected values, in the shape of `x`: floats, in a Series or a DataFrame of pandas or polars if `x` is one.

        Effects of batches and times that were fitted stay as they were fitted. A new time gets the fitted curve's
        value. A new batch gets, where the correction transfers, the effect that the fitted variances make of the rows
        that are given: give all its rows at once.

        Raises
        ------
        ValueError
            For a new batch or time, where the correction does not transfer; `adapt` estimates new batches afresh.
        """
        groups = self._groups(x, key)
        effects, factors = (values[groups.index] for values in self._of(groups))
        moved = groups.x - effects
        corrected = moved + (moved - self.level) * (factors - 1)
        order = column_order("x", x, self.columns, f"the {self.correction.name} was fitted on")
        if order is not None:
            corrected = corrected[:, np.argsort(order)]
        return like(x, corrected.reshape(np.shape(x)))

    def effect(self, key: ArrayLike) -> Any:
        """What is subtracted from each row, shape (rows,) or (rows, features), in the data's unit.

        If `key` has labels, so have the effects.

        Raises
        ------
        ValueError
            For a new batch, whose effect is estimated from its rows, or a new time where the fit says nothing of it.
        """
        rows = labels_of_rows("key", key).shape
        blank = np.zeros(rows if self.flat else (*rows, len(self.level)))
        groups = self._groups(blank, key)
        if self.correction.along == "batch" and (self._at(groups) < 0).any():
            raise ValueError(
                f"{self._new(groups)} was not fitted, and its effect depends on its rows: use apply or adapt."
            )
        effects = self._of(groups)[0][groups.index].reshape(blank.shape)
        return rows_like(one_column(key), effects, self.columns)

    @aligned_by_label("x", "key")
    def adapt(self, x: ArrayLike, key: ArrayLike) -> Fitted:
        """The fit of other rows at the level of this one: new batches, each by its own rows; or all times so far.

        New batches are estimated with the variances of this fit: what batch normalization does that goes on using batch
        statistics at test time. Along time the curve is fitted again, so give the rows of old times with the new ones.

        >>> from bnstats.corrections import CORRECTIONS
        >>> fitted = CORRECTIONS["center"].fit([1.0, 3.0, 5.0, 7.0], ["a", "a", "b", "b"])
        >>> new = [10.0, 12.0], ["c", "c"]
        >>> fitted.adapt(*new).apply(*new)
        array([3., 5.])
        """
        groups = self._groups(x, key)
        rule = self.rule
        if self.correction.along == "time":
            again = self.correction.rule_of(groups)
            rule = partial(_releveled, rule=again, shift=groups.level - self.level)
        effects, factors = self.correction.by_rule(rule, groups)
        return replace(self, rule=rule, labels=groups.labels, effects=effects, factors=factors)

    def _groups(self, x: ArrayLike, key: ArrayLike) -> Groups:
        features = () if self.flat else (len(self.level),)
        order = column_order("x", x, self.columns, f"the {self.correction.name} was fitted on")
        x = real_array("x", x, finite=False, minimum=0)
        if np.shape(x)[1:] != features:
            raise ValueError(
                f"the {self.correction.name} was fitted on x of shape {('rows', *features)}; got shape {np.shape(x)}."
            )
        return Groups.of(x if order is None else x[:, order], key, self.correction.along)

    def _at(self, groups: Groups) -> NDArray[np.intp]:
        found = pd.Index(self.labels, tupleize_cols=False).get_indexer(pd.Index(groups.labels, tupleize_cols=False))
        return np.asarray(found)

    def _new(self, groups: Groups) -> str:
        return f"{groups.along} {shown(groups.labels[np.argmin(self._at(groups))])}"

    def _of(self, groups: Groups) -> tuple[FloatArray, FloatArray]:
        at = self._at(groups)
        seen = (at >= 0)[:, None]
        if seen.all():
            return self.effects[at], self.factors[at]
        if not self.correction.applies_to_new:
            raise ValueError(self._refusal(groups))
        effects, factors = self.correction.by_rule(self.rule, groups)
        return np.where(seen, self.effects[at], effects), np.where(seen, self.factors[at], factors)

    def _refusal(self, groups: Groups) -> str:
        name, along = self.correction.name, groups.along
        plural, adapting = {
            "batch": ("batches", "estimate it from its own rows with adapt"),
            "time": ("times", "go on with adapt and all rows so far"),
        }[along]
        return (
            f"the {name} fitted on these {plural} says nothing about {self._new(groups)}; use one that does: "
            f"{', '.join(TRANSFERRING[along])}, or {adapting}."
        )


def centered(rule: Callable[[Groups], FloatArray], groups: Groups) -> Rule:
    """A rule of effects that average 0 over the rows of `groups`, so that the mean of all rows stays; factors are 1."""
    effects = rule(groups)
    shift = groups.average(effects)
    return partial(_shifted, rule=rule, shift=shift, fitted=groups, effects=effects - shift)


def _shifted(
    groups: Groups, rule: Callable[[Groups], FloatArray], shift: FloatArray, fitted: Groups, effects: FloatArray
) -> tuple[FloatArray, FloatArray]:
    effects = effects if groups is fitted else rule(groups) - shift  # a curve takes long
    return effects, np.ones_like(effects)


def _releveled(groups: Groups, rule: Rule, shift: FloatArray) -> tuple[FloatArray, FloatArray]:
    effects, factors = rule(groups)
    return effects + shift, factors
