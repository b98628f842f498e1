"""The class of corrections that have been fitted to rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bnstats._checks.arguments import aligned_by_label
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import labels_of_rows, real_array
from bnstats._checks.labels import column_order
from bnstats._checks.tables import like, one_column, rows_like
from bnstats._checks.values import shown
from bnstats.corrections.covariates.kept import KeptCovariates, given_tables
from bnstats.corrections.groups import Groups
from bnstats.corrections.rules import Affine, CorrectionRule, Nonlinear, lowered, referred


@dataclass(frozen=True, eq=False)
class Fitted:
    """Correction that was fitted to batches or times.

    Attributes
    ----------
    correction : Correction
        The correction that was fitted.
    level : array, shape (features,)
        Mean of the fitted rows; corrected values stay around it.
    rule : callable (Groups)
        Estimated rule, for groups that were not fitted.
    labels : array, shape (groups,)
        The fitted batches or times, sorted.
    flat : bool
        True if the fitted x had shape (rows,).
    columns : list, optional
        Names of the features; a table that is corrected later has the same names, in any order.
    shift : array, shape (features,)
        Level of the rows that `adapt` fitted along time, less `level`.
    reference : label, optional
        The batch that stays as it is.

    Examples
    --------
    >>> from bnstats.corrections import CORRECTIONS
    >>> fitted = CORRECTIONS["center"].fit([70.0, 80.0, 90.0, 100.0], [1, 1, 2, 2])
    >>> fitted.labels, fitted.effects.ravel(), fitted.level
    (array([1, 2]), array([-10.,  10.]), array([85.]))
    """

    correction: Any  # a Correction, whose file imports this one
    level: FloatArray
    rule: CorrectionRule
    labels: NDArray[Any]
    _transform: Affine | Nonlinear
    flat: bool
    columns: list[Any] | None = None
    shift: FloatArray | float = 0.0
    reference: Any = None
    _kept: KeptCovariates | None = None
    _omits: bool = False
    _base: tuple[FloatArray, FloatArray] | None = None  # of the reference batch, before others came to its scale

    @property
    def effects(self) -> FloatArray:
        """Effect of each fitted batch or time, shape (groups, features): corrected = x - effect if the factor is 1."""
        return self._affine(self._transform).effects

    @property
    def factors(self) -> FloatArray:
        """Factor of each fitted batch or time: corrected = level + (x - level - effect) * factor."""
        return self._affine(self._transform).factors

    def _affine(self, transform: Affine | Nonlinear) -> Affine:
        if isinstance(transform, Affine):
            return transform
        of = self.correction
        raise ValueError(f"{of.name} moves each value of a {of.along} differently, so there is no effect: use apply.")

    @aligned_by_label("x", "key", "keep", "second_batch", "subject")
    def apply(
        self,
        x: ArrayLike,
        key: ArrayLike,
        keep: Any = None,
        second_batch: ArrayLike | None = None,
        subject: ArrayLike | None = None,
    ) -> Any:
        """Return corrected values of rows of fitted or new batches or times.

        Fitted batches and times are corrected as before. The effect of a new time is the fitted curve's value. The
        effect of a new batch is estimated from its rows with the fitted variances: give all its rows at once.

        Parameters
        ----------
        x : array, Series or DataFrame, shape (rows,) or (rows, features)
            Values to correct, with the features of the fitted rows.
        key : array or Series, shape (rows,)
            The batch or the time of each row.
        keep, second_batch, subject : optional
            Covariates, second batches and subjects of these rows, if the fit has them. The intercept of a new subject
            is predicted to be 0.

        Returns
        -------
        array, Series or DataFrame
            Corrected values as floats, in the shape and type of `x` (pandas and polars, too).

        Raises
        ------
        ValueError
            If a batch or time is new and the correction does not apply to new ones; `adapt` estimates new batches from
            their own rows. If covariates are missing, or have a level that no fitted row has.

        Examples
        --------
        >>> from bnstats.corrections import CORRECTIONS
        >>> fitted = CORRECTIONS["center"].fit([70.0, 80.0, 90.0, 100.0], ["a", "a", "b", "b"])
        >>> fitted.apply([95.0], ["b"])
        array([85.])
        """
        groups = self._groups(x, key)
        named = given_tables(groups.along, keep, second_batch, subject)
        given, groups = groups.x, self._rest(groups, named)
        corrected = np.empty_like(groups.x)
        for rows, transform, group in self._transforms(groups):
            corrected[rows] = transform(groups.x[rows], group)
        if self._kept is not None:
            corrected += self._kept.part(groups, named)
        if self.reference is not None:  # to the last digit
            same = groups.labels[groups.index] == self.reference
            corrected[same] = given[same]
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
            If a batch is new, as its effect is estimated from its rows, if the fit does not apply to a new time, or if
            the correction is not affine, so that no single effect is subtracted.

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
        for rows, transform, group in self._transforms(groups):
            blank.reshape(groups.x.shape)[rows] = self._affine(transform).effects[group]
        return rows_like(one_column(key), blank, self.columns)

    @aligned_by_label("x", "key", "keep", "second_batch", "subject")
    def adapt(
        self,
        x: ArrayLike,
        key: ArrayLike,
        keep: Any = None,
        second_batch: ArrayLike | None = None,
        subject: ArrayLike | None = None,
    ) -> Fitted:
        """Fit new batches by their own rows, or all times so far, at the level of this fit.

        New batches are estimated with the variances of this fit, as batch normalization with batch statistics at test
        time does. Along time the curve is fitted again: give the rows of old times with those of new times.

        Parameters
        ----------
        x : array, Series or DataFrame, shape (rows,) or (rows, features)
            Values, with the features of the fitted rows.
        key : array or Series, shape (rows,)
            The batch or the time of each row.
        keep, second_batch, subject : optional
            Covariates, second batches and subjects of these rows, if the fit has them. The intercept of a new subject
            is predicted to be 0.

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
        named = given_tables(self.correction.along, keep, second_batch, subject)
        groups, again = self._groups(x, key), self
        groups.check_values()
        groups = self._rest(groups, named)
        if groups.along == "time":
            again = replace(self, rule=self.correction._rule_of(groups), shift=groups.level - self.level)
        return replace(again, labels=groups.labels, _transform=again._by_rule(groups))

    def _groups(self, x: ArrayLike, key: ArrayLike) -> Groups:
        features = () if self.flat else (len(self.level),)
        order = column_order("x", x, self.columns, f"the {self.correction.name} was fitted on")
        x = real_array("x", x, finite=False, minimum=0)
        if np.shape(x)[1:] != features:
            raise ValueError(
                f"the {self.correction.name} was fitted on x of shape {('rows', *features)}; got shape {np.shape(x)}."
            )
        return Groups.of(x if order is None else x[:, order], key, self.correction.along, self._omits)

    def _rest(self, groups: Groups, given: dict[str, Any]) -> Groups:
        """Return the groups less the effects of covariates, which are given if they were fitted."""
        fitted = () if self._kept is None else self._kept.arguments
        for name in ("keep", "second_batch", "subject"):
            if (name in fitted) != (name in given):
                what = "give that of these rows, too" if name in fitted else "leave it out"
                raise ValueError(
                    f"the {self.correction.name} was fitted with{'' if name in fitted else 'out'} {name}: {what}."
                )
        return groups if self._kept is None else self._kept.rest(groups, given)

    def _referred(self, groups: Groups) -> Fitted:
        """Return the fit that leaves the reference batch as it is."""
        at = groups.reference
        assert at is not None
        fit = replace(self, reference=groups.labels[at])
        if isinstance(self._transform, Affine):
            base = self._transform.effects[at], self._transform.factors[at]
            return replace(fit, _base=base, _transform=referred(self._transform, base))
        rows = groups.index == at
        if not np.allclose(self._transform(groups.x[rows], groups.index[rows]), groups.x[rows]):
            raise ValueError(
                f"{self.correction.name} changes the reference batch: its estimate has to follow groups.reference."
            )
        return fit

    def _at(self, groups: Groups) -> NDArray[np.intp]:
        ours, theirs = (pd.Index(labels, tupleize_cols=False) for labels in (self.labels, groups.labels))
        return np.asarray(ours.get_indexer(theirs))

    def _new(self, groups: Groups) -> str:
        return f"{groups.along} {shown(groups.labels[np.argmin(self._at(groups))])}"

    def _by_rule(self, groups: Groups) -> Affine | Nonlinear:
        found = self.correction._transform_by(self.rule, groups, self.level)
        if self._base is not None and isinstance(found, Affine):
            found = referred(found, self._base)
        return lowered(found, self.shift)

    def _transforms(self, groups: Groups) -> list[tuple[Any, Affine | Nonlinear, NDArray[np.intp]]]:
        """Return the transforms of fitted and of new groups: rows, function, and group of each of the rows."""
        at = self._at(groups)[groups.index]
        seen = at >= 0
        if seen.all():
            return [(slice(None), self._transform, at)]
        if not self.correction.applies_to_new:
            raise ValueError(self._refusal(groups))
        parts = [(seen, self._transform, at[seen]), (~seen, self._by_rule(groups), groups.index[~seen])]
        return [part for part in parts if part[2].size]

    def _refusal(self, groups: Groups) -> str:
        known = self.correction._applying_to_new()
        plural, adapting = "batches", "estimate the new batch from its own rows with adapt"
        if groups.along == "time":
            plural, adapting = "times", "fit all rows so far with adapt"
        return (
            f"the {self.correction.name} fitted on these {plural} does not apply to {self._new(groups)}; use a "
            f"correction that applies to new {plural} ({', '.join(known)}), or {adapting}."
        )
