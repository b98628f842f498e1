"""Classes of raw values: cuts between them or a user's function, and their probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from bnstats._checks.array_types import FloatArray
from bnstats._checks.arrays import plain_array
from bnstats._checks.safe_text import raised
from bnstats._checks.user_code import ReadOnlyError, called, name_of_function
from bnstats._checks.values import shown
from bnstats.sampling.populations import Population

Labels = tuple[float, ...] | Callable[[FloatArray], NDArray[Any]]


def checked_cuts(given: Any) -> tuple[float, ...]:
    """Return the cuts between classes that are given as labels."""
    return cuts_of("labels", given, ", or a function")


def cuts_of(name: str, given: Any, otherwise: str = "") -> tuple[float, ...]:
    """Return the cuts between classes; raise ValueError unless they increase and are finite.

    >>> cuts_of("cuts", [2, 1])
    Traceback (most recent call last):
        ...
    ValueError: cuts are increasing finite cuts; got [2, 1].
    """
    raw = np.atleast_1d(plain_array(name, given))
    cuts = raw.astype(np.float64) if raw.dtype.kind in "iuf" else np.empty(0)
    if cuts.ndim != 1 or not cuts.size or not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
        raise ValueError(f"{name} are increasing finite cuts{otherwise}; got {shown(given)}.")
    return tuple(cuts.tolist())


def classify(labels: Labels, x: FloatArray) -> NDArray[np.int64]:
    """Return the class of each raw value."""
    if isinstance(labels, tuple):
        return np.searchsorted(labels, x, side="right")
    try:
        given = np.asarray(called(f"label rule {name_of_function(labels)}", labels, x))
    except ReadOnlyError:
        raise
    except Exception as error:  # a user's function may raise anything
        raise ValueError(f"labels cannot be called with an array of values: it raises {raised(error)}.") from error
    if given.shape != x.shape or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(
            f"labels is a function from an array to whole numbers of the same shape {x.shape}; it gave {given.dtype} "
            f"of shape {given.shape}."
        )
    return given


def class_probabilities(population: Population, labels: Labels) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the classes and their probabilities (for a label function of a distribution, to about 1e-5)."""
    if population.values is None and isinstance(labels, tuple):
        below = population.law.cdf(np.nextafter(labels, -np.inf))
        return np.arange(len(labels) + 1), np.diff([0.0, *below, 1.0])
    values = population.values if population.values is not None else population.quantiles(2**16).values
    assert values is not None
    classes, counts = np.unique(classify(labels, values), return_counts=True)
    return classes, counts / values.size


def class_index(classes: NDArray[np.int64], label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the index of each label in `classes`; raise ValueError for a label that is not in it."""
    place = np.minimum(np.searchsorted(classes, label), len(classes) - 1)
    if not np.array_equal(classes[place], label):
        raise ValueError(
            f"labels gave {np.setdiff1d(label, classes)[0]}, a class rarer than 1 in 65536; merge it with another one."
        )
    return place


def entropy_bits(chance: FloatArray) -> float:
    """Return the entropy of class probabilities, in bits."""
    return float(special.entr(chance).sum() / np.log(2))
