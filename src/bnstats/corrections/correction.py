"""The class of all corrections, and of corrections that have been fitted to rows."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bnstats._checks.arguments import Check, CheckedMethods, aligned_by_label, checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import labels_of_rows, real_array
from bnstats._checks.labels import column_order
from bnstats._checks.safe_text import raised
from bnstats._checks.tables import like, one_column, rows_like
from bnstats._checks.user_code import ReadOnlyError, called, guarded, is_own, lent
from bnstats._checks.values import choice, flag, function, instance, word
from bnstats._checks.values import shown as short
from bnstats.corrections.groups import Groups, shown

Along = Literal["batch", "time"]
Rule = Callable[[Groups], tuple[FloatArray, FloatArray]]
"""Function of groups that gives the effect and the factor of each group, shape (groups, features).

corrected = level + (x - level - effect) * factor.
"""

TRANSFERRING = {
    "batch": ("none", "shrink", "shrink_scale", "random_intercept"),
    "time": ("trailing_average", "exponential_average", "polynomial", "spline", "lowess"),
}
"""Names of the corrections that apply to new batches or times, for error messages."""


def _parameters(name: str, given: Any) -> tuple[tuple[str, Any], ...]:
    """Pairs of a name and a value."""
    pairs = given if isinstance(given, tuple) else (None,)
    if not all(isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs):
        raise ValueError(f"{name} is a tuple of pairs (name, value); got {short(given)}.")
    return pairs


_OF_BOTH: dict[str, Check] = {
    "along": partial(choice, known=tuple(TRANSFERRING)),
    "applies_to_new": flag,
    "estimate": partial(function, example="estimate(groups), which returns a rule"),
}
_OF_METHODS: dict[str, Check] = {
    "groups": partial(instance, wanted=Groups, example="what `estimate` is given"),
    "rule": partial(function, example="rule(groups)"),
    "factory": partial(function, example="factory(), which returns a correction"),
}


@checked(name=word, parameters=_parameters, **_OF_BOTH)
@dataclass(frozen=True)
class Correction(CheckedMethods):
    """Correction of batch effects, or of drift over time.

    Attributes
    ----------
    name : str
        Name in tables and messages.
    along : {"batch", "time"}
        Kind of key: labels of batches, or times. Times may be unsorted, unequally spaced or tied.
    applies_to_new : bool
        True if a fit can be applied to batches or times that it has not seen.
    estimate : callable (Groups, parameters by name) -> Rule
        Function that estimates a rule from the groups of the fitted rows. The rule gives any group its effect and
        factor.
    parameters : tuple of (name, value)
        Arguments of `estimate`.

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

    checks: ClassVar = _OF_BOTH | _OF_METHODS

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
        """Return a correction named after its factory and those arguments that are not the factory's defaults.

        Parameters
        ----------
        factory : callable
            Function that returns the correction. Its parameters have the names in `given`.
        along : {"batch", "time"}
            Kind of key.
        applies_to_new : bool
            True if a fit can be applied to new batches or times.
        estimate : callable (Groups, parameters by name) -> Rule
            Function that estimates a rule from the groups of the fitted rows.
        **given
            Arguments of `estimate`.

        Returns
        -------
        Correction
            The named correction.

        Examples
        --------
        >>> from bnstats.corrections import shrink
        >>> shrink().name, shrink(icc=0.2).name
        ('shrink', 'shrink(icc=0.2)')
        """
        try:
            defaults = inspect.signature(factory).parameters
        except ValueError:  # of compiled code
            defaults = MappingProxyType({})
        if unknown := [name for name in given if name not in defaults]:
            raise ValueError(f"factory has no parameter {unknown[0]!r}; give what it takes.")
        kind = getattr(factory, "__name__", type(factory).__name__)
        changed = ", ".join(f"{name}={value}" for name, value in given.items() if value != defaults[name].default)
        name = f"{kind}({changed})" if changed else kind
        return Correction(name, along, applies_to_new, estimate, tuple(given.items()))

    @aligned_by_label("x", "key")
    def fit(self, x: ArrayLike, key: ArrayLike) -> Fitted:
        """Estimate the effects of batches or times.

        Parameters
        ----------
        x : array, Series or DataFrame, shape (rows,) or (rows, features)
            Values to correct. Each feature is corrected by itself; only ComBat pools information over features.
        key : array or Series, shape (rows,)
            The batch or the time of each row; dates are counted in days. If `x` and `key` have an index, they are
            aligned by it.

        Returns
        -------
        Fitted
            The estimated effects, to be applied to these or other rows.

        Raises
        ------
        ValueError
            If values are not finite, an index or keys do not match the rows, or this correction cannot estimate a
            batch, which the message names.

        Examples
        --------
        >>> from bnstats.corrections import CORRECTIONS
        >>> CORRECTIONS["center"].fit([70.0, 80.0, 90.0, 100.0], ["a", "a", "b", "b"]).effects
        array([[-10.],
               [ 10.]])
        """
        groups = Groups.of(x, key, self.along)
        rule = self.rule_of(groups)
        flat = np.ndim(x) == 1
        effects = self.by_rule(rule, groups)
        return Fitted(self, groups.level, rule, groups.labels, *effects, flat=flat, columns=groups.columns)

    def rule_of(self, groups: Groups) -> Rule:
        """Return the rule that is estimated from the groups.

        Parameters
        ----------
        groups : Groups
            Groups of the fitted rows.

        Returns
        -------
        Rule
            Function that gives any group its effect and factor.
        """
        try:
            rule: Rule = called(self._said, self.estimate, groups, **dict(self.parameters))
        except Exception as error:
            raise self._in_a_sentence(self.estimate, error) from error
        if is_own(self.estimate):
            function(f"what the estimate of {self._said} returns", rule, "rule(groups)")
        return rule

    def by_rule(self, rule: Rule, groups: Groups) -> tuple[FloatArray, FloatArray]:
        """Return effects and factors of the groups.

        Parameters
        ----------
        rule : Rule
            Rule that was estimated from the fitted rows.
        groups : Groups
            Groups of any rows.

        Returns
        -------
        tuple of two arrays
            Effect and factor of each group; effects in the unit of the data, factors without unit.
        """
        if not is_own(rule) and not isinstance(rule, type):
            return rule(groups)
        try:
            effects, factors = guarded(self._said, rule, lent(groups))
        except Exception as error:
            raise self._in_a_sentence(rule, error) from error
        shape = (len(groups.labels), groups.x.shape[1])
        if np.shape(effects) != shape or np.shape(factors) != shape:
            raise ValueError(
                f"the rule of {self._said} returns effects and factors of shape {shape}, (groups, features); got "
                f"{np.shape(effects)} and {np.shape(factors)}."
            )
        return effects, factors

    @property
    def _said(self) -> str:
        return f"correction {self.name!r}"

    def _in_a_sentence(self, used: Callable[..., Any], error: Exception) -> Exception:
        """Return a refusal as it is, and anything else that a user's own function raises in a sentence."""
        if not (is_own(used) or isinstance(used, type)) or isinstance(error, ReadOnlyError):
            return error
        return ValueError(f"the functions of {self._said} raise {raised(error)}.")

    @aligned_by_label("x", "key")
    def __call__(self, x: ArrayLike, key: ArrayLike) -> Any:
        """Return corrected values of the rows that the correction is fitted on, see `fit` and `Fitted.apply`."""
        return self.fit(x, key).apply(x, key)


@dataclass(frozen=True, eq=False)
class Fitted:
    """Correction that was fitted to batches or times.

    Attributes
    ----------
    correction : Correction
        The correction that was fitted.
    level : array, shape (features,)
        Mean of the fitted rows; corrected values stay around it.
    rule : callable (Groups) -> (effects, factors)
        Estimated rule, for groups that were not fitted.
    labels : array, shape (groups,)
        The fitted batches or times, sorted.
    effects, factors : array, shape (groups, features)
        corrected = level + (x - level - effect) * factor; with a factor of 1, corrected = x - effect.
    flat : bool
        True if the fitted x had shape (rows,).
    columns : list, optional
        Names of the features; a table that is corrected later has the same names, in any order.

    Examples
    --------
    >>> from bnstats.corrections import CORRECTIONS
    >>> fitted = CORRECTIONS["center"].fit([70.0, 80.0, 90.0, 100.0], [1, 1, 2, 2])
    >>> fitted.labels, fitted.effects.ravel(), fitted.level
    (array([1, 2]), array([-10.,  10.]), array([85.]))
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
        """Return corrected values of rows of fitted or new batches or times.

        Effects of fitted batches and times do not change. The effect of a new time is the fitted curve's value. The
        effect of a new batch is estimated from its rows with the fitted variances: give all its rows at once.

        Parameters
        ----------
        x : array, Series or DataFrame, shape (rows,) or (rows, features)
            Values to correct, with the features of the fitted rows.
        key : array or Series, shape (rows,)
            The batch or the time of each row.

        Returns
        -------
        array, Series or DataFrame
            Corrected values as floats, in the shape and type of `x` (pandas and polars, too).

        Raises
        ------
        ValueError
            If a batch or time is new and the correction does not apply to new ones; `adapt` estimates new batches from
            their own rows.

        Examples
        --------
        >>> from bnstats.corrections import CORRECTIONS
        >>> fitted = CORRECTIONS["center"].fit([70.0, 80.0, 90.0, 100.0], ["a", "a", "b", "b"])
        >>> fitted.apply([95.0], ["b"])
        array([85.])
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
        """Return the effect that is subtracted from each row.

        Parameters
        ----------
        key : array or Series, shape (rows,)
            The batch or the time of each row.

        Returns
        -------
        array, Series or DataFrame
            Effects in the data's unit, shape (rows,) or (rows, features), with the index of `key` if it has one.

        Raises
        ------
        ValueError
            If a batch is new, as its effect is estimated from its rows, or if the fit does not apply to a new time.

        Examples
        --------
        >>> from bnstats.corrections import CORRECTIONS
        >>> fitted = CORRECTIONS["center"].fit([70.0, 80.0, 90.0, 100.0], ["a", "a", "b", "b"])
        >>> fitted.effect(["b", "a"])
        array([ 10., -10.])
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
        """Fit new batches by their own rows, or all times so far, at the level of this fit.

        New batches are estimated with the variances of this fit, as batch normalization with batch statistics at test
        time does. Along time the curve is fitted again: give the rows of old times with those of new times.

        Parameters
        ----------
        x : array, Series or DataFrame, shape (rows,) or (rows, features)
            Values, with the features of the fitted rows.
        key : array or Series, shape (rows,)
            The batch or the time of each row.

        Returns
        -------
        Fitted
            The fit to these rows, with the level of this fit.

        Raises
        ------
        ValueError
            If this correction cannot estimate a batch or a time, which the message names.

        Examples
        --------
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
            "batch": ("batches", "estimate the new batch from its own rows with adapt"),
            "time": ("times", "fit all rows so far with adapt"),
        }[along]
        return (
            f"the {name} fitted on these {plural} does not apply to {self._new(groups)}; use a correction that applies "
            f"to new {plural} ({', '.join(TRANSFERRING[along])}), or {adapting}."
        )


def centered(rule: Callable[[Groups], FloatArray], groups: Groups) -> Rule:
    """Return a rule with factors 1 whose effects average 0 over rows, to keep the mean of all rows."""
    effects = rule(groups)
    shift = groups.average(effects)
    return partial(_shifted, rule=rule, shift=shift, fitted=groups, effects=effects - shift)


def _shifted(
    groups: Groups, rule: Callable[[Groups], FloatArray], shift: FloatArray, fitted: Groups, effects: FloatArray
) -> tuple[FloatArray, FloatArray]:
    effects = effects if groups is fitted else rule(groups) - shift  # evaluating a curve takes long
    return effects, np.ones_like(effects)


def _releveled(groups: Groups, rule: Rule, shift: FloatArray) -> tuple[FloatArray, FloatArray]:
    effects, factors = rule(groups)
    return effects + shift, factors
