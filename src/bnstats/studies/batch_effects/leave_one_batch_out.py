"""Comparison of corrections on observed data, by predictions in batches that are left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bnstats._checks.arguments import aligned_by_label, checked
from bnstats._checks.arrays import labels_of_rows, real_array
from bnstats._checks.numbers import probability
from bnstats._checks.terminal import printable
from bnstats._checks.values import flag, several
from bnstats._warnings import notices_held, notify
from bnstats.corrections import Correction, correction_of
from bnstats.plots.page import NO_MARKUP
from bnstats.studies.batch_effects.left_out_errors import Rows, errors_left_out, errors_without
from bnstats.studies.batch_effects.left_out_interval import interval_of_change

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_values = partial(real_array, finite=False, axes=1)


@dataclass(frozen=True, repr=False)
class LeftOut:
    """Prediction errors in batches that were left out.

    Attributes
    ----------
    table : DataFrame
        Errors of each correction; `leave_one_batch_out` describes the columns.
    errors : DataFrame
        Errors of each correction in each batch.

    Examples
    --------
    >>> batch, x = np.repeat(np.arange(4), 5), np.arange(20.0)
    >>> leave_one_batch_out(x, x**2, batch).table[["correction", "batches", "rmse"]].round(2)
      correction  batches    rmse
    0       none        4   67.22
    1     center        4  147.02
    2     shrink        4  144.34
    """

    table: pd.DataFrame
    errors: pd.DataFrame

    def summary(self) -> str:
        """Describe, in words, the change of the squared error in left-out batches by each correction.

        Returns
        -------
        str
            One line per correction.
        """
        rows: Iterable[Any] = self.table.itertuples()
        first, *others = rows
        lines = [f"{first.correction}: error {first.rmse:.4g} in {first.batches} batches that were left out."]
        for row in others:
            interval = f"{100 * row.low:+.3g} to {100 * row.high:+.3g} %"
            lines.append(f"{row.correction}: squared error {100 * row.change:+.3g} % ({interval}).")
        return "\n".join(map(printable, lines))

    def plot(self) -> Figure:
        """Plot the change of the squared error by each correction, with its interval, in percent.

        Returns
        -------
        Figure
            A point and an interval for each correction.
        """
        from bnstats.plots.arguments import literal
        from bnstats.plots.comparisons import intervals
        from bnstats.plots.figure import panels, theme

        rows = self.table[["change", "low", "high"]].mul(100).rename(columns={"change": "value"})
        with theme() as palette:
            figure, (ax,) = panels(1, width=6.0, height=1.5 + 0.3 * len(rows))
            intervals(ax, rows, self.table["correction"].map(literal).tolist(), [palette[0]] * len(rows))
            ax.set(title="Prediction in batches that were left out", xlabel="change of the squared error (%)")
        return figure

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format=lambda x: f"{x:.4g}", classes=NO_MARKUP))


@aligned_by_label("x", "outcome", "batch")
@checked(x=_values, outcome=_values, batch=labels_of_rows, refit=flag, confidence=probability)
def leave_one_batch_out(
    x: ArrayLike,
    outcome: ArrayLike,
    batch: ArrayLike,
    corrections: str | Correction | Sequence[str | Correction] = ("none", "center", "shrink"),
    *,
    refit: bool = True,
    confidence: float = 0.95,
) -> LeftOut:
    """Predict an outcome from the corrected x in each batch, by a fit on all other batches.

    Corrections and a straight line (least squares) are fitted on the other batches. The left-out batch is corrected as
    in a deployment, which sees its x but not its outcomes. Along time, the correction is fitted again with the new x.
    By batch, the fit is applied if it applies to new batches; else the batch is estimated from its own rows.

    Parameters
    ----------
    x : array or Series, shape (rows,)
        The predictor that is corrected.
    outcome : array or Series, shape (rows,)
        The outcome. Series are aligned by their index.
    batch : array or Series, shape (rows,)
        Label of each row's batch, or its time for corrections along time.
    corrections : names in `CORRECTIONS`, or `Correction`
        Corrections; all are compared with the first.
    refit : bool
        False if corrections that apply to new times are applied as they were fitted.
    confidence : float
        Confidence level of the intervals of a change. The sampled units are the batches, not the rows. In simulated
        data of 4, 6, 20 and 40 batches, intervals of 95 % covered the expected change of "center" and "standardize" in
        95 to 99 % of 1500 data sets. Intervals of "shrink" covered it in 95 to 96 % if the shift of a batch is a
        nuisance, and in 90 to 94 % if the shift is signal (`python -m benchmarks.left_out_coverage`).

    Returns
    -------
    LeftOut
        Prediction errors. `table` has one row per correction:

        - `correction`: name of the correction.
        - `batches`: number of batches.
        - `rmse`: root of the mean squared error, averaged over left-out batches, in the unit of the outcome.
        - `training_rmse`: the same error on the fitted rows, in the unit of the outcome.
        - `change`: relative change of the mean squared error from that of the first correction.
        - `low`, `high`: confidence interval of `change`.

        `errors` has one row per correction and left-out batch:

        - `correction`, `batch`: name of the correction, and label of the batch.
        - `rows`: number of rows of the batch.
        - `mse`: mean squared error in the batch, in the squared unit of the outcome.
        - `training_mse`: mean squared error on the fitted rows, in the squared unit of the outcome.

    Raises
    ------
    ValueError
        If values are missing or not finite, shapes differ, there are fewer than 3 batches, or a correction cannot be
        fitted.

    Notes
    -----
    The expected change is the ratio of expected squared errors in a new batch, less 1, for fits to B - 1 batches. Its
    estimate r - 1 has the interval r exp(-+ c s) - 1. The standard error s of log r is the larger one of two
    jackknives over the batches. The first keeps the fits: with l_b the logarithm of the ratio without the error in
    batch b, s² = (B - 1) / B sum (l_b - mean)² (B - 1) / (B - 2). The second deletes a batch from the data and repeats
    all fits; it is used with 4 to 20 batches, and takes B / 2 times as long. The factor c is Student's t with B - 2
    degrees of freedom, or more on the side to which the l_b are skewed (Hall 1992).

    Examples
    --------
    Batches differ in x by a nuisance that is ten times as large as the signal:

    >>> rng = np.random.default_rng(0)
    >>> batch, signal = np.repeat(np.arange(10), 20), rng.normal(size=200)
    >>> leave_one_batch_out(signal + 10 * rng.normal(size=10)[batch], signal, batch, ["none", "center"])
    none: error 0.9805 in 10 batches that were left out.
    center: squared error -95.1 % (-98.2 to -76.1 %).
    """
    chosen = [correction_of(c) for c in several("corrections", corrections)]
    names = [c.name for c in chosen]
    if len(set(names)) < len(names) or not names:
        raise ValueError(f"corrections has one or more, each with a name of its own; got {names}.")
    rows = Rows(np.asarray(x), np.asarray(outcome), np.asarray(batch))
    _check(rows)
    batches = pd.unique(rows.key)
    size = [int(np.count_nonzero(rows.key == b)) for b in batches]
    errors, compared, base, base_without = [], [], None, None
    alone = []
    for correction in chosen:
        with notices_held() as notices:
            mse, training = errors_left_out(correction, rows, refit)
            without = errors_without(correction, rows, refit)
        alone += [correction.name] if notices else []
        if base is None:
            base, base_without = mse, without
        deleted = None if without is None or base_without is None else (without, base_without)
        change, low, high = map(float, interval_of_change(mse, base, confidence, deleted))
        roots = {"rmse": np.sqrt(mse.mean()), "training_rmse": np.sqrt(training.mean())}
        interval = {"change": change, "low": low, "high": high}
        compared.append({"correction": correction.name, "batches": len(batches), **roots, **interval})
        by_batch = {"batch": batches, "rows": size, "mse": mse, "training_mse": training}
        errors.append(pd.DataFrame(by_batch).assign(correction=correction.name))
    if alone:
        notify(
            f"{size.count(1)} of {len(batches)} batches have one row, of which {', '.join(alone)} leaves nothing; "
            "merge these batches with other batches, drop them, or use 'shrink'."
        )
    columns = ["correction", "batch", "rows", "mse", "training_mse"]
    return LeftOut(pd.DataFrame(compared), pd.concat(errors, ignore_index=True)[columns])


def _check(rows: Rows) -> None:
    """Raise ValueError for missing values, different shapes, or fewer than three batches."""
    shapes = [part.shape for part in rows]
    if not shapes[0] == shapes[1] == shapes[2]:
        raise ValueError(
            f"x, outcome and batch have one value per row; got shapes {shapes[0]}, {shapes[1]} and {shapes[2]}."
        )
    wrong = ~np.isfinite(rows.x) | ~np.isfinite(rows.outcome) | pd.isna(rows.key)
    if wrong.any():
        raise ValueError(f"{wrong.sum()} rows have no finite x or outcome, or no batch: drop these rows.")
    batches = len(pd.unique(rows.key))
    if batches < 3:
        raise ValueError(f"batch has at least 3 distinct labels, to compare batches with one left out; got {batches}.")
