"""The check of confounding between batches and labels or other covariates, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bnstats._checks.arguments import aligned_by_label, checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import labels_of_rows, real_array
from bnstats._checks.numbers import proportion
from bnstats._checks.tables import columns_of
from bnstats._checks.values import shown
from bnstats._warnings import notify
from bnstats.corrections.correction import CORRECTIONS, Correction
from bnstats.corrections.covariates.columns import are_numbers, table_of
from bnstats.corrections.groups import Groups, listed

# Whole numbers with more distinct values than this are a variable, not labels.
MOST_LABELS = 10
# Intraclass correlations, and sizes of a difference in units of sigma, among which the worst is looked for.
ICC, SIZES = np.linspace(0, 1, 21), np.logspace(-2, 4, 61)


@aligned_by_label("batch", "label")
@checked(border=proportion)
def check_confounding(batch: ArrayLike, label: ArrayLike, *, border: float = 0.1) -> pd.DataFrame:
    """Return the proportion of each label's variance between batches, and what corrections would take of a difference.

    A difference between two labels can be estimated beside batch effects if a chain of batches links the labels.
    Neighboring batches in the chain have a label in common. A correction that does not keep the label changes the
    difference, even so: centering multiplies it by 1 - `between_batches`.

    Parameters
    ----------
    batch : array or Series, shape (rows,)
        The batch of each row.
    label : array, Series or table, shape (rows,) or (rows, columns)
        The label of each row, such as a class or a treatment, or several of these. Numbers are a variable, such as an
        age, if some are not whole, or if there are more than ten distinct ones. Two Series are aligned by their index.
    border : float in [0, 1]
        Proportion between batches from which on a warning is given.

    Returns
    -------
    DataFrame
        One row per label (the second of two), and per variable:

        - `covariate`: name of the column, or "label".
        - `label`: the label that is compared with all others; None for a variable.
        - `between_batches`: proportion of the variance of the label's indicator, or of the variable, that lies between
          batches.
        - `none`, `center`, `standardize`, `shrink`, `random_intercept`: relative change of the difference, or of
          the variable's slope, by the correction at worst; -0.36 means that 36 % is lost. With `keep=` it is 0.
        - `combat`, `quantile_normalize`, `shrink_scale`: NaN, as it depends on other features, or is not known.

    Raises
    ------
    ValueError
        If no chain links some labels to the rest: these labels occur in batches of their own. Differences between
        these labels and the rest are then differences between batches, which a correction removes. If a variable is
        the same within each batch.

    Warns
    -----
    UserWarning
        If a batch holds one label only: correcting for the batch moves its rows toward rows of other labels. If a
        proportion is `border` or more.

    Notes
    -----
    The change is that of rows with a difference d between labels, and equal variances within labels. "At worst" is over
    all d for corrections that scale batches, and over all intraclass correlations for corrections that shrink.

    Examples
    --------
    Two sites of equal size, of which 20 and 80 % are sick:

    >>> site, sick = ["a"] * 10 + ["b"] * 10, ["yes"] * 2 + ["no"] * 8 + ["yes"] * 8 + ["no"] * 2
    >>> found = check_confounding(site, sick, border=0.5)
    >>> found[["label", "between_batches", "none", "center", "shrink"]].round(2)
      label  between_batches  none  center  shrink
    0   yes             0.36   0.0   -0.36   -0.36
    >>> check_confounding(["b1", "b1", "b2", "b2"], ["pass", "pass", "fail", "fail"])
    Traceback (most recent call last):
    ValueError: batch 'b1' holds only label 'pass', which no other batch holds: ...
    """
    batch = labels_of_rows("batch", batch)
    is_table = isinstance(label, Mapping) or columns_of(label) is not None
    shape = batch.shape if is_table else labels_of_rows("label", label).shape
    if shape != batch.shape or batch.ndim != 1:
        shapes = f"got shapes {batch.shape} and {shape}"
        raise ValueError(f"batch and label are one value per row, shape (rows,); {shapes}.")
    table = table_of("label", label, len(batch))
    rows, batches = pd.factorize(batch, sort=True)
    if rows.min(initial=0) < 0 or table.isna().any(axis=None):
        raise ValueError("a batch or a label is missing: drop these rows.")
    parts = [_Part.of(name, column) for name, column in table.items()]
    said = [_linked(rows, batches, part.codes, part.labels) for part in parts if part.codes is not None]
    found = pd.concat([part.frame(batch) for part in parts], ignore_index=True)
    high = found[found["between_batches"] >= border]
    if len(high):
        columns = ["covariate", "label", "between_batches"]
        name, label, proportion = high.nlargest(1, "between_batches")[columns].to_numpy()[0]
        what = str(name) if label is None else f"{name} {shown(label)}"
        said.append(
            f"{100 * proportion:.0f} % of the variance of {what} lies between batches, so that centering takes as "
            "much of its differences: keep it, as in correction(x, batch, keep=...)"
        )
    if any(said):
        notify("; ".join(filter(None, said)) + ".")
    return found


@dataclass(frozen=True, eq=False)
class _Part:
    """A column of labels, or a variable.

    `columns` are indicators of the labels in `shown`, or the variable itself; `codes` are numbers of `labels`.
    """

    name: Any
    columns: FloatArray
    shown: list[Any]
    codes: NDArray[np.intp] | None = None
    labels: NDArray[Any] = field(default_factory=partial(np.empty, 0))

    @staticmethod
    def of(name: Any, column: pd.Series[Any]) -> _Part:
        if are_numbers(column, f"column {shown(name)} of label"):
            values = real_array("label", column, minimum=0)
            if (values % 1).any() or len(np.unique(values)) > MOST_LABELS:
                return _Part(name, values[:, None], [None])
        codes, labels = pd.factorize(column.to_numpy(), sort=True)
        first = 1 if len(labels) == 2 else 0
        indicators = codes[:, None] == np.arange(first, len(labels))
        return _Part(name, indicators.astype(np.float64), list(labels[first:]), codes, np.asarray(labels))

    def frame(self, batch: NDArray[Any]) -> pd.DataFrame:
        """Return the rows of the result."""
        groups = Groups.of(self.columns, batch, "batch")
        total = ((self.columns - groups.level) ** 2).sum(axis=0)
        left = np.divide(groups.m2, total, out=np.zeros_like(groups.m2), where=total > 0)
        between = np.where(total > 0, 1 - left.sum(axis=0), 0.0)
        if self.codes is None and between[0] > 1 - 1e-8:
            raise ValueError(
                f"{self.name} is the same in all rows of a batch, so correcting for the batch would remove all that "
                "goes with it; spread its values over the batches, or do not correct for the batch."
            )
        named = {"covariate": self.name, "label": pd.Series(self.shown, dtype=object), "between_batches": between}
        return pd.DataFrame(
            named | {n: _worst(c, groups, total, left) for n, c in CORRECTIONS.items() if c.along == "batch"}
        )


def _worst(correction: Correction, groups: Groups, total: FloatArray, left: FloatArray) -> FloatArray:
    """Return the relative change of the differences at worst, by the properties that a correction declares."""
    unknown = np.full(left.shape[1], np.nan)
    if not {"affine", "by_feature"} <= set(correction.properties):
        return unknown
    if "equal_variances" in correction.properties:
        return _scaled(groups, left)
    if "keeps_mean" not in correction.properties:
        return unknown
    if "equal_means" in correction.properties:
        return np.where(total > 0, left.sum(axis=0) - 1, 0.0)
    if "shrinks" not in correction.properties:
        return np.zeros_like(unknown)
    n, weights = groups.n, [groups.n / (1 + (groups.n - 1) * icc) for icc in ICC]
    mu = [(w * groups.mean).sum(axis=0) / w.sum() for w in weights]
    taken = [icc * w * (groups.mean - m) for icc, w, m in zip(ICC, weights, mu, strict=True)]
    lost = [(n * t * (groups.mean - groups.level)).sum(axis=0) for t in taken]
    return np.asarray(np.divide(-np.max(lost, axis=0), total, out=np.zeros_like(total), where=total > 0))


def _scaled(groups: Groups, left: FloatArray) -> FloatArray:
    """Return the change by centering and scaling batches, for differences of all sizes."""
    spare = groups.n - 1
    within = np.divide(groups.m2, spare, out=np.zeros_like(groups.m2), where=spare > 0)
    pooled = groups.m2.sum(axis=0) / max(spare.sum(), 1)
    kept = [(left * np.sqrt((1 + d**2 * pooled) / (1 + d**2 * within))).sum(axis=0) for d in SIZES]
    return np.asarray(np.where(groups.m2.sum(axis=0) > 0, np.min(kept, axis=0) - 1, 0.0))


def _linked(rows: NDArray[np.intp], batches: NDArray[Any], codes: NDArray[np.intp], labels: NDArray[Any]) -> str:
    """Return what to warn of; raise ValueError for labels that occur in batches of their own."""
    nodes = len(batches) + len(labels)
    links = coo_array((np.ones(len(rows)), (rows, len(batches) + codes)), shape=(nodes, nodes))
    count, part = connected_components(links, directed=False)
    if count > 1:
        ours, theirs = np.split(part == part[0], [len(batches)])
        raise ValueError(
            f"batch {listed(batches[ours])} holds only label {listed(labels[theirs])}, which no other batch holds: "
            "correcting for the batch would remove the difference between these labels and the rest; spread the labels "
            "over the batches, or do not correct for the batch."
        )
    alone = pd.Series(codes).groupby(rows).nunique().to_numpy() == 1
    if len(labels) == 1 or not alone.any():
        return ""
    return (
        f"batch {listed(batches[alone])} holds one label only: correcting for the batch moves its rows toward rows of "
        "other labels"
    )
