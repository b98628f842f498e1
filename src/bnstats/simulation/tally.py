"""What is kept of the replicates: count, central moments to order four, and, for quantiles, a histogram.

A tally has a fixed size, whatever the number of replicates, and tallies of disjoint replicates merge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnstats._arrays import FloatArray
from bnstats._compiled import compiled
from bnstats.simulation.central_moments import merge_moments
from bnstats.simulation.control_variates import joint_moments, merge_joint
from bnstats.simulation.evidence import GROUPS, Sample
from bnstats.simulation.histogram import BIN_SHIFT, BINS, FIRST_BIN, MAGNITUDE_BINS, WITHOUT_SIGN, atoms_of, identity_of

_KINDS = {
    "moments": "f",
    "missing": "i",
    "events": "i",
    "bins": "i",
    "counts": "i",
    "low": "f",
    "high": "f",
    "atoms": "f",
    "joint": "f",
}


@dataclass(frozen=True)
class Tally:
    """The replicates of one block, for each of K measures.

    Attributes
    ----------
    keys : K tuples of plain values
        The measures' names.
    moments : array, shape (5, K)
        Count; mean of value - origin; sums of squared, cubed and fourth powers of the deviations from that mean.
    missing : int array, shape (2, K)
        How many replicates are NaN, and how many infinite.
    events : int array, shape (K,)
        1 where replicates are True or False, else 0.
    bins : int array, shape (B,)
        The bins that are not empty; bin b of measure k is k BINS + b. None of them if only moments are kept.
    counts : int array, shape (B,)
    low, high : array, shape (B,)
        Smallest and largest value - origin of a bin, so that the median of a discrete quantity is exact.
    atoms : array, shape (3, A)
        Repeated values of value - origin: measure, value, how often.
    joint : array, shape (K, D + 1, D)
        Means of e = value - origin, of e² and of the control variates, and below the sums of products of their
        deviations, filled up with zeros where a measure has fewer control variates than others. D = 0 if none has any.
    """

    keys: tuple[tuple[Any, ...], ...]
    moments: FloatArray
    missing: NDArray[np.int64]
    events: NDArray[np.int8]
    bins: NDArray[np.int64]
    counts: NDArray[np.int32]
    low: FloatArray
    high: FloatArray
    atoms: FloatArray
    joint: FloatArray

    @staticmethod
    def of(
        replicates: Mapping[Any, NDArray[Any]],
        origins: Sequence[float],
        histogram: bool = True,
        controls: Mapping[Any, tuple[FloatArray, ...]] = MappingProxyType({}),
    ) -> Tally:
        """Tally arrays of replicates, each about its own origin, with a histogram or without.

        A control variate of a measure is an array with a number for each replicate.

        >>> Tally.of({"x": np.array([1.0, 3.0])}, [1.0]).moments[:, 0]
        array([2., 1., 2., 0., 2.])
        """
        keys = tuple(tuple(key) if isinstance(key, tuple) else (key,) for key in replicates)
        moments, missing = np.zeros((5, len(keys))), np.zeros((2, len(keys)), np.int64)
        events = np.array([np.asarray(values).dtype == np.bool_ for values in replicates.values()], np.int8)
        # Of one measure at a time, so that they stay in cache.
        every = np.zeros(BINS, np.int32), np.full(BINS, np.inf), np.full(BINS, -np.inf)
        filled: list[tuple[NDArray[Any], ...]] = [(np.empty(0, int), np.empty(0, np.int32), np.empty(0), np.empty(0))]
        atoms = [np.empty((3, 0))]
        most = max((2 + len(arrays) for arrays in controls.values()), default=0)
        joint = np.zeros((len(keys), most + 1, most))
        for k, (key, values, origin) in enumerate(zip(replicates, replicates.values(), origins, strict=True)):
            flat = np.ascontiguousarray(values, dtype=np.float64).ravel()
            error = _errors(flat, origin, moments[:, k])
            if key in controls:
                d = 2 + len(controls[key])
                joint[k, : d + 1, :d] = joint_moments(error, controls[key])
            if not np.isfinite(moments[1, k]):
                missing[:, k] = np.isnan(flat).sum(), np.isinf(flat).sum()
                error[np.isnan(error)] = np.inf
            if histogram:
                error += 0.0  # no -0
                _count(error, *every)
                own, *rest = _emptied(*every)
                filled.append((own + k * BINS, *rest))
                value, count = atoms_of(error)
                if value.size:
                    atoms.append(np.stack([np.full(value.size, float(k)), value, count]))
        bins, held, lowest, highest = (np.concatenate(part) for part in zip(*filled, strict=True))
        repeated = np.concatenate(atoms, axis=1)
        return Tally(keys, moments, missing, events, bins, held, lowest, highest, repeated, joint)

    def check(self) -> None:
        """ValueError for arrays that do not fit each other, as no simulation makes them."""
        k, b, a, d = len(self.keys), self.bins.size, self.atoms.shape[-1], self.joint.shape[-1]
        kinds = "".join(getattr(self, name).dtype.kind for name in _KINDS)
        found = [
            array.shape
            for array in (self.moments, self.missing, self.events, self.bins, self.counts, self.low, self.high)
        ]
        if (
            k == 0
            or kinds != "".join(_KINDS.values())
            or found != [(5, k), (2, k), (k,), (b,), (b,), (b,), (b,)]
            or (self.atoms.shape, self.joint.shape) != ((3, a), (k, d + 1, d))
        ):
            raise ValueError(f"arrays of kinds {kinds} and shapes {found} for {k} measures")
        known = np.isin(self.events, (0, 1)).all()
        inside = (
            known and ((self.bins >= 0) & (self.bins < k * BINS)).all() and np.isin(self.atoms[0], np.arange(k)).all()
        )
        if not (inside and (np.diff(self.bins) > 0).all() and (self.counts > 0).all() and (self.moments[0] > 0).all()):
            raise ValueError("bins or counts that cannot be")


@compiled
def _errors(values: FloatArray, origin: float, moments: FloatArray) -> FloatArray:
    """Values less the origin, and their moments as in `Tally`."""
    error, mean = np.empty(values.size), 0.0
    for i in range(values.size):
        error[i] = values[i] - origin
        mean += error[i]
    mean /= values.size
    first = second = third = fourth = 0.0
    for i in range(error.size):
        d = error[i] - mean
        q = d * d
        first += d
        second += q
        third += q * d
        fourth += q * q
    slip = first / error.size  # the mean is rounded
    mean += slip
    second -= error.size * slip**2
    if second <= error.size * (4 * np.finfo(np.float64).eps * mean) ** 2:
        second = third = fourth = 0.0  # equal values, but for the rounding of their mean
    moments[0] = error.size
    moments[1] = mean
    moments[2] = second
    moments[3] = third
    moments[4] = fourth
    return error


@compiled
def _count(error: FloatArray, counts: NDArray[np.int32], low: FloatArray, high: FloatArray) -> None:
    bits = error.view(np.int64)
    for i in range(error.size):
        magnitude = min(max(((bits[i] & WITHOUT_SIGN) >> BIN_SHIFT) - FIRST_BIN, 0), MAGNITUDE_BINS - 1)
        b = MAGNITUDE_BINS + magnitude if bits[i] >= 0 else MAGNITUDE_BINS - 1 - magnitude
        e = error[i]
        counts[b] += 1
        low[b] = min(low[b], e)
        high[b] = max(high[b], e)


@compiled
def _emptied(counts: NDArray[np.int32], low: FloatArray, high: FloatArray) -> tuple[NDArray[Any], ...]:
    """The bins that hold something, how much, and the smallest and largest value in each; then none holds anything."""
    filled = 0
    for b in range(counts.size):
        filled += counts[b] > 0
    bins, held = np.empty(filled, np.int64), np.empty(filled, np.int32)
    lowest, highest = np.empty(filled), np.empty(filled)
    i = 0
    for b in range(counts.size):
        if counts[b] > 0:
            bins[i], held[i], lowest[i], highest[i] = b, counts[b], low[b], high[b]
            counts[b], low[b], high[b] = 0, np.inf, -np.inf
            i += 1
    return bins, held, lowest, highest


class Account:
    """The blocks of a cell, added in order; block i goes to group i mod GROUPS, for errors by leaving groups out."""

    def __init__(self, measures: int, joint: tuple[int, ...] = (1, 0)) -> None:
        self.moments = np.zeros((GROUPS, 5, measures))
        self.joint = np.zeros((GROUPS, measures, *joint))
        self.missing = np.zeros((2, measures), np.int64)
        self.events = np.ones(measures, np.int8)
        # Of the bins that any block has filled, as in `Tally`: most bins stay empty, and a run may have many cells.
        self.bins = np.empty(0, np.int64)
        self.counts = np.empty((0, GROUPS), np.int32)
        self.low, self.high = np.empty(0), np.empty(0)
        self.atoms: list[dict[int, tuple[float, NDArray[np.int64]]]] = [{} for _ in range(measures)]

    def add(self, block: int, tally: Tally) -> None:
        """Merge the tally of one block."""
        group = block % GROUPS
        self.joint[group] = merge_joint(self.moments[group, 0], self.joint[group], tally.moments[0], tally.joint)
        self.moments[group] = merge_moments(self.moments[group], tally.moments)
        self.missing += tally.missing
        self.events &= tally.events
        place = self._places(tally.bins)
        _add_bins(self.counts, self.low, self.high, place, group, tally.counts, tally.low, tally.high)
        for k, value, count, name in zip(*tally.atoms.tolist(), identity_of(tally.atoms[1]).tolist(), strict=True):
            _, held = self.atoms[int(k)].setdefault(name, (value, np.zeros(GROUPS, np.int64)))
            held[group] += int(count)

    def _places(self, bins: NDArray[np.int64]) -> NDArray[np.intp]:
        """Where these bins are among those that are held, which from now on they are."""
        place, new = _found(self.bins, bins)
        if new.any():
            held = np.ones(self.bins.size + np.count_nonzero(new), np.bool_)
            place += np.cumsum(new) - new
            held[place[new]] = False
            self.bins, self.counts = _widened(self.bins, held, bins[new]), _widened(self.counts, held, 0)
            self.low, self.high = _widened(self.low, held, np.inf), _widened(self.high, held, -np.inf)
        return place

    def sample(self, k: int, controls: Sequence[int] = ()) -> Sample:
        """The replicates of measure k so far, beside those of its control variates that have these places."""
        atoms = sorted(self.atoms[k].values(), key=itemgetter(0))
        values = np.array([value for value, _ in atoms])
        each = np.array([count for _, count in atoms], np.int64).reshape(-1, GROUPS).T
        own = slice(*np.searchsorted(self.bins, [k * BINS, (k + 1) * BINS]))
        histogram = self.bins[own] - k * BINS, self.counts[own].T.copy(), self.low[own].copy(), self.high[own].copy()
        moments, missing = self.moments[:, :, k].copy(), self.missing[:, k].copy()
        d = [0, 1, *(2 + place for place in controls)] if controls else []
        joint = self.joint[:, k][:, [0, *(1 + i for i in d)]][:, :, d]
        return Sample(moments, missing, bool(self.events[k]), *histogram, values, each, joint)


@compiled
def _found(held: NDArray[np.int64], bins: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each bin stands among those held, or would stand, and whether it is new; both increase."""
    place, new, at = np.empty(bins.size, np.int64), np.empty(bins.size, np.bool_), 0
    for i in range(bins.size):
        while at < held.size and held[at] < bins[i]:
            at += 1
        place[i], new[i] = at, at == held.size or held[at] != bins[i]
    return place, new


@compiled
def _add_bins(
    counts: NDArray[np.int32],
    low: FloatArray,
    high: FloatArray,
    place: NDArray[np.int64],
    group: int,
    new_counts: NDArray[np.int32],
    new_low: FloatArray,
    new_high: FloatArray,
) -> None:
    for i in range(place.size):
        p = place[i]
        counts[p, group] += new_counts[i]
        low[p] = min(low[p], new_low[i])
        high[p] = max(high[p], new_high[i])


def _widened(array: NDArray[Any], held: NDArray[np.bool_], new: Any) -> NDArray[Any]:
    """The array with `new` in the places where it holds nothing yet."""
    wide = np.empty((held.size, *array.shape[1:]), array.dtype)
    wide[held], wide[~held] = array, new
    return wide
