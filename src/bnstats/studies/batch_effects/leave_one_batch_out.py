"""Corrections on data at hand: how well an outcome is predicted in a batch that was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bnstats._checks.arguments import aligned_by_label
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import labels_of_rows, real_array
from bnstats._checks.numbers import probability
from bnstats._checks.terminal import printable
from bnstats._checks.values import flag, several
from bnstats._warnings import notices_held, notify
from bnstats.corrections import Correction, correction_of
from bnstats.simulation.result import NO_MARKUP
from bnstats.studies.batch_effects.left_out_errors import Rows, errors_left_out, errors_without
from bnstats.studies.batch_effects.left_out_interval import interval_of_change

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class LeftOut:
    """Errors of prediction in batches that were left out.

    Attributes
    ----------
    table : DataFrame
        correction, batches, rmse (root of the mean over batches of their mean squared errors), change (of that mean
        squared error, relative to the first correction's), low, high (its confidence interval), training_rmse.
    errors : DataFrame
        correction, batch, rows, mse, training_mse: one row per correction and left-out batch.
    """

    table: pd.DataFrame
    errors: pd.DataFrame

    def summary(self) -> str:
        """By how much each correction changes the squared error in a batch that was left out, in words."""
        first, *others = self.table.itertuples()
        lines = [f"{first.correction}: error {first.rmse:.4g} in {first.batches} batches that were left out."]
        for row in others:
            interval = f"{100 * row.low:+.3g} to {100 * row.high:+.3g} %"
            lines.append(f"{row.correction}: squared error {100 * row.change:+.3g} % ({interval}).")
        return "\n".join(map(printable, lines))

    def plot(self) -> Figure:
        """The change of the squared error by each correction, with its interval, in percent of the first one's."""
        from bnstats.plots.arguments import literal
        from bnstats.plots.comparisons import intervals
        from bnstats.plots.elements import panels, theme

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
def leave_one_batch_out(
    x: ArrayLike,
    outcome: ArrayLike,
    batch: ArrayLike,
    corrections: str | Correction | Sequence[str | Correction] = ("none", "center", "shrink"),
    *,
    refit: bool = True,
    confidence: float = 0.95,
) -> LeftOut:
    """Predict an outcome by the corrected x in each batch, from a fit on all the others.

    Corrections and a straight line (least squares) are fitted on the other batches. The left-out batch is corrected as
    a deployment would, which sees its x but not its outcomes: along time, the correction is fitted again with them; by
    batch, the fit is applied if it transfers to new batches, else the batch is estimated from its own rows.

    Parameters
    ----------
    x, outcome : array or Series, shape (rows,)
        All that have labels are aligned by them.
    batch : array or Series, shape (rows,)
        Label, or time if corrections along time are asked for.
    corrections : names in `CORRECTIONS`, or `Correction`
        The first is what the others are compared with.
    refit : bool
        False if corrections along time that say something of new times are applied as they were fitted.
    confidence : float
        Of the intervals of a change. The sampled units are the batches, not the rows. In simulated data of 4, 6, 20
        and 40 batches, intervals of 95 % held the expected change of "center" and "standardize" in 95 to 99 % of 1500
        data sets. Those of "shrink" held it in 95 to 96 % where the shift of a batch is a nuisance, and in 90 to 94 %
        where the shift is signal (`python -m benchmarks.left_out_coverage`).

    Returns
    -------
    LeftOut

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
    >>> left = leave_one_batch_out(signal + 10 * rng.normal(size=10)[batch], signal, batch, ["none", "center"])
    >>> left.table[["correction", "batches"]].values.tolist(), bool(left.table["high"][1] < -0.5)
    ([['none', 10], ['center', 10]], True)
    """
    chosen = [correction_of(c) for c in several("corrections", corrections)]
    names = [c.name for c in chosen]
    if len(set(names)) < len(names) or not names:
        raise ValueError(f"corrections are one or more, each with a name of its own; got {names}.")
    confidence, refit = probability("confidence", confidence), flag("refit", refit)
    values, target, key = _checked(x, outcome, batch)
    rows, batches = Rows(values, target, key), pd.unique(key)
    size = [int(np.count_nonzero(key == b)) for b in batches]
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
            "merge these batches with others, drop them, or use 'shrink'."
        )
    columns = ["correction", "batch", "rows", "mse", "training_mse"]
    return LeftOut(pd.DataFrame(compared), pd.concat(errors, ignore_index=True)[columns])


def _checked(x: ArrayLike, outcome: ArrayLike, batch: ArrayLike) -> tuple[FloatArray, FloatArray, NDArray[Any]]:
    values, target = (real_array(n, v, finite=False, axes=1) for n, v in (("x", x), ("outcome", outcome)))
    key = labels_of_rows("batch", batch)
    if values.ndim != 1 or not values.shape == target.shape == key.shape:
        raise ValueError(
            f"x, outcome and batch are one value per row; got shapes {values.shape}, {target.shape} and {key.shape}."
        )
    wrong = ~np.isfinite(values) | ~np.isfinite(target) | pd.isna(key)
    if wrong.any():
        raise ValueError(f"{wrong.sum()} rows have no finite x or outcome, or no batch: drop them.")
    batches = len(pd.unique(key))
    if batches < 3:
        raise ValueError(f"to leave one batch out and still compare batches takes 3 of them; got {batches}.")
    return values, target, key
