"""Running statistics: what evaluation mode normalizes with, kept as a framework keeps them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bnstats._checks.arguments import aligned_by_label, checked
from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import axes_of, real_array
from bnstats._checks.labels import column_order
from bnstats._checks.numbers import whole
from bnstats._checks.tables import columns_of, like
from bnstats._checks.values import shown
from bnstats.statistics.conventions import Convention, Momentum, smooth
from bnstats.statistics.moments import Moments


def _convention(_: str, given: Any) -> Convention:
    return Convention.of(given)


@aligned_by_label("mean", "var")
@checked(convention=_convention, steps=partial(whole, minimum=0), mean=real_array, var=real_array)
@dataclass(eq=False)
class RunningStats:
    """Running mean and variance of each feature, which `update` changes in place.

    Attributes
    ----------
    convention : Convention
    steps : int
        Batches so far.
    mean, var : array
        One value per feature, in the data's unit and its square; before the first batch the convention's start.

    Examples
    --------
    >>> running = RunningStats.like("torch", momentum=0.1)
    >>> for batch in ([[1.0, 10.0], [3.0, 10.0]], [[2.0, 12.0], [6.0, 12.0]]):
    ...     _ = running.update(batch)
    >>> running.steps, running.mean, running.var
    (2, array([0.58, 2.1 ]), array([1.79, 0.81]))
    """

    convention: Convention
    steps: int
    mean: FloatArray
    var: FloatArray
    _columns: list[Any] | None = field(default=None, init=False, repr=False)

    @staticmethod
    def like(convention: str | Convention, momentum: Momentum = "default") -> RunningStats:
        """Running statistics before the first batch, as a framework keeps them; see `Convention.of`."""
        chosen = Convention.of(convention, momentum)
        return RunningStats(chosen, 0, *(np.asarray(value) for value in chosen.start))

    def update(self, batch: ArrayLike, axis: int | tuple[int, ...] = 0) -> RunningStats:
        """Take one more batch into account, and return these running statistics.

        Parameters
        ----------
        batch : array or tensor, shape (rows, ...)
        axis : int or tuple of int
            Statistics are taken over it: over the rows by default; axis=(0, 2, 3) keeps one mean and variance for each
            channel of images (N, C, H, W), as BatchNorm2d does.

        Raises
        ------
        ValueError
            For values that are not finite, features unlike those of earlier batches, or fewer values than a variance
            needs.

        Examples
        --------
        >>> images = np.arange(24.0).reshape(2, 3, 2, 2)
        >>> RunningStats.like("torch", momentum=1.0).update(images, axis=(0, 2, 3)).mean
        array([ 7.5, 11.5, 15.5])
        """
        columns = columns_of(batch) if _over_rows(axis) else None
        x = real_array("batch", batch, minimum=0, finite=False)
        order = column_order("batch", batch, columns and self._columns, "earlier batches")
        x = x if order is None else x[:, order]
        moments = self._moments(x, axis)
        if not np.isfinite(x).all():
            raise ValueError(
                f"a batch holds finite values; got {np.count_nonzero(~np.isfinite(x))} NaN or infinite, which no later "
                "batch would ever remove: drop these rows."
            )
        weight = self.convention.weight(self.steps + 1)
        self.mean = np.asarray(smooth(self.mean, moments.mean, weight))
        self.var = np.asarray(smooth(self.var, moments.var(self.convention.ddof), weight))
        self.steps += 1
        self._columns = self._columns or columns
        return self

    def normalize(self, x: ArrayLike, axis: int | tuple[int, ...] = 0) -> Any:
        """What evaluation mode makes of `x`: (x - mean) / sqrt(var + eps), as `x` was given; `axis` as for `update`.

        >>> RunningStats.like("torch").normalize([[3.0, 4.0]]).round(3)
        array([[3., 4.]])
        """
        values = real_array("x", x, finite=False)
        order = column_order("x", x, self._columns if _over_rows(axis) else None, "the batches so far")
        values = values if order is None else values[:, order]
        kept = self.mean.ndim and values.ndim > self.mean.ndim  # one row needs no axis for the rows
        try:
            mean, var = (np.expand_dims(v, axis) if kept else v for v in (self.mean, self.var))
            found = np.asarray((values - mean) / np.sqrt(var + self.convention.eps))
        except (OverflowError, TypeError, ValueError) as error:  # NumPy's AxisError is a ValueError
            raise ValueError(
                f"x of shape {values.shape} does not fit statistics of shape {self.mean.shape} kept over axis="
                f"{shown(axis)}."
            ) from error
        return like(x, found if order is None else found[:, np.argsort(order)])

    def _moments(self, x: FloatArray, axis: Any) -> Moments:
        """Of a batch with enough values, and the features of earlier batches."""
        if x.ndim == 0:
            raise ValueError(f"a batch has shape (rows, ...); got one number, {x}.")
        axes = axes_of("axis", axis, x.ndim)
        features = tuple(np.delete(x.shape, axes).tolist())
        fewest, found = 1 + self.convention.ddof, math.prod(x.shape[a] for a in axes)
        if found < fewest:
            raise ValueError(
                f"a batch has at least {fewest} values over axis={axis!r} for a variance with ddof "
                f"{self.convention.ddof}; got shape {x.shape}: drop or merge the last, short batch."
            )
        if self.steps and features != self.mean.shape:
            raise ValueError(f"batches so far had features of shape {self.mean.shape}; this one has {features}.")
        return Moments.of(x, axes)


def _over_rows(axis: Any) -> bool:
    """Whether the statistics are of columns, which may have names."""
    return isinstance(axis, int) and axis == 0
