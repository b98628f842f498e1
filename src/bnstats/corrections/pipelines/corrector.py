"""Transformer of scikit-learn that corrects rows by a fit to training rows."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import _safe_indexing, validation

from bnstats._checks.arrays import labels_of_rows
from bnstats._checks.labels import aligned
from bnstats._checks.values import flag
from bnstats.corrections.correction import Correction
from bnstats.corrections.registry import correction_of


class Corrector(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Correction of batch effects or drift as a transformer of scikit-learn.

    `fit` estimates effects from the training rows alone; `transform` applies them to other rows. In a pipeline, `batch`
    and the other arguments of rows reach the corrector by metadata routing: call
    `sklearn.set_config(enable_metadata_routing=True)` once, and give `batch=` to the pipeline. All are requested as
    they are; `set_fit_request(keep=False)`, for one, refuses one.

    Parameters
    ----------
    correction : str or Correction
        Name in `CORRECTIONS`, or a correction.
    formula : str, optional
        Terms of `keep`, as in `Correction.fit`.
    reference : label, optional
        A batch that stays as it is, as in `Correction.fit`.
    adapt : bool
        True if `transform` estimates the effects of new batches from the rows that it is given, for corrections that do
        not apply to new batches, such as "center" and "combat". The fit is not changed.

    Attributes
    ----------
    fitted_ : Fitted
        The fitted correction.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : array of str
        Names of the features, if the training rows have names.

    Examples
    --------
    >>> x, site = np.array([[1.0], [3.0], [5.0], [7.0]]), ["a", "a", "b", "b"]
    >>> corrector = Corrector("center").fit(x, batch=site)
    >>> corrector.transform([[10.0]], batch=["b"])
    array([[8.]])
    >>> Corrector("center", adapt=True).fit(x, batch=site).transform([[10.0], [12.0]], batch=["c", "c"]).ravel()
    array([3., 5.])
    """

    _ROWS: ClassVar = {"batch": True, "keep": True, "second_batch": True, "subject": True}
    __metadata_request__fit = _ROWS
    __metadata_request__transform = _ROWS

    def __init__(
        self,
        correction: str | Correction = "shrink",
        *,
        formula: str | None = None,
        reference: Any = None,
        adapt: bool = False,
    ) -> None:
        self.correction = correction
        self.formula = formula
        self.reference = reference
        self.adapt = adapt

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        batch: Any = None,
        keep: Any = None,
        second_batch: Any = None,
        subject: Any = None,
    ) -> Corrector:
        """Estimate the effects of batches or times from training rows.

        Parameters
        ----------
        X : array or table, shape (rows, features)
            Training rows.
        y : ignored
            Nothing is taken from it; give labels as `keep` to keep their differences.
        batch : array or Series, shape (rows,)
            The batch or the time of each row.
        keep, second_batch, subject : optional
            Covariates whose effects stay, a second batch factor, and subjects, as in `Correction.fit`.

        Returns
        -------
        Corrector
            This object.

        Raises
        ------
        ValueError
            If `batch` is missing, or the correction cannot be fitted to these rows.

        Examples
        --------
        >>> Corrector("shrink").fit([[1.0], [3.0], [5.0], [9.0]], batch=["a", "a", "b", "b"]).fitted_.labels
        array(['a', 'b'], dtype=object)
        """
        correction, adapt = correction_of(self.correction), flag("adapt", self.adapt)
        x, rows = self._rows(X, True, batch=batch, keep=keep, second_batch=second_batch, subject=subject)
        key = rows.pop("batch")
        self._adapts = adapt and correction.along == "batch" and not correction.applies_to_new
        self.fitted_ = correction.fit(x, key, **rows, formula=self.formula, reference=self.reference)
        return self

    def transform(
        self, X: Any, *, batch: Any = None, keep: Any = None, second_batch: Any = None, subject: Any = None
    ) -> Any:
        """Return corrected rows of fitted or new batches.

        Parameters
        ----------
        X : array or table, shape (rows, features)
            Rows with the features of the training rows.
        batch : array or Series, shape (rows,)
            The batch or the time of each row.
        keep, second_batch, subject : optional
            Covariates, second batches and subjects of these rows, if the fit has them.

        Returns
        -------
        array or table, shape (rows, features)
            Corrected rows, in the container that `set_output` asks for.

        Raises
        ------
        ValueError
            If a batch is new, the correction does not apply to new batches and `adapt` is False, or if `batch` or
            covariates are missing.

        Examples
        --------
        >>> corrector = Corrector("center").fit([[1.0], [3.0], [5.0], [7.0]], batch=["a", "a", "b", "b"])
        >>> corrector.transform([[5.0]], batch=["b"])
        array([[3.]])
        """
        validation.check_is_fitted(self)
        x, rows = self._rows(X, False, batch=batch, keep=keep, second_batch=second_batch, subject=subject)
        key = labels_of_rows("batch", rows.pop("batch"))
        new = ~np.isin(key.astype(object), self.fitted_.labels.astype(object)) if self._adapts else np.zeros(1, bool)
        if not new.any():
            return self.fitted_.apply(x, key, **rows)
        out = np.empty_like(x)
        for part in (new, ~new):
            if part.any():
                given = x[part], key[part]
                named = {name: _safe_indexing(column, np.flatnonzero(part)) for name, column in rows.items()}
                fitted = self.fitted_ if part is not new else self.fitted_.adapt(*given, **named)
                out[part] = fitted.apply(*given, **named)
        return out

    def fit_transform(
        self,
        X: Any,
        y: Any = None,
        *,
        batch: Any = None,
        keep: Any = None,
        second_batch: Any = None,
        subject: Any = None,
    ) -> Any:
        """Return corrected training rows, as `fit` and `transform` do.

        Parameters
        ----------
        X : array or table, shape (rows, features)
            Training rows.
        y : ignored
            Nothing is taken from it.
        batch : array or Series, shape (rows,)
            The batch or the time of each row.
        keep, second_batch, subject : optional
            Covariates whose effects stay, a second batch factor, and subjects.

        Returns
        -------
        array or table, shape (rows, features)
            Corrected rows.

        Examples
        --------
        >>> Corrector("center").fit_transform([[1.0], [3.0]], batch=["a", "a"]).ravel()
        array([1., 3.])
        """
        rows = {"batch": batch, "keep": keep, "second_batch": second_batch, "subject": subject}
        return self.fit(X, y, **rows).transform(X, **rows)

    def _rows(self, X: Any, reset: bool, **named: Any) -> tuple[Any, dict[str, Any]]:
        """Return checked rows, and the other arguments that were given, aligned with them by label."""
        x = _validated(self, X, reset)
        if named["batch"] is None:
            raise ValueError(
                "batch, the batch of each row, is missing; in a pipeline, call "
                "sklearn.set_config(enable_metadata_routing=True) once, and give batch= to the pipeline's methods."
            )
        given = aligned({"X": X, **{name: part for name, part in named.items() if part is not None}})
        return x, {name: part for name, part in given.items() if name != "X"}


def _validated(corrector: Corrector, X: Any, reset: bool) -> Any:
    """Return rows as floats by scikit-learn's checks, which set or compare the features."""
    if hasattr(validation, "validate_data"):  # from scikit-learn 1.6 on
        return validation.validate_data(corrector, X, dtype=np.float64, reset=reset)
    return corrector._validate_data(X, dtype=np.float64, reset=reset)
