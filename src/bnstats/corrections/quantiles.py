"""Quantile normalization: each batch gets the distribution of all batches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import FloatArray
from bnstats._warnings import notify
from bnstats.corrections.correction import Correction
from bnstats.corrections.groups import Groups
from bnstats.corrections.rules import CorrectionRule


def quantile_normalize() -> Correction:
    """Return the correction that replaces each value by the same quantile of a reference distribution.

    The convention is that of Bolstad, Irizarry, Astrand & Speed (2003): the quantiles of the reference distribution are
    averages of the batches' quantiles. In batches of equal size, the r-th smallest value of a batch becomes the mean of
    the r-th smallest values of all batches. Equal values of a batch become the mean of what their ranks become.

    With a reference batch, its quantiles are those of the reference distribution.

    For batches of unequal size, which the article does not have, the r-th smallest of n values is the quantile of
    (r - 1/2) / n, with linear interpolation between. Batches count by their rows, and a constant keeps the mean of all
    rows. A later value of a fitted batch is placed between the fitted values around it. Beyond the fitted values, it
    keeps its distance to the outermost value.

    Returns
    -------
    Correction
        Does not apply to new batches; `Fitted.adapt` gives a new batch the fitted reference distribution, by the ranks
        of its own rows. It is not affine, so it has no effects. Its use warns of batches of one row, which becomes the
        median of the reference distribution.

    Examples
    --------
    The batches have 5, 2, 3 and 4, 1, 9. The reference distribution has (2 + 1)/2, (3 + 4)/2 and (5 + 9)/2:

    >>> quantile_normalize()([5.0, 2.0, 3.0, 4.0, 1.0, 9.0], ["a", "a", "a", "b", "b", "b"])
    array([7. , 1.5, 3.5, 3.5, 1.5, 7. ])
    """
    return Correction.made_by(
        quantile_normalize, "batch", False, _quantile_normalize, ("by_feature", "keeps_mean", "equal_quantiles")
    )


def _quantile_normalize(groups: Groups) -> CorrectionRule:
    reference = Reference.of(groups)
    if groups.reference is not None:
        return partial(_curves, reference=reference)
    sizes, batches = np.unique(groups.n.astype(np.intp), return_counts=True)
    total = sum(k * values.sum(axis=0) for values, k in zip(reference.at(sizes), batches, strict=True))
    reference = replace(reference, shift=groups.level - total / reference.rows)
    return partial(_curves, reference=reference)


def _curves(groups: Groups, reference: Reference) -> Curves:
    lone = groups.n[:, 0] == 1
    if lone.any():
        notify(f"{groups.named(lone)} has one row: quantile normalization leaves nothing of it.")
    sizes = np.unique(groups.n.astype(np.intp))
    quantiles = dict(zip(sizes, reference.at(sizes), strict=True))
    batches = [np.sort(x, axis=0) for x in _batches(groups)]
    return Curves(tuple((x, _with_ties(x, quantiles[len(x)])) for x in batches))


def _batches(groups: Groups) -> list[FloatArray]:
    """Return the values of each batch, shape (n, features)."""
    return [groups.x[rows] for rows in _rows_of(groups.index)]


def _rows_of(group: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return the numbers of the rows of each group, of which none is empty."""
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


@dataclass(frozen=True, eq=False)
class Reference:
    """Reference distribution: averages over batches of the quantiles of each feature.

    Attributes
    ----------
    sums : tuple of arrays, shape (n, features)
        Sums of the sorted batches of each size n.
    rows : int
        Number of rows of all batches.
    shift : array, shape (features,)
        Constant that is added.
    """

    sums: tuple[FloatArray, ...]
    rows: int
    shift: FloatArray

    @staticmethod
    def of(groups: Groups) -> Reference:
        """Return the reference distribution of batches that count by their rows, or that of the reference batch."""
        sums: dict[int, FloatArray] = {}
        batches = _batches(groups)
        batches = batches if groups.reference is None else [batches[groups.reference]]
        for x in batches:
            sums[len(x)] = sums.get(len(x), 0.0) + np.sort(x, axis=0)
        return Reference(tuple(sums.values()), sum(map(len, batches)), np.zeros_like(groups.level))

    def at(self, sizes: NDArray[np.intp]) -> list[FloatArray]:
        """Return, for each size n, the quantiles of (r - 1/2) / n for r from 1 to n, shape (n, features)."""
        n, r = np.repeat(sizes, sizes), np.concatenate([np.arange(1, n + 1) for n in sizes])
        total = sum(len(values) * _quantiles(values, r, n) for values in self.sums)
        return np.split(total / self.rows + self.shift, np.cumsum(sizes)[:-1])


def _quantiles(values: FloatArray, r: NDArray[np.intp], n: NDArray[np.intp]) -> FloatArray:
    """Return the quantiles of (r - 1/2) / n of sorted values, in whole steps where n is their number."""
    m = len(values)
    place = np.clip(((2 * r - 1) * m - n) / (2 * n), 0, m - 1)
    low = np.minimum(place.astype(np.intp), max(m - 2, 0))
    part = (place - low)[:, None]
    return np.asarray(values[low] * (1 - part) + values[np.minimum(low + 1, m - 1)] * part)


@dataclass(frozen=True, eq=False)
class Curves:
    """Transform by an increasing, piecewise linear function of each batch and feature, with slope 1 beyond its ends.

    Attributes
    ----------
    knots : tuple of pairs of arrays, shape (n, features)
        Sorted values of each batch, and what becomes of them.
    """

    knots: tuple[tuple[FloatArray, FloatArray], ...]

    def __call__(self, x: FloatArray, group: NDArray[np.intp]) -> FloatArray:
        """Return corrected values of rows of the batches with these numbers."""
        corrected = np.empty_like(x)
        for rows in _rows_of(group):
            corrected[rows] = _interpolated(x[rows], *self.knots[group[rows[0]]])
        return corrected


def _with_ties(values: FloatArray, quantiles: FloatArray) -> FloatArray:
    """Return the quantiles that sorted values become; equal values get the mean of theirs."""
    corrected = quantiles.copy()
    tied = values[1:] == values[:-1]
    for feature in np.flatnonzero(tied.any(axis=0)):
        run = np.append(0, np.cumsum(~tied[:, feature]))
        corrected[:, feature] = (np.bincount(run, corrected[:, feature]) / np.bincount(run))[run]
    return corrected


def _interpolated(x: FloatArray, knots: FloatArray, corrected: FloatArray) -> FloatArray:
    """Return each feature's function through its knots, shape (n, features), at x; a knot has its own value exactly."""
    last = len(knots) - 1
    above = [k.searchsorted(values, side="right") for k, values in zip(knots.T, x.T, strict=True)]
    right = np.clip(np.stack(above, axis=1), 1, max(last, 1))
    places = right - 1, np.minimum(right, last)
    low, high = (np.take_along_axis(knots, place, axis=0) for place in places)
    inside, width = np.clip(x, knots[0], knots[-1]), high - low
    part = np.divide(inside - low, width, out=np.zeros_like(x), where=width > 0)
    low, high = (np.take_along_axis(corrected, place, axis=0) for place in places)
    return np.asarray(low * (1 - part) + high * part + (x - inside))
