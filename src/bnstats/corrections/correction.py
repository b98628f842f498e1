"""The class of all corrections."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from bnstats._checks.arguments import CheckedMethods, aligned_by_label, checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.safe_text import raised
from bnstats._checks.user_code import ReadOnlyError, called, is_own
from bnstats._checks.values import function, shown
from bnstats.corrections.covariates.kept import KeptCovariates, given_tables
from bnstats.corrections.fitted import Fitted
from bnstats.corrections.groups import Groups
from bnstats.corrections.properties import OF_CORRECTIONS, OF_METHODS, Along, NanPolicy
from bnstats.corrections.rules import Affine, CorrectionRule, Nonlinear, by_pattern, transform_of

CORRECTIONS: dict[str, Correction] = {}
"""The corrections with their default parameters, by name: one of each function in this folder."""


@checked(**OF_CORRECTIONS)
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
    estimate : callable (Groups, parameters by name) -> CorrectionRule
        Function of the groups of the fitted rows that returns a rule. The rule, a function of any groups, returns
        effects and factors, shape (groups, features), for corrected = level + (x - level - effect) * factor; or else
        a function of values, shape (rows, features), and of each row's group number, that returns corrected values.
    parameters : tuple of (name, value)
        Arguments of `estimate`.
    properties : tuple of str
        Laws that the correction obeys: names in `bnstats.corrections.properties.PROPERTIES`.

    Examples
    --------
    >>> from bnstats.corrections import CORRECTIONS
    >>> x, year = [70.0, 80.0, 90.0, 100.0], [2023, 2023, 2024, 2024]
    >>> CORRECTIONS["center"](x, year)
    array([80., 90., 80., 90.])
    >>> fitted = CORRECTIONS["center"].fit(x, year)
    >>> fitted.effect([2024]), fitted.apply([95.0], [2024])
    (array([10.]), array([85.]))

    A correction that is not affine:

    >>> def signs(groups):
    ...     return lambda x, group: np.sign(x - groups.mean[group])
    >>> Correction("signs", "batch", True, lambda _: signs)(x, year)
    array([-1.,  1., -1.,  1.])
    """

    checks: ClassVar = OF_METHODS

    name: str
    along: Along
    applies_to_new: bool
    estimate: Callable[..., CorrectionRule]
    parameters: tuple[tuple[str, Any], ...] = ()
    properties: tuple[str, ...] = ()

    @staticmethod
    def made_by(
        factory: Callable[..., Correction],
        along: Along,
        applies_to_new: bool,
        estimate: Callable[..., CorrectionRule],
        properties: Sequence[str] = (),
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
        estimate : callable (Groups, parameters by name) -> CorrectionRule
            Function that estimates a rule from the groups of the fitted rows.
        properties : names in `bnstats.corrections.properties.PROPERTIES`
            Laws that the correction obeys.
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
        return Correction(name, along, applies_to_new, estimate, tuple(given.items()), tuple(properties))

    @aligned_by_label("x", "key", "keep", "second_batch", "subject")
    def fit(
        self,
        x: ArrayLike,
        key: ArrayLike,
        keep: Any = None,
        second_batch: ArrayLike | None = None,
        subject: ArrayLike | None = None,
        *,
        formula: str | None = None,
        reference: Any = None,
        nan_policy: NanPolicy = "raise",
    ) -> Fitted:
        """Estimate the effects of batches or times.

        Parameters
        ----------
        x : array, Series or DataFrame, shape (rows,) or (rows, features)
            Values to correct. Each feature is corrected by itself; only ComBat pools information over features.
        key : array or Series, shape (rows,)
            The batch or the time of each row; dates are counted in days. If `x` and `key` have an index, they are
            aligned by it.
        keep : table, column or array of covariates, optional
            Covariates whose effects stay, such as a disease or an age, for corrections along batches. Columns of
            numbers have a slope; text and categories, ordered ones too, have an effect of each level. With 0 and 1 for
            False and True, a column has the same effect either way.
        second_batch : array or Series, shape (rows,), optional
            The batch of each row by a second factor, such as the plate beside the site. Its effects are estimated
            together with the others, by least squares, and removed.
        subject : array or Series, shape (rows,), optional
            The subject of each row, for repeated measures. A random intercept of the subject stays; its variance is
            estimated by REML with statsmodels' MixedLM, which takes about a tenth of a second for each feature.
        formula : str, optional
            Terms of `keep` in patsy's language, such as "age + C(stage) + age:sex"; by default all columns.
        reference : label, optional
            A batch that stays as it is, and that other batches are corrected to.
        nan_policy : {"raise", "omit"}
            With "omit", values of x may be NaN: effects of a feature are estimated from the values that it has, and NaN
            stays NaN. Not for "quantile_normalize", for corrections along time, or with `subject`.

        Returns
        -------
        Fitted
            The estimated effects, to be applied to these or other rows.

        Raises
        ------
        ValueError
            If values are not finite, an index or keys do not match the rows, or this correction cannot estimate a
            batch, which the message names. If a covariate is a linear function of the batch, has missing values, or
            leaves too few rows.

        Notes
        -----
        Effects of covariates are estimated by least squares within batches, together with those of batches, as in
        ComBat (Johnson, Li & Rabinovic 2007). The correction works on the rows less these effects, which are added
        again. `shrink` and `random_intercept` estimate the batches' effects beside them by generalized least squares.

        Examples
        --------
        >>> from bnstats.corrections import CORRECTIONS
        >>> CORRECTIONS["center"].fit([70.0, 80.0, 90.0, 100.0], ["a", "a", "b", "b"]).effects
        array([[-10.],
               [ 10.]])
        """
        omit = nan_policy == "omit"
        if omit and self.along != "batch":
            raise ValueError("nan_policy='omit' goes with corrections along batches: drop rows with NaN.")
        groups, kept = Groups.of(x, key, self.along, omit), None
        groups.check_values()
        given = given_tables(self.along, keep, second_batch, subject, formula)
        if given:
            kept, groups = KeptCovariates.of(groups, given, formula)
        if reference is not None:
            groups = replace(groups, reference=groups.number("reference", reference))
        rule, level, flat = self._rule_of(groups), groups.level, np.ndim(x) == 1
        transform = self._transform_by(rule, groups, level)
        fitted = Fitted(self, level, rule, groups.labels, transform, flat, groups.columns, _kept=kept, _omits=omit)
        return fitted if reference is None else fitted._referred(groups)

    def _rule_of(self, groups: Groups) -> CorrectionRule:
        """Return the rule that is estimated from the groups."""
        if groups.missing is not None and "by_feature" in self.properties:
            return by_pattern(groups, self._rule_of)
        if groups.missing is not None and is_own(self.estimate):
            raise ValueError(
                f"{self._said} pools information over features, so x may not have NaN: fill missing values."
            )
        rule: CorrectionRule = self._asked(self.estimate, groups, **dict(self.parameters))
        if is_own(self.estimate):
            function(f"what the estimate of {self._said} returns", rule, "rule(groups)")
        return rule

    def _transform_by(self, rule: CorrectionRule, groups: Groups, level: FloatArray) -> Affine | Nonlinear:
        """Return the transform of these groups, from a rule and the mean of the fitted rows."""
        return transform_of(self._asked(rule, groups), self._said, groups, level)

    @property
    def _said(self) -> str:
        return f"correction {shown(self.name)}"

    def _asked(self, used: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """Return what a function returns; whatever a user's function raises becomes a sentence."""
        try:
            return called(self._said, used, *given, **named)
        except Exception as error:
            if not (is_own(used) or isinstance(used, type)) or isinstance(error, ReadOnlyError):
                raise
            raise ValueError(f"the functions of {self._said} raise {raised(error)}.") from error

    def _applying_to_new(self) -> list[str]:
        """Return the names of corrections along the same kind of key that apply to new ones."""
        return [name for name, c in CORRECTIONS.items() if c.along == self.along and c.applies_to_new]

    @aligned_by_label("x", "key", "keep", "second_batch", "subject")
    def __call__(
        self,
        x: ArrayLike,
        key: ArrayLike,
        keep: Any = None,
        second_batch: ArrayLike | None = None,
        subject: ArrayLike | None = None,
        *,
        formula: str | None = None,
        reference: Any = None,
        nan_policy: NanPolicy = "raise",
    ) -> Any:
        """Return corrected values of the rows that the correction is fitted on, see `fit` and `Fitted.apply`."""
        fitted = self.fit(
            x, key, keep, second_batch, subject, formula=formula, reference=reference, nan_policy=nan_policy
        )
        return fitted.apply(x, key, keep, second_batch, subject)
