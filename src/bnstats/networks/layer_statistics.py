"""Means and variances that normalize layers, and argument checks for methods of networks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnstats._checks.array_types import Float32Array, IntArray, RealArray
from bnstats._checks.arrays import real_array
from bnstats._checks.numbers import LARGEST_COUNT
from bnstats._checks.user_code import CHECKING
from bnstats._checks.values import instance, shown


@dataclass(frozen=True, eq=False)
class Statistics:
    """Mean and variance of each hidden layer's units.

    Attributes
    ----------
    mean, var : tuple of array
        One array for each hidden layer, shape (units,), or (batches, units) for the statistics of batches.
    """

    mean: tuple[Float32Array, ...]
    var: tuple[Float32Array, ...]


def statistics_of_layers(layers: Iterable[tuple[RealArray, RealArray]]) -> Statistics:
    """Return the statistics with this mean and variance of each layer."""
    return Statistics(*zip(*layers, strict=True))


def statistics_of(name: str, given: Any) -> Statistics | None:
    """Return the given statistics, or None for the running ones; raise ValueError for anything else."""
    statistics: Statistics | None = given
    return None if given is None else instance(name, statistics, Statistics, "network.running")


def check_given(statistics: Statistics, hidden: tuple[int, ...]) -> None:
    """Raise ValueError if a user's statistics do not fit hidden layers of these units, or a variance is negative."""
    if not CHECKING.done:
        check_shapes(statistics, hidden)
        for var in statistics.var:
            variance_of_layer("var", var)


def check_shapes(statistics: Any, hidden: tuple[int, ...]) -> None:
    """Raise ValueError if these are no statistics of hidden layers with so many units."""
    instance("running", statistics, Statistics, "network.running")
    shapes = [np.shape(values) for values in (*statistics.mean, *statistics.var)]
    if shapes != 2 * [(units,) for units in hidden]:
        raise ValueError(f"statistics contain one value for each of {hidden} units; got shapes {shapes}.")


def check_rows(x: Float32Array, batches: IntArray, inputs: int) -> None:
    """Raise ValueError if rows have another number of inputs, or batches hold what is no row of them."""
    if x.ndim != 2 or x.shape[1] != inputs:
        raise ValueError(f"x has shape (rows, {inputs}) for this network; got {x.shape}.")
    if batches.ndim != 2 or not batches.size or not (0 <= batches.min() <= batches.max() < len(x)):
        raise ValueError(f"batches has shape (steps, batch size) and contains rows 0 to {len(x) - 1} of x.")


def rows_of_batches(name: str, given: Any) -> IntArray:
    """Return row numbers of batches, shape (batches, batch size).

    >>> rows_of_batches("batches", [[0.5]])
    Traceback (most recent call last):
        ...
    ValueError: batches contains row numbers, whole numbers of at least 0; got array([[0.5]]).
    """
    if type(given) is np.ndarray and given.dtype == np.int64 and given.ndim == 2:
        return given
    numbers = real_array(name, given, axes=2)
    if not ((numbers >= 0) & (numbers < LARGEST_COUNT) & (numbers == np.floor(numbers))).all():
        raise ValueError(f"{name} contains row numbers, whole numbers of at least 0; got {shown(numbers)}.")
    return numbers.astype(np.int64)


def floats(name: str, given: Any) -> RealArray:
    """Return floats of the precision that they have."""
    if (type(given) is np.ndarray or isinstance(given, np.floating)) and given.dtype in (np.float32, np.float64):
        return np.asarray(given)
    return real_array(name, given, finite=False)


def values_of_layer(name: str, given: Any) -> RealArray:
    """Return values of a layer, shape (..., units), as floats of the precision that they have."""
    z = floats(name, given)
    if not z.ndim or not z.size:
        raise ValueError(f"{name} has shape (..., units); got {z.shape}.")
    return z


def statistics_of_layer(name: str, given: Any) -> Any:
    """Return a mean or variance as floats; None where none enters."""
    known = type(given) is np.ndarray and given.dtype in (np.float32, np.float64)
    return given if known or given is None or isinstance(given, float) else real_array(name, given, finite=False)


def variance_of_layer(name: str, given: Any) -> Any:
    """Return a variance as floats of at least 0; None where none enters."""
    var = statistics_of_layer(name, given)
    if var is not None and np.any(np.less(var, 0)):
        raise ValueError(f"{name} is a variance, at least 0; got {shown(given)}.")
    return var
