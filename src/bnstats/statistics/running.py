"""Running statistics, by which evaluation mode normalizes, in the conventions of the frameworks."""

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
from bnstats.statistics.moments import Moments
from bnstats.statistics.running_conventions import Convention, Momentum, smooth


def _convention(_: str, given: Any) -> Convention:
    return Convention.of(given)


def _variance(name: str, given: Any) -> FloatArray:
    var = real_array(name, given)
    if (var < 0).any():
        raise ValueError(f"{name} is a variance, at least 0; got {shown(given)}.")
    return var


@aligned_by_label("mean", "var")
@checked(convention=_convention, steps=partial(whole, minimum=0), mean=real_array, var=_variance)
@dataclass(eq=False)
class RunningStats:
    """Running mean and variance of each feature, which `update` changes in place.

    Attributes
    ----------
    convention : Convention
        Weights of batches, start, ddof and eps.
    steps : int
        Number of batches so far.
    mean : array
        Mean of each feature, in the data's unit; before the first batch, the convention's start.
    var : array
        Variance of each feature, in the data's unit squared; before the first batch, the convention's start.

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

    def __post_init__(self) -> None:
        if self.mean.shape != self.var.shape:
            raise ValueError(f"mean and var have one shape; got {self.mean.shape} and {self.var.shape}.")

    @staticmethod
    def like(convention: str | Convention, momentum: Momentum = "default") -> RunningStats:
        """Return running statistics before the first batch, in a framework's convention.

        Parameters
        ----------
        convention : str or Convention
            "torch", "keras", "flax", "haiku", "cumulative", or a convention.
        momentum : float in (0, 1], None or "default"
            Weight of the new batch, None for 1/t; by default the convention's own.

        Returns
        -------
        RunningStats
            Running statistics after 0 steps.

        Raises
        ------
        ValueError
            If there is no such convention, see `Convention.of`.

        Examples
        --------
        >>> RunningStats.like("keras").update([[1.0], [3.0]]).mean.round(3).tolist()
        [0.02]
        """
        chosen = Convention.of(convention, momentum)
        return RunningStats(chosen, 0, *(np.asarray(value) for value in chosen.start))

    def update(self, batch: ArrayLike, axis: int | tuple[int, ...] = 0) -> RunningStats:
        """Update the running statistics with a batch in place, and return them.

        Parameters
        ----------
        batch : array or tensor, shape (rows, ...)
            Values.
        axis : int or tuple of int
            Axes over which mean and variance are computed, by default the rows. For images (N, C, H, W),
            axis=(0, 2, 3) gives a mean and a variance for each channel, as BatchNorm2d does.

        Returns
        -------
        RunningStats
            The same object.

        Raises
        ------
        ValueError
            If values or their squares are not finite, if the features differ from those of earlier batches, or if there
            are too few values for a variance.

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
                f"a batch holds finite values; got {np.count_nonzero(~np.isfinite(x))} NaN or infinite, which would "
                "stay in the running statistics: drop these rows."
            )
        var = moments.var(self.convention.ddof)
        if not np.isfinite(var).all():
            raise ValueError("a batch holds values whose squares are beyond the largest float; rescale them.")
        weight = self.convention.weight(self.steps + 1)
        self.mean = np.asarray(smooth(self.mean, moments.mean, weight))
        self.var = np.asarray(smooth(self.var, var, weight))
        self.steps += 1
        self._columns = self._columns or columns
        return self

    def normalize(self, x: ArrayLike, axis: int | tuple[int, ...] = 0) -> Any:
        """Return (x - mean) / sqrt(var + eps), as in evaluation mode.

        Parameters
        ----------
        x : array or tensor
            Values.
        axis : int or tuple of int
            Axes as for `update`.

        Returns
        -------
        array or tensor
            Normalized values, in the shape and type of `x`.

        Raises
        ------
        ValueError
            If the shape or the columns of `x` do not fit the running statistics.

        Examples
        --------
        >>> RunningStats.like("torch").normalize([[3.0, 4.0]]).round(3)
        array([[3., 4.]])
        """
        values = real_array("x", x, finite=False)
        order = column_order("x", x, self._columns if _over_rows(axis) else None, "the batches so far")
        values = values if order is None else values[:, order]
        has_rows = self.mean.ndim and values.ndim > self.mean.ndim  # a single row needs no axis for the rows
        try:
            mean, var = (np.expand_dims(v, axis) if has_rows else v for v in (self.mean, self.var))
            fits = np.broadcast_shapes(values.shape, mean.shape) == values.shape
        except (OverflowError, TypeError, ValueError):  # NumPy's AxisError is a ValueError
            fits = False
        if not fits:
            raise ValueError(
                f"x of shape {values.shape} does not fit statistics of shape {self.mean.shape} kept over axis="
                f"{shown(axis)}."
            )
        found = np.asarray((values - mean) / np.sqrt(var + self.convention.eps))
        return like(x, found if order is None else found[:, np.argsort(order)])

    def _moments(self, x: FloatArray, axis: Any) -> Moments:
        """Return moments of a batch; refuse a batch with too few values, or with other features than before."""
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
    """Return whether the statistics are those of columns, which may have names."""
    return isinstance(axis, int) and axis == 0
