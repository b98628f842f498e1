"""Corrections on data at hand: how well an outcome is predicted in a batch that was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from bnstats._arrays import FloatArray
from bnstats._numbers import probability
from bnstats._real_arrays import plain_array, real_array
from bnstats._validation import flag, several
from bnstats.corrections import Correction, correction_of
from bnstats.studies.batch_effects.downstream_model import deployed

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
        return "\n".join(lines)

    def plot(self) -> Figure:
        """The change of the squared error by each correction, with its interval, in percent of the first one's."""
        from bnstats.plots.comparisons import intervals
        from bnstats.plots.elements import panels, theme

        rows = self.table[["change", "low", "high"]].mul(100).rename(columns={"change": "value"})
        with theme() as palette:
            figure, (ax,) = panels(1, width=6.0, height=1.5 + 0.3 * len(rows))
            intervals(ax, rows, self.table["correction"].tolist(), [palette[0]] * len(rows))
            ax.set(title="Prediction in batches that were left out", xlabel="change of the squared error (%)")
        return figure

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format=lambda x: f"{x:.4g}"))


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
    x, outcome : array, shape (rows,)
    batch : array, shape (rows,)
        Label, or time if corrections along time are asked for.
    corrections : names in `CORRECTIONS`, or `Correction`
        The first is what the others are compared with.
    refit : bool
        False if corrections along time that say something of new times are applied as they were fitted.
    confidence : float
        Of the intervals of a change, which are jackknifed over the batches: these are what was sampled, not the rows.
        In nine simulated settings (250 to 400 data sets each), intervals of 95 % held the expected change in 97 % with
        4 batches, 95 to 97 % with 6, and 94 to 95 % with 20.

    Returns
    -------
    LeftOut

    Notes
    -----
    With l_b the logarithm of the ratio r of squared errors, a correction's to the first one's, summed over all batches
    but b, and B batches, the standard error of log r is s, s² = (B - 1) / B sum (l_b - mean)² (B - 1) / (B - 2). The
    last factor makes up for fits that share most of their batches. The interval is r exp(-+ t s) - 1, by Student's t
    with B - 2 degrees of freedom.

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
    errors = pd.DataFrame([_error(c, values, target, key, b, refit) for c in chosen for b in pd.unique(key)])
    base = errors.loc[errors["correction"] == names[0], "mse"].to_numpy()
    compared = []
    for name, part in errors.groupby("correction", sort=False):
        change, low, high = _change(part["mse"].to_numpy(), base, confidence)
        roots = {"rmse": np.sqrt(part["mse"].mean()), "training_rmse": np.sqrt(part["training_mse"].mean())}
        interval = {"change": change, "low": low, "high": high}
        compared.append({"correction": name, "batches": len(part), **roots, **interval})
    return LeftOut(pd.DataFrame(compared), errors)


def _error(
    correction: Correction, x: FloatArray, target: FloatArray, key: NDArray[Any], batch: object, refit: bool
) -> dict[str, object]:
    new = key == batch
    fitted = correction.fit(x[~new], key[~new])
    known = fitted.apply(x[~new], key[~new])
    slope, level = np.polyfit(known, target[~new], 1)
    squared = [
        float(np.mean((observed - level - slope * given) ** 2))
        for observed, given in ((target[new], deployed(fitted, x, key, new, refit)), (target[~new], known))
    ]
    row = {"correction": correction.name, "batch": batch, "rows": int(new.sum())}
    return {**row, "mse": squared[0], "training_mse": squared[1]}


def _change(mse: FloatArray, base: FloatArray, confidence: float) -> tuple[float, float, float]:
    """Relative change of a mean over batches, and its jackknife interval."""
    batches, ratio = len(base), mse.mean() / base.mean()
    without = np.log((mse.sum() - mse) / (base.sum() - base))
    error = np.sqrt(((without - without.mean()) ** 2).sum() / batches / (batches - 2)) * (batches - 1)
    half = stats.t.isf((1 - confidence) / 2, batches - 2) * error
    return float(ratio - 1), float(ratio * np.exp(-half) - 1), float(ratio * np.exp(half) - 1)


def _checked(x: ArrayLike, outcome: ArrayLike, batch: ArrayLike) -> tuple[FloatArray, FloatArray, NDArray[Any]]:
    values, target = real_array("x", x, finite=False), real_array("outcome", outcome, finite=False)
    key = plain_array("batch", batch)
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
