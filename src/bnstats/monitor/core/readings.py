"""A read of all running statistics of a model, as one flat array."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnstats._checks.array_types import BoolArray, FloatArray, IntArray
from bnstats._checks.numbers import number
from bnstats._checks.values import shown

EPS = 1e-5
"""Number that PyTorch and Flax add to a variance."""
Weight = float | None | Mapping[str, float | None]


@dataclass(frozen=True)
class Layout:
    """The layers of a read: the means of all layers in order, then the variances of all layers.

    Attributes
    ----------
    names : tuple of str
        Layers.
    sizes : tuple of int
        Channels of each layer.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]

    @property
    def channels(self) -> int:
        """Channels of all layers."""
        return sum(self.sizes)

    @cached_property
    def starts(self) -> IntArray:
        """First entry of each layer's means, then of each layer's variances."""
        return np.concatenate([[0], np.cumsum((*self.sizes, *self.sizes))[:-1]]).astype(np.int64)

    @cached_property
    def owner(self) -> IntArray:
        """Layer of each entry."""
        one = np.repeat(np.arange(len(self.sizes)), self.sizes)
        return np.concatenate([one, one])

    def entries(self, layer: int) -> tuple[slice, slice]:
        """Return where a layer's means and variances stand."""
        first = int(self.starts[layer])
        size, all_channels = self.sizes[layer], self.channels
        return slice(first, first + size), slice(all_channels + first, all_channels + first + size)

    def sums(self, values: FloatArray) -> FloatArray:
        """Return sums over each layer's channels, shape (2, layers): of means, and of variances."""
        return np.asarray(np.add.reduceat(values, self.starts).reshape(2, -1))

    def spread(self, values: FloatArray) -> Any:
        """Return a value of each layer for each entry; a number if all layers have the same."""
        first = values[0]
        return first if (values == first).all() else values[self.owner]


@dataclass(frozen=True)
class Reading:
    """Running statistics of all layers at one time.

    Attributes
    ----------
    layout : Layout
        Layers of the entries.
    values : array, shape (2 * channels,)
        Running means, then running variances.
    weight : array, shape (layers,)
        Weight of a new batch; nan for the cumulative average.
    updates : array, shape (layers,)
        Updates so far; nan where they are not known.
    eps : array, shape (layers,)
        Number added to the variance.
    rounding : array, shape (layers,)
        Machine epsilon of the numbers as they are stored.
    batches : int or None
        Batches since the last read; None where only updates are counted.
    learned : float
        Sum of the learned scales and shifts, which changes when weights move; nan if it is not known.
    finite : array of bool, or None
        True for layers whose numbers were all finite, if some were not.
    """

    layout: Layout
    values: FloatArray
    weight: FloatArray
    updates: FloatArray
    eps: FloatArray
    rounding: FloatArray
    batches: int | None = None
    learned: float = math.nan
    finite: BoolArray | None = None

    @property
    def at_start(self) -> BoolArray:
        """True for layers whose running statistics are those before the first batch: 0 and 1."""
        means, variances = np.split(self.values, 2)
        away = self.layout.sums(np.concatenate([means != 0, variances != 1]).astype(np.float64))
        return np.asarray(away.sum(axis=0) == 0)

    @property
    def known(self) -> BoolArray:
        """True for layers whose numbers were all finite."""
        return np.ones(len(self.layout.names), bool) if self.finite is None else self.finite

    def cleaned(self, instead: FloatArray | None) -> Reading:
        """Return the read with other numbers in layers that are not finite: those before, or 0 in a first read."""
        if np.isfinite(self.values.sum()):
            return self
        finite = self.layout.sums((~np.isfinite(self.values)).astype(np.float64)).sum(axis=0) == 0
        inside = finite[self.layout.owner]
        values = np.where(inside, self.values, 0.0 if instead is None else instead)
        return replace(self, values=values, updates=np.where(finite, self.updates, np.nan), finite=finite)


class StatisticsReader(ABC):
    """Reads of one model; a framework that cannot be read without waiting keeps some reads back."""

    @abstractmethod
    def read(self, batches: int) -> list[Reading]:
        """Read the running statistics after some batches, and return the reads that are there."""

    def flush(self) -> list[Reading]:
        """Return the reads that were kept back, by default none."""
        return []


class LayerReading(NamedTuple):
    """Running statistics of a layer of a framework that counts no updates, arrays of one number for each channel."""

    mean: NDArray[Any]
    var: NDArray[Any]
    momentum: float
    eps: float


def reading_of_layers(layers: Mapping[str, LayerReading], learned: Sequence[NDArray[Any]], batches: int) -> Reading:
    """Return the read of a model, given its learned scales and shifts; a layer that moves was updated by each batch."""
    if not layers:
        raise ValueError("the model has no batch-norm layer that keeps running statistics.")
    means, variances, momenta, eps = zip(*layers.values(), strict=True)
    return Reading(
        Layout(tuple(layers), tuple(mean.size for mean in means)),
        np.concatenate([*means, *variances]).astype(np.float64),
        np.array([1 - float(momentum) for momentum in momenta]),
        np.full(len(layers), np.nan),
        np.array([float(number) for number in eps]),
        np.array([float(np.finfo(mean.dtype).eps) for mean in means]),
        batches,
        float(sum(part.astype(np.float64).sum() for part in learned)) if learned else math.nan,
    )


def reading_of(buffers: Any, weight: Weight, updates: Any) -> Reading:
    """Return the read of running statistics that a user gives by layer.

    >>> reading_of({"conv": ([0.0], [1.0])}, 0.1, None).values
    array([0., 1.])
    >>> reading_of({"conv": ([0.0], [1.0, 2.0])}, 0.1, None)
    Traceback (most recent call last):
        ...
    ValueError: layer 'conv' has a running mean and a running variance with one number for each channel; got 1 and 2.
    """
    if not isinstance(buffers, Mapping) or not buffers:
        raise ValueError(f"buffers maps each layer to its running mean and variance; got {shown(buffers)}.")
    names = tuple(map(str, buffers))
    means, variances = zip(
        *(_pair(name, given) for name, given in zip(names, buffers.values(), strict=True)), strict=True
    )
    stored = [np.asarray(given[0]).dtype for given in buffers.values()]
    return Reading(
        Layout(names, tuple(mean.size for mean in means)),
        np.concatenate([*means, *variances]),
        weights_of(names, weight),
        _optional("updates", _for_each(names, updates), "[0, inf)", "the number of updates, or None"),
        np.full(len(names), EPS),
        np.array([float(np.finfo(kind).eps) if kind.kind == "f" else np.finfo(float).eps for kind in stored]),
    )


def weights_of(names: tuple[str, ...], given: Weight) -> FloatArray:
    """Return the weight of a new batch in each layer.

    >>> weights_of(("conv",), 1.9)
    Traceback (most recent call last):
        ...
    ValueError: weight is that of the new batch (1 - 0.99 in Keras) or None for 1/t, above 0 and at most 1; got 1.9.
    """
    meaning = "that of the new batch (1 - 0.99 in Keras) or None for 1/t"
    return _optional("weight", _for_each(names, given), "(0, 1]", meaning)


def _optional(name: str, given: list[Any], within: str, meaning: str) -> FloatArray:
    """Return numbers in an interval, nan for None."""
    return np.array([math.nan if n is None else number(name, n, within, meaning) for n in given])


def _for_each(names: tuple[str, ...], given: Any) -> list[Any]:
    return [given[name] for name in names] if isinstance(given, Mapping) else [given] * len(names)


def _pair(name: str, given: Any) -> tuple[FloatArray, FloatArray]:
    try:
        mean, var = given
    except (TypeError, ValueError):
        raise ValueError(f"layer {name!r} has a running mean and a running variance; got {shown(given)}.") from None
    mean, var = (np.asarray(part, dtype=np.float64).reshape(-1) for part in (mean, var))
    if mean.size != var.size or mean.size == 0:
        raise ValueError(
            f"layer {name!r} has a running mean and a running variance with one number for each channel; "
            f"got {mean.size} and {var.size}."
        )
    return mean, var
