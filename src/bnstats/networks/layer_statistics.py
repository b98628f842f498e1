"""Means and variances that layers are normalized with, and checks of what a network's methods are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bnstats._checks.array_types import Float32Array, IntArray
from bnstats._checks.arrays import real_array
from bnstats._checks.values import instance, shown


@dataclass(frozen=True, eq=False)
class Statistics:
    """What each hidden layer is normalized with: mean and variance of its units, or of each batch (batches, units)."""

    mean: tuple[Float32Array, ...]
    var: tuple[Float32Array, ...]


def statistics_of(name: str, given: Any) -> Statistics | None:
    """Statistics of all hidden layers, or None for the running ones."""
    statistics: Statistics | None = given
    return None if given is None else instance(name, statistics, Statistics, "network.running")


def rows_of_batches(name: str, given: Any) -> IntArray:
    """Row numbers, shape (batches, batch size).

    >>> rows_of_batches("batches", [[0.5]])
    Traceback (most recent call last):
        ...
    ValueError: batches holds row numbers, whole ones of at least 0; got array([[0.5]]).
    """
    if isinstance(given, np.ndarray) and given.dtype == np.int64 and given.ndim == 2:
        return given
    numbers = real_array(name, given, axes=2)
    if not ((numbers >= 0) & (numbers < 2**53) & (numbers == np.floor(numbers))).all():
        raise ValueError(f"{name} holds row numbers, whole ones of at least 0; got {shown(numbers)}.")
    return numbers.astype(np.int64)
